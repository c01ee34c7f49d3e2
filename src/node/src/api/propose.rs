//! Proposals: encode, register a waiter, hand to Raft, wait. And the read barrier.

use std::sync::atomic::Ordering;

use base::{Index, Instant, MemberId, RequestId};
use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::InternalRaftRequest;
use tokio::sync::mpsc::error::TrySendError;

use super::{Api, Caller, payload};
use crate::auth::Principal;
use crate::env::{Env, Event, Net};
use crate::error::ApiError;
use crate::raft_task::input::Command;
use crate::{Completed, observe};

/// What a linearizable read waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Barrier {
    read: u64,
    /// Applied here by the time the barrier is passed.
    index: Index,
}

/// A future raced against the request timeout.
pub(crate) async fn until<E: Env, T>(
    env: &E,
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut timer = env.sleep_until(deadline);
    tokio::select! {
        biased;
        done = &mut work => Some(done),
        () = &mut timer => None,
    }
}

impl<E: Env> Api<E> {
    /// Proposes a request in the name of whoever calls and waits until it is applied here.
    pub(crate) async fn propose(
        &self,
        caller: &Caller,
        request: InternalRaftRequest,
    ) -> Result<Completed, ApiError> {
        // The many fields of a request are not carried by the future of each caller.
        let request = Box::new(request);
        let who = self.identify(caller).await?;
        self.propose_as(who.as_ref(), *request).await
    }

