//! A backend in memory that keeps the crash rules (BK1) to the letter: for tests, and for running a
//! member without files.
//!
//! Creation, ingestion and deletion survive every crash; batches survive one as a prefix in commit
//! order, of which all that were persisted are part. [`MemoryBackend::crash`] chooses the prefix.
//! It fails on demand, to show what callers do then.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::backend::{Backend, BackendError, BackendSnapshot, Change, Scan};

type Keyspace = Arc<BTreeMap<Bytes, Bytes>>;
type Keyspaces = BTreeMap<String, Keyspace>;

/// Contents with and without the batches that are not durable yet.
#[derive(Debug, Default)]
struct Contents {
    visible: Keyspaces,
    durable: Keyspaces,
    pending: Vec<Vec<Change>>,
    writes: u64,
    /// Calls that still succeed; `None` for all.
    writes_left: Option<u64>,
    reads_fail: bool,
}

/// The backend; clones share the contents.
#[derive(Clone, Debug, Default)]
pub struct MemoryBackend {
    contents: Arc<Mutex<Contents>>,
}

/// An image of a [`MemoryBackend`].
#[derive(Clone, Debug)]
pub struct MemorySnapshot {
    keyspaces: Keyspaces,
    contents: Arc<Mutex<Contents>>,
}

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    // A panic of another test thread does not make plain maps inconsistent.
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failure(what: &str) -> BackendError {
    BackendError { message: what.to_string(), no_space: false }
}

fn apply(keyspaces: &mut Keyspaces, changes: &[Change]) {
    for change in changes {
        let (Change::Put { keyspace, .. } | Change::Delete { keyspace, .. }) = change;
        // The keyspace may have been deleted, durably, after the batch was committed.
        let Some(entries) = keyspaces.get_mut(*keyspace) else { continue };
        let entries = Arc::make_mut(entries);
        match change {
            Change::Put { key, value, .. } => entries.insert(key.clone(), value.clone()),
            Change::Delete { key, .. } => entries.remove(key),
        };
    }
}

impl MemoryBackend {
    /// An empty backend.
    #[must_use]
    pub fn new() -> MemoryBackend {
        MemoryBackend::default()
    }

    /// Loses power: of the batches that were not persisted the first `kept` survive, all others are
    /// gone. Failures end. Gives how many batches there were to lose.
    pub fn crash(&self, kept: usize) -> usize {
        let mut contents = lock(&self.contents);
        let pending = core::mem::take(&mut contents.pending);
        for batch in pending.iter().take(kept) {
            apply(&mut contents.durable, batch);
        }
        contents.visible = contents.durable.clone();
        contents.writes_left = None;
        contents.reads_fail = false;
        pending.len()
    }

    /// Lets the next `count` writing calls succeed and all later ones fail, without effect, until
    /// the next crash.
    pub fn fail_after(&self, count: u64) {
        lock(&self.contents).writes_left = Some(count);
    }

    /// Makes reads through snapshots fail, those taken before included, or succeed again.
    pub fn fail_reads(&self, fail: bool) {
        lock(&self.contents).reads_fail = fail;
    }

    /// Writing calls so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.contents).writes
    }

    /// An independent backend with these contents.
    #[must_use]
    pub fn fork(&self) -> MemoryBackend {
        let contents = lock(&self.contents);
        let fork = Contents {
            visible: contents.visible.clone(),
            durable: contents.durable.clone(),
            pending: contents.pending.clone(),
            ..Contents::default()
        };
        MemoryBackend { contents: Arc::new(Mutex::new(fork)) }
    }

    fn write(&self) -> Result<MutexGuard<'_, Contents>, BackendError> {
        let mut contents = lock(&self.contents);
        match &mut contents.writes_left {
            Some(0) => return Err(failure("the backend was told to fail")),
            Some(left) => *left -= 1,
            None => {}
        }
        contents.writes += 1;
        Ok(contents)
    }
}

impl Backend for MemoryBackend {
    type Snapshot = MemorySnapshot;

    fn keyspaces(&self) -> Result<Vec<String>, BackendError> {
        Ok(lock(&self.contents).visible.keys().cloned().collect())
    }

    fn create(&self, keyspace: &str) -> Result<(), BackendError> {
        let mut contents = self.write()?;
        contents.visible.entry(keyspace.to_string()).or_default();
        contents.durable.entry(keyspace.to_string()).or_default();
        Ok(())
    }

    fn ingest(
        &self,
        keyspace: &str,
        entries: &mut dyn Iterator<Item = (Bytes, Bytes)>,
    ) -> Result<(), BackendError> {
        let entries: Vec<(Bytes, Bytes)> = entries.collect();
        let ascending = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(ascending, "keys that do not ascend are ingested into {keyspace}");
        let mut contents = self.write()?;
        let Contents { visible, durable, .. } = &mut *contents;
        for keyspaces in [visible, durable] {
            let Some(into) = keyspaces.get_mut(keyspace) else {
                return Err(failure(&format!("keyspace {keyspace} does not exist")));
            };
            Arc::make_mut(into).extend(entries.iter().cloned());
        }
        Ok(())
    }

    fn delete(&self, keyspace: &str) -> Result<(), BackendError> {
        let mut contents = self.write()?;
        contents.visible.remove(keyspace);
        contents.durable.remove(keyspace);
        Ok(())
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), BackendError> {
        let mut contents = self.write()?;
        for change in &changes {
            let (Change::Put { keyspace, .. } | Change::Delete { keyspace, .. }) = change;
            if !contents.visible.contains_key(*keyspace) {
                return Err(failure(&format!("keyspace {keyspace} does not exist")));
            }
        }
        apply(&mut contents.visible, &changes);
        contents.pending.push(changes);
        Ok(())
    }

    fn persist(&self) -> Result<(), BackendError> {
        let mut contents = self.write()?;
        for batch in core::mem::take(&mut contents.pending) {
            apply(&mut contents.durable, &batch);
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<MemorySnapshot, BackendError> {
        let keyspaces = lock(&self.contents).visible.clone();
        Ok(MemorySnapshot { keyspaces, contents: self.contents.clone() })
    }

    fn size_bytes(&self) -> u64 {
        let contents = lock(&self.contents);
        let entries = contents.visible.values().flat_map(|keyspace| keyspace.iter());
        entries.map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}

impl MemorySnapshot {
    fn read(&self) -> Result<(), BackendError> {
        match lock(&self.contents).reads_fail {
            true => Err(failure("the backend was told to fail to read")),
            false => Ok(()),
        }
    }
}

impl BackendSnapshot for MemorySnapshot {
    fn get(&self, keyspace: &str, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        self.read()?;
        Ok(self.keyspaces.get(keyspace).and_then(|entries| entries.get(key).cloned()))
    }

    fn scan<'a>(&'a self, keyspace: &str, from: &[u8], to: Option<&[u8]>) -> Scan<'a> {
        if let Err(error) = self.read() {
            return Box::new(core::iter::once(Err(error)));
        }
        let Some(entries) = self.keyspaces.get(keyspace) else {
            return Box::new(core::iter::empty());
        };
        let end = to.map(Bytes::copy_from_slice);
        let from = entries.range(Bytes::copy_from_slice(from)..);
        let within = from.take_while(move |(key, _)| end.as_ref().is_none_or(|end| *key < end));
        Box::new(within.map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}
