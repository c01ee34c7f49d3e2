//! Recovery: one scan of the mapped segments in revision order rebuilds the index.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use proto::mvccpb::KeyValue;

use super::compact::Compaction;
use super::deaths::Deaths;
use super::flush::{Account, Ledger};
use super::write::size;
use super::{Store, shelved};
use crate::backend::{Backend, BackendError};
use crate::image::Image;
use crate::index::{Index, Mark};
use crate::keyvalue;
use crate::knobs::Knobs;
use crate::recent::{Recents, Stored};
use crate::revision::Revision;
use crate::segment::{MAP_KEYSPACE, PREFIX, Segment, Shelf, read_map};

/// What the record says of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The store's revision; below 1 in a fresh record.
    pub revision: i64,
    /// The last compaction; -1 for none.
    pub compaction: i64,
}

impl Default for Recorded {
    fn default() -> Recorded {
        Recorded { revision: 1, compaction: -1 }
    }
}

/// Why a store cannot be recovered from its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The backend failed.
    Backend(BackendError),
    /// What is there contradicts itself or the record: the member needs a snapshot of another.
    Corrupt(String),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Backend(error) => error.fmt(f),
            RestoreError::Corrupt(what) => write!(f, "the key space is damaged: {what}"),
        }
    }
}

impl core::error::Error for RestoreError {}

impl From<BackendError> for RestoreError {
    fn from(error: BackendError) -> RestoreError {
        RestoreError::Backend(error)
    }
}

impl<B: Backend> Store<B> {
    /// Rebuilds the store. Revisions beyond the recorded one are ignored: the log has them and
    /// will bring them again. Keyspaces of segments that are not on the map are deleted, remains of
    /// a flush or a cleaning that was not recorded. `attach` is called once for each living key
    /// that hangs on a lease.
    ///
    /// # Errors
    /// The backend failed; a mapped segment is missing; an entry cannot be read.
    pub fn restore(
        backend: &B,
        recorded: &Recorded,
        knobs: Knobs,
        attach: &mut dyn FnMut(&Bytes, i64),
    ) -> Result<Store<B>, RestoreError> {
        let revision = recorded.revision.max(1);
        if recorded.compaction > revision {
            let what = format!("compacted at {}, but at {revision}", recorded.compaction);
            return Err(RestoreError::Corrupt(what));
        }
        backend.create(MAP_KEYSPACE)?;
        let segments = settle_keyspaces(backend)?;
        let snapshot = backend.snapshot()?;
        let mut store = Store {
            image: Image {
                index: Index::default(),
                recents: Recents::new(revision),
                shelf: Arc::new(Shelf { snapshot, segments }),
                revision,
                compacted: recorded.compaction,
                logical_bytes: 0,
                roots: Arc::new([]),
            },
            backend: backend.clone(),
            knobs,
            flushed: revision,
            cut: None,
            compaction: Compaction::recorded(recorded.compaction),
            deaths: Deaths::default(),
            segments: Ledger::default(),
            cleaning: false,
            published: None,
            fault: None,
        };
        store.open_ledger();
        let mut leased = BTreeMap::new();
        store.scan(&mut leased)?;
        store.sweep_recorded();
        for (key, lease) in &leased {
            attach(key, *lease);
        }
        Ok(store)
    }

    fn open_ledger(&mut self) {
        let segments = &self.image.shelf.segments;
        let next = segments.iter().map(|segment| segment.id + 1).max();
        self.segments.next_id = next.unwrap_or(1);
        self.segments.accounts =
            segments.iter().map(|segment| (segment.id, Account::default())).collect();
    }

    /// Reads every entry; leaves in `leased` the living keys that hang on a lease.
    fn scan(&mut self, leased: &mut BTreeMap<Bytes, i64>) -> Result<(), RestoreError> {
        let shelf = self.image.shelf.clone();
        for entry in shelf.scan(0, self.image.revision) {
            let (revision, stored) = entry?;
            let pair = keyvalue::decode(&stored.bytes)?;
            self.recover(revision, &stored, &pair)?;
            match pair.lease {
                0 => leased.remove(&pair.key),
                lease => leased.insert(Bytes::copy_from_slice(&pair.key), lease),
            };
        }
        Ok(())
    }

    fn recover(
        &mut self,
        revision: Revision,
        stored: &Stored,
        pair: &KeyValue,
    ) -> Result<(), RestoreError> {
        let damaged = |what: &str| RestoreError::Corrupt(format!("revision {revision} {what}"));
        let (created, version) = match stored.tombstone {
            true => (0, 0),
            false => (pair.create_revision, pair.version),
        };
        let is_put = created > 0 && created <= revision.main && version > 0;
        if !stored.tombstone && (!is_put || pair.mod_revision != revision.main) {
            return Err(damaged("is another than its value says"));
        }
        let sub = u32::try_from(revision.sub).map_err(|_| damaged("has no such sub revision"))?;
        let mark = Mark { main: revision.main, created, version, sub, bytes: size(&stored.bytes) };
        if let Some(last) = self.image.index.last_change(&pair.key, i64::MAX)
            && last.revision() >= revision
        {
            return Err(damaged("comes after a later one of its key"));
        }
        let superseded = self.image.index.insert(&pair.key, mark);
        self.deaths.note(superseded, &mark);
        self.image.logical_bytes += mark.logical_bytes();
        self.segments.add(&self.image.shelf.segments, &mark);
        Ok(())
    }

    /// Forgets what the recorded compaction made dead, cleaned away or not.
    fn sweep_recorded(&mut self) {
        let compacted = self.image.compacted;
        if compacted < 0 {
            return;
        }
        self.image.compacted = -1;
        let again = self.compact(compacted);
        assert_eq!(again, Ok(()), "compaction {compacted} lies within the recorded revision");
        self.compact_all();
    }

    /// Replaces the shelf by one with this map.
    pub(super) fn reshelve(&mut self, segments: Vec<Segment>) {
        match self.backend.snapshot() {
            Ok(snapshot) => shelved(&mut self.image, Shelf { snapshot, segments }),
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
    }
}

/// Deletes segments that are not on the map; a mapped one that is missing is corruption.
fn settle_keyspaces<B: Backend>(backend: &B) -> Result<Vec<Segment>, RestoreError> {
    let segments = read_map(&backend.snapshot()?)?;
    let mut present: Vec<String> = backend.keyspaces()?;
    present.retain(|keyspace| keyspace.starts_with(PREFIX));
    for segment in &segments {
        let name = segment.keyspace();
        if !present.contains(&name) {
            return Err(RestoreError::Corrupt(format!("segment {name} is missing")));
        }
        present.retain(|keyspace| *keyspace != name);
    }
    for orphan in present {
        backend.delete(&orphan)?;
    }
    Ok(segments)
}
