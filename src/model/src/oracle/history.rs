//! The whole history of the key space as a map of vectors: the oracle's only store.
//!
//! Nothing is ever removed: a compaction moves a mark. Every read scans, so that there is no index
//! that could be wrong. Invariants: the versions of a key rise strictly in (main, sub); no version
//! lies above the current revision, except while a write is in progress, which is at revision + 1.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::mvccpb::{Event, KeyValue, event::EventType};

use crate::interval;

/// Length of an encoded revision, which is the key of a stored pair.
const STORED_KEY_BYTES: usize = 17;

/// Bytes that a version takes; a tombstone is stored with its key alone.
fn stored_bytes(key: &Bytes, version: &Version) -> usize {
    let pair = match &version.kv {
        Some(kv) => kv.encoded_len(),
        None => KeyValue { key: key.clone(), ..KeyValue::default() }.encoded_len(),
    };
    pair + STORED_KEY_BYTES
}

/// What one revision did to one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The store revision of the change.
    pub main: i64,
    /// The position of the change within its revision.
    pub sub: i64,
    /// The stored pair, or nothing for a tombstone.
    pub kv: Option<KeyValue>,
}

/// Every version of every key, and how far the history was compacted.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    keys: BTreeMap<Bytes, Vec<Version>>,
    revision: i64,
    compacted: i64,
    /// Logical bytes, as the walk over what is left counts them.
    bytes: usize,
}

impl Default for History {
    fn default() -> History {
        History { keys: BTreeMap::new(), revision: 1, compacted: -1, bytes: 0 }
    }
}

impl History {
    /// The current revision; 1 for an empty store.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The revision of the last compaction; -1 before the first.
    #[must_use]
    pub fn compacted(&self) -> i64 {
        self.compacted
    }

    /// The versions of one key, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = (&Bytes, &[Version])> {
        self.keys.iter().map(|(key, versions)| (key, versions.as_slice()))
    }

    /// The pair of one key as of a revision.
    #[must_use]
    pub fn live(&self, key: &[u8], at: i64) -> Option<&KeyValue> {
        newest(self.keys.get(key)?, at)?.kv.as_ref()
    }

    /// The pairs of a range as of a revision, in key order.
    #[must_use]
    pub fn scan(&self, key: &[u8], range_end: &[u8], at: i64) -> Vec<KeyValue> {
        let inside = self.keys.iter().filter(|(name, _)| interval::contains(key, range_end, name));
        inside.filter_map(|(_, versions)| newest(versions, at)?.kv.clone()).collect()
    }

    /// Appends a version of the revision that is being written.
    pub fn append(&mut self, key: &Bytes, version: Version) {
        let (main, sub) = (version.main, version.sub);
        assert!(main == self.revision + 1, "write at {main}, current is {}", self.revision);
        let versions = self.keys.entry(key.clone()).or_default();
        if let Some(last) = versions.last() {
            let before = (last.main, last.sub);
            assert!(before < (main, sub), "{before:?} is not before {:?}", (main, sub));
            assert!(last.kv.is_some() || version.kv.is_some(), "tombstone of an absent key");
        }
        self.bytes += stored_bytes(key, &version);
        versions.push(version);
    }

    /// Bytes of what the last compaction left, as the quota counts them: each stored pair and its
    /// key in the backend.
    #[must_use]
    pub fn logical_bytes(&self) -> i64 {
        self.bytes as i64
    }

    /// Of the versions below the compaction only what a read at it finds is left; all that came
    /// later is.
    fn walked_bytes(&self) -> usize {
        let left = self.keys.iter().flat_map(|(key, versions)| {
            let base = newest(versions, self.compacted).filter(|base| base.kv.is_some());
            let is_left = move |version: &&Version| {
                version.main >= self.compacted
                    || base.is_some_and(|base| core::ptr::eq(base, *version))
            };
            versions.iter().filter(is_left).map(move |version| stored_bytes(key, version))
        });
        left.sum()
    }

    /// Makes the revision that was being written the current one.
    pub fn advance(&mut self) {
        self.revision += 1;
    }

    /// Moves the compaction mark; the caller has checked the revision.
    pub fn compact(&mut self, revision: i64) {
        assert!(self.compacted < revision, "{revision} is below {}", self.compacted);
        assert!(revision <= self.revision, "{revision} is above {}", self.revision);
        self.compacted = revision;
        self.bytes = self.walked_bytes();
    }

    /// The events of `from..=to` in the order in which they happened, each with its revision.
    ///
    /// `prev_kv` is the pair at the revision before; it is missing on a create, and where that
    /// revision was compacted.
    #[must_use]
    pub fn events(&self, from: i64, to: i64) -> Vec<(i64, Event)> {
        let mut found = Vec::new();
        for (key, versions) in &self.keys {
            let recent = versions.iter().rev().take_while(|version| version.main >= from);
            for version in recent.filter(|version| version.main <= to) {
                found.push((version.main, version.sub, self.event(key, version)));
            }
        }
        found.sort_by_key(|(main, sub, _)| (*main, *sub));
        found.into_iter().map(|(main, _, event)| (main, event)).collect()
    }

    fn event(&self, key: &Bytes, version: &Version) -> Event {
        let before = version.main - 1;
        let mut prev_kv = match before >= self.compacted {
            true => self.live(key, before).cloned(),
            false => None,
        };
        let (kind, kv) = match &version.kv {
            Some(kv) => (EventType::Put, kv.clone()),
            None => {
                let mod_revision = version.main;
                let kv = KeyValue { key: key.clone(), mod_revision, ..KeyValue::default() };
                (EventType::Delete, kv)
            }
        };
        if version.kv.is_some() && kv.create_revision == kv.mod_revision {
            prev_kv = None;
        }
        Event { r#type: kind as i32, kv: Some(kv), prev_kv }
    }

    /// Checks the invariants; panics with what it found.
    pub fn check(&self) {
        assert!(self.compacted <= self.revision, "{} > {}", self.compacted, self.revision);
        for (key, versions) in &self.keys {
            for pair in versions.windows(2) {
                let (a, b) = ((pair[0].main, pair[0].sub), (pair[1].main, pair[1].sub));
                assert!(a < b, "versions of {key:?} out of order: {a:?}, {b:?}");
            }
            let last = versions.last().map_or(0, |version| version.main);
            assert!(last <= self.revision, "{key:?} at {last}, current {}", self.revision);
        }
    }
}

/// The newest version at or below a revision.
#[must_use]
pub fn newest(versions: &[Version], at: i64) -> Option<&Version> {
    versions.iter().rev().find(|version| version.main <= at)
}
