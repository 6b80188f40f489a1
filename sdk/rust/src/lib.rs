//! For writing plugins of the Sluice gateway in Rust.
//!
//! A plugin is a library of crate type `cdylib` with a type of its own, which is made of the settings:
//!
//! ```ignore
//! #![cfg_attr(not(test), no_std)]
//! use sluice::{Batch, Edits, Failure, Manifest, Plugin, Value};
//!
//! struct Codename;
//!
//! impl Plugin for Codename {
//!     const MANIFEST: Manifest = Manifest { kinds: &["codename"], ..Manifest::new("codename", "1.0.0") };
//!
//!     fn configure(_: Value) -> Result<Self, Failure> {
//!         Ok(Codename)
//!     }
//!
//!     fn mask(&self, batch: &Batch, found: &mut Edits) -> Result<(), Failure> {
//!         for cell in batch.cells() {
//!             let value = cell.value.unwrap_or(b"");
//!             for at in 0..value.len() {
//!                 if value[at..].starts_with(b"Bluebird") {
//!                     found.add(cell.index, at, at + 8, 0);
//!                 }
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! sluice::plugin!(Codename: mask);
//! ```
//!
//! The gateway gives a plugin no clock, no randomness, no files, no network and no environment, and ends a call that
//! works for more than about a millisecond. The same input must give the same answer, so the functions take `&self`.
//! A panic refuses the command that was looked at. `sdk/ABI.md` has every byte.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod batch;
mod buffer;
mod command;
mod edits;
mod failure;
#[doc(hidden)]
pub mod guest;
mod host;
mod manifest;
mod value;

pub use batch::{Batch, Cell, Column};
pub use command::{Classification, Command, Hold, Param};
pub use edits::Edits;
pub use failure::Failure;
pub use host::{log, pseudonym, Level, MAX_PSEUDONYM};
pub use manifest::Manifest;
pub use value::Value;

/// What a plugin does. [`plugin!`] says which of the last three are provided.
pub trait Plugin: Sized + 'static {
    const MANIFEST: Manifest;

    /// Makes the plugin of its settings, which are valid by the manifest's schema; `{}` if the operator gave none.
    fn configure(settings: Value) -> Result<Self, Failure>;

    /// Looks for what is sensitive.
    fn mask(&self, _batch: &Batch, _found: &mut Edits) -> Result<(), Failure> {
        Err(Failure::new("does not mask"))
    }

    /// Gives labels, a risk, a reason and sensitive spans.
    fn classify(&self, _command: &Command, _is: &mut Classification) -> Result<(), Failure> {
        Err(Failure::new("does not classify"))
    }

    /// Asks for an approval; `None` means no.
    fn trigger(&self, _command: &Command) -> Result<Option<Hold<'_>>, Failure> {
        Err(Failure::new("does not trigger"))
    }
}

#[cfg(all(target_arch = "wasm32", feature = "panic-handler"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// Little-endian; panics outside `b`.
fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}
