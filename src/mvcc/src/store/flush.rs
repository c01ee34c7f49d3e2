//! The way into the backend: cuts of the newest revisions for the flusher, and which segment they
//! go to.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Store, shelved};
use crate::backend::{Backend, Change};
use crate::index::Mark;
use crate::revision::ENCODED_LEN;
use crate::segment::{Segment, Shelf};

/// Key revisions that go into the backend together, up to the boundary of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flush {
    /// The keyspace they go to.
    pub keyspace: String,
    /// Whether that keyspace begins with them.
    pub begins: bool,
    /// Encoded revisions and values, ascending.
    pub entries: Vec<(Bytes, Bytes)>,
    /// Changes of the segment map, for the batch that records the cut.
    pub map: Vec<Change>,
    /// The last main revision among them.
    pub through: i64,
}

/// What is with the flusher.
pub(super) struct Cut {
    /// The store's revision at the cut.
    pub(super) through: i64,
    /// The last compaction at the cut, which is recorded with it.
    compacted: i64,
    /// The map as the cut leaves it; a cleaning that ends meanwhile changes it too.
    pub(super) segments: Vec<Segment>,
}

/// A segment that is mostly dead is sealed from this part of its full size on.
const SEALED_EARLY_PART: u64 = 16;

/// Bytes of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Written, and not cleaned away.
    pub(super) bytes: u64,
    /// Of those, what compactions made dead.
    pub(super) dead: u64,
    /// Dead tombstones beside them that a cleaning had to keep.
    pub(super) held: u64,
}

/// The accounts of all segments, and the next id.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) accounts: BTreeMap<u64, Account>,
    pub(super) next_id: u64,
    /// Bytes that died before they were written; they are written all the same.
    stillborn: u64,
}

impl Ledger {
    pub(super) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Counts a change that recovery read.
    pub(super) fn add(&mut self, segments: &[Segment], mark: &Mark) {
        self.account_of(segments, mark.main).bytes += mark.logical_bytes().unsigned_abs();
    }

    /// Counts changes as dead where they are; those above `written` are still on their way.
    pub(super) fn bury(&mut self, segments: &[Segment], written: i64, dead: &[Mark]) {
        for mark in dead {
            let bytes = mark.logical_bytes().unsigned_abs();
            if mark.main > written {
                self.stillborn += bytes;
            } else {
                self.account_of(segments, mark.main).dead += bytes;
            }
        }
    }

    fn account_of(&mut self, segments: &[Segment], main: i64) -> &mut Account {
        let at = segments.partition_point(|segment| segment.to < main);
        let segment = segments.get(at).filter(|segment| segment.from <= main);
        let segment = segment.unwrap_or_else(|| panic!("revision {main} is in no segment"));
        self.accounts.get_mut(&segment.id).expect("every segment has an account")
    }

    pub(super) fn check(&self, segments: &[Segment]) {
        for segment in segments {
            assert!(self.accounts.contains_key(&segment.id), "{segment:?} has no account");
            assert!(segment.id < self.next_id, "the id of {segment:?} may be used again");
        }
        let gaps = segments.windows(2).find(|pair| pair[0].to.checked_add(1) != Some(pair[1].from));
        assert!(gaps.is_none(), "segments do not meet: {gaps:?}");
    }
}

impl<B: Backend> Store<B> {
    /// Takes everything that the backend does not have, for the flusher. To be called at the
    /// boundary of an entry, together with the record of that entry; `None` when no key changed.
    /// Until [`Store::flushed`] is called for it no other cut may be taken.
    ///
    /// # Panics
    /// When a cut is with the flusher, or after a fault.
    pub fn take_flush(&mut self) -> Option<Flush> {
        self.assert_sound();
        assert!(self.cut.is_none(), "a second cut is taken while one is with the flusher");
        let through = self.image.revision;
        let entries: Vec<(Bytes, Bytes)> = self
            .image
            .recents
            .from(self.flushed + 1)
            .map(|(revision, stored)| (revision.encode(stored.tombstone), stored.bytes.clone()))
            .collect();
        let mut segments = self.image.shelf.segments.clone();
        let flush = match entries.is_empty() {
            true => None,
            false => Some(self.place(entries, through, &mut segments)),
        };
        self.cut = Some(Cut { through, compacted: self.image.compacted, segments });
        flush
    }

    /// Chooses the segment of a flush: the last one, or a new one when that is full.
    fn place(
        &mut self,
        entries: Vec<(Bytes, Bytes)>,
        through: i64,
        segments: &mut Vec<Segment>,
    ) -> Flush {
        let bytes: u64 = entries.iter().map(|(_, value)| (ENCODED_LEN + value.len()) as u64).sum();
        let last = segments.last().copied();
        let full = last.is_none_or(|last| self.is_ripe(self.segments.accounts[&last.id]));
        let mut map = Vec::new();
        if full {
            let from = self.flushed + 1;
            if let Some(last) = segments.last_mut() {
                last.to = from - 1;
                map.push(last.mapped());
            }
            let segment = Segment { id: self.segments.take_id(), from, to: i64::MAX };
            self.segments.accounts.insert(segment.id, Account::default());
            map.push(segment.mapped());
            segments.push(segment);
        }
        let segment = segments.last().expect("there is one, or one was just begun");
        let stillborn = core::mem::take(&mut self.segments.stillborn);
        let account = self.segments.accounts.get_mut(&segment.id);
        let account = account.expect("every segment has an account");
        account.bytes += bytes;
        account.dead += stillborn;
        Flush { keyspace: segment.keyspace(), begins: full, entries, map, through }
    }

    /// Whether the segment that grows is to be sealed: it is full, or worth a cleaning, which only
    /// sealed ones can have, and not so small that segments would swarm.
    fn is_ripe(&self, account: Account) -> bool {
        let Account { bytes, dead, .. } = account;
        let is_worth_it =
            dead.saturating_mul(100) >= bytes.saturating_mul(self.knobs.clean_dead_percent);
        let is_large = bytes >= self.knobs.segment_bytes / SEALED_EARLY_PART;
        bytes >= self.knobs.segment_bytes || (is_large && dead > 0 && is_worth_it)
    }

    /// Told when a cut is written *and persisted* with its record, `revision` being the store's
    /// at the cut. What is in the backend may go from memory.
    ///
    /// # Panics
    /// When no cut of this revision is with the flusher.
    pub fn flushed(&mut self, revision: i64) {
        let cut = self.cut.take();
        let cut = cut.unwrap_or_else(|| panic!("flushed {revision}, but nothing was taken"));
        assert_eq!(cut.through, revision, "another cut is with the flusher");
        match self.backend.snapshot() {
            Ok(snapshot) => {
                self.flushed = cut.through;
                self.compaction.persisted(cut.compacted);
                shelved(&mut self.image, Shelf { snapshot, segments: cut.segments });
                self.image.recents.trim(self.flushed, self.knobs.recent_bytes_max);
            }
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
    }
}
