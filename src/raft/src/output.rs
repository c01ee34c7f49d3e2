//! What the core wants done. The type fixes the order: what may leave at once, what must be
//! written, and what is released only by [`crate::Raft::persisted`].

use alloc::vec::Vec;

use base::{Index, MemberId, Term};
use bytes::Bytes;

use crate::entry::{Entry, HardState, SnapshotMeta};
use crate::message::Message;
use crate::status::Role;

/// Names one [`Append`]; give it back to [`crate::Raft::persisted`] once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendToken {
    /// The term in which it was handed out. In another term it makes no entry stable.
    pub term: Term,
    /// The last index of the log with this append.
    pub index: Index,
    /// Counts the appends of this boot, from 1.
    pub sequence: u64,
}

/// A write to the log. Appends are written in the order in which they were handed out; several
/// may be in flight. Entries replace whatever the log holds from the first one's index on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Reports the write back.
    pub token: AppendToken,
    /// To be written before the entries.
    pub hard_state: HardState,
    /// Contiguous; possibly none.
    pub entries: Vec<Entry>,
    /// Whether something waits for durability. When false only the commit index moved: the write
    /// may be skipped, merged into the next one, and need not be reported.
    pub must_sync: bool,
}

/// A read that may be served once `index` is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadState {
    /// The index to wait for.
    pub index: Index,
    /// What `read_index` was given.
    pub context: Bytes,
}

/// Names a [`Fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchId(pub u64);

/// Asks for entries that are no longer in memory; answered by [`crate::Raft::fetched`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Names the answer.
    pub id: FetchId,
    /// The follower they are for; this member itself when its applier needs them.
    pub to: MemberId,
    /// The first index wanted.
    pub first: Index,
    /// The last index wanted; fewer may be given, from `first` on, but at least one.
    pub last: Index,
    /// About as many bytes suffice.
    pub bytes_max: usize,
}

/// The log files no longer hold the first entry that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// The commit index rose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitAdvance {
    /// The new commit index.
    pub index: Index,
    /// Whether this member, as leader, counted replicas; else a leader or a snapshot told it.
    pub counted: bool,
}

/// The role, the term or the known leader changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// The current term.
    pub term: Term,
    /// The current role.
    pub role: Role,
    /// The leader of the term as far as known.
    pub leader: Option<MemberId>,
}

/// What is to be done now. Every part may be executed concurrently with the others.
#[must_use = "what the core asks for must be executed"]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// May leave at once: nothing in here implies something that is not durable (R3).
    pub messages: Vec<Message>,
    /// The next write for the log writer.
    pub append: Option<Append>,
    /// The next entries for the applier: committed, durable in the local log, each once, in order.
    pub committed: Vec<Entry>,
    /// Reads whose barrier was confirmed.
    pub reads: Vec<ReadState>,
    /// Contexts of reads that will never be answered, because leadership changed.
    pub reads_dropped: Vec<Bytes>,
    /// A snapshot to install; answer with `snapshot_installed` or `snapshot_refused`.
    pub install: Option<(SnapshotMeta, Bytes)>,
    /// Entries to read from the log files.
    pub fetches: Vec<Fetch>,
    /// Followers that need a snapshot of a state at least as new as what is applied now;
    /// answer each with `report_snapshot`.
    pub snapshots: Vec<MemberId>,
    /// The role, term or leader changed.
    pub role: Option<RoleChange>,
    /// The commit index rose.
    pub commit: Option<CommitAdvance>,
}

impl Output {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Output::default()
    }
}
