//! Turns batches into file operations: where the next byte goes, and the checksum it continues.
//!
//! Invariants: everything below `offset` was given in an operation that a `Sync` follows; `last` is
//! the last entry below it; the recorded commit index never exceeds an entry that was durable
//! before the batch, so that a torn batch leaves no commit index without its entry.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base::Index;
use bytes::Bytes;

use crate::encode::{Encoder, OVERHEAD_BYTES};
use crate::name::SegmentName;
use crate::op::Op;
use crate::suspect::Suspect;
use crate::types::{EntryRef, HardState, Metadata, SnapshotMark};

/// The end of the log.
#[derive(Debug)]
pub struct Writer {
    pub(crate) metadata: Metadata,
    pub(crate) segment_bytes: u64,
    /// The segments in order with the bytes of those that are complete; the last is written to.
    pub(crate) segments: Vec<SegmentName>,
    pub(crate) closed_bytes: Vec<u64>,
    /// Where the next batch begins in the current segment.
    pub(crate) offset: u64,
    /// Where the first batch of the current segment begins.
    pub(crate) header_bytes: u64,
    /// The checksum of the chain up to `offset`.
    pub(crate) crc: u32,
    /// Bytes written behind `offset` without a sync: a commit index that the next batch overwrites.
    pub(crate) overhang: usize,
    pub(crate) hard_state: HardState,
    pub(crate) last: Index,
    /// The newest mark in force.
    pub(crate) mark: Index,
    /// The file that becomes the next segment.
    pub(crate) prepared: Option<String>,
    pub(crate) suspects: Vec<Suspect>,
}

