//! The frames and records of a segment, as far as the witness needs them.

use base::checksum::{crc32c, crc32c_append};
use prost::Message;

use crate::disk::file::FileImage;

#[derive(Clone, PartialEq, prost::Message)]
struct RecordMessage {
    #[prost(int64, optional, tag = "1")]
    kind: Option<i64>,
    #[prost(uint32, optional, tag = "2")]
    crc: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "3")]
    data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EntryMessage {
    #[prost(int32, optional, tag = "1")]
    kind: Option<i32>,
    #[prost(uint64, optional, tag = "2")]
    term: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    index: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HardStateMessage {
    #[prost(uint64, optional, tag = "1")]
    term: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    vote: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    commit: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotMessage {
    #[prost(uint64, optional, tag = "1")]
    index: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    term: Option<u64>,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A log entry.
    Entry {
        /// Its position.
        index: u64,
        /// Its term.
        term: u64,
        /// CRC-32C of kind and payload.
        checksum: u32,
    },
    /// Term, vote and commit.
    HardState {
        /// The term.
        term: u64,
        /// The vote, zero for none.
        vote: u64,
        /// The commit index.
        commit: u64,
    },
    /// A snapshot exists.
    Snapshot {
        /// Where it stands.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// Metadata, or the start of a checksum chain.
    Other,
}

/// The checksum of an entry as its checkers compare it.
#[must_use]
pub fn entry_checksum(kind: u8, data: &[u8]) -> u32 {
    crc32c_append(crc32c(&[kind]), data)
}

/// Whether the record is the one that carries the previous segment's checksum.
pub(super) fn is_chain_start(frame: &Frame, data: &[u8]) -> bool {
    *frame == Frame::Other && data.is_empty()
}

/// The frame at `offset` of the durable image: what it says, its data, its checksum, its bytes.
#[must_use]
pub fn decode_frame(file: &FileImage, offset: u64) -> Option<(Frame, Vec<u8>, u32, u64)> {
    let head: [u8; 8] = file.durable_read(offset, 8).try_into().ok()?;
    let head = u64::from_le_bytes(head);
    let len = head & 0x00ff_ffff_ffff_ffff;
    let pad = if head >> 63 == 1 { (head >> 56) & 0x7 } else { 0 };
    if len == 0 || len > file.durable_len() {
        return None;
    }
    let body = file.durable_read(offset + 8, len as usize);
    if body.len() as u64 != len {
        return None;
    }
    let record = RecordMessage::decode(body.as_slice()).ok()?;
    let data = record.data.unwrap_or_default();
    let frame = interpret(record.kind?, &data)?;
    Some((frame, data, record.crc.unwrap_or(0), 8 + len + pad))
}

fn interpret(kind: i64, data: &[u8]) -> Option<Frame> {
    Some(match kind {
        2 => {
            let entry = EntryMessage::decode(data).ok()?;
            let payload = entry.data.unwrap_or_default();
            Frame::Entry {
                index: entry.index.unwrap_or(0),
                term: entry.term.unwrap_or(0),
                checksum: entry_checksum(entry.kind.unwrap_or(0) as u8, &payload),
            }
        }
        3 => {
            let state = HardStateMessage::decode(data).ok()?;
            Frame::HardState {
                term: state.term.unwrap_or(0),
                vote: state.vote.unwrap_or(0),
                commit: state.commit.unwrap_or(0),
            }
        }
        5 => {
            let snapshot = SnapshotMessage::decode(data).ok()?;
            Frame::Snapshot { index: snapshot.index.unwrap_or(0), term: snapshot.term.unwrap_or(0) }
        }
        _ => Frame::Other,
    })
}

#[cfg(test)]
pub(super) fn encode_frame(kind: i64, crc: u32, data: &[u8]) -> Vec<u8> {
    let record = RecordMessage {
        kind: Some(kind),
        crc: Some(crc),
        data: (!data.is_empty()).then(|| data.to_vec()),
    };
    let body = record.encode_to_vec();
    let pad = (8 - body.len() % 8) % 8;
    let mut head = body.len() as u64;
    if pad > 0 {
        head |= (0x80 | pad as u64) << 56;
    }
    let mut bytes = head.to_le_bytes().to_vec();
    bytes.extend(&body);
    bytes.resize(bytes.len() + pad, 0);
    bytes
}

#[cfg(test)]
pub(super) fn encode_entry(index: u64, term: u64, data: &[u8]) -> Vec<u8> {
    let entry = EntryMessage {
        kind: Some(0),
        term: Some(term),
        index: Some(index),
        data: Some(data.to_vec()),
    };
    entry.encode_to_vec()
}

#[cfg(test)]
pub(super) fn encode_hard_state(term: u64, vote: u64, commit: u64) -> Vec<u8> {
    HardStateMessage { term: Some(term), vote: Some(vote), commit: Some(commit) }.encode_to_vec()
}
