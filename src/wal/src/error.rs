//! Why a log cannot be used. None of these is repaired by cutting the log short.

use alloc::string::String;
use core::fmt;

use crate::types::Metadata;

/// A log that this member must not run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalError {
    /// There is no segment. A new log may be made, if the member is new.
    Empty,
    /// A record that was durable is damaged, or says what no log can say. Remedy: take the member
    /// out of the cluster and add it again, or restore the file from a copy.
    Corrupt {
        /// The segment.
        file: String,
        /// The byte at which the damaged record begins.
        offset: u64,
        /// What is wrong, with the values.
        reason: String,
    },
    /// An intact record that this version does not know. Remedy: run the version that wrote it.
    NewerFormat {
        /// The segment.
        file: String,
        /// The byte at which the record begins.
        offset: u64,
        /// What is unknown.
        what: String,
    },
    /// Files or entries are missing between what is there. Remedy: as for corruption.
    Gap {
        /// What is missing.
        reason: String,
    },
    /// The log belongs to another member or cluster. Remedy: point the member at its own directory.
    Foreign {
        /// Whose log was wanted.
        expected: Metadata,
        /// Whose log it is.
        found: Metadata,
    },
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalError::Empty => f.write_str("the log directory holds no segment"),
            WalError::Corrupt { file, offset, reason } => write!(
                f,
                "log file {file} is damaged at byte {offset}: {reason}; nothing was changed: \
                 restore the file, or remove this member and add it again with an empty directory"
            ),
            WalError::NewerFormat { file, offset, what } => write!(
                f,
                "log file {file} holds {what} at byte {offset}: start the version that wrote it"
            ),
            WalError::Gap { reason } => write!(
                f,
                "the log is incomplete: {reason}; restore the missing files, or remove this member \
                 and add it again with an empty directory"
            ),
            WalError::Foreign { expected, found } => write!(
                f,
                "the log belongs to member {} of cluster {}, not to member {} of cluster {}",
                found.member, found.cluster, expected.member, expected.cluster
            ),
        }
    }
}

impl core::error::Error for WalError {}
