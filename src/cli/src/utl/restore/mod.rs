//! `snapshot restore`: the data directory of one member of a new cluster, from a snapshot.
//!
//! What comes out is what `etcdutl` makes: `member/snap/db` with the snapshot's keys, leases, users
//! and alarms but the new members, and `member/wal` with the log's first records. etcd and Cairn
//! start from it alike; for Cairn there is also its marker.
//!
//! The database is not changed in place but written anew from the snapshot's entries, which reads
//! and checks every page on the way. It appears under its name last: a directory that a crash left
//! behind starts no member. Where the log's records go is the caller's choice.

mod contents;
mod database;
mod log;
mod marker;
mod wal_directory;

use bbolt::{Database, ReadError};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cluster::{Cluster, ClusterError};
use super::file::{FileError, FileSource};
use super::progress::Progress;
use contents::{Contents, ContentsError};
pub use log::FirstRecords;
pub use wal_directory::write_wal;

/// The length of the SHA-256 behind a snapshot's pages.
const HASH_BYTES: u64 = 32;
/// Pages are multiples of this, so that a length of this kind plus a hash tells that there is one.
const SECTOR_BYTES: u64 = 512;

/// What to restore, and as whom.
#[derive(Clone, Debug)]
pub struct Restore {
    /// The snapshot file.
    pub snapshot: PathBuf,
    /// The name of the member whose directory is made.
    pub name: String,
    /// The directory to make.
    pub data_dir: PathBuf,
    /// Where its log goes.
    pub wal_dir: PathBuf,
    /// The member's peer URLs, separated by commas.
    pub peer_urls: String,
    /// The new cluster, `name=url,…`.
    pub initial_cluster: String,
    /// What sets this cluster apart from others with the same URLs.
    pub token: String,
    /// Accept a file whose hash is missing or wrong.
    pub skip_hash_check: bool,
    /// How far to move the revision ahead, everything before being compacted; 0 leaves it.
    pub bump_revision: u64,
    /// How long to wait for the lock of the snapshot file; zero is forever.
    pub lock_wait: Duration,
}

/// Why nothing was restored. What had been written by then is removed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The flags do not fit together.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file or directory could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is something in the data directory.
    #[error("data-dir {0:?} not empty or could not be read")]
    DataDir(PathBuf),
    /// There already is a log.
    #[error("wal-dir {0:?} exists")]
    WalDir(PathBuf),
    /// The file has no hash: it was cut, or was not made by `snapshot save`.
    #[error("snapshot missing hash but --skip-hash-check=false")]
    NoHash,
    /// The file is not what it was when it was made.
    #[error("expected sha256 {}, got {}", go_bytes(expected), go_bytes(found))]
    WrongHash {
        /// The hash that follows the pages.
        expected: Vec<u8>,
        /// The hash of the pages.
        found: Vec<u8>,
    },
    /// The snapshot is corrupt, or not one of etcd's.
    #[error(transparent)]
    Contents(#[from] ContentsError),
}

impl From<ReadError<io::Error>> for RestoreError {
    fn from(error: ReadError<io::Error>) -> RestoreError {
        RestoreError::Contents(ContentsError::from(error))
    }
}

/// Where the log's first records go: given the directory and the records, it makes them durable.
pub type PutLog<'a> = dyn FnMut(&Path, &FirstRecords) -> Result<(), FileError> + 'a;

/// Makes the data directory.
///
/// # Errors
/// When the flags do not fit together, the target is in use, or the snapshot is not sound.
pub fn restore(plan: &Restore, put_log: &mut PutLog<'_>) -> Result<(), RestoreError> {
    let cluster = Cluster::new(&plan.initial_cluster, &plan.token, &plan.name, &plan.peer_urls)?;
    let records = FirstRecords::of(&cluster, &plan.name);
    unused(&plan.data_dir, &plan.wal_dir)?;
    let snapshot = open(plan)?;
    let contents = Contents::of(&snapshot, &cluster, &records, plan.bump_revision)?;
    let made = make(plan, &contents, &records, put_log);
    if made.is_err() {
        // The directory was empty before; what is left of a failed try would only be in the way.
        let _ = fs::remove_dir_all(plan.data_dir.join("member"));
        let _ = fs::remove_dir_all(&plan.wal_dir);
    }
    made
}

fn make(
    plan: &Restore,
    contents: &Contents<'_>,
    records: &FirstRecords,
    put_log: &mut PutLog<'_>,
) -> Result<(), RestoreError> {
    let member = plan.data_dir.join("member");
    let snap = member.join("snap");
    for directory in [&snap, &plan.wal_dir] {
        private_directories(directory)?;
    }
    put_log(&plan.wal_dir, records)?;
    let (unfinished, finished) = (snap.join("db.tmp.restore"), snap.join("db"));
    database::write(contents, &unfinished)?;
    fs::rename(&unfinished, &finished)
        .map_err(|error| FileError::io("rename", &unfinished, error))?;
    for directory in [&snap, &member, &plan.data_dir] {
        sync_directory(directory)?;
    }
    for directory in [&plan.data_dir, &plan.wal_dir] {
        let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_directory(parent.unwrap_or(Path::new(".")))?;
    }
    marker::write(&plan.data_dir, records)?;
    sync_directory(&plan.data_dir)?;
    Ok(())
}

/// That nothing is overwritten.
fn unused(data_dir: &Path, wal_dir: &Path) -> Result<(), RestoreError> {
    let occupied = match fs::read_dir(data_dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if occupied {
        return Err(RestoreError::DataDir(data_dir.to_owned()));
    }
    if wal_dir.exists() {
        return Err(RestoreError::WalDir(wal_dir.to_owned()));
    }
    Ok(())
}

/// Opens the snapshot after its hash was checked.
fn open(plan: &Restore) -> Result<Database<FileSource>, RestoreError> {
    use bbolt::ReadAt;
    let source = FileSource::open(&plan.snapshot, plan.lock_wait)?;
    let len = source.len();
    let hashed = len % SECTOR_BYTES == HASH_BYTES;
    if !hashed && !plan.skip_hash_check {
        return Err(RestoreError::NoHash);
    }
    if !hashed {
        return Ok(Database::open(source)?);
    }
    let pages = len - HASH_BYTES;
    if !plan.skip_hash_check {
        let read = |at, bytes| {
            source.read_at(at, bytes).map_err(|error| FileError::io("read", &plan.snapshot, error))
        };
        let found = sha256(pages, read)?;
        let expected = read(pages, HASH_BYTES as usize)?.to_vec();
        if found != expected {
            return Err(RestoreError::WrongHash { expected, found });
        }
    }
    Ok(Database::open(source.cut(pages))?)
}

fn sha256(
    len: u64,
    read: impl Fn(u64, usize) -> Result<bytes::Bytes, FileError>,
) -> Result<Vec<u8>, FileError> {
    const BLOCK: u64 = 1 << 20;
    let progress = Progress::bytes("verifying", len);
    let mut hash = Sha256::new();
    let mut at = 0;
    while at < len {
        let bytes = BLOCK.min(len - at);
        hash.update(read(at, bytes as usize)?);
        progress.add(bytes);
        at += bytes;
    }
    Ok(hash.finalize().to_vec())
}

/// Makes a directory and those above it, for their owner only.
fn private_directories(path: &Path) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| FileError::io("mkdir", path, error))
}

fn sync_directory(path: &Path) -> Result<(), FileError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| FileError::io("fsync", path, error))
}

/// Bytes as Go prints them: decimal numbers in brackets.
fn go_bytes(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!("[{}]", numbers.join(" "))
}
