//! What the log holds: entries, the durable hard state, and where a snapshot stands.
//!
//! The core never looks into an entry's payload. It knows the kind, because configuration changes
//! have rules of their own, and the size, because every queue is bounded in bytes.

use alloc::vec::Vec;
use core::fmt;

use base::{Index, MemberId, Term};
use bytes::Bytes;

/// Bytes that an entry is charged beyond its payload, so that empty entries are not free.
const ENTRY_OVERHEAD_BYTES: usize = 32;

/// What an entry's payload is, in raftpb's three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A command of the state machine; empty for the entry a new leader begins its term with.
    Normal,
    /// A single-server configuration change (raftpb `ConfChange`).
    ConfChange,
    /// A general configuration change (raftpb `ConfChangeV2`); empty payload leaves a joint one.
    ConfChangeV2,
}

impl EntryKind {
    /// Whether the entry changes the configuration when it is applied.
    #[must_use]
    pub const fn is_configuration(self) -> bool {
        matches!(self, EntryKind::ConfChange | EntryKind::ConfChangeV2)
    }
}

/// One position of the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The term of the leader that created it.
    pub term: Term,
    /// Its position; the first entry of a cluster has index 1.
    pub index: Index,
    /// What the payload is.
    pub kind: EntryKind,
    /// The payload, opaque to the core.
    pub data: Bytes,
}

impl Entry {
    /// Bytes the entry is charged against the bounds of caches, messages and queues.
    #[must_use]
    pub fn weight(&self) -> usize {
        ENTRY_OVERHEAD_BYTES + self.data.len()
    }

    /// Term and index, which name an entry uniquely in a cluster (Log Matching).
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { term: self.term, index: self.index }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (term, index, kind) = (self.term, self.index, self.kind);
        write!(f, "{index}@{term} {kind:?} {:?}", self.data)
    }
}

/// An entry's term and index. Orders as Raft compares logs: by term, then by index (§5.4.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The term of the entry.
    pub term: Term,
    /// The index of the entry.
    pub index: Index,
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

/// What a member must find again after a crash, besides its entries (Figure 2, persistent state).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct HardState {
    /// The latest term seen.
    pub term: Term,
    /// The candidate that got this member's vote in `term`; zero when none did.
    pub vote: MemberId,
    /// The highest index known to be committed. A hint: losing it costs no safety.
    pub commit: Index,
}

impl fmt::Debug for HardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term={} vote={} commit={}", self.term, self.vote, self.commit)
    }
}

/// The members and their rights, sorted by id, in raftpb's terms.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConfState {
    /// Voters; of the incoming configuration when joint.
    pub voters: Vec<MemberId>,
    /// Voters of the outgoing configuration; empty unless joint.
    pub voters_outgoing: Vec<MemberId>,
    /// Members that are sent the log but have no vote.
    pub learners: Vec<MemberId>,
    /// Outgoing voters that become learners when the joint configuration is left.
    pub learners_next: Vec<MemberId>,
    /// Whether the leader leaves the joint configuration by itself.
    pub auto_leave: bool,
}

/// Where a snapshot stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SnapshotMeta {
    /// The last entry whose effect the snapshot contains.
    pub index: Index,
    /// The term of that entry.
    pub term: Term,
    /// The configuration as of that entry.
    pub conf_state: ConfState,
}
