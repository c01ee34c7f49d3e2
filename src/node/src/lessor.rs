//! The leader's clock of leases. The log says which leases exist; only the leader counts their
//! time, and only to decide when to propose a revoke. Followers keep no time.
//!
//! Never early: a deadline is `now + time to live` at the moment of an acknowledged renewal, or of
//! becoming leader plus one election timeout, on this member's monotonic clock (E1). Whether this
//! member still leads is asked of the quorum before a renewal is acknowledged (P-c), and a revoke
//! carries the term in which it was decided.
//!
//! Nothing here takes time for every lease but the beginning of leadership: what comes due is found
//! at the head of a queue.

mod checkpoint;
mod clock;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Instant, LeaseId, Term};
use state::{Effect, Leases};
use tokio::sync::Notify;

use self::clock::{Clock, Timer};
pub use checkpoint::{Clearing, Remaining};

/// The timekeeper of a member.
#[derive(Debug, Default)]
pub struct Lessor {
    clock: Mutex<Clock>,
    /// Woken when few of the revokes that were decided are still to be applied.
    pub(crate) drained: Notify,
}

/// What a renewal led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Renewed.
    Renewed {
        /// The granted time to live, in seconds.
        ttl_seconds: i64,
        /// The checkpoint that must be cleared through the log before this is acknowledged.
        clearing: Option<Clearing>,
    },
    /// No such lease.
    Unknown,
    /// Due, with its revoke on the way: the answer is known once that is applied.
    Expired,
    /// A checkpoint is on its way to the log: to be tried again in a moment.
    Busy,
    /// This member does not lead.
    NotLeader,
}

/// As soon as no more revokes than these are under way, more may be decided.
const REVOKING_FEW: usize = 64;

