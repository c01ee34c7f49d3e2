//! A member's view of itself and, when it leads, of the others.

use alloc::vec::Vec;

use base::{Index, MemberId, Term};

use crate::entry::ConfState;

/// What a member is in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows a leader or waits for one; learners are followers.
    Follower,
    /// Asks whether an election would succeed.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// How the leader sends entries to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressState {
    /// One message at a time, to find where the logs agree.
    Probe,
    /// Pipelined.
    Replicate,
    /// Waiting for a snapshot to arrive.
    Snapshot,
}

/// What the leader knows of one follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerProgress {
    /// The follower.
    pub id: MemberId,
    /// The highest index known to be durable there and equal to the leader's log.
    pub matched: Index,
    /// The next index to send.
    pub next: Index,
    /// How entries are sent.
    pub state: ProgressState,
    /// Whether it was heard since the last quorum check.
    pub recent_active: bool,
    /// Whether it has no vote.
    pub learner: bool,
    /// Messages with entries that are not yet acknowledged.
    pub inflight: usize,
    /// Whether sending waits for an answer.
    pub paused: bool,
}

/// What a member knows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This member.
    pub id: MemberId,
    /// The current term.
    pub term: Term,
    /// Who got the vote of this term; zero when nobody.
    pub vote: MemberId,
    /// The current role.
    pub role: Role,
    /// The leader of the term as far as known.
    pub leader: Option<MemberId>,
    /// The highest index known to be committed.
    pub commit: Index,
    /// The highest index applied.
    pub applied: Index,
    /// The log begins behind this index.
    pub released: Index,
    /// The last index of the log.
    pub last: Index,
    /// The term of the last entry.
    pub last_term: Term,
    /// The highest index that is durable in the local log.
    pub stable: Index,
    /// Bytes of entries in memory; what is durable and committed is dropped from the oldest on.
    pub cache_bytes: usize,
    /// The active configuration.
    pub conf_state: ConfState,
    /// Whom leadership is being handed to.
    pub transferee: Option<MemberId>,
    /// Whether lost entries keep this member from voting; see [`crate::Boot::suspect`].
    pub suspect: bool,
    /// A leader's view of the others, by id; empty in other roles.
    pub progress: Vec<PeerProgress>,
}
