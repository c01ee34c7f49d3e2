//! Database files on disk: opened for reading, locked as bbolt locks them, read page by page.

use bbolt::ReadAt;
use bytes::Bytes;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a lock that another process holds is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// An operation on it failed; the text has the form of Go's, `open db: no such file or
    /// directory`.
    #[error("{operation} {}: {}", path.display(), os_text(source))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process (a running member) holds the file.
    #[error("timeout")]
    Locked,
}

impl FileError {
    /// An operation that failed.
    pub fn io(operation: &'static str, path: &Path, source: io::Error) -> FileError {
        FileError::Io { operation, path: path.to_owned(), source }
    }
}

/// What the system says, without Rust's decoration: lower case, no error number.
fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Whether the file is there, said as `etcdutl` says it.
pub fn exists(path: &Path) -> Result<(), FileError> {
    std::fs::metadata(path).map(drop).map_err(|error| FileError::io("stat", path, error))
}

/// A file that is read at any offset. It holds bbolt's shared lock until it is dropped.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
}

impl FileSource {
    /// Opens a file and waits for its lock, for `lock_wait` or, when that is zero, forever.
    ///
    /// # Errors
    /// When it cannot be opened, or a member that runs on it keeps the lock.
    pub fn open(path: &Path, lock_wait: Duration) -> Result<FileSource, FileError> {
        let file = File::open(path).map_err(|error| FileError::io("open", path, error))?;
        lock(&file, path, lock_wait)?;
        let metadata = file.metadata().map_err(|error| FileError::io("stat", path, error))?;
        Ok(FileSource { file, len: metadata.len() })
    }

    /// The same file as if it ended after `len` bytes.
    #[must_use]
    pub fn cut(self, len: u64) -> FileSource {
        assert!(len <= self.len, "cut at {len} of {} bytes", self.len);
        FileSource { file: self.file, len }
    }
}

fn lock(file: &File, path: &Path, wait: Duration) -> Result<(), FileError> {
    let start = Instant::now();
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(FileError::io("flock", path, error)),
            Err(TryLockError::WouldBlock) if !wait.is_zero() && start.elapsed() >= wait => {
                return Err(FileError::Locked);
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
        }
    }
}

impl ReadAt for FileSource {
    type Error = io::Error;

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes.into())
    }

    fn len(&self) -> u64 {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_gos_do() {
        let error = exists(Path::new("/does/not/exist")).expect_err("it does not");
        assert_eq!(error.to_string(), "stat /does/not/exist: no such file or directory");
    }

    #[test]
    fn a_file_that_a_member_holds_is_not_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("db");
        let held = File::create(&path).expect("the disk takes it");
        held.lock().expect("nobody else has it");
        let result = FileSource::open(&path, Duration::from_millis(1));
        assert!(matches!(result, Err(FileError::Locked)), "{result:?}");
        drop(held);
        FileSource::open(&path, Duration::from_millis(1)).expect("it is free again");
    }
}
