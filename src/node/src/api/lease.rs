//! Leases: grant, revoke, keep alive, time to live, list.
//!
//! Only the leader counts time; another member asks it over the peer protocol, until the request
//! times out. A renewal is acknowledged only after a leadership confirmation that began after the
//! request arrived (P-c).

use std::time::Duration;

use base::{Index, LeaseId};
use proto::etcdserverpb as pb;
use state::{Access, Reply};
use tokio::sync::oneshot;

use super::header::encoded;
use super::kv::unexpected;
use super::propose::until;
use super::{Answer, Api, Caller, payload};
use crate::applier::Work;
use crate::auth::Principal;
use crate::env::{CallError, Env, Net, PeerRequest, PeerResponse};
use crate::error::ApiError;
use crate::lessor::Renewal;
use crate::renewals::Together;

/// How long a forwarder waits before it asks again who leads.
const FORWARD_RETRY: Duration = Duration::from_millis(50);

/// How long until a renewal looks again whether a checkpoint was handed over.
const HANDED_OVER_WITHIN: Duration = Duration::from_millis(1);

/// How long a request about leases waits for applying to catch up with commits.
const APPLY_WAIT: Duration = Duration::from_secs(1);

impl<E: Env> Api<E> {
    /// Lease.LeaseGrant
    ///
    /// # Errors
    /// As etcd.
    pub async fn lease_grant(&self, caller: &Caller, request: pb::LeaseGrantRequest) -> Answer {
        self.require_leader(caller)?;
        // A TTL that is too large is refused when the entry is applied, after the caller's rights.
        let mut grant = request;
        if grant.id == 0 {
            grant.id = self.pick_lease_id();
        }
        grant.ttl = grant.ttl.max(self.inner.config.lease_ttl_min_seconds());
        let who = self.require_user(caller).await?;
        let request = self.inner.ids.next();
        let payload = payload::encode(request, who.as_ref(), payload::LEASE_GRANT, &grant);
        let cost = Some(mvcc::cost::LEASE);
        let completed = self.propose_within_quota(request, payload, cost).await?;
        match completed.reply {
            Reply::LeaseGranted { id, ttl_seconds } => Ok(encoded(&pb::LeaseGrantResponse {
                header: Some(self.header(completed.revision)),
                id: id.get(),
                ttl: ttl_seconds,
                error: String::new(),
            })),
            other => Err(unexpected(&other)),
        }
    }

    /// A positive id that is most likely free; a clash is refused like any other.
    fn pick_lease_id(&self) -> i64 {
        let id = self.inner.ids.next().get() & (i64::MAX as u64);
        i64::try_from(id.max(1)).unwrap_or(1)
    }

    /// Lease.LeaseRevoke
    ///
    /// # Errors
    /// As etcd.
    pub async fn lease_revoke(&self, caller: &Caller, request: pb::LeaseRevokeRequest) -> Answer {
        self.require_leader(caller)?;
        let who = self.require_user(caller).await?;
        let request = pb::InternalRaftRequest { lease_revoke: Some(request), ..Default::default() };
        let completed = self.propose_as(who.as_ref(), request).await?;
        let header = Some(self.header(completed.revision));
        Ok(encoded(&pb::LeaseRevokeResponse { header }))
    }

    /// One request of a Lease.LeaseKeepAlive stream; an unknown lease is answered with TTL 0.
    ///
    /// # Errors
    /// As etcd; an error ends the stream.
    pub async fn lease_keep_alive(
        &self,
        caller: &Caller,
        request: pb::LeaseKeepAliveRequest,
    ) -> Answer {
        self.require_leader(caller)?;
        let header = self.header(self.inner.views.load().keys.revision());
        let id = LeaseId(request.id);
        let who = self.require_user(caller).await?;
        self.check_leases(who.as_ref(), Access::Write, Some(id)).await?;
        let ttl = match self.renew_anywhere(id).await {
            Ok(ttl) => ttl,
            Err(error) if error == ApiError::LEASE_NOT_FOUND => 0,
            Err(error) => return Err(error),
        };
        Ok(encoded(&pb::LeaseKeepAliveResponse { header: Some(header), id: id.get(), ttl }))
    }

    /// Renews here or on the leader, until the request times out.
    async fn renew_anywhere(&self, id: LeaseId) -> Result<i64, ApiError> {
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let renewed = until(&self.inner.env, deadline, async {
            loop {
                if let Some(result) = self.try_renew(id, deadline).await {
                    return result;
                }
                self.inner.env.sleep_until(self.inner.env.now() + FORWARD_RETRY).await;
            }
        });
        renewed.await.unwrap_or_else(|| Err(self.leader_timed_out()))
    }

