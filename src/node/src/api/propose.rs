//! Proposals: encode, register a waiter, hand to Raft, wait. And the read barrier.

use base::{Instant, RequestId};
use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::{InternalRaftRequest, RequestHeader};

use super::{Api, Caller};
use crate::Completed;
use crate::env::Env;
use crate::error::ApiError;
use crate::raft_task::input::Command;

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
    /// Proposes a request and waits until it is applied here.
    pub(crate) async fn propose(
        &self,
        caller: &Caller,
        mut request: InternalRaftRequest,
    ) -> Result<Completed, ApiError> {
        let id = self.inner.ids.next();
        request.header = Some(RequestHeader {
            id: id.get(),
            username: caller.user.clone().unwrap_or_default(),
            auth_revision: caller.auth_revision,
        });
        let payload = Bytes::from(request.encode_to_vec());
        if payload.len() > self.inner.config.max_request_bytes {
            return Err(ApiError::REQUEST_TOO_LARGE);
        }
        self.admit()?;
        self.propose_payload(id, payload, |id, payload| Command::Propose { id, payload }).await
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
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let mut waiter = self.inner.waiters.register(id, payload.clone());
        let outcome = until(&self.inner.env, deadline, async {
            if self.inner.commands.send(command(id, payload)).await.is_err() {
                return None;
            }
            waiter.wait().await
        });
        match outcome.await {
            Some(Some(outcome)) => outcome,
            Some(None) => Err(ApiError::STOPPED),
            None => {
                self.inner.metrics.proposals_failed.add(1);
                Err(self.timeout())
            }
        }
    }

    /// What a proposal that was not applied in time is told.
    fn timeout(&self) -> ApiError {
        ApiError::TIMEOUT
    }

    /// Waits until this member's view is at least as new as every write that was acknowledged
    /// before the call.
    pub(crate) async fn read_barrier(&self) -> Result<(), ApiError> {
        let shared = &self.inner.shared;
        if shared.is_sole_leader() {
            return Ok(());
        }
        if shared.is_stopping() {
            return Err(ApiError::STOPPED);
        }
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let confirmed = until(&self.inner.env, deadline, self.confirm());
        let index = confirmed.await.unwrap_or(Err(ApiError::TIMEOUT))?;
        let applied = until(&self.inner.env, deadline, shared.wait_applied(index));
        match applied.await {
            Some(true) => Ok(()),
            Some(false) => Err(ApiError::STOPPED),
            None => Err(ApiError::TIMEOUT),
        }
    }

    async fn confirm(&self) -> Result<base::Index, ApiError> {
        self.inner.arrivals.register().await.unwrap_or(Err(ApiError::STOPPED))
    }
}
