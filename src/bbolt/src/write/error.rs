//! Why a file cannot be written.

use core::fmt;

/// What is wrong with the entries that were given. All are mistakes of the caller: nothing was
/// lost, but a file that is under way must be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// bbolt has no empty keys and no buckets without a name.
    EmptyKey,
    /// The key is longer than [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX).
    KeyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The value is longer than [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    ValueTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Keys of a bucket, and names of buckets, must be given in strictly ascending order.
    OutOfOrder {
        /// How many keys of the bucket (or buckets) came before the offender.
        position: u64,
    },
    /// An entry was given before any bucket was.
    NoBucket,
    /// The second pass was given other entries than the first.
    NotAsPlanned {
        /// The pages that the plan counted.
        pages_planned: u64,
        /// The pages that the entries of the second pass need, as far as known.
        pages_written: u64,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::EmptyKey => write!(f, "key is empty"),
            WriteError::KeyTooLong { bytes } => write!(f, "key of {bytes} bytes is too long"),
            WriteError::ValueTooLong { bytes } => write!(f, "value of {bytes} bytes is too long"),
            WriteError::OutOfOrder { position } => {
                write!(f, "key number {position} is not greater than the one before it")
            }
            WriteError::NoBucket => write!(f, "entry without a bucket"),
            WriteError::NotAsPlanned { pages_planned, pages_written } => write!(
                f,
                "the entries differ from the planned ones: {pages_planned} pages were planned, \
                 {pages_written} are needed"
            ),
        }
    }
}

impl core::error::Error for WriteError {}
