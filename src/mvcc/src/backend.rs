//! The store behind MVCC, as a trait: keyspaces of sorted byte keys, written by ingestion and by
//! atomic batches, read through consistent snapshots.
//!
//! What survives a crash (rule BK1):
//! - `create`, `ingest` and `delete` are durable when they return; an unfinished one has happened
//!   whole or not at all;
//! - a batch is atomic and visible when `commit` returns, but volatile until a later `persist`
//!   returns; after a crash a prefix of the batches in commit order is there;
//! - the two kinds survive independently of each other: an ingestion may be there while an earlier
//!   batch is not, and the other way round.
//!
//! All calls may block; they are made on the flusher's thread, on the applier's (reads in memory
//! or cache for the most part) or through `Env::blocking`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

/// A local fault of the backend. The member that meets one publishes nothing of what it was doing
/// and stops: it says nothing about the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendError {
    /// The operation, the keyspace and the reason, fit for a log line.
    pub message: String,
    /// Whether the cause is lack of space.
    pub no_space: bool,
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for BackendError {}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a key.
    Put {
        /// The keyspace, which exists.
        keyspace: &'static str,
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
    /// Removes a key; nothing happens when it is not there.
    Delete {
        /// The keyspace, which exists.
        keyspace: &'static str,
        /// The key.
        key: Bytes,
    },
}

/// An iterator over entries in key order; after an error it ends.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), BackendError>> + Send + 'a>;

/// A store of keyspaces.
pub trait Backend: Clone + Send + Sync + 'static {
    /// A consistent image; cheap to clone. Keyspaces deleted later stay readable through it.
    type Snapshot: BackendSnapshot;

    /// The names of all keyspaces, sorted.
    fn keyspaces(&self) -> Result<Vec<String>, BackendError>;
    /// Creates a keyspace; no error when it exists. Durable on return.
    fn create(&self, keyspace: &str) -> Result<(), BackendError>;
    /// Adds entries with strictly ascending keys to a keyspace, all or nothing. A key that is there
    /// already is replaced. Durable and visible on return.
    fn ingest(
        &self,
        keyspace: &str,
        entries: &mut dyn Iterator<Item = (Bytes, Bytes)>,
    ) -> Result<(), BackendError>;
    /// Deletes a keyspace and, once no snapshot needs it, its files. Durable on return.
    fn delete(&self, keyspace: &str) -> Result<(), BackendError>;
    /// Applies all changes at once. Visible on return, durable after `persist`.
    fn commit(&self, changes: Vec<Change>) -> Result<(), BackendError>;
    /// Makes all batches committed so far durable.
    fn persist(&self) -> Result<(), BackendError>;
    /// What is visible now, unchanged by what comes later.
    fn snapshot(&self) -> Result<Self::Snapshot, BackendError>;
    /// Bytes on disk, about.
    fn size_bytes(&self) -> u64;
}

/// A consistent image of a [`Backend`].
pub trait BackendSnapshot: Clone + Send + Sync + 'static {
    /// The value of a key; `None` also when the keyspace does not exist.
    fn get(&self, keyspace: &str, key: &[u8]) -> Result<Option<Bytes>, BackendError>;
    /// All entries with `from <= key`, and `key < to` if given, in key order; nothing when the
    /// keyspace does not exist.
    fn scan<'a>(&'a self, keyspace: &str, from: &[u8], to: Option<&[u8]>) -> Scan<'a>;
}