impl Lessor {
    /// A timekeeper that has what remains of a lease recorded every so often; never for `None`.
    #[must_use]
    pub fn new(checkpoint_interval: Option<Duration>) -> Lessor {
        let clock = Clock { checkpoint_interval, ..Clock::default() };
        Lessor { clock: Mutex::new(clock), drained: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a recovered or installed state holds.
    pub fn restore(&self, leases: &Leases) {
        let mut clock = self.lock();
        clock.stop();
        let timer = |(id, lease): (LeaseId, &state::Lease)| {
            (id, Timer::new(lease.ttl_seconds, lease.remaining_seconds))
        };
        clock.timers = leases.iter().map(timer).collect();
    }

    /// Follows what an applied entry did to leases.
    pub fn follow(&self, effect: &Effect, now: Instant) {
        match *effect {
            Effect::LeaseGranted { id, ttl_seconds } => self.lock().grant(id, ttl_seconds, now),
            Effect::LeaseRevoked(id) => {
                let mut clock = self.lock();
                clock.remove(id);
                if clock.revoking.len() == REVOKING_FEW {
                    self.drained.notify_one();
                }
            }
            Effect::LeaseCheckpointed { id, remaining_seconds } => {
                self.lock().checkpointed(id, remaining_seconds, now);
            }
            _ => {}
        }
    }

    /// This member leads `term` and has applied its first entry: every lease starts anew from what
    /// is known to remain, and one election timeout more, in which the old leader may have renewed.
    pub fn promote(&self, term: Term, now: Instant, extend: Duration) {
        self.lock().start(term, now, extend);
    }

    /// This member no longer leads.
    pub fn demote(&self) {
        self.lock().stop();
    }

    /// The term in which this member counts time.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.lock().term
    }

    /// Renews a lease. The caller has made sure that this member leads since before the request.
    pub fn renew(&self, id: LeaseId, now: Instant) -> Renewal {
        self.lock().renew(id, now)
    }

    /// Renews leases whose answer waits for nothing; the time to live of each, in seconds, and zero
    /// for the others. The caller has made sure that this member leads since before the requests.
    pub fn renew_together(&self, ids: &[LeaseId], now: Instant) -> Vec<i64> {
        let mut clock = self.lock();
        let renew = |id: &LeaseId| match clock.renew(*id, now) {
            Renewal::Renewed { ttl_seconds, clearing: None } => ttl_seconds,
            _ => 0,
        };
        ids.iter().map(renew).collect()
    }

    /// Whole seconds that remain, rounded down and below zero when due; `None` for an unknown lease
    /// or when this member does not lead.
    #[must_use]
    pub fn remaining_seconds(&self, id: LeaseId, now: Instant) -> Option<i64> {
        let clock = self.lock();
        let deadline = clock.timers.get(&id)?.deadline?;
        if deadline < now {
            return Some(-1);
        }
        i64::try_from(deadline.since(now).as_secs()).ok()
    }

    /// Leases that are due, the longest overdue first, as many as make `limit` together with those
    /// whose revoke is not applied yet. Each is put off by `retry`, so that it comes up again if
    /// its revoke is lost. With the term they were decided in.
    pub fn take_due(
        &self,
        now: Instant,
        retry: Duration,
        limit: usize,
    ) -> Option<(Term, Vec<LeaseId>)> {
        self.lock().take_due(now, retry, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Instant {
        Instant::from_nanos(second * 1_000_000_000)
    }

    fn granted(id: i64, ttl_seconds: i64) -> Effect {
        Effect::LeaseGranted { id: LeaseId(id), ttl_seconds }
    }

    #[test]
    fn only_a_leader_counts_and_never_early() {
        let lessor = Lessor::default();
        lessor.follow(&granted(1, 10), at(0));
        assert_eq!(
            lessor.take_due(at(100), Duration::ZERO, 9),
            None,
            "a follower has no due leases"
        );
        assert_eq!(lessor.renew(LeaseId(1), at(1)), Renewal::NotLeader);
        lessor.promote(Term(3), at(100), Duration::from_secs(1));
        assert_eq!(lessor.remaining_seconds(LeaseId(1), at(100)), Some(11));
        assert_eq!(lessor.take_due(at(110), Duration::ZERO, 9), Some((Term(3), vec![])));
        let renewed = Renewal::Renewed { ttl_seconds: 10, clearing: None };
        assert_eq!(lessor.renew(LeaseId(1), at(110)), renewed);
        assert_eq!(lessor.take_due(at(119), Duration::ZERO, 9), Some((Term(3), vec![])));
        let due = lessor.take_due(at(120), Duration::from_secs(7), 9);
        assert_eq!(due, Some((Term(3), vec![LeaseId(1)])));
        assert_eq!(lessor.renew(LeaseId(1), at(121)), Renewal::Expired, "due stays due");
        assert_eq!(lessor.take_due(at(126), Duration::ZERO, 9), Some((Term(3), vec![])));
        let again = lessor.take_due(at(127), Duration::from_secs(7), 9);
        assert_eq!(again, Some((Term(3), vec![LeaseId(1)])), "a lost revoke is tried again");
    }

    #[test]
    fn no_more_revokes_are_under_way_than_the_limit() {
        let lessor = Lessor::default();
        lessor.promote(Term(1), at(0), Duration::ZERO);
        for id in 1..=10 {
            lessor.follow(&granted(id, 5), at(0));
        }
        let ids = |ids: std::ops::RangeInclusive<i64>| ids.map(LeaseId).collect::<Vec<_>>();
        let take = |second| lessor.take_due(at(second), Duration::from_secs(7), 4);
        assert_eq!(take(5), Some((Term(1), ids(1..=4))));
        assert_eq!(take(6), Some((Term(1), vec![])), "four are under way");
        lessor.follow(&Effect::LeaseRevoked(LeaseId(2)), at(6));
        assert_eq!(take(6), Some((Term(1), ids(5..=5))));
        let again = take(12).expect("it leads").1;
        assert_eq!(again, [1, 3, 4].map(LeaseId), "what is lost comes again");
    }

    #[test]
    fn who_looked_at_the_clock_before_a_revoke_was_decided_does_not_renew_after_it() {
        let lessor = Lessor::default();
        lessor.promote(Term(1), at(0), Duration::ZERO);
        lessor.follow(&granted(1, 5), at(0));
        let due = lessor.take_due(at(5), Duration::from_secs(7), 9);
        assert_eq!(due, Some((Term(1), vec![LeaseId(1)])));
        assert_eq!(lessor.renew(LeaseId(1), at(4)), Renewal::Expired);
    }

    #[test]
    fn renewals_together_are_those_that_wait_for_nothing() {
        let lessor = Lessor::default();
        lessor.promote(Term(1), at(0), Duration::ZERO);
        lessor.follow(&granted(1, 5), at(0));
        lessor.follow(&granted(2, 50), at(0));
        let all = [2, 1, 3].map(LeaseId);
        assert_eq!(lessor.renew_together(&all, at(1)), [50, 5, 0], "the third is unknown");
        assert_eq!(lessor.renew_together(&all, at(6)), [50, 0, 0], "the second is due");
        lessor.demote();
        assert_eq!(lessor.renew_together(&all, at(6)), [0, 0, 0]);
    }
}
