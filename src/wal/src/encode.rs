//! Encodes records into one buffer per batch and carries the running checksum.

use base::checksum::crc32c_append;
use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::{HEADER_BYTES, kind, length_word};
use crate::message;
use crate::types::{EntryRef, HardState, Metadata, SnapshotMark};
use crate::varint;

/// More than a frame adds to the payload of an entry.
pub(crate) const OVERHEAD_BYTES: usize = 80;

/// A batch being encoded.
pub(crate) struct Encoder {
    buffer: BytesMut,
    /// Over the data of all records of the chain, the ones in the buffer included.
    pub crc: u32,
}

impl Encoder {
    pub(crate) fn new(crc: u32, capacity: usize) -> Encoder {
        Encoder { buffer: BytesMut::with_capacity(capacity), crc }
    }

    /// The record that begins a segment; it carries the checksum of the chain before it.
    pub(crate) fn chain(&mut self) {
        self.record(kind::CRC, &[], &[]);
    }

    pub(crate) fn metadata(&mut self, metadata: &Metadata) {
        self.record(kind::METADATA, message::metadata(metadata).bytes(), &[]);
    }

    pub(crate) fn hard_state(&mut self, state: &HardState) {
        self.record(kind::HARD_STATE, message::hard_state(state).bytes(), &[]);
    }

    pub(crate) fn snapshot(&mut self, mark: &SnapshotMark) {
        self.record(kind::SNAPSHOT, &message::snapshot(mark), &[]);
    }

    pub(crate) fn entry(&mut self, entry: &EntryRef<'_>) {
        self.record(kind::ENTRY, message::entry_head(entry).bytes(), entry.data);
    }

    /// Bytes encoded so far.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Appends zeros up to a length.
    pub(crate) fn zeros_to(&mut self, len: usize) {
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        assert!(
            self.buffer.len().is_multiple_of(8),
            "a batch of {} bytes is unaligned",
            self.buffer.len()
        );
        self.buffer.freeze()
    }

    fn record(&mut self, kind: u64, head: &[u8], tail: &[u8]) {
        // The checksum comes first: its varint's length decides where the data begins.
        self.crc = crc32c_append(crc32c_append(self.crc, head), tail);
        let data_len = head.len() + tail.len();
        let mut fields = [0; 24];
        fields[0] = 0x08;
        let mut at = varint::put(&mut fields, 1, kind);
        fields[at] = 0x10;
        at = varint::put(&mut fields, at + 1, u64::from(self.crc));
        if data_len > 0 {
            fields[at] = 0x1a;
            at = varint::put(&mut fields, at + 1, data_len as u64);
        }
        let (word, padding) = length_word(at + data_len);
        self.buffer.reserve(HEADER_BYTES + at + data_len + padding);
        self.buffer.put_u64_le(word);
        self.buffer.put_slice(&fields[..at]);
        self.buffer.put_slice(head);
        self.buffer.put_slice(tail);
        self.buffer.put_bytes(0, padding);
    }
}
