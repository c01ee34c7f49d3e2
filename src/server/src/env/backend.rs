//! The backend trait over fjall.
//!
//! What the trait promises and where fjall by itself promises less:
//! - fjall may write a part of a batch into tables (a full memtable, an ingestion into one of its
//!   keyspaces) before its journal is synced; after a power loss half of the batch would be there.
//!   So the journal is synced within `commit`, before the batch reaches a memtable, and `persist`
//!   has nothing left to do. The flusher calls the two in pairs: it is the same number of syncs.
//! - fjall does not sync the directory that holds its keyspaces after making one in it; `create`
//!   does.
//! - two changes of one key in one batch have one sequence number in fjall, and either may win;
//!   only the last of them is handed over.
//!
//! The database opens with the first call, not before: a directory that must not be touched is
//! recognised by then.

mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use mvcc::{Backend, BackendError, Change};

pub use snapshot::FjallSnapshot;

/// Block cache. Hot revisions are served from memory above the backend, so it stays small.
const CACHE_BYTES: u64 = 16 << 20;

/// A memtable holds only what batches write; revisions are ingested.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// The least that fjall accepts.
const JOURNAL_BYTES: u64 = 64 << 20;

/// Threads that flush and compact.
const WORKERS: usize = 2;

/// fjall's own directory of keyspaces.
const KEYSPACES_DIRECTORY: &str = "keyspaces";

pub(super) type Keyspaces = Arc<BTreeMap<String, Keyspace>>;

/// A store of keyspaces in a directory of its own.
#[derive(Clone)]
pub struct FjallBackend(Arc<Shared>);

struct Shared {
    path: PathBuf,
    open: OnceLock<Opened>,
    opening: Mutex<()>,
}

struct Opened {
    database: Database,
    /// Held while a keyspace is made or deleted and while a snapshot is taken, so that a snapshot
    /// knows exactly the keyspaces of its moment.
    keyspaces: Mutex<Keyspaces>,
}

impl FjallBackend {
    /// The backend in `path`; it is opened, or made, by the first call.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> FjallBackend {
        let (open, opening) = (OnceLock::new(), Mutex::new(()));
        FjallBackend(Arc::new(Shared { path: path.into(), open, opening }))
    }

    fn opened(&self) -> Result<&Opened, BackendError> {
        if let Some(opened) = self.0.open.get() {
            return Ok(opened);
        }
        let _one_at_a_time = locked(&self.0.opening);
        if let Some(opened) = self.0.open.get() {
            return Ok(opened);
        }
        let opened = Opened::open(&self.0.path)?;
        Ok(self.0.open.get_or_init(|| opened))
    }
}

impl Opened {
    fn open(path: &Path) -> Result<Opened, BackendError> {
        let failed =
            |error: &(dyn Error + 'static)| failure("open", &path.to_string_lossy(), error);
        let is_new = !path.exists();
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .manual_journal_persist(true)
            .worker_threads(WORKERS)
            .open()
            .map_err(|error| failed(&error))?;
        if let (true, Some(parent)) = (is_new, path.parent()) {
            sync_directory(parent).map_err(|error| failed(&error))?;
        }
        let mut keyspaces = BTreeMap::new();
        for name in database.list_keyspace_names() {
            let keyspace = database.keyspace(&name, options).map_err(|error| failed(&error))?;
            keyspaces.insert(name.to_string(), keyspace);
        }
        Ok(Opened { database, keyspaces: Mutex::new(Arc::new(keyspaces)) })
    }

    fn keyspace(&self, operation: &str, name: &str) -> Result<Keyspace, BackendError> {
        locked(&self.keyspaces).get(name).cloned().ok_or_else(|| BackendError {
            message: format!("{operation}: there is no keyspace {name}"),
            no_space: false,
        })
    }
}

impl Backend for FjallBackend {
    type Snapshot = FjallSnapshot;

    fn keyspaces(&self) -> Result<Vec<String>, BackendError> {
        Ok(locked(&self.opened()?.keyspaces).keys().cloned().collect())
    }

    fn create(&self, keyspace: &str) -> Result<(), BackendError> {
        let opened = self.opened()?;
        let mut keyspaces = locked(&opened.keyspaces);
        if keyspaces.contains_key(keyspace) {
            return Ok(());
        }
        let failed = |error: &(dyn Error + 'static)| failure("create", keyspace, error);
        let made = opened.database.keyspace(keyspace, options).map_err(|error| failed(&error))?;
        let parent = self.0.path.join(KEYSPACES_DIRECTORY);
        sync_directory(&parent).map_err(|error| failed(&error))?;
        Arc::make_mut(&mut keyspaces).insert(keyspace.to_owned(), made);
        Ok(())
    }

    fn ingest(
        &self,
        keyspace: &str,
        entries: &mut dyn Iterator<Item = (Bytes, Bytes)>,
    ) -> Result<(), BackendError> {
        let handle = self.opened()?.keyspace("ingest", keyspace)?;
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            return Ok(());
        }
        let failed = |error: fjall::Error| failure("ingest", keyspace, &error);
        let mut ingestion = handle.start_ingestion().map_err(failed)?;
        let mut last: Option<Bytes> = None;
        for (key, value) in entries {
            if let Some(last) = &last {
                assert!(*last < key, "ingest {keyspace}: {key:?} does not ascend from {last:?}");
            }
            ingestion.write(key.clone(), value).map_err(failed)?;
            last = Some(key);
        }
        ingestion.finish().map_err(failed)
    }

