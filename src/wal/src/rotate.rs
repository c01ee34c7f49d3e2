//! How segments come to be: created under a temporary name, synced, renamed, the directory synced.
//! A name that recovery can see therefore has a whole header behind it (M15).

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use base::Index;
use proto::raftpb::ConfState;

use crate::encode::{Encoder, OVERHEAD_BYTES};
use crate::name::{SegmentName, temporary};
use crate::op::Op;
use crate::types::{EntryRef, HardState, Metadata, SnapshotMark};
use crate::writer::Writer;

impl Writer {
    /// The first segment of a new log, with the entries and the hard state that the member is
    /// born with, if any: either all of it exists after a crash or nothing does.
    ///
    /// # Panics
    /// When the entries do not begin at 1 or the hard state is ahead of them.
    pub fn create<'a>(
        metadata: Metadata,
        segment_bytes: u64,
        hard_state: HardState,
        entries: impl Iterator<Item = EntryRef<'a>>,
    ) -> (Writer, Vec<Op>) {
        let name = SegmentName { sequence: 0, first: Index::ZERO };
        let mut encoder = Encoder::new(0, 4 * OVERHEAD_BYTES);
        encoder.chain();
        encoder.metadata(&metadata);
        encoder.snapshot(&SnapshotMark {
            index: Index::ZERO,
            term: base::Term::ZERO,
            conf_state: ConfState::default(),
        });
        let header_bytes = encoder.len() as u64;
        if !hard_state.is_empty() {
            encoder.hard_state(&hard_state);
        }
        let mut last = Index::ZERO;
        for entry in entries {
            assert!(entry.index == last.next(), "entry {} follows {last}", entry.index);
            assert!(entry.term <= hard_state.term, "entry {last} is ahead of {hard_state:?}");
            encoder.entry(&entry);
            last = entry.index;
        }
        assert!(hard_state.commit <= last, "{hard_state:?} is ahead of entry {last}");
        let (offset, crc) = (encoder.len() as u64, encoder.crc);
        let writer = Writer {
            metadata,
            segment_bytes,
            segments: vec![name],
            closed_bytes: Vec::new(),
            offset,
            header_bytes,
            crc,
            overhang: 0,
            hard_state,
            last,
            mark: Index::ZERO,
            prepared: None,
            suspects: Vec::new(),
        };
        let from = temporary(0);
        let mut ops = vec![Op::Create { name: from.clone(), allocate: segment_bytes }];
        publish(&mut ops, from, name, encoder);
        (writer, ops)
    }

    /// Prepares the file of the next segment, off the path of writes (X-e); nothing when it is
    /// prepared. These operations are finished before those of any later call begin.
    pub fn prepare_next(&mut self) -> Vec<Op> {
        if self.prepared.is_some() {
            return Vec::new();
        }
        let name = temporary(self.current().sequence + 1);
        self.prepared = Some(name.clone());
        vec![Op::Create { name, allocate: self.segment_bytes }]
    }

    /// The operations of the last [`Writer::prepare_next`] failed and left nothing: there is no
    /// prepared file.
    pub fn forget_prepared(&mut self) {
        self.prepared = None;
    }

    /// Begins a new segment when a batch of up to `bytes` does not fit into what was reserved. A
    /// batch that is larger than a segment gets one of its own.
    pub(crate) fn make_room(&mut self, state: &HardState, bytes: usize) -> Vec<Op> {
        let fits = self.offset + bytes as u64 <= self.segment_bytes;
        if fits || self.offset <= self.header_bytes {
            return Vec::new();
        }
        base::mark!("wal: segment rotated");
        let mut ops = self.prepare_next();
        let old = self.current();
        // The cut drops an unsynced commit index and must not be reordered behind the rename.
        ops.push(Op::Truncate { name: old.to_string(), len: self.offset });
        ops.push(Op::Sync { name: old.to_string() });
        let name = SegmentName { sequence: old.sequence + 1, first: self.last.next() };
        let mut encoder = Encoder::new(self.crc, 3 * OVERHEAD_BYTES);
        encoder.chain();
        encoder.metadata(&self.metadata);
        encoder.hard_state(state);
        self.closed_bytes.push(self.offset);
        self.segments.push(name);
        self.offset = encoder.len() as u64;
        self.header_bytes = self.offset;
        self.crc = encoder.crc;
        self.overhang = 0;
        let from = self.prepared.take().expect("prepared above at the latest");
        publish(&mut ops, from, name, encoder);
        ops
    }
}

fn publish(ops: &mut Vec<Op>, from: alloc::string::String, to: SegmentName, header: Encoder) {
    ops.push(Op::Write { name: from.clone(), offset: 0, bytes: header.finish() });
    ops.push(Op::Sync { name: from.clone() });
    ops.push(Op::Rename { from, to: to.to_string() });
    ops.push(Op::SyncDir);
}