    /// Encoded before the future is made, which so carries the payload and not the request.
    pub(super) fn propose_as<'a>(
        &'a self,
        who: Option<&Principal>,
        mut request: InternalRaftRequest,
    ) -> impl Future<Output = Result<Completed, ApiError>> + Send + use<'a, E> {
        let id = self.inner.ids.next();
        request.header = Some(payload::header(id, who));
        self.propose_encoded(id, Bytes::from(request.encode_to_vec()))
    }

    /// Proposes an encoded request and waits until it is applied here.
    pub(super) async fn propose_encoded(
        &self,
        id: RequestId,
        payload: Bytes,
    ) -> Result<Completed, ApiError> {
        self.check_size(&payload)?;
        self.admit()?;
        self.propose_payload(id, payload, |id, payload| Command::Propose { id, payload }).await
    }

    /// Refuses what is larger than a request may be, as it is written to the log.
    pub(super) fn check_size(&self, payload: &Bytes) -> Result<(), ApiError> {
        match payload.len() > self.inner.config.max_request_bytes {
            true => Err(ApiError::REQUEST_TOO_LARGE),
            false => Ok(()),
        }
    }

    /// Refuses when the member stops or applying lags too far behind.
    fn admit(&self) -> Result<(), ApiError> {
        let shared = &self.inner.shared;
        if shared.is_stopping() {
            return Err(ApiError::STOPPED);
        }
        let behind = shared.committed().get().saturating_sub(shared.applied().get());
        match behind > self.inner.config.knobs.apply_lag_max {
            true => Err(ApiError::TOO_MANY_REQUESTS),
            false => Ok(()),
        }
    }

    /// Registers the waiter, sends the command and waits for the outcome.
    pub(crate) async fn propose_payload(
        &self,
        id: RequestId,
        payload: Bytes,
        command: impl FnOnce(RequestId, Bytes) -> Command,
    ) -> Result<Completed, ApiError> {
        let begun = self.inner.env.now();
        let deadline = begun + self.inner.config.request_timeout();
        let mut waiter = self.inner.waiters.register(id, payload.clone(), deadline);
        match self.inner.commands.try_send(command(id, payload)) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(ApiError::STOPPED),
            Err(TrySendError::Full(command)) => {
                let sent = until(&self.inner.env, deadline, self.inner.commands.send(command));
                match sent.await {
                    Some(Ok(())) => {}
                    Some(Err(_)) => return Err(ApiError::STOPPED),
                    None => return Err(self.timed_out(begun)),
                }
            }
        }
        // Ends with the deadline too: what is not applied in time is expired.
        match waiter.wait().await {
            Some(Err(error)) if error == ApiError::TIMEOUT => Err(self.timed_out(begun)),
            Some(outcome) => outcome,
            None if self.inner.shared.is_stopping() => Err(ApiError::STOPPED),
            // A snapshot was installed that may cover the entry: whether it was applied is not
            // known here.
            None => {
                self.inner.metrics.proposals_failed.add(1);
                Err(ApiError::TIMEOUT)
            }
        }
    }

    /// What a proposal that began then and was not applied in time is told: as in etcd, what may
    /// have been to blame, as far as this member can see.
    fn timed_out(&self, begun: Instant) -> ApiError {
        let shared = &self.inner.shared;
        let elected = shared.leader_since();
        // That long a leader may have been gone before the next one was elected.
        if begun < elected && elected < begun + 2 * self.inner.config.election_timeout {
            return ApiError::TIMEOUT_LEADER_FAIL;
        }
        let net = self.inner.env.net();
        let is_connected =
            |id: MemberId| net.connected_since(id).is_some_and(|since| since < begun);
        let leader = shared.leader();
        let is_fine = match leader {
            leader if leader.is_zero() => true,
            leader if leader == self.inner.member => self.inner.views.peek(|view| {
                let members = &view.rest.members;
                let others = members.iter().map(state::Member::member_id);
                let connected = others.filter(|id| *id == leader || is_connected(*id)).count();
                connected > members.len() / 2
            }),
            leader => is_connected(leader),
        };
        if is_fine { ApiError::TIMEOUT } else { ApiError::TIMEOUT_CONNECTION_LOST }
    }

    /// What a call that the leader has to answer is told when its time is over.
    pub(super) fn leader_timed_out(&self) -> ApiError {
        match self.inner.shared.leader().is_zero() {
            true => ApiError::NO_LEADER,
            false => ApiError::TIMEOUT,
        }
    }

    /// Waits until this member's view is at least as new as everything that was committed before
    /// the call (R15).
    pub(crate) async fn read_barrier(&self) -> Result<Barrier, ApiError> {
        let read = self.read_arrives();
        let shared = &self.inner.shared;
        // The flag first: while it stands, nobody else commits, and this member knows of it.
        let known = shared.is_sole_leader().then(|| shared.committed());
        if let Some(index) = known.filter(|index| shared.applied() >= *index) {
            return Ok(Barrier { read, index });
        }
        if shared.is_stopping() {
            return Err(ApiError::STOPPED);
        }
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let index = match known {
            Some(index) => index,
            None => {
                let confirmed = until(&self.inner.env, deadline, self.confirm());
                confirmed.await.unwrap_or(Err(ApiError::TIMEOUT))?
            }
        };
        if shared.applied() >= index {
            return Ok(Barrier { read, index });
        }
        let applied = until(&self.inner.env, deadline, shared.wait_applied(index));
        match applied.await {
            Some(true) => Ok(Barrier { read, index }),
            Some(false) => Err(ApiError::STOPPED),
            None => Err(ApiError::TIMEOUT),
        }
    }

    /// A quorum confirms that this member leads, in a round that begins now, and what was committed
    /// before is applied: `not leader` when it does not, or nobody confirms it.
    pub(super) async fn confirm_leadership(&self) -> Result<(), ApiError> {
        let leads = || self.inner.shared.leader() == self.inner.member;
        let confirmed = leads() && self.read_barrier().await.is_ok() && leads();
        confirmed.then_some(()).ok_or(ApiError::NOT_LEADER)
    }

    /// Numbers a read for those who check what it is served from.
    fn read_arrives(&self) -> u64 {
        if !self.inner.env.observes() {
            return 0;
        }
        let read = self.inner.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.env.observe(&Event::ReadArrived { read });
        read
    }

    /// States from which applied entry on a read is served.
    pub(super) fn read_served(&self, barrier: Barrier, applied: Index) {
        let Barrier { read, index } = barrier;
        observe(&self.inner.env, || Event::ReadServed { read, barrier: index, applied });
    }

    async fn confirm(&self) -> Result<Index, ApiError> {
        self.inner.arrivals.register().await.unwrap_or(Err(ApiError::STOPPED))
    }
}
