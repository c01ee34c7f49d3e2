//! The logic of every RPC, free of transport: typed request in, encoded response out.
//!
//! Answers are protobuf bytes, because what is stored encoded is passed through as it is. Dropping
//! a call's future leaves nothing behind but its proposal.

use bytes::Bytes;
use proto::etcdserverpb as pb;
use tokio::sync::mpsc;

use crate::env::Env;
use crate::error::ApiError;

/// Who calls, carried with every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The authenticated user; `None` without authentication.
    pub user: Option<String>,
    /// The auth revision of the caller's token.
    pub auth_revision: u64,
    /// Whether the call demands that a leader is known (`hasleader` metadata).
    pub require_leader: bool,
}

/// An encoded response or an error.
pub type Answer = Result<Bytes, ApiError>;

/// What the HTTP endpoints and the shell want to know about the member, without an RPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The cluster's id.
    pub cluster: base::ClusterId,
    /// This member's id.
    pub member: base::MemberId,
    /// The leader, zero when unknown.
    pub leader: base::MemberId,
    /// Whether this member is a learner.
    pub is_learner: bool,
    /// Current term.
    pub term: base::Term,
    /// Commit index.
    pub committed: base::Index,
    /// Applied index.
    pub applied: base::Index,
    /// Store revision.
    pub revision: i64,
    /// Compaction revision, -1 until the first.
    pub compact_revision: i64,
    /// `X.Y.0`, or empty while undecided.
    pub cluster_version: String,
    /// Active alarms: member and kind (`etcdserverpb.AlarmType`).
    pub alarms: Vec<(base::MemberId, i32)>,
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident($request:ident);)*) => {
        /// The unary calls.
        #[allow(async_fn_in_trait)]
        impl<E: Env> Api<E> {
            $($(#[$doc])*
            pub async fn $name(&self, caller: &Caller, request: pb::$request) -> Answer {
                let _ = (caller, request);
                Err(ApiError::unimplemented(stringify!($name)))
            })*
        }
    };
}

/// The calls of one member; cheap to clone.
pub struct Api<E: Env> {
    env: E,
}

impl<E: Env> Clone for Api<E> {
    fn clone(&self) -> Api<E> {
        Api { env: self.env.clone() }
    }
}

unary! {
    /// KV.Range
    range(RangeRequest);
    /// KV.Put
    put(PutRequest);
    /// KV.DeleteRange
    delete_range(DeleteRangeRequest);
    /// KV.Txn
    txn(TxnRequest);
    /// KV.Compact
    compact(CompactionRequest);
    /// Lease.LeaseGrant
    lease_grant(LeaseGrantRequest);
    /// Lease.LeaseRevoke
    lease_revoke(LeaseRevokeRequest);
    /// One request of a Lease.LeaseKeepAlive stream
    lease_keep_alive(LeaseKeepAliveRequest);
    /// Lease.LeaseTimeToLive
    lease_time_to_live(LeaseTimeToLiveRequest);
    /// Lease.LeaseLeases
    lease_leases(LeaseLeasesRequest);
    /// Cluster.MemberAdd
    member_add(MemberAddRequest);
    /// Cluster.MemberRemove
    member_remove(MemberRemoveRequest);
    /// Cluster.MemberUpdate
    member_update(MemberUpdateRequest);
    /// Cluster.MemberList
    member_list(MemberListRequest);
    /// Cluster.MemberPromote
    member_promote(MemberPromoteRequest);
    /// Maintenance.Alarm
    alarm(AlarmRequest);
    /// Maintenance.Status
    status(StatusRequest);
    /// Maintenance.Defragment
    defragment(DefragmentRequest);
    /// Maintenance.Hash
    hash(HashRequest);
    /// Maintenance.HashKV
    hash_kv(HashKvRequest);
    /// Maintenance.MoveLeader
    move_leader(MoveLeaderRequest);
}

/// The streams. A stream ends when its receiver is dropped or after an error was sent.
impl<E: Env> Api<E> {
    /// KV.RangeStream: encoded `RangeStreamResponse`s.
    pub async fn range_stream(
        &self,
        caller: &Caller,
        request: pb::RangeRequest,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        let _ = (caller, request);
        Err(ApiError::unimplemented("range_stream"))
    }

    /// Watch.Watch: encoded `WatchResponse`s; the stream ends when `requests` is closed.
    pub async fn watch(
        &self,
        caller: &Caller,
        requests: mpsc::Receiver<pb::WatchRequest>,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        let _ = (caller, requests);
        Err(ApiError::unimplemented("watch"))
    }

    /// Maintenance.Snapshot: encoded `SnapshotResponse`s.
    pub async fn snapshot(
        &self,
        caller: &Caller,
        request: pb::SnapshotRequest,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        let _ = (caller, request);
        Err(ApiError::unimplemented("snapshot"))
    }

    /// What the member knows about itself now.
    #[must_use]
    pub fn overview(&self) -> Overview {
        Overview::default()
    }
}
