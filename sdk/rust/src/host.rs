/// The longest pseudonym, in bytes.
pub const MAX_PSEUDONYM: usize = 512;

/// How loud a log line is.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a line to the gateway's log: at most 8 a call, of 1 KiB each. While data is looked at it needs the capability
/// `log`. Does nothing in a plugin's own tests.
pub fn log(level: Level, text: &str) {
    calls::log(level as i32, text.as_bytes());
}

/// A keyed stand-in for a value, always the same for the same value and kind within the scope that the operator chose.
/// It needs the capability `pseudonym`. `None` where the gateway refuses: a kind of more than 64 bytes. In a plugin's own
/// tests, where there is no key, it is the kind, `-` and the value's length.
pub fn pseudonym<'a>(kind: &str, value: &[u8], out: &'a mut [u8; MAX_PSEUDONYM]) -> Option<&'a [u8]> {
    let n = calls::pseudonym(kind.as_bytes(), value, out);
    out.get(..usize::try_from(n).ok()?)
}

#[cfg(target_arch = "wasm32")]
mod calls {
    // sdk/ABI.md 7.
    #[link(wasm_import_module = "sluice")]
    extern "C" {
        #[link_name = "log"]
        fn host_log(level: i32, text: *const u8, size: usize);
        #[link_name = "pseudonym"]
        fn host_pseudonym(kind: *const u8, kind_size: usize, value: *const u8, value_size: usize, out: *mut u8, room: usize) -> i32;
    }

    pub fn log(level: i32, text: &[u8]) {
        // SAFETY: the host reads these bytes and no others.
        unsafe { host_log(level, text.as_ptr(), text.len()) }
    }

    pub fn pseudonym(kind: &[u8], value: &[u8], out: &mut [u8]) -> i32 {
        // SAFETY: the host reads kind and value, and writes at most out.len() bytes to out.
        unsafe { host_pseudonym(kind.as_ptr(), kind.len(), value.as_ptr(), value.len(), out.as_mut_ptr(), out.len()) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod calls {
    use std::io::Write;

    pub fn log(_level: i32, _text: &[u8]) {}

    pub fn pseudonym(kind: &[u8], value: &[u8], out: &mut [u8]) -> i32 {
        if kind.len() > 64 {
            return -1;
        }
        let room = out.len();
        let mut left = out;
        match left.write_all(kind).and_then(|_| write!(left, "-{}", value.len())) {
            Ok(()) => (room - left.len()) as i32,
            Err(_) => -1,
        }
    }
}
