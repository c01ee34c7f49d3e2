//! What the driver does to the files of the log directory: effects as data, in order.

use alloc::string::String;

use bytes::Bytes;

/// One file operation. Operations of one writer are carried out in the order in which they were
/// given, each finished before the next begins; after a failure nothing more may be carried out.
/// Names are relative to the log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Creates a file that does not exist and reserves space; the reserved part reads as zeros.
    Create {
        /// The new name.
        name: String,
        /// Bytes to reserve.
        allocate: u64,
    },
    /// Writes all bytes at an offset, beyond the end if need be.
    Write {
        /// The file.
        name: String,
        /// Where the first byte goes.
        offset: u64,
        /// What is written.
        bytes: Bytes,
    },
    /// Makes content and length of a file durable.
    Sync {
        /// The file.
        name: String,
    },
    /// Gives a file another name.
    Rename {
        /// The name it has.
        from: String,
        /// The name it gets.
        to: String,
    },
    /// Makes creations, renames and removals in the log directory durable.
    SyncDir,
    /// Removes a file.
    Remove {
        /// The file.
        name: String,
    },
    /// Cuts a file to a length.
    Truncate {
        /// The file.
        name: String,
        /// The length it gets.
        len: u64,
    },
    /// Reserves space up to a length; the new part reads as zeros.
    Allocate {
        /// The file.
        name: String,
        /// The length the file has at least.
        len: u64,
    },
}