    fn delete(&self, keyspace: &str) -> Result<(), BackendError> {
        let opened = self.opened()?;
        let mut keyspaces = locked(&opened.keyspaces);
        let Some(handle) = keyspaces.get(keyspace).cloned() else { return Ok(()) };
        let deleted = opened.database.delete_keyspace(handle);
        deleted.map_err(|error| failure("delete", keyspace, &error))?;
        Arc::make_mut(&mut keyspaces).remove(keyspace);
        Ok(())
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), BackendError> {
        let opened = self.opened()?;
        let mut batch = opened.database.batch().durability(Some(PersistMode::SyncData));
        for change in last_of_each_key(changes) {
            match change {
                Change::Put { keyspace, key, value } => {
                    batch.insert(&opened.keyspace("commit", keyspace)?, key, value);
                }
                Change::Delete { keyspace, key } => {
                    batch.remove(&opened.keyspace("commit", keyspace)?, key);
                }
            }
        }
        batch.commit().map_err(|error| failure("commit", "batch", &error))
    }

    fn persist(&self) -> Result<(), BackendError> {
        // Each commit has synced its batch.
        self.opened().map(|_| ())
    }

    fn snapshot(&self) -> Result<FjallSnapshot, BackendError> {
        let opened = self.opened()?;
        let keyspaces = locked(&opened.keyspaces);
        Ok(FjallSnapshot::new(opened.database.snapshot(), keyspaces.clone()))
    }

    fn size_bytes(&self) -> u64 {
        // Before it is open the size is unknown, and nothing is gained by opening it for this.
        let Some(opened) = self.0.open.get() else { return 0 };
        let keyspaces = locked(&opened.keyspaces).clone();
        keyspaces.values().map(Keyspace::disk_space).sum()
    }
}

fn options() -> KeyspaceCreateOptions {
    // Reads look for keys that the index knows to be there.
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(MEMTABLE_BYTES)
        .expect_point_read_hits(true)
}

/// The changes without those that a later one of the same batch overrides, in their order.
fn last_of_each_key(mut changes: Vec<Change>) -> Vec<Change> {
    let mut seen = BTreeSet::new();
    let mut last: Vec<bool> = changes
        .iter()
        .rev()
        .map(|change| match change {
            Change::Put { keyspace, key, .. } | Change::Delete { keyspace, key } => {
                seen.insert((*keyspace, key.clone()))
            }
        })
        .collect();
    changes.retain(|_| last.pop().expect("one answer for each change"));
    changes
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// A panic of a caller (an entry that does not ascend) leaves no half-made change behind a lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn failure(operation: &str, what: &str, error: &(dyn Error + 'static)) -> BackendError {
    let (mut cause, mut no_space) = (Some(error), false);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        no_space |= matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded));
        cause = error.source();
    }
    BackendError { message: format!("{operation} {what}: {error}"), no_space }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::backend::{Reopen, check_all};
    use super::*;

    struct InDirectory(tempfile::TempDir);

    impl Reopen for InDirectory {
        type Backend = FjallBackend;

        fn open(&self) -> FjallBackend {
            FjallBackend::at(self.0.path().join("backend"))
        }
    }

    #[test]
    fn fjall_keeps_the_promises_of_the_trait() {
        check_all(|| InDirectory(tempfile::tempdir().expect("a temporary directory")));
    }

    #[test]
    fn nothing_is_touched_before_the_first_call() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let backend = FjallBackend::at(dir.path().join("backend"));
        assert_eq!(backend.size_bytes(), 0);
        assert!(!dir.path().join("backend").exists());
        assert_eq!(backend.keyspaces(), Ok(Vec::new()));
        assert!(dir.path().join("backend").exists());
    }

    #[test]
    fn missing_keyspace_and_unusable_path_are_errors_with_a_text() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let backend = FjallBackend::at(dir.path().join("backend"));
        let put = Change::Put { keyspace: "x", key: "k".into(), value: "v".into() };
        let error = backend.commit(vec![put]).expect_err("there is no such keyspace");
        assert_eq!(error.message, "commit: there is no keyspace x");
        std::fs::write(dir.path().join("file"), "").expect("written");
        let error = FjallBackend::at(dir.path().join("file")).keyspaces().expect_err("a file");
        assert!(error.message.starts_with("open /"), "{}", error.message);
        assert!(!error.no_space);
    }

    #[test]
    fn lack_of_space_is_recognised_below_other_errors() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let error = fjall::Error::Storage(fjall::LsmError::Io(full));
        assert!(failure("ingest", "x", &error).no_space);
        assert!(!failure("ingest", "x", &fjall::Error::Poisoned).no_space);
    }

    #[test]
    fn deleted_keyspace_gives_its_files_back_when_the_last_snapshot_goes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("backend");
        let backend = FjallBackend::at(&path);
        let count = || std::fs::read_dir(path.join(KEYSPACES_DIRECTORY)).expect("there").count();
        backend.create("x").expect("created");
        let snapshot = backend.snapshot().expect("a snapshot");
        let before = count();
        backend.delete("x").expect("deleted");
        assert_eq!(count(), before, "a snapshot still reads it");
        drop(snapshot);
        assert_eq!(count(), before - 1);
    }
}
