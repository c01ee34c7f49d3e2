//! What is known about each lease's time, and the queues of what comes next.
//!
//! Invariants: a lease stands in a queue exactly where its timer says; without a term in which time
//! is counted both queues are empty, and no revoke is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::{Instant, LeaseId, Term};

use super::Renewal;
use super::checkpoint::{Checkpoint, Flight};

/// A lease as its timekeeper sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timer {
    pub ttl_seconds: i64,
    /// What the last checkpoint said remains; zero without one.
    pub remaining_seconds: i64,
    pub deadline: Option<Instant>,
    /// Until when a revoke that is under way is waited for.
    pub revoking: Option<Instant>,
    pub checkpoint: Checkpoint,
}

impl Timer {
    pub fn new(ttl_seconds: i64, remaining_seconds: i64) -> Timer {
        Timer {
            ttl_seconds,
            remaining_seconds,
            deadline: None,
            revoking: None,
            checkpoint: Checkpoint::default(),
        }
    }

    /// What is known to remain for whoever begins to count.
    pub fn left_seconds(&self) -> i64 {
        match self.remaining_seconds {
            0 => self.ttl_seconds,
            remaining => remaining,
        }
    }
}

/// The state of a timekeeper.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub timers: BTreeMap<LeaseId, Timer>,
    /// By deadline, but for those whose revoke is under way.
    pub queue: BTreeSet<(Instant, LeaseId)>,
    /// Leases whose revoke is under way, by how long it is waited for.
    pub revoking: BTreeSet<(Instant, LeaseId)>,
    /// The term in which this member counts time; `None` while it does not lead.
    pub term: Option<Term>,
    /// Time between two checkpoints of a lease; `None` for none at all.
    pub checkpoint_interval: Option<Duration>,
    pub checkpoints: BTreeSet<(Instant, LeaseId)>,
    /// Numbers the checkpoints that are taken.
    pub flights: u64,
}

/// The longest a duration can be counted; leases beyond it never come due in practice.
const SECONDS_MAX: u64 = 500 * 365 * 86_400;

pub(super) fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0).min(SECONDS_MAX))
}

impl Clock {
    /// Begins to count.
    pub fn start(&mut self, term: Term, now: Instant, extend: Duration) {
        self.stop();
        self.term = Some(term);
        let interval = self.checkpoint_interval;
        for timer in self.timers.values_mut() {
            timer.deadline = Some(now + extend + seconds(timer.left_seconds()));
            timer.checkpoint.due = interval.filter(|it| timer.is_longer(*it)).map(|it| now + it);
        }
        // Made at once: one insertion after the other would hold up the applier.
        let timers = self.timers.iter();
        self.queue = timers.filter_map(|(id, timer)| Some((timer.deadline?, *id))).collect();
        let timers = self.timers.iter();
        self.checkpoints =
            timers.filter_map(|(id, timer)| Some((timer.checkpoint.due?, *id))).collect();
    }

    /// Counts no more.
    pub fn stop(&mut self) {
        if self.term.take().is_none() {
            return;
        }
        self.queue.clear();
        self.checkpoints.clear();
        self.revoking.clear();
        for timer in self.timers.values_mut() {
            *timer = Timer::new(timer.ttl_seconds, timer.remaining_seconds);
        }
    }

    pub fn grant(&mut self, id: LeaseId, ttl_seconds: i64, now: Instant) {
        self.timers.insert(id, Timer::new(ttl_seconds, 0));
        if self.term.is_some() {
            self.set(id, now + seconds(ttl_seconds));
            self.schedule_checkpoint(id, now);
        }
    }

    /// Sets when a lease comes due, which it is not yet.
    fn set(&mut self, id: LeaseId, deadline: Instant) {
        let Some(timer) = self.timers.get_mut(&id) else { return };
        let earlier = timer.deadline.replace(deadline);
        assert!(timer.revoking.is_none(), "lease {id} is renewed while it is revoked");
        if let Some(earlier) = earlier {
            assert!(self.queue.remove(&(earlier, id)), "lease {id} is not in the queue");
        }
        self.queue.insert((deadline, id));
    }

    /// The lease has ended.
    pub fn remove(&mut self, id: LeaseId) {
        self.unschedule_checkpoint(id);
        let Some(timer) = self.timers.remove(&id) else { return };
        let was_queued = match (timer.revoking, timer.deadline) {
            (Some(until), _) => self.revoking.remove(&(until, id)),
            (None, Some(deadline)) => self.queue.remove(&(deadline, id)),
            (None, None) => true,
        };
        assert!(was_queued, "lease {id} is not in the queue");
    }

    pub fn renew(&mut self, id: LeaseId, now: Instant) -> Renewal {
        if self.term.is_none() {
            return Renewal::NotLeader;
        }
        let Some(timer) = self.timers.get(&id).copied() else { return Renewal::Unknown };
        // Its revoke may have been decided a moment after the caller looked at the clock.
        if timer.revoking.is_some() || timer.deadline.is_some_and(|deadline| deadline <= now) {
            return Renewal::Expired;
        }
        if matches!(timer.checkpoint.flight, Some(Flight { is_sent: false, .. })) {
            return Renewal::Busy;
        }
        self.set(id, now + seconds(timer.ttl_seconds));
        Renewal::Renewed { ttl_seconds: timer.ttl_seconds, clearing: timer.clearing() }
    }

    pub fn take_due(
        &mut self,
        now: Instant,
        retry: Duration,
        limit: usize,
    ) -> Option<(Term, Vec<LeaseId>)> {
        let term = self.term?;
        while let Some(&(until, id)) = self.revoking.first()
            && until <= now
        {
            self.put_back(until, id);
        }
        let mut due = Vec::new();
        while self.revoking.len() < limit
            && let Some(&(deadline, id)) = self.queue.first()
            && deadline <= now
        {
            self.queue.pop_first();
            let timer = self.timers.get_mut(&id).expect("what is queued has a timer");
            // Stays due for renewals.
            timer.revoking = Some(now + retry);
            self.revoking.insert((now + retry, id));
            due.push(id);
        }
        Some((term, due))
    }

    /// A revoke was lost: the lease is decided about anew.
    fn put_back(&mut self, until: Instant, id: LeaseId) {
        self.revoking.remove(&(until, id));
        let timer = self.timers.get_mut(&id).expect("what is revoked has a timer");
        timer.revoking = None;
        self.queue.insert((timer.deadline.expect("it came due"), id));
    }
}
