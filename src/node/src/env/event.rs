//! Typed facts that a member states about itself. The simulator's checkers, and those of
//! real-process runs, judge by them; production ignores them.
//!
//! A fact is stated at the moment it becomes true for the member: `Synced` after the disk said so
//! and before anybody is told; `Applied` before the answer leaves.

use base::checksum::{crc32c, crc32c_append};
use base::{Index, MemberId, Term};

/// What a member is in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows a leader, or none.
    Follower,
    /// Asks whether an election could be won.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

impl From<raft::Role> for Role {
    fn from(role: raft::Role) -> Role {
        match role {
            raft::Role::Follower => Role::Follower,
            raft::Role::PreCandidate => Role::PreCandidate,
            raft::Role::Candidate => Role::Candidate,
            raft::Role::Leader => Role::Leader,
        }
    }
}

/// One entry as its checkers need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedEntry {
    /// Position.
    pub index: Index,
    /// Term in which it was proposed.
    pub term: Term,
    /// CRC-32C of its kind (one byte) and payload.
    pub checksum: u32,
    /// Whether it changes the configuration.
    pub is_change: bool,
}

impl AppendedEntry {
    /// The facts of an entry.
    #[must_use]
    pub fn of(entry: &raft::Entry) -> AppendedEntry {
        let kind = [crate::convert::entry_kind(entry.kind) as u8];
        let checksum = crc32c_append(crc32c(&kind), &entry.data);
        let is_change = entry.kind.is_configuration();
        AppendedEntry { index: entry.index, term: entry.term, checksum, is_change }
    }
}

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The member has recovered its log and is about to run.
    Recovered {
        /// Durable term.
        term: Term,
        /// Durable vote, zero for none.
        vote: MemberId,
        /// Commit index to start from.
        commit: Index,
        /// Everything at or below is covered by a snapshot.
        snapshot: Index,
        /// All entries behind it.
        entries: Vec<AppendedEntry>,
        /// The backend's applied index.
        applied: Index,
    },
    /// Role, term or known leader changed.
    RoleChanged {
        /// The term.
        term: Term,
        /// The role.
        role: Role,
        /// The leader as far as known, zero for none.
        leader: MemberId,
        /// The last index of the member's log at that moment.
        last: Index,
    },
    /// Entries were handed to the log writer; entries from the first one's index on are replaced.
    Appended {
        /// In order, without gap.
        entries: Vec<AppendedEntry>,
    },
    /// All that was handed over up to here is durable, with this term and vote.
    Synced {
        /// The last durable index.
        last: Index,
        /// The durable term.
        term: Term,
        /// The durable vote.
        vote: MemberId,
    },
    /// The commit index rose.
    Committed {
        /// The new commit index.
        commit: Index,
        /// The term in which this member committed.
        term: Term,
        /// Whether it leads and counted replicas to know.
        by_counting: bool,
    },
    /// One entry was applied.
    Applied {
        /// The entry.
        index: Index,
        /// Its term.
        term: Term,
        /// Its payload, as committed.
        data: bytes::Bytes,
        /// CRC-32C over the answer without its header.
        answer: u32,
        /// The store's revision afterwards.
        revision: i64,
        /// Chain over (index, answer) since the member's base.
        chain: u64,
        /// The store's logical size afterwards, which the quota counts.
        logical_bytes: i64,
    },
    /// The backend recorded everything up to here, durably.
    Persisted {
        /// The recorded applied index.
        applied: Index,
    },
    /// A snapshot replaced log and state.
    Installed {
        /// Its index.
        index: Index,
        /// Its term.
        term: Term,
    },
    /// Segments of the backend were rewritten without what was dead in them.
    Cleaned {
        /// Bytes that live on in the new segment.
        kept_bytes: u64,
        /// Bytes that were given back.
        dropped_bytes: u64,
    },
    /// Log entries up to here were released.
    Released {
        /// The last released index.
        index: Index,
    },
    /// A linearizable read arrived.
    ReadArrived {
        /// Its number, which the member gives anew in each boot.
        read: u64,
    },
    /// A linearizable read was served.
    ReadServed {
        /// Its number.
        read: u64,
        /// The read barrier's index.
        barrier: Index,
        /// The applied index of the view that served it.
        applied: Index,
    },
    /// A configuration is in force from here on: the Raft core has changed to it, or begins with
    /// it.
    Configured {
        /// The entry that brought it, or up to which recovery found it.
        index: Index,
        /// Voters, sorted.
        voters: Vec<MemberId>,
        /// The other half of a joint configuration.
        voters_outgoing: Vec<MemberId>,
        /// Learners.
        learners: Vec<MemberId>,
    },
    /// The leader decided that a lease has expired.
    LeaseExpired {
        /// The lease.
        lease: i64,
        /// The term in which it was decided.
        term: Term,
    },
    /// Members compared what they hold, and nobody differs.
    HashesCompared {
        /// How many, this one included.
        members: usize,
    },
    /// The leader found that a member holds something else than its cluster.
    CorruptionFound {
        /// The member; zero when nobody can say which is wrong.
        member: MemberId,
    },
}
