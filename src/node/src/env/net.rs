//! The other members: lossy messages, calls with an answer, and snapshot streams.
//!
//! Addresses are pushed down with [`Net::set_peers`] as membership changes; everything else names
//! members by id. What may be lost is lost whole: a message arrives unchanged or not at all.

use core::future::Future;

use base::{ClusterId, Instant, LeaseId, MemberId};
use bytes::Bytes;

use crate::auth::Token;

/// Where a member listens for its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// The member.
    pub id: MemberId,
    /// Its peer URLs, in the order of the member list.
    pub urls: Vec<String>,
}

impl From<&state::Member> for PeerAddress {
    fn from(member: &state::Member) -> PeerAddress {
        PeerAddress { id: member.member_id(), urls: member.peer_urls.clone() }
    }
}

/// What members ask each other outside Raft, as etcd's peer HTTP has it.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerRequest {
    /// Renew a lease on the leader: `POST /leases`.
    LeaseKeepAlive(proto::etcdserverpb::LeaseKeepAliveRequest),
    /// Renew many leases on the leader, if it is one of ours: `POST /cairn/leases`.
    LeaseKeepAlives(Vec<LeaseId>),
    /// Ask the leader for a lease's remaining time: `POST /leases/internal`.
    LeaseTimeToLive(proto::etcdserverpb::LeaseTimeToLiveRequest),
    /// Promote a learner on the leader: `POST /members/promote/<id>`.
    MemberPromote {
        /// The learner.
        id: MemberId,
        /// Whose wish it is: header `Authorization`.
        token: Option<Token>,
    },
    /// The hash of the key space at a revision: `GET /members/hashkv`.
    HashKv(i64),
    /// The member list: `GET /members`.
    Members,
    /// Server and cluster version: `GET /version`.
    Version,
    /// Whether a downgrade is under way: `GET /downgrade/enabled`.
    DowngradeEnabled,
}

/// Answers to [`PeerRequest`], in the same order of variants.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerResponse {
    /// The lease's new time to live.
    LeaseKeepAlive(proto::etcdserverpb::LeaseKeepAliveResponse),
    /// The time to live of each lease, in seconds; zero for one that has to be asked for alone.
    LeaseKeepAlives(Vec<i64>),
    /// The lease's remaining time.
    LeaseTimeToLive(proto::etcdserverpb::LeaseTimeToLiveResponse),
    /// The members after the promotion.
    MemberPromote(Vec<proto::etcdserverpb::Member>),
    /// The hash.
    HashKv(proto::etcdserverpb::HashKvResponse),
    /// The members.
    Members(Vec<proto::etcdserverpb::Member>),
    /// Server version and cluster version.
    Version {
        /// `X.Y.Z`.
        server: String,
        /// `X.Y.0`, or `not_decided`.
        cluster: String,
        /// Whether the member is ours, not etcd's.
        is_cairn: bool,
    },
    /// Whether a downgrade is under way.
    DowngradeEnabled(bool),
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody answered in time; whether the request had an effect is unknown.
    #[error("peer did not answer in time")]
    TimedOut,
    /// The peer could not be reached; nothing was sent.
    #[error("peer is unreachable: {0}")]
    Unreachable(String),
    /// The peer refused, with the text of an error of the API.
    #[error("{0}")]
    Refused(String),
}

/// A request of another member and the way to answer it.
pub struct PeerCall {
    /// Who asks; zero when the transport cannot tell.
    pub from: MemberId,
    /// What it asks.
    pub request: PeerRequest,
    /// Takes the answer; dropping it refuses the call.
    pub answer: tokio::sync::oneshot::Sender<Result<PeerResponse, String>>,
}

/// A snapshot that arrives: its message, then its bytes in order.
pub trait SnapshotStream: Send + 'static {
    /// The `MsgSnap` that announced it.
    fn message(&self) -> &raft::Message;
    /// The next bytes; `None` at the end; an error when the connection broke.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, String>> + Send;
    /// Tells the sender how it went; dropping the stream refuses it.
    fn finish(self, result: Result<(), String>) -> impl Future<Output = ()> + Send;
}

/// The network as one member sees it.
pub trait Net: Clone + Send + Sync + 'static {
    /// A snapshot being received.
    type Snapshot: SnapshotStream;

    /// Tells who this member is, before its peers are set; until then every peer is refused.
    fn identify(&self, member: MemberId, cluster: ClusterId) {
        let _ = (member, cluster);
    }
    /// Replaces the addresses of the other members, as the log has them. Members that are gone are
    /// disconnected; who was [introduced](Net::introduce) stays until the log says more.
    fn set_peers(&self, peers: Vec<PeerAddress>);
    /// Adds addresses of members that the log of this member does not name yet: without them it
    /// could not answer whoever feeds it.
    fn introduce(&self, peers: Vec<PeerAddress>) {
        let _ = peers;
    }
    /// Names all members that were removed for ever: nothing is taken from them any more, and they
    /// are told why.
    fn set_removed(&self, removed: Vec<MemberId>) {
        let _ = removed;
    }
    /// Ends when a member of the same cluster says that this member was removed; gives who said so.
    fn told_removed(&self) -> impl Future<Output = MemberId> + Send {
        core::future::pending()
    }
    /// Asks whoever listens at a peer URL, and tells to which cluster the answer belongs. For the
    /// time before this member knows anybody by id.
    fn call_url(
        &self,
        url: String,
        request: PeerRequest,
        deadline: Instant,
    ) -> impl Future<Output = Result<(ClusterId, PeerResponse), CallError>> + Send {
        let _ = (request, deadline);
        core::future::ready(Err(CallError::Unreachable(format!("{url}: there is no network"))))
    }
    /// A peer URL with the address that its host name stands for, so that two spellings of one
    /// address compare equal.
    fn resolve(&self, url: String) -> impl Future<Output = String> + Send {
        core::future::ready(url)
    }
    /// Sends without waiting; drops the message when it cannot leave now.
    fn send(&self, message: raft::Message);
    /// The next message of any peer; never ends while the member lives.
    fn receive(&self) -> impl Future<Output = raft::Message> + Send;
    /// Members that could not be reached since the last call, for the Raft core's back-off.
    fn take_unreachable(&self) -> Vec<MemberId>;
    /// Whether a connection to this member is up, and since when.
    fn connected_since(&self, to: MemberId) -> Option<Instant>;
    /// Asks one member and waits for the answer, at most until `deadline`.
    fn call(
        &self,
        to: MemberId,
        request: PeerRequest,
        deadline: Instant,
    ) -> impl Future<Output = Result<PeerResponse, CallError>> + Send;
    /// The next call of another member.
    fn next_call(&self) -> impl Future<Output = PeerCall> + Send;
    /// Sends a snapshot: the message, then the chunks that `body` gives until `None`. The answer is
    /// the receiver's: `Ok` only when the snapshot is durable there.
    fn send_snapshot(
        &self,
        message: raft::Message,
        body: tokio::sync::mpsc::Receiver<Bytes>,
        bytes: u64,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
    /// The next snapshot that arrives.
    fn next_snapshot(&self) -> impl Future<Output = Self::Snapshot> + Send;
}
