//! The backend of one member: keyspaces in memory with the crash rules of BK1. Creations,
//! ingestions and deletions are durable on return; batches are volatile until `persist`, and then
//! survive as a prefix; the two kinds survive independently of each other.

mod sorted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base::Prng;
use bytes::Bytes;
use mvcc::{Backend, BackendError, BackendSnapshot, Change, Scan};

use crate::sync::lock;
use crate::world::Life;
use sorted::Sorted;

/// All keyspaces; an image of it is one more owner.
type Keyspaces = Arc<BTreeMap<String, Sorted>>;

/// What a backend is asked for, as far as it fails in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What changes it.
    Change,
    /// A snapshot, or the list of its keyspaces.
    Look,
}

/// What a backend holds across the member's restarts.
#[derive(Default)]
pub struct Store {
    current: Keyspaces,
    /// The state with all that is durable and no batch that is not.
    durable: Keyspaces,
    /// Batches since the last persist, with the operations that are durable at once between them.
    pending: Vec<Vec<Change>>,
    /// The next operation of this kind fails.
    pub fail_next: Option<Operation>,
    /// Power is lost before so many more changes are made (P2): the only way to meet a crash
    /// between two changes of one piece of blocking work.
    pub crash_in: Option<u32>,
    /// The same, counted from the next keyspace that is dropped: what is dropped is gone at once,
    /// and whatever says so must be durable before (BK3).
    pub crash_behind_drop: Option<u32>,
}

impl Store {
    fn write(keyspaces: &mut Keyspaces, change: &Change) {
        let (name, key) = match change {
            Change::Put { keyspace, key, .. } | Change::Delete { keyspace, key } => (keyspace, key),
        };
        let Some(keyspace) = Arc::make_mut(keyspaces).get_mut(*name) else { return };
        match change {
            Change::Put { value, .. } => keyspace.insert(key.clone(), value.clone()),
            Change::Delete { .. } => keyspace.remove(key),
        }
    }

    fn both(&mut self, apply: impl Fn(&mut BTreeMap<String, Sorted>)) {
        apply(Arc::make_mut(&mut self.current));
        apply(Arc::make_mut(&mut self.durable));
    }

    /// Loses power: a prefix of the batches that were not persisted survives. Gives how many did
    /// not.
    pub fn crash(&mut self, prng: &mut Prng) -> u64 {
        let pending = std::mem::take(&mut self.pending);
        let kept = prng.between(0, pending.len() as u64);
        for batch in pending.iter().take(kept as usize) {
            for change in batch {
                Store::write(&mut self.durable, change);
            }
        }
        self.current = self.durable.clone();
        pending.len() as u64 - kept
    }
}

/// Bytes that a change writes.
fn size(change: &Change) -> usize {
    match change {
        Change::Put { key, value, .. } => key.len() + value.len(),
        Change::Delete { key, .. } => key.len(),
    }
}

/// The backend of one incarnation.
#[derive(Clone)]
pub struct SimBackend {
    store: Arc<Mutex<Store>>,
    life: Life,
}

/// A consistent image.
#[derive(Clone)]
pub struct SimBackendSnapshot {
    keyspaces: Keyspaces,
}

impl SimBackend {
    /// The backend as `life` sees it.
    #[must_use]
    pub fn new(store: Arc<Mutex<Store>>, life: Life) -> SimBackend {
        SimBackend { store, life }
    }

    /// Before each change: power may be lost here.
    fn check_change(&self) -> Result<(), BackendError> {
        let is_due = {
            let mut store = lock(&self.store);
            let is_due = store.crash_in == Some(0);
            store.crash_in = store.crash_in.and_then(|left| left.checked_sub(1));
            is_due
        };
        if is_due && self.life.is_alive() {
            let world = self.life.world();
            world.count("fault: crash in backend hit");
            world.excuse(self.life.member());
            world.fail_stop(&self.life, "power is lost in the backend");
        }
        self.check(Operation::Change)
    }

    /// What a backend writes takes room on the member's disk, in which the rest has its place too.
    fn take_room(&self, bytes: usize) -> Result<(), BackendError> {
        if lock(&self.life.seat().disk).take_room(bytes as u64) {
            return Ok(());
        }
        self.life.world().count("fault: no space hit");
        self.life.world().excuse(self.life.member());
        Err(BackendError { message: "no space left on device".into(), no_space: true })
    }

    fn check(&self, operation: Operation) -> Result<(), BackendError> {
        if !self.life.is_alive() {
            return Err(BackendError { message: "the member is dead".into(), no_space: false });
        }
        if lock(&self.store).fail_next.take_if(|next| *next == operation).is_some() {
            self.life.world().count("fault: backend error hit");
            self.life.world().excuse(self.life.member());
            return Err(BackendError { message: "input/output error".into(), no_space: false });
        }
        Ok(())
    }
}

