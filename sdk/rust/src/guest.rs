//! What the gateway calls (sdk/ABI.md 2 and 3). `plugin!` is its only user.

use crate::buffer::Buffer;
use crate::{Batch, Classification, Command, Edits, Failure, Plugin, Value};
use core::cell::UnsafeCell;

/// A module's one plugin and the buffers that live as long as the instance, so that a call allocates nothing.
pub struct Instance<P> {
    state: UnsafeCell<State<P>>,
    provides: &'static [&'static str],
}

struct State<P> {
    plugin: Option<P>,
    input: Buffer,
    result: Buffer,
    edits: Edits,
    class: Classification,
}

// SAFETY: an instance serves one call at a time, on one thread; WebAssembly has no other here.
unsafe impl<P> Sync for Instance<P> {}

const ERROR: i64 = 1 << 31;

fn packed(b: &[u8]) -> i64 {
    if b.is_empty() {
        return 0;
    }
    ((b.as_ptr() as u64) << 32 | b.len() as u64) as i64
}

impl<P: Plugin> Instance<P> {
    pub const fn new(provides: &'static [&'static str]) -> Instance<P> {
        Instance {
            state: UnsafeCell::new(State {
                plugin: None,
                input: Buffer::new(),
                result: Buffer::new(),
                edits: Edits::new(),
                class: Classification::new(),
            }),
            provides,
        }
    }

    #[allow(clippy::mut_from_ref)]
    fn state(&self) -> &mut State<P> {
        // SAFETY: each entry takes it once, and no entry calls another.
        unsafe { &mut *self.state.get() }
    }

    pub fn alloc(&self, size: usize) -> *mut u8 {
        let input = &mut self.state().input;
        input.clear();
        input.resize(size.max(1)); // a place that is not 0 for nothing, too
        input.as_ptr()
    }

    pub fn manifest(&self) -> i64 {
        let out = &mut self.state().result;
        P::MANIFEST.encode(self.provides, out);
        packed(out.bytes())
    }

    pub fn configure(&self, size: usize) -> i64 {
        let s = self.state();
        match s.input.bytes().get(..size).ok_or_else(outside).and_then(|b| P::configure(Value::new(b))) {
            Ok(plugin) => {
                s.plugin = Some(plugin);
                0
            }
            Err(why) => failed(&mut s.result, why),
        }
    }

    pub fn mask(&self, size: usize) -> i64 {
        let s = self.state();
        s.edits.reset();
        let done = match (&s.plugin, s.input.bytes().get(..size).and_then(Batch::read)) {
            (Some(plugin), Some(batch)) => plugin.mask(&batch, &mut s.edits),
            (None, _) => Err(unconfigured()),
            _ => Err(Failure::new("a kind of batch that this plugin does not know")),
        };
        match done {
            Ok(()) => packed(s.edits.encode()),
            Err(why) => failed(&mut s.result, why),
        }
    }

    pub fn classify(&self, size: usize) -> i64 {
        let s = self.state();
        s.class.reset();
        let done = match (&s.plugin, s.input.bytes().get(..size).and_then(Command::read)) {
            (Some(plugin), Some(command)) => plugin.classify(&command, &mut s.class),
            (None, _) => Err(unconfigured()),
            _ => Err(unreadable()),
        };
        match done {
            Ok(()) => packed(s.class.encode()),
            Err(why) => failed(&mut s.result, why),
        }
    }

    pub fn trigger(&self, size: usize) -> i64 {
        let s = self.state();
        s.result.clear();
        let done = match (&s.plugin, s.input.bytes().get(..size).and_then(Command::read)) {
            (Some(plugin), Some(command)) => plugin.trigger(&command),
            (None, _) => Err(unconfigured()),
            _ => Err(unreadable()),
        };
        match done {
            Ok(None) => 0,
            Ok(Some(hold)) => {
                hold.encode(&mut s.result);
                packed(s.result.bytes())
            }
            Err(why) => failed(&mut s.result, why),
        }
    }
}

fn failed(result: &mut Buffer, why: Failure) -> i64 {
    result.clear();
    result.push(match why.text() {
        b"" => b"failed",
        text => text,
    });
    packed(result.bytes()) | ERROR
}

fn outside() -> Failure {
    Failure::new("an input outside the buffer")
}

fn unconfigured() -> Failure {
    Failure::new("called before it was configured")
}

fn unreadable() -> Failure {
    Failure::new("a command that this plugin cannot read")
}

/// Makes a type that is a [`Plugin`](crate::Plugin) the module's plugin, and names what of `mask`, `classify` and
/// `trigger` it provides: `sluice::plugin!(Badge: mask, classify);`. Once in a module.
#[macro_export]
macro_rules! plugin {
    ($plugin:ty: $($does:ident),+ $(,)?) => {
        static SLUICE_PLUGIN: $crate::guest::Instance<$plugin> = $crate::guest::Instance::new(&[$(stringify!($does)),+]);

        #[no_mangle]
        pub extern "C" fn sluice_abi() -> i32 {
            1
        }

        #[no_mangle]
        pub extern "C" fn sluice_alloc(size: usize) -> *mut u8 {
            SLUICE_PLUGIN.alloc(size)
        }

        #[no_mangle]
        pub extern "C" fn sluice_manifest() -> i64 {
            SLUICE_PLUGIN.manifest()
        }

        #[no_mangle]
        pub extern "C" fn sluice_configure(_: usize, size: usize) -> i64 {
            SLUICE_PLUGIN.configure(size)
        }

        $($crate::__sluice_export!($does);)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __sluice_export {
    (mask) => {
        #[no_mangle]
        pub extern "C" fn sluice_mask(_: usize, size: usize) -> i64 {
            SLUICE_PLUGIN.mask(size)
        }
    };
    (classify) => {
        #[no_mangle]
        pub extern "C" fn sluice_classify(_: usize, size: usize) -> i64 {
            SLUICE_PLUGIN.classify(size)
        }
    };
    (trigger) => {
        #[no_mangle]
        pub extern "C" fn sluice_trigger(_: usize, size: usize) -> i64 {
            SLUICE_PLUGIN.trigger(size)
        }
    };
}