    /// `None` when another attempt may succeed.
    async fn try_renew(
        &self,
        id: LeaseId,
        deadline: base::Instant,
    ) -> Option<Result<i64, ApiError>> {
        let shared = &self.inner.shared;
        if shared.is_stopping() {
            return Some(Err(ApiError::STOPPED));
        }
        let leader = shared.leader();
        if leader == self.inner.member {
            return match self.renew_here(id).await {
                Err(error) if error == ApiError::NOT_LEADER => None,
                result => Some(result),
            };
        }
        if leader.is_zero() {
            return None;
        }
        match self.inner.renewals.renew(id, (leader, shared.term())).await {
            Together::Renewed(ttl) => return Some(Ok(ttl)),
            Together::Alone => {}
            Together::Again => return None,
        }
        let request = pb::LeaseKeepAliveRequest { id: id.get() };
        let call =
            self.inner.env.net().call(leader, PeerRequest::LeaseKeepAlive(request), deadline);
        match call.await {
            Ok(PeerResponse::LeaseKeepAlive(response)) => Some(Ok(response.ttl)),
            Err(CallError::Refused(text)) if text == ApiError::LEASE_NOT_FOUND.text => {
                Some(Err(ApiError::LEASE_NOT_FOUND))
            }
            _ => None,
        }
    }

    /// Renews on this member, which must lead: `not leader` when it does not.
    pub(crate) async fn renew_here(&self, id: LeaseId) -> Result<i64, ApiError> {
        // The confirmation begins after the request arrived; what it confirms is renewed below.
        self.confirm_leadership().await?;
        loop {
            match self.inner.lessor.renew(id, self.inner.env.now()) {
                Renewal::Renewed { ttl_seconds, clearing } => {
                    self.inner.metrics.leases[2].add(1);
                    if let Some(clearing) = clearing {
                        self.clear_checkpoint(id).await?;
                        self.inner.lessor.cleared(id, clearing);
                    }
                    return Ok(ttl_seconds);
                }
                Renewal::Busy => {
                    self.inner.env.sleep_until(self.inner.env.now() + HANDED_OVER_WITHIN).await;
                }
                Renewal::NotLeader => return Err(ApiError::NOT_LEADER),
                Renewal::Expired => self.wait_for_an_apply().await?,
                Renewal::Unknown => {
                    // A grant that is committed but not yet applied here counts.
                    if !self.apply_catches_up().await? {
                        return Err(ApiError::TIMEOUT_WAIT_APPLIED);
                    }
                    if self.inner.lessor.renew(id, self.inner.env.now()) == Renewal::Unknown {
                        return Err(ApiError::LEASE_NOT_FOUND);
                    }
                }
            }
        }
    }

    /// Renews leases for another member, which asks alone for those whose time is told as zero:
    /// they are unknown, or must wait for the log.
    pub(crate) async fn renew_together(&self, leases: &[LeaseId]) -> Result<Vec<i64>, ApiError> {
        // One confirmation is for all of them: it begins after each of them has arrived.
        self.confirm_leadership().await?;
        let times = self.inner.lessor.renew_together(leases, self.inner.env.now());
        let renewed = times.iter().filter(|seconds| **seconds > 0).count();
        self.inner.metrics.leases[2].add(renewed as u64);
        Ok(times)
    }

    async fn clear_checkpoint(&self, id: LeaseId) -> Result<(), ApiError> {
        let checkpoints = vec![pb::LeaseCheckpoint { id: id.get(), remaining_ttl: 0 }];
        let request = pb::InternalRaftRequest {
            lease_checkpoint: Some(pb::LeaseCheckpointRequest { checkpoints }),
            ..Default::default()
        };
        self.propose(&Caller::default(), request).await.map(drop)
    }

    async fn wait_for_an_apply(&self) -> Result<(), ApiError> {
        let next = self.inner.shared.applied().next();
        match self.inner.shared.wait_applied(next).await {
            true => Ok(()),
            false => Err(ApiError::STOPPED),
        }
    }

    /// Waits a little until everything that is committed now is applied.
    async fn apply_catches_up(&self) -> Result<bool, ApiError> {
        let wanted: Index = self.inner.shared.committed();
        let deadline = self.inner.env.now() + APPLY_WAIT;
        match until(&self.inner.env, deadline, self.inner.shared.wait_applied(wanted)).await {
            Some(true) => Ok(true),
            Some(false) => Err(ApiError::STOPPED),
            None => Ok(false),
        }
    }