impl Backend for SimBackend {
    type Snapshot = SimBackendSnapshot;

    fn keyspaces(&self) -> Result<Vec<String>, BackendError> {
        self.check(Operation::Look)?;
        Ok(lock(&self.store).current.keys().cloned().collect())
    }

    fn create(&self, keyspace: &str) -> Result<(), BackendError> {
        self.check_change()?;
        lock(&self.store).both(|map| {
            map.entry(keyspace.into()).or_default();
        });
        Ok(())
    }

    fn ingest(
        &self,
        keyspace: &str,
        entries: &mut dyn Iterator<Item = (Bytes, Bytes)>,
    ) -> Result<(), BackendError> {
        self.check_change()?;
        let entries: Vec<(Bytes, Bytes)> = entries.collect();
        for pair in entries.windows(2) {
            assert!(pair[0].0 < pair[1].0, "ingested keys do not ascend in {keyspace}");
        }
        self.take_room(entries.iter().map(|(key, value)| key.len() + value.len()).sum())?;
        let mut store = lock(&self.store);
        if !store.current.contains_key(keyspace) {
            let message = format!("ingest into {keyspace}, which does not exist");
            return Err(BackendError { message, no_space: false });
        }
        store.both(|map| {
            if let Some(keyspace) = map.get_mut(keyspace) {
                for (key, value) in &entries {
                    keyspace.insert(key.clone(), value.clone());
                }
            }
        });
        Ok(())
    }

    fn delete(&self, keyspace: &str) -> Result<(), BackendError> {
        self.check_change()?;
        let mut store = lock(&self.store);
        let freed = store.current.get(keyspace).map_or(0, |keyspace| {
            keyspace.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
        });
        store.both(|map| {
            map.remove(keyspace);
        });
        if let Some(operations) = store.crash_behind_drop.take() {
            store.crash_in = Some(operations);
        }
        drop(store);
        lock(&self.life.seat().disk).give_room(freed as u64);
        Ok(())
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), BackendError> {
        self.check_change()?;
        self.take_room(changes.iter().map(size).sum())?;
        let mut store = lock(&self.store);
        for change in &changes {
            Store::write(&mut store.current, change);
        }
        store.pending.push(changes);
        Ok(())
    }

    fn persist(&self) -> Result<(), BackendError> {
        self.check_change()?;
        let mut store = lock(&self.store);
        for batch in std::mem::take(&mut store.pending) {
            for change in &batch {
                Store::write(&mut store.durable, change);
            }
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<SimBackendSnapshot, BackendError> {
        self.check(Operation::Look)?;
        Ok(SimBackendSnapshot { keyspaces: lock(&self.store).current.clone() })
    }

    fn size_bytes(&self) -> u64 {
        let store = lock(&self.store);
        let sizes = store.current.values().flat_map(|keyspace| keyspace.iter());
        sizes.map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}

impl BackendSnapshot for SimBackendSnapshot {
    fn get(&self, keyspace: &str, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        Ok(self.keyspaces.get(keyspace).and_then(|keyspace| keyspace.get(key).cloned()))
    }

    fn scan<'a>(&'a self, keyspace: &str, from: &[u8], to: Option<&[u8]>) -> Scan<'a> {
        let Some(keyspace) = self.keyspaces.get(keyspace) else {
            return Box::new(std::iter::empty());
        };
        let end = to.map(Bytes::copy_from_slice);
        let entries = keyspace
            .range_from(from)
            .take_while(move |(key, _)| end.as_ref().is_none_or(|end| *key < end));
        Box::new(entries.map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &'static str) -> Change {
        Change::Put {
            keyspace: "meta",
            key: Bytes::from_static(key.as_bytes()),
            value: Bytes::from_static(b"value"),
        }
    }

    #[test]
    fn unpersisted_batches_survive_as_a_prefix() {
        for seed in 0..50 {
            let mut store = Store::default();
            store.both(|map| {
                map.entry("meta".into()).or_default();
            });
            for key in ["a", "b", "c"] {
                Store::write(&mut store.current, &put(key));
                store.pending.push(vec![put(key)]);
            }
            let lost = store.crash(&mut Prng::new(seed));
            let keys: Vec<&Bytes> = store.current["meta"].iter().map(|(key, _)| key).collect();
            let all = ["a", "b", "c"];
            assert_eq!(keys, all[..3 - lost as usize].iter().collect::<Vec<_>>());
        }
    }
}
