//! Why a request of keys is refused, and why a read can fail.

use core::fmt;

use crate::backend::BackendError;

/// A deterministic refusal: every member answers the same, and nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvError {
    /// The revision lies below the last compaction; read at a newer one.
    Compacted,
    /// The revision does not exist yet.
    FutureRevision,
    /// A put that keeps value or lease names a key that is not there.
    KeyNotFound,
    /// The lease of a put does not exist.
    LeaseNotFound,
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KvError::Compacted => "required revision has been compacted",
            KvError::FutureRevision => "required revision is a future revision",
            KvError::KeyNotFound => "key not found",
            KvError::LeaseNotFound => "requested lease not found",
        })
    }
}

impl core::error::Error for KvError {}

/// Why a read through a view gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The request was refused.
    Refused(KvError),
    /// A local fault, which the request has no part in: the member stops.
    Backend(BackendError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Refused(refusal) => refusal.fmt(f),
            ReadError::Backend(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ReadError {}

impl From<KvError> for ReadError {
    fn from(error: KvError) -> ReadError {
        ReadError::Refused(error)
    }
}

impl From<BackendError> for ReadError {
    fn from(error: BackendError) -> ReadError {
        ReadError::Backend(error)
    }
}