impl Writer {
    /// Appends one batch: a hard state, then the entries, ended by one `Sync` if `sync`.
    ///
    /// Without `sync` only a higher commit index may be recorded; it is written where the next
    /// batch will begin, so that an unsynced write never has a synced one behind it. The recorded
    /// commit index is at most the last entry before this batch.
    ///
    /// # Panics
    /// When entries, a term or a vote come without `sync`; when the hard state goes back; when an
    /// entry leaves a gap or replaces a committed one.
    pub fn append<'a>(
        &mut self,
        hard_state: Option<HardState>,
        entries: impl Iterator<Item = EntryRef<'a>>,
        sync: bool,
    ) -> Vec<Op> {
        let entries: Vec<EntryRef<'a>> = entries.collect();
        let mut state = self.successor(hard_state.unwrap_or(self.hard_state));
        // A batch of several appends may replace what an earlier leader left and commit what takes
        // its place: torn behind the hard state, it must not call the old entries committed.
        if let Some(first) = entries.iter().map(|entry| entry.index).min() {
            state.commit = state.commit.min(first.prev()).max(self.hard_state.commit);
        }
        let binding = !entries.is_empty() || self.must_sync(&state);
        assert!(sync || !binding, "{} entries and {state:?} without a sync", entries.len());
        if !binding && state == self.hard_state && (self.overhang == 0 || !sync) {
            return Vec::new();
        }
        let payload: usize = entries.iter().map(|entry| entry.data.len() + OVERHEAD_BYTES).sum();
        let mut ops = self.make_room(&state, payload + OVERHEAD_BYTES);
        let mut encoder = Encoder::new(self.crc, payload + OVERHEAD_BYTES);
        encoder.hard_state(&state);
        for entry in &entries {
            self.admit(entry, &state);
            encoder.entry(entry);
        }
        self.hard_state = state;
        self.write(encoder, sync, &mut ops);
        ops
    }

    /// Whether recording this hard state needs a sync: a term or vote must not be forgotten.
    #[must_use]
    pub fn must_sync(&self, state: &HardState) -> bool {
        (state.term, state.vote) != (self.hard_state.term, self.hard_state.vote)
    }

    /// Marks that the backend stands in for the log up to an entry of this log, with a hard state
    /// whose commit index covers it; synced.
    ///
    /// # Panics
    /// When the entry is not in the log or not committed: a snapshot that was received from
    /// another member goes through [`Writer::install`].
    pub fn snapshot(&mut self, mark: &SnapshotMark, hard_state: HardState) -> Vec<Op> {
        let state = self.successor(hard_state);
        let (index, last) = (mark.index, self.last);
        assert!(index <= last, "checkpoint {index} beyond the log's end {last}: install it");
        assert!(index <= state.commit, "checkpoint {index} beyond commit {}", state.commit);
        let ops = self.write_mark(mark, state);
        self.mark = self.mark.max(index);
        ops
    }

    /// Marks that a received snapshot replaces the whole log, which restarts behind it; synced.
    /// The commit index follows in a second batch: recorded first, it would call entries
    /// committed that the snapshot replaces.
    ///
    /// # Panics
    /// When the mark is not ahead of the recorded commit index, or the hard state not up to it.
    pub fn install(&mut self, mark: &SnapshotMark, hard_state: HardState) -> Vec<Op> {
        let (index, commit) = (mark.index, self.hard_state.commit);
        assert!(index > commit, "snapshot {index} is not ahead of commit {commit}");
        assert!(hard_state.commit >= index, "snapshot {index} with {hard_state:?}");
        let before = self.successor(HardState { commit, ..hard_state });
        let mut ops = self.write_mark(mark, before);
        self.last = index;
        self.mark = index;
        let state = HardState { commit: index, ..hard_state };
        self.hard_state = state;
        let mut encoder = Encoder::new(self.crc, OVERHEAD_BYTES);
        encoder.hard_state(&state);
        self.write(encoder, true, &mut ops);
        ops
    }

    /// Removes the segments that hold only entries up to `through` (BK5).
    ///
    /// # Panics
    /// When no mark covers `through`: what is removed could not be recovered.
    pub fn release(&mut self, through: Index) -> Vec<Op> {
        let mark = self.mark;
        assert!(through <= mark, "release through {through} without a mark beyond {mark}");
        let behind = self.segments.iter().skip(1).take_while(|segment| segment.first <= through);
        let count = behind.count();
        self.closed_bytes.drain(..count);
        let mut ops: Vec<Op> = self
            .segments
            .drain(..count)
            .map(|segment| Op::Remove { name: segment.to_string() })
            .collect();
        if !ops.is_empty() {
            ops.push(Op::SyncDir);
        }
        ops
    }

    /// Forgets what recovery found suspect; called once a leader has caught this member up.
    pub fn clear_suspect(&mut self) -> Vec<Op> {
        let names = self.suspects.drain(..).map(|suspect| suspect.file_name());
        let mut ops: Vec<Op> = names.map(|name| Op::Remove { name }).collect();
        if !ops.is_empty() {
            ops.push(Op::SyncDir);
        }
        ops
    }

    /// The segments, oldest first; the last is being written.
    #[must_use]
    pub fn segments(&self) -> &[SegmentName] {
        &self.segments
    }

    /// Bytes that the segments take, reserved space included.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        let prepared = if self.prepared.is_some() { self.segment_bytes } else { 0 };
        self.closed_bytes.iter().sum::<u64>() + self.offset.max(self.segment_bytes) + prepared
    }

    /// The last entry, or what the newest snapshot covers.
    #[must_use]
    pub fn last(&self) -> Index {
        self.last
    }

    /// The newest mark in force, zero for none.
    #[must_use]
    pub fn mark(&self) -> Index {
        self.mark
    }

    /// The hard state as it may be recorded now.
    fn successor(&self, mut state: HardState) -> HardState {
        let old = self.hard_state;
        assert!(!state.term.is_zero(), "a batch needs a term: {state:?}");
        assert!(state.term >= old.term, "{state:?} follows {old:?}");
        let same_term = state.term == old.term;
        let kept = old.vote.is_zero() || old.vote == state.vote;
        assert!(!same_term || kept, "two votes in one term: {state:?} follows {old:?}");
        // Commit indexes that were held back may still be ahead of the caller's.
        state.commit = state.commit.min(self.last).max(old.commit);
        state
    }

    fn admit(&mut self, entry: &EntryRef<'_>, state: &HardState) {
        let (index, last) = (entry.index, self.last);
        assert!(index > state.commit, "entry {index} replaces committed {}", state.commit);
        assert!(index <= last.next(), "entry {index} leaves a gap behind {last}");
        assert!(!entry.term.is_zero(), "entry {index} has no term");
        assert!(entry.term <= state.term, "entry {index}: term {} in {state:?}", entry.term);
        self.last = index;
    }

    fn write_mark(&mut self, mark: &SnapshotMark, state: HardState) -> Vec<Op> {
        let conf_state = &mark.conf_state;
        let room = OVERHEAD_BYTES * 4
            + 10 * (conf_state.voters.len()
                + conf_state.learners.len()
                + conf_state.voters_outgoing.len()
                + conf_state.learners_next.len());
        let mut ops = self.make_room(&state, room);
        let mut encoder = Encoder::new(self.crc, room);
        encoder.hard_state(&state);
        encoder.snapshot(mark);
        self.hard_state = state;
        self.write(encoder, true, &mut ops);
        ops
    }

    fn write(&mut self, mut encoder: Encoder, sync: bool, ops: &mut Vec<Op>) {
        let (len, crc) = (encoder.len(), encoder.crc);
        encoder.zeros_to(self.overhang);
        let bytes: Bytes = encoder.finish();
        let name = self.current().to_string();
        ops.push(Op::Write { name: name.clone(), offset: self.offset, bytes });
        if sync {
            self.overhang = 0;
            self.offset += len as u64;
            self.crc = crc;
            ops.push(Op::Sync { name });
        } else {
            self.overhang = self.overhang.max(len);
        }
    }

    pub(crate) fn current(&self) -> SegmentName {
        *self.segments.last().expect("a writer always has a current segment")
    }
}
