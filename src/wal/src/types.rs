//! What the log records: identity, hard state, snapshot marks and entries, as plain values.

use base::{ClusterId, Index, MemberId, Term};
use bytes::Bytes;
use proto::raftpb::ConfState;

/// Whose log this is. Every segment carries it, so that a file of another member is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The member that writes this log.
    pub member: MemberId,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
}

/// What a member must remember to vote at most once in a term, and how far the log is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The latest term seen.
    pub term: Term,
    /// Whom this member voted for in that term, zero for nobody.
    pub vote: MemberId,
    /// An index known to be committed. A lower one than the true one is always safe.
    pub commit: Index,
}

impl HardState {
    /// Whether nothing was ever recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == HardState::default()
    }
}

/// A point up to which a snapshot or the backend stands in for the log.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotMark {
    /// The last entry covered.
    pub index: Index,
    /// The term of that entry.
    pub term: Term,
    /// The configuration in force at that entry.
    pub conf_state: ConfState,
}

/// An entry to be written; its payload stays where it is.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// The term in which a leader created it.
    pub term: Term,
    /// Its position.
    pub index: Index,
    /// `raftpb.EntryType` as a number.
    pub kind: i32,
    /// The payload; empty for a leader's first entry.
    pub data: &'a [u8],
}

/// An entry that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The term in which a leader created it.
    pub term: Term,
    /// Its position.
    pub index: Index,
    /// `raftpb.EntryType` as a number.
    pub kind: i32,
    /// The payload; empty for a leader's first entry.
    pub data: Bytes,
}