    /// Lease.LeaseTimeToLive; a missing lease is answered with TTL -1.
    ///
    /// # Errors
    /// As etcd.
    pub async fn lease_time_to_live(
        &self,
        caller: &Caller,
        request: pb::LeaseTimeToLiveRequest,
    ) -> Answer {
        self.require_leader(caller)?;
        let who = self.require_user(caller).await?;
        let revision = self.auth().revision();
        if request.keys {
            let id = LeaseId(request.id);
            self.check_leases(who.as_ref(), Access::Read, Some(id)).await?;
        }
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let asked = until(&self.inner.env, deadline, async {
            loop {
                if let Some(result) = self.try_time_to_live(&request, deadline).await {
                    return result;
                }
                self.inner.env.sleep_until(self.inner.env.now() + FORWARD_RETRY).await;
            }
        });
        let mut response = asked.await.unwrap_or_else(|| Err(self.leader_timed_out()))?;
        let auth = self.auth();
        if request.keys && auth.is_enabled() && auth.revision() != revision {
            return Err(ApiError::AUTH_OLD_REVISION);
        }
        // The leader tells the keys, and may know of more than were looked at here.
        let who = Principal::identity(who.as_ref());
        let may = |key: &bytes::Bytes| auth.check_keys(who, Access::Read, key, &[]);
        response.keys.iter().try_for_each(may)?;
        response.header = Some(self.header(self.inner.views.load().keys.revision()));
        Ok(encoded(&response))
    }

    async fn try_time_to_live(
        &self,
        request: &pb::LeaseTimeToLiveRequest,
        deadline: base::Instant,
    ) -> Option<Result<pb::LeaseTimeToLiveResponse, ApiError>> {
        let leader = self.inner.shared.leader();
        if leader == self.inner.member {
            return Some(self.time_to_live_here(request).await);
        }
        if leader.is_zero() {
            return None;
        }
        let request = PeerRequest::LeaseTimeToLive(*request);
        match self.inner.env.net().call(leader, request, deadline).await {
            Ok(PeerResponse::LeaseTimeToLive(response)) => Some(Ok(response)),
            _ => None,
        }
    }

    /// Answers on this member, which must lead.
    pub(crate) async fn time_to_live_here(
        &self,
        request: &pb::LeaseTimeToLiveRequest,
    ) -> Result<pb::LeaseTimeToLiveResponse, ApiError> {
        if !self.apply_catches_up().await? {
            return Err(ApiError::TIMEOUT_WAIT_APPLIED);
        }
        let id = LeaseId(request.id);
        let with_keys = request.keys;
        let found = self.ask_leases(move |leases| {
            let lease = leases.get(id)?;
            let keys = match with_keys {
                true => lease.keys().cloned().collect(),
                false => Vec::new(),
            };
            Some((lease.ttl_seconds, keys))
        });
        let missing = pb::LeaseTimeToLiveResponse { id: id.get(), ttl: -1, ..Default::default() };
        let Some((granted_ttl, keys)) = found.await? else { return Ok(missing) };
        let now = self.inner.env.now();
        let ttl = self.inner.lessor.remaining_seconds(id, now).ok_or(ApiError::LEADER_CHANGED)?;
        Ok(pb::LeaseTimeToLiveResponse { header: None, id: id.get(), ttl, granted_ttl, keys })
    }

    /// Asks the applied leases.
    pub(super) async fn ask_leases<T: Send + 'static>(
        &self,
        question: impl FnOnce(&state::Leases) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, told) = oneshot::channel();
        let query = Work::Query(Box::new(move |machine| {
            // The asker may have gone.
            let _gone = answer.send(question(machine.leases()));
        }));
        self.inner.applier.send(query).map_err(|_| ApiError::STOPPED)?;
        told.await.map_err(|_| ApiError::STOPPED)
    }

    /// Lease.LeaseLeases: what this member has applied.
    ///
    /// # Errors
    /// None but a stopping member's.
    pub async fn lease_leases(&self, caller: &Caller, _request: pb::LeaseLeasesRequest) -> Answer {
        self.require_leader(caller)?;
        let who = self.require_user(caller).await?;
        self.check_leases(who.as_ref(), Access::Read, None).await?;
        let ids = self.ask_leases(|leases| leases.iter().map(|(id, _)| id).collect::<Vec<_>>());
        let mut ids = ids.await?;
        let now = self.inner.env.now();
        ids.sort_by_key(|id| self.inner.lessor.remaining_seconds(*id, now));
        let leases = ids.into_iter().map(|id| pb::LeaseStatus { id: id.get() }).collect();
        let header = Some(self.header(self.inner.views.load().keys.revision()));
        Ok(encoded(&pb::LeaseLeasesResponse { header, leases }))
    }
}
