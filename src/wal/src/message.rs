//! The messages inside records, encoded by hand without allocation: `raftpb.Entry`,
//! `raftpb.HardState`, `etcdserverpb.Metadata`, and `walpb.Snapshot`, which is rare.

use alloc::vec::Vec;

use base::{ClusterId, Index, MemberId, Term};
use bytes::Bytes;
use prost::Message;

use crate::types::{Entry, EntryRef, HardState, Metadata, SnapshotMark};
use crate::varint;

/// Room for four tags with the longest varints.
const SHORT_BYTES: usize = 44;

/// A short message on the stack.
pub(crate) struct Short {
    buffer: [u8; SHORT_BYTES],
    len: usize,
}

impl Short {
    fn of(fields: &[(u8, u64)]) -> Short {
        let mut short = Short { buffer: [0; SHORT_BYTES], len: 0 };
        for &(tag, value) in fields {
            short.buffer[short.len] = tag;
            short.len = varint::put(&mut short.buffer, short.len + 1, value);
        }
        short
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// Everything of an entry but its payload, the payload's tag and length included.
pub(crate) fn entry_head(entry: &EntryRef<'_>) -> Short {
    let kind = u64::try_from(entry.kind).expect("entry types are not negative");
    let fields = [
        (0x08, kind),
        (0x10, entry.term.get()),
        (0x18, entry.index.get()),
        (0x22, entry.data.len() as u64),
    ];
    Short::of(&fields[..if entry.data.is_empty() { 3 } else { 4 }])
}

pub(crate) fn hard_state(state: &HardState) -> Short {
    Short::of(&[(0x08, state.term.get()), (0x10, state.vote.get()), (0x18, state.commit.get())])
}

pub(crate) fn metadata(metadata: &Metadata) -> Short {
    Short::of(&[(0x08, metadata.member.get()), (0x10, metadata.cluster.get())])
}

pub(crate) fn snapshot(mark: &SnapshotMark) -> Vec<u8> {
    let conf_state = (!mark.index.is_zero()).then(|| mark.conf_state.clone());
    proto::walpb::Snapshot {
        index: Some(mark.index.get()),
        term: Some(mark.term.get()),
        conf_state,
    }
    .encode_to_vec()
}

/// Reads up to three varint fields 1, 2, 3 and, where `payload` is wanted, bytes in field 4.
fn fields(mut rest: &[u8], payload: bool) -> Option<([u64; 3], &[u8])> {
    let (mut values, mut data) = ([0; 3], &[][..]);
    while let Some((&tag, behind)) = rest.split_first() {
        let (value, behind) = varint::get(behind)?;
        rest = behind;
        match tag {
            0x08 | 0x10 | 0x18 => values[usize::from(tag / 8 - 1)] = value,
            0x22 if payload => {
                (data, rest) = behind.split_at_checked(usize::try_from(value).ok()?)?;
            }
            _ => return None,
        }
    }
    Some((values, data))
}

/// Reads an entry. A record's type is not under its checksum, so what only a hard state that turned
/// into an entry would say is refused: an unknown type, a change of members without a payload, a
/// member id for a term.
pub(crate) fn read_entry(bytes: &[u8]) -> Option<Entry> {
    let ([kind, term, index], data) = fields(bytes, true)?;
    let kind = i32::try_from(kind).ok().filter(|kind| (0..=2).contains(kind))?;
    if kind == 1 && data.is_empty() || term >= 1 << 48 {
        return None;
    }
    // Copied, so that an entry does not keep its whole segment in memory.
    Some(Entry { term: Term(term), index: Index(index), kind, data: Bytes::copy_from_slice(data) })
}

pub(crate) fn read_hard_state(bytes: &[u8]) -> Option<HardState> {
    let ([term, vote, commit], _) = fields(bytes, false)?;
    let state = HardState { term: Term(term), vote: MemberId(vote), commit: Index(commit) };
    (!state.is_empty()).then_some(state)
}

pub(crate) fn read_metadata(bytes: &[u8]) -> Option<Metadata> {
    let ([member, cluster, none], _) = fields(bytes, false)?;
    (none == 0).then_some(Metadata { member: MemberId(member), cluster: ClusterId(cluster) })
}

pub(crate) fn read_snapshot(bytes: &[u8]) -> Option<SnapshotMark> {
    let read = proto::walpb::Snapshot::decode(bytes).ok()?;
    Some(SnapshotMark {
        index: Index(read.index?),
        term: Term(read.term?),
        conf_state: read.conf_state.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_states_are_encoded_as_prost_encodes_them() {
        for (at, data) in [(0u64, &b""[..]), (127, b"x"), (128, &[7; 300]), (1 << 40, b"yz")] {
            let kind = if data.is_empty() { 0 } else { (at % 3) as i32 };
            let entry = EntryRef { term: Term(at + 1), index: Index(at + 2), kind, data };
            let message = proto::raftpb::Entry {
                r#type: Some(entry.kind),
                term: Some(at + 1),
                index: Some(at + 2),
                data: (!data.is_empty()).then(|| Bytes::copy_from_slice(data)),
            };
            let mut ours = entry_head(&entry).bytes().to_vec();
            ours.extend_from_slice(data);
            assert_eq!(ours, message.encode_to_vec());
            assert_eq!(read_entry(&ours).map(|read| read.data), Some(data.to_vec().into()));
            let state = HardState { term: Term(at), vote: MemberId(u64::MAX), commit: Index(at) };
            let message =
                proto::raftpb::HardState { term: Some(at), vote: Some(u64::MAX), commit: Some(at) };
            assert_eq!(hard_state(&state).bytes(), message.encode_to_vec());
            assert_eq!(read_hard_state(hard_state(&state).bytes()), Some(state));
        }
    }
}
