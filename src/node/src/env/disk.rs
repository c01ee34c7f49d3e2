//! Files. Nothing is durable before the matching sync: data by [`DiskFile::sync`], names by
//! [`Disk::sync_dir`]. Paths are relative to the member's data directory, with `/` between parts.
//!
//! The futures may block the thread they are polled on: they are awaited only from tasks that were
//! started with `Env::spawn_thread`, or during start-up.

use core::future::Future;

use bytes::Bytes;

/// Why a disk operation failed, as far as anyone decides by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskErrorKind {
    /// No such file or directory.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// No space, or the quota of the file system is used up.
    NoSpace,
    /// The process may not do this.
    PermissionDenied,
    /// Another process holds the lock.
    Locked,
    /// Anything else, I/O errors above all.
    Other,
}

/// A failed disk operation: what, where and why, fit for a log line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {path}: {message}")]
pub struct DiskError {
    /// What a caller decides by.
    pub kind: DiskErrorKind,
    /// The operation as a verb.
    pub operation: &'static str,
    /// The file or directory.
    pub path: String,
    /// The operating system's text.
    pub message: String,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskEntry {
    /// The last part of the path.
    pub name: String,
    /// Bytes, for a file.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// The data directory of one member.
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Creates and opens a file; `AlreadyExists` when the name is taken.
    fn create(&self, path: &str) -> impl Future<Output = Result<Self::File, DiskError>> + Send;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> impl Future<Output = Result<Self::File, DiskError>> + Send;
    /// Gives a file or directory another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Removes a file.
    fn remove(&self, path: &str) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// The names in a directory, sorted.
    fn list(&self, dir: &str) -> impl Future<Output = Result<Vec<DiskEntry>, DiskError>> + Send;
    /// Creates a directory and its parents; no error when it exists.
    fn create_dir(&self, dir: &str) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Makes creations, renames and removals in a directory durable. `""` is the data directory.
    fn sync_dir(&self, dir: &str) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Bytes that can still be written, when the file system tells.
    fn available_bytes(&self) -> Option<u64>;
}

/// An open file; closed when dropped.
// Whether a file is empty is asked nowhere.
#[allow(clippy::len_without_is_empty)]
pub trait DiskFile: Send + Sync + 'static {
    /// Up to `len` bytes from `offset`; fewer only at the end of the file.
    fn read_at(
        &self,
        offset: u64,
        len: usize,
    ) -> impl Future<Output = Result<Bytes, DiskError>> + Send;
    /// As [`DiskFile::read_at`], without a future: for work that `Env::blocking` runs.
    fn read_now(&self, offset: u64, len: usize) -> Result<Bytes, DiskError>;
    /// Writes all of `bytes` at `offset`, beyond the end if need be.
    fn write_at(
        &self,
        offset: u64,
        bytes: &[u8],
    ) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Makes what was written durable, length included. After an error nothing may be assumed and
    /// the call is never repeated.
    fn sync(&self) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Cuts or extends (with zeros) to `len` bytes.
    fn truncate(&self, len: u64) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Reserves space so that writes below `len` cannot fail for lack of it; the file has at least
    /// this length afterwards, the new part reads as zeros.
    fn allocate(&self, len: u64) -> impl Future<Output = Result<(), DiskError>> + Send;
    /// Length in bytes.
    fn len(&self) -> impl Future<Output = Result<u64, DiskError>> + Send;
}
