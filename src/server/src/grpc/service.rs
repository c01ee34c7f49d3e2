//! What the router calls: the API of a member, as a trait, so that transports are tested with a
//! toy in its place.

use std::future::{Future, ready};

use node::env::Env;
use node::{Answer, Api, ApiError, Caller, Overview};
use tokio::sync::mpsc;

use super::gate::Gate;
use crate::metrics::Gauges;

/// The requests of all services.
mod pb {
    pub use proto::etcdserverpb::*;
    pub use proto::v3electionpb::{CampaignRequest, LeaderRequest, ProclaimRequest, ResignRequest};
    pub use proto::v3lockpb::{LockRequest, UnlockRequest};
}

/// Encoded answers of a stream; it ends when the sender is gone or after an error.
pub type Answers = Result<mpsc::Receiver<Answer>, ApiError>;

macro_rules! service {
    ($($name:ident($request:ident);)*) => {
        /// The calls that a member serves. What an implementation leaves out is answered as not
        /// implemented.
        pub trait Service: Clone + Send + Sync + 'static {
            $(#[doc = concat!("As `node::Api::", stringify!($name), "`.")]
            fn $name(
                &self,
                caller: &Caller,
                request: pb::$request,
            ) -> impl Future<Output = Answer> + Send {
                let _ = (caller, request);
                ready(Err(ApiError::unimplemented(stringify!($name))))
            })*

            /// As `node::Api::range_stream`.
            fn range_stream(
                &self,
                caller: &Caller,
                request: pb::RangeRequest,
            ) -> impl Future<Output = Answers> + Send {
                let _ = (caller, request);
                ready(Err(ApiError::unimplemented("range_stream")))
            }

            /// As `node::Api::watch`.
            fn watch(
                &self,
                caller: &Caller,
                requests: mpsc::Receiver<pb::WatchRequest>,
            ) -> impl Future<Output = Answers> + Send {
                let _ = (caller, requests);
                ready(Err(ApiError::unimplemented("watch")))
            }

            /// As `node::Api::snapshot`.
            fn snapshot(
                &self,
                caller: &Caller,
                request: pb::SnapshotRequest,
            ) -> impl Future<Output = Answers> + Send {
                let _ = (caller, request);
                ready(Err(ApiError::unimplemented("snapshot")))
            }

            /// As `node::Api::observe`.
            fn observe(
                &self,
                caller: &Caller,
                request: pb::LeaderRequest,
            ) -> impl Future<Output = Answers> + Send {
                let _ = (caller, request);
                ready(Err(ApiError::unimplemented("observe")))
            }

            /// What the member knows about itself.
            fn overview(&self) -> Overview;

            /// Whether a call needs a user. The store has none as long as nothing says otherwise.
            fn auth_enabled(&self) -> bool {
                false
            }

            /// What the metrics say of the member.
            fn gauges(&self) -> Gauges {
                Gauges::of(&self.overview())
            }

            /// What the gate of each call asks.
            fn gate(&self) -> Gate {
                let overview = self.overview();
                Gate {
                    capable: Gate::is_capable(&overview.cluster_version),
                    learner: overview.is_learner,
                    leader: !overview.leader.is_zero(),
                }
            }
        }

        impl<E: Env> Service for Api<E> {
            $(fn $name(
                &self,
                caller: &Caller,
                request: pb::$request,
            ) -> impl Future<Output = Answer> + Send {
                Api::$name(self, caller, request)
            })*

            fn range_stream(
                &self,
                caller: &Caller,
                request: pb::RangeRequest,
            ) -> impl Future<Output = Answers> + Send {
                Api::range_stream(self, caller, request)
            }

            fn watch(
                &self,
                caller: &Caller,
                requests: mpsc::Receiver<pb::WatchRequest>,
            ) -> impl Future<Output = Answers> + Send {
                Api::watch(self, caller, requests)
            }

            fn snapshot(
                &self,
                caller: &Caller,
                request: pb::SnapshotRequest,
            ) -> impl Future<Output = Answers> + Send {
                Api::snapshot(self, caller, request)
            }

            fn observe(
                &self,
                caller: &Caller,
                request: pb::LeaderRequest,
            ) -> impl Future<Output = Answers> + Send {
                Api::observe(self, caller, request)
            }

            fn overview(&self) -> Overview {
                Api::overview(self)
            }

            fn auth_enabled(&self) -> bool {
                self.is_auth_enabled()
            }

            fn gate(&self) -> Gate {
                self.standing(|standing| Gate {
                    capable: Gate::is_capable(standing.cluster_version),
                    learner: standing.is_learner,
                    leader: standing.has_leader,
                })
            }

            fn gauges(&self) -> Gauges {
                let gauges = Gauges::of(&self.overview()).with_counts(self.metrics());
                let (watchers, streams) = self.watch_counts();
                gauges.with_watches(watchers, streams)
            }
        }
    };
}

service! {
    range(RangeRequest);
    put(PutRequest);
    delete_range(DeleteRangeRequest);
    txn(TxnRequest);
    compact(CompactionRequest);
    lease_grant(LeaseGrantRequest);
    lease_revoke(LeaseRevokeRequest);
    lease_keep_alive(LeaseKeepAliveRequest);
    lease_time_to_live(LeaseTimeToLiveRequest);
    lease_leases(LeaseLeasesRequest);
    member_add(MemberAddRequest);
    member_remove(MemberRemoveRequest);
    member_update(MemberUpdateRequest);
    member_list(MemberListRequest);
    member_promote(MemberPromoteRequest);
    alarm(AlarmRequest);
    status(StatusRequest);
    defragment(DefragmentRequest);
    hash(HashRequest);
    hash_kv(HashKvRequest);
    move_leader(MoveLeaderRequest);
    lock(LockRequest);
    unlock(UnlockRequest);
    campaign(CampaignRequest);
    proclaim(ProclaimRequest);
    leader(LeaderRequest);
    resign(ResignRequest);
    downgrade(DowngradeRequest);
    auth_enable(AuthEnableRequest);
    auth_disable(AuthDisableRequest);
    auth_status(AuthStatusRequest);
    authenticate(AuthenticateRequest);
    user_add(AuthUserAddRequest);
    user_get(AuthUserGetRequest);
    user_list(AuthUserListRequest);
    user_delete(AuthUserDeleteRequest);
    user_change_password(AuthUserChangePasswordRequest);
    user_grant_role(AuthUserGrantRoleRequest);
    user_revoke_role(AuthUserRevokeRoleRequest);
    role_add(AuthRoleAddRequest);
    role_get(AuthRoleGetRequest);
    role_list(AuthRoleListRequest);
    role_delete(AuthRoleDeleteRequest);
    role_grant_permission(AuthRoleGrantPermissionRequest);
    role_revoke_permission(AuthRoleRevokePermissionRequest);
}
