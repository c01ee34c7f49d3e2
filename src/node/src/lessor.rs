//! The leader's clock of leases. The log says which leases exist; only the leader counts their
//! time, and only to decide when to propose a revoke. Followers keep no time.
//!
//! Never early: a deadline is `now + time to live` at the moment of an acknowledged renewal, or of
//! becoming leader plus one election timeout, on this member's monotonic clock (E1). Whether this
//! member still leads is asked of the quorum before a renewal is acknowledged (P-c), and a revoke
//! carries the term in which it was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Instant, LeaseId, Term};
use state::{Effect, Leases};

/// A lease as its timekeeper sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Timer {
    ttl_seconds: i64,
    remaining_seconds: i64,
    deadline: Option<Instant>,
    /// Where the lease stands in the queue: at its deadline, or later once a revoke was proposed.
    queued: Option<Instant>,
}

#[derive(Debug, Default)]
struct Clock {
    timers: BTreeMap<LeaseId, Timer>,
    queue: BTreeSet<(Instant, LeaseId)>,
    /// The term in which this member counts time; `None` while it does not lead.
    term: Option<Term>,
}

/// The timekeeper of a member.
#[derive(Debug, Default)]
pub struct Lessor {
    clock: Mutex<Clock>,
}

/// What a renewal led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Renewed; the granted time to live, in seconds.
    Renewed {
        /// Seconds.
        ttl_seconds: i64,
        /// Whether a checkpoint must be cleared through the log first.
        checkpointed: bool,
    },
    /// No such lease.
    Unknown,
    /// Due, with its revoke on the way: the answer is known once that is applied.
    Expired,
    /// This member does not lead.
    NotLeader,
}

/// The longest a duration can be counted; leases beyond it never come due in practice.
const SECONDS_MAX: u64 = 500 * 365 * 86_400;

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0).min(SECONDS_MAX))
}

impl Clock {
    fn set(&mut self, id: LeaseId, deadline: Option<Instant>) {
        let Some(timer) = self.timers.get_mut(&id) else { return };
        timer.deadline = deadline;
        self.enqueue(id, deadline);
    }

    fn enqueue(&mut self, id: LeaseId, at: Option<Instant>) {
        let Some(timer) = self.timers.get_mut(&id) else { return };
        if let Some(earlier) = timer.queued.take() {
            assert!(self.queue.remove(&(earlier, id)), "lease {id} is not in the queue");
        }
        timer.queued = at;
        if let Some(at) = at {
            self.queue.insert((at, id));
        }
    }

    fn remove(&mut self, id: LeaseId) {
        self.set(id, None);
        self.timers.remove(&id);
    }
}

impl Lessor {
    fn lock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a recovered or installed state holds.
    pub fn restore(&self, leases: &Leases) {
        let mut clock = self.lock();
        clock.queue.clear();
        clock.term = None;
        clock.timers = leases
            .iter()
            .map(|(id, lease)| {
                let timer = Timer {
                    ttl_seconds: lease.ttl_seconds,
                    remaining_seconds: lease.remaining_seconds,
                    deadline: None,
                    queued: None,
                };
                (id, timer)
            })
            .collect();
    }

    /// Follows what an applied entry did to leases.
    pub fn follow(&self, effect: &Effect, now: Instant) {
        let mut clock = self.lock();
        match *effect {
            Effect::LeaseGranted { id, ttl_seconds } => {
                let timer =
                    Timer { ttl_seconds, remaining_seconds: 0, deadline: None, queued: None };
                clock.timers.insert(id, timer);
                if clock.term.is_some() {
                    clock.set(id, Some(now + seconds(ttl_seconds)));
                }
            }
            Effect::LeaseRevoked(id) => clock.remove(id),
            Effect::LeaseCheckpointed { id, remaining_seconds } => {
                if let Some(timer) = clock.timers.get_mut(&id) {
                    timer.remaining_seconds = remaining_seconds;
                }
            }
            _ => {}
        }
    }

    /// This member leads `term` and has applied its first entry: every lease starts anew from what
    /// is known to remain, and one election timeout more, in which the old leader may have renewed.
    pub fn promote(&self, term: Term, now: Instant, extend: Duration) {
        let mut clock = self.lock();
        clock.term = Some(term);
        let all: Vec<(LeaseId, Timer)> = clock.timers.iter().map(|(id, t)| (*id, *t)).collect();
        for (id, timer) in all {
            let left = match timer.remaining_seconds {
                0 => timer.ttl_seconds,
                remaining => remaining,
            };
            clock.set(id, Some(now + extend + seconds(left)));
        }
    }

    /// This member no longer leads.
    pub fn demote(&self) {
        let mut clock = self.lock();
        clock.term = None;
        clock.queue.clear();
        for timer in clock.timers.values_mut() {
            timer.deadline = None;
            timer.queued = None;
        }
    }

    /// The term in which this member counts time.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.lock().term
    }

    /// Renews a lease. The caller has made sure that this member leads since before the request.
    pub fn renew(&self, id: LeaseId, now: Instant) -> Renewal {
        let mut clock = self.lock();
        if clock.term.is_none() {
            return Renewal::NotLeader;
        }
        let Some(timer) = clock.timers.get(&id).copied() else { return Renewal::Unknown };
        if timer.deadline.is_some_and(|deadline| deadline <= now) {
            return Renewal::Expired;
        }
        clock.set(id, Some(now + seconds(timer.ttl_seconds)));
        let checkpointed = timer.remaining_seconds > 0;
        Renewal::Renewed { ttl_seconds: timer.ttl_seconds, checkpointed }
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

    /// Leases that are due, the longest overdue first, at most `limit`; each is put off by `retry`,
    /// so that it comes up again if its revoke is lost. With the term they were decided in.
    pub fn take_due(
        &self,
        now: Instant,
        retry: Duration,
        limit: usize,
    ) -> Option<(Term, Vec<LeaseId>)> {
        let mut clock = self.lock();
        let term = clock.term?;
        let due = clock.queue.iter().take_while(|(deadline, _)| *deadline <= now);
        let due: Vec<LeaseId> = due.take(limit).map(|(_, id)| *id).collect();
        for id in &due {
            // Stays due for renewals: only the queue position moves.
            clock.enqueue(*id, Some(now + retry));
        }
        Some((term, due))
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
        let renewed = Renewal::Renewed { ttl_seconds: 10, checkpointed: false };
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
    fn a_checkpoint_shortens_the_time_after_a_change_of_leader() {
        let lessor = Lessor::default();
        lessor.follow(&granted(1, 3600), at(0));
        let checkpoint = Effect::LeaseCheckpointed { id: LeaseId(1), remaining_seconds: 60 };
        lessor.follow(&checkpoint, at(1));
        lessor.promote(Term(2), at(10), Duration::from_secs(1));
        assert_eq!(lessor.remaining_seconds(LeaseId(1), at(10)), Some(61));
        lessor.follow(&Effect::LeaseRevoked(LeaseId(1)), at(11));
        assert_eq!(lessor.renew(LeaseId(1), at(11)), Renewal::Unknown);
    }
}
