//! The disk of one member: sectors and names that are volatile until synced, latency, errors, and
//! the image that every legal crash must preserve.
//!
//! - [`pages`] is sparse content, [`file`] one file with its durable and its unsynced sectors,
//!   [`names`] the directory tree with its unsynced changes, [`image`] all of them and the crash.
//! - [`handle`] is what the member sees: operations that take time, fail, stall.
//! - [`log`] reads the member's log out of the durable image, as a witness of its own.

pub mod faults;
pub mod file;
pub mod handle;
pub mod image;
pub mod log;
pub mod names;
pub mod pages;

pub use faults::{CrashRule, DiskFaults, SyncFailure};
pub use handle::{SimDisk, SimFile};
pub use image::DiskImage;
