//! Lease renewals that arrive at a follower: those that wait go to the leader together, in one
//! call, so that many cost little more than one. A leader that does not know such calls, which is
//! one of etcd, is asked for each lease alone, as etcd's members ask; that is found out by asking,
//! anew in each term.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{LeaseId, MemberId, Term, mark};
use tokio::sync::{Notify, oneshot};

use crate::api::Api;
use crate::env::{CallError, Env, Net, PeerRequest, PeerResponse};

/// Leases in one call.
const TOGETHER_MAX: usize = 1024;

/// Calls on their way: while one is, others gather for the next.
pub(crate) const CALLS_MAX: usize = 2;

/// How a member answers that does not know the call.
const NOT_OURS: &str = "peer answered 404";

/// What came of a renewal that was sent with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// Renewed; the time to live in seconds.
    Renewed(i64),
    /// The leader is to be asked for this one alone: it has to wait for something, or it does not
    /// exist, or this leader is asked for no lease in any other way.
    Alone,
    /// The leader did not answer, or does not lead.
    Again,
}

#[derive(Debug)]
struct Waiting {
    lease: LeaseId,
    told: oneshot::Sender<Together>,
}

#[derive(Debug, Default)]
struct Gathered {
    waiting: Vec<Waiting>,
    /// The leader, and its term, that takes each renewal alone.
    takes_single: Option<(MemberId, Term)>,
}

/// Renewals that wait for the leader.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    gathered: Mutex<Gathered>,
    arrived: Notify,
}

impl Renewals {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a lease renewed by the leader of a term.
    pub(crate) async fn renew(&self, lease: LeaseId, leader: (MemberId, Term)) -> Together {
        match self.gather(lease, leader) {
            Some(outcome) => outcome.await.unwrap_or(Together::Again),
            None => Together::Alone,
        }
    }

    fn gather(
        &self,
        lease: LeaseId,
        leader: (MemberId, Term),
    ) -> Option<oneshot::Receiver<Together>> {
        let mut gathered = self.lock();
        if gathered.takes_single == Some(leader) {
            return None;
        }
        let (told, outcome) = oneshot::channel();
        gathered.waiting.push(Waiting { lease, told });
        if gathered.waiting.len() == 1 {
            self.arrived.notify_one();
        }
        Some(outcome)
    }

    /// Those that wait and were not given up, as many as fit into one call.
    fn take(&self) -> Vec<Waiting> {
        let mut gathered = self.lock();
        gathered.waiting.retain(|waiting| !waiting.told.is_closed());
        let count = gathered.waiting.len().min(TOGETHER_MAX);
        let taken = gathered.waiting.drain(..count).collect();
        if !gathered.waiting.is_empty() {
            self.arrived.notify_one();
        }
        taken
    }
}

/// Sends what has gathered, until the member stops; [`CALLS_MAX`] of these run.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    loop {
        tokio::select! {
            biased;
            () = inner.shared.wait_stopped() => return,
            () = inner.renewals.arrived.notified() => {}
        }
        let waiting = inner.renewals.take();
        if waiting.is_empty() {
            continue;
        }
        let leases = waiting.iter().map(|waiting| waiting.lease).collect();
        let outcomes = forward(&api, leases).await;
        for (at, waiting) in waiting.into_iter().enumerate() {
            let outcome = match &outcomes {
                Ok(outcomes) => outcomes.get(at).copied().unwrap_or(Together::Alone),
                Err(outcome) => *outcome,
            };
            // Who asked may have given up.
            let _gone = waiting.told.send(outcome);
        }
    }
}

/// The outcome of each, or one that all share.
async fn forward<E: Env>(api: &Api<E>, leases: Vec<LeaseId>) -> Result<Vec<Together>, Together> {
    let inner = &api.inner;
    let (leader, term) = (inner.shared.leader(), inner.shared.term());
    if leader.is_zero() || leader == inner.member {
        return Err(Together::Again);
    }
    if leases.len() > 1 {
        mark!("lease: renewed together with others");
    }
    let deadline = inner.env.now() + inner.config.election_timeout;
    let request = PeerRequest::LeaseKeepAlives(leases);
    match inner.env.net().call(leader, request, deadline).await {
        Ok(PeerResponse::LeaseKeepAlives(times)) => {
            let outcome = |seconds| match seconds {
                0 => Together::Alone,
                seconds => Together::Renewed(seconds),
            };
            Ok(times.into_iter().map(outcome).collect())
        }
        Err(CallError::Refused(text)) if text.starts_with(NOT_OURS) => {
            inner.renewals.lock().takes_single = Some((leader, term));
            Err(Together::Alone)
        }
        _ => Err(Together::Again),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LEADER: (MemberId, Term) = (MemberId(2), Term(3));

    #[test]
    fn renewals_gather_until_they_are_taken() {
        let renewals = Renewals::default();
        let mut one = std::pin::pin!(renewals.renew(LeaseId(1), LEADER));
        let mut two = std::pin::pin!(renewals.renew(LeaseId(2), LEADER));
        assert_eq!(one.as_mut().now_or_never(), None);
        assert_eq!(two.as_mut().now_or_never(), None);
        assert_eq!(renewals.arrived.notified().now_or_never(), Some(()));
        let mut taken = renewals.take().into_iter();
        let first = taken.next().expect("the first one");
        assert_eq!(first.lease, LeaseId(1));
        first.told.send(Together::Renewed(5)).expect("it waits");
        assert_eq!(one.now_or_never(), Some(Together::Renewed(5)));
        // As when the member stops.
        drop(taken);
        assert_eq!(two.now_or_never(), Some(Together::Again));
        assert!(renewals.take().is_empty());
    }

    #[test]
    fn a_leader_that_takes_each_alone_is_known_for_its_term() {
        let renewals = Renewals::default();
        renewals.lock().takes_single = Some(LEADER);
        let asked = |leader| renewals.renew(LeaseId(1), leader).now_or_never();
        assert_eq!(asked(LEADER), Some(Together::Alone));
        assert_eq!(asked((LEADER.0, Term(4))), None, "another term is asked anew");
        assert!(renewals.take().is_empty(), "one that was given up is not sent");
    }
}
