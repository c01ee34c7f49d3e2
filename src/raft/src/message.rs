//! What members say to each other, in etcd-raft's vocabulary.
//!
//! Every message converts to raftpb's `Message` and back without loss, so that etcd members and
//! Cairn members can form one cluster. The conversion is the driver's.

use alloc::vec::Vec;

use base::{Index, MemberId, Term};
use bytes::Bytes;

use crate::entry::{Entry, EntryKind, SnapshotMeta};

/// One message from one member to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender.
    pub from: MemberId,
    /// The member it is meant for.
    pub to: MemberId,
    /// The sender's term; the term asked for in (pre-)vote requests and granted pre-votes; zero
    /// for [`Body::Propose`] and [`Body::ReadIndex`], which belong to no term.
    pub term: Term,
    /// What is said.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// AppendEntries: entries that follow (`prev_index`, `prev_term`), and the leader's commit.
    Append {
        /// The index right before the first entry.
        prev_index: Index,
        /// The term of that index in the leader's log.
        prev_term: Term,
        /// The entries, contiguous; none in a probe or when only the commit index is news.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: Index,
    },
    /// The answer to `Append`, and to `Snapshot`.
    AppendReply {
        /// Accepted: the sender's log matches the leader's up to here, durably.
        /// Refused: the `prev_index` that was refused.
        index: Index,
        /// Present when refused.
        reject: Option<RejectHint>,
    },
    /// RequestVote.
    Vote {
        /// Index of the candidate's last entry.
        last_index: Index,
        /// Term of the candidate's last entry.
        last_term: Term,
        /// Leadership is being handed over, so leases do not count
        /// (raftpb: context "CampaignTransfer").
        force: bool,
    },
    /// The answer to `Vote`.
    VoteReply {
        /// Whether the vote was given.
        granted: bool,
    },
    /// Asks whether a vote would be given in `Message::term`, which nobody enters for it.
    PreVote {
        /// Index of the candidate's last entry.
        last_index: Index,
        /// Term of the candidate's last entry.
        last_term: Term,
    },
    /// The answer to `PreVote`.
    PreVoteReply {
        /// Whether the vote would be given.
        granted: bool,
    },
    /// The leader lives.
    Heartbeat {
        /// The commit index as far as the receiver is known to hold it.
        commit: Index,
        /// To be echoed; confirms reads. Empty when none waits.
        context: Bytes,
    },
    /// The answer to `Heartbeat`.
    HeartbeatReply {
        /// The context of the heartbeat that is answered.
        context: Bytes,
    },
    /// A snapshot for a follower whose next entries are gone from the leader's log.
    Snapshot {
        /// Where the snapshot stands.
        meta: SnapshotMeta,
        /// The driver's, opaque to the core.
        data: Bytes,
    },
    /// Proposals forwarded to the leader.
    Propose {
        /// Kinds and payloads, to be appended in this order.
        entries: Vec<(EntryKind, Bytes)>,
    },
    /// A read barrier asked of the leader.
    ReadIndex {
        /// Names the read in the answer.
        context: Bytes,
    },
    /// The answer to `ReadIndex`.
    ReadIndexReply {
        /// The read may be served once this index is applied.
        index: Index,
        /// The context of the request.
        context: Bytes,
    },
    /// Asks the leader to hand leadership over.
    TransferLeader {
        /// The member that shall lead (raftpb: `from`).
        transferee: MemberId,
    },
    /// The leader asks the receiver to campaign at once.
    TimeoutNow,
    /// Asks a follower to forget its leader, so that it may grant votes at once.
    ForgetLeader,
}

/// A follower's guess where its log may agree with the leader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectHint {
    /// The highest index up to the refused one whose term is not above the refused term.
    pub hint_index: Index,
    /// The follower's term at `hint_index`; zero when it does not know.
    pub hint_term: Term,
}
