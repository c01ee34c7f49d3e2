//! `snapshot status` and `hashkv`: figures of a file, which is only read.

use bbolt::etcd_layout::{self, HashKv, HashKvError, LayoutError, Status};
use bbolt::{Database, ReadError, check};
use std::io;
use std::path::Path;

use super::Failure;
use super::args::LockWait;
use super::file::{FileError, FileSource};
use super::progress::Progress;

/// Checks every page of the file, then computes its figures.
pub fn status(path: &Path, timeout: LockWait) -> Result<Status, Failure> {
    let database = open(path, timeout)?;
    let failures = check(&database).map_err(|error| at(path, error))?;
    if !failures.is_empty() {
        let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
        return Err(Failure::error(format!(
            "snapshot file integrity check failed. {} errors found.\n{}",
            lines.len(),
            lines.join("\n")
        )));
    }
    let progress = Progress::bytes("hashing", database.file_bytes());
    etcd_layout::status(&database, |bytes| progress.add(bytes)).map_err(|error| layout(path, error))
}

/// The hash of the keys' history up to `revision`, 0 for all of it.
pub fn hash_kv(path: &Path, revision: i64, timeout: LockWait) -> Result<HashKv, Failure> {
    let database = open(path, timeout)?;
    etcd_layout::hash_kv(&database, revision).map_err(|error| match error {
        HashKvError::Layout(error) => layout(path, error),
        HashKvError::Compacted | HashKvError::Future => Failure::error(error),
    })
}

fn open(path: &Path, timeout: LockWait) -> Result<Database<FileSource>, Failure> {
    let source = FileSource::open(path, timeout.0).map_err(Failure::error)?;
    Database::open(source).map_err(|error| read(path, error))
}

fn layout(path: &Path, error: LayoutError<io::Error>) -> Failure {
    match error {
        LayoutError::Read(error) => read(path, error),
        error => Failure::error(error),
    }
}

fn read(path: &Path, error: ReadError<io::Error>) -> Failure {
    match error {
        ReadError::Source(error) => at(path, error),
        error => Failure::error(error),
    }
}

fn at(path: &Path, error: io::Error) -> Failure {
    Failure::error(FileError::io("read", path, error))
}
