//! Checkpoints: now and then the leader has the log record what remains of a long lease, so that
//! the next leader goes on from there instead of from the full time to live.
//!
//! Never early, with checkpoints too: what is recorded is rounded up, and a renewal is acknowledged
//! only once no checkpoint from before it can still count. One that was recorded is cleared through
//! the log; and so is one that is on its way, which must have been handed over first: the log keeps
//! the order.

use std::time::Duration;

use base::{Instant, LeaseId, Term};

use super::Lessor;
use super::clock::{Clock, Timer, seconds};

/// Where a lease's checkpoints stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// When the next one is due.
    pub due: Option<Instant>,
    /// The one that was decided and not applied.
    pub flight: Option<Flight>,
}

/// A checkpoint between its decision and its entry's application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    pub number: u64,
    /// Whether it was handed over, so that what is proposed from now on comes behind it.
    pub is_sent: bool,
}

/// What must be cleared before a renewal is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clearing {
    flight: Option<u64>,
}

/// What remains of a lease, in seconds.
pub type Remaining = (LeaseId, i64);

impl Timer {
    pub(super) fn is_longer(&self, interval: Duration) -> bool {
        seconds(self.left_seconds()) > interval
    }

    pub(super) fn clearing(&self) -> Option<Clearing> {
        let flight = self.checkpoint.flight.map(|flight| flight.number);
        let is_needed = flight.is_some() || self.remaining_seconds > 0;
        is_needed.then_some(Clearing { flight })
    }
}

impl Clock {
    /// The next checkpoint of a lease is due an interval from now, if it is long enough for one.
    pub(super) fn schedule_checkpoint(&mut self, id: LeaseId, now: Instant) {
        self.unschedule_checkpoint(id);
        let Some(interval) = self.checkpoint_interval else { return };
        let Some(timer) = self.timers.get_mut(&id) else { return };
        if self.term.is_some() && timer.is_longer(interval) {
            timer.checkpoint.due = Some(now + interval);
            self.checkpoints.insert((now + interval, id));
        }
    }

    pub(super) fn unschedule_checkpoint(&mut self, id: LeaseId) {
        let Some(timer) = self.timers.get_mut(&id) else { return };
        if let Some(due) = timer.checkpoint.due.take() {
            assert!(self.checkpoints.remove(&(due, id)), "lease {id} awaits no checkpoint");
        }
    }

    /// The log has recorded what remains; zero for the full time.
    pub(super) fn checkpointed(&mut self, id: LeaseId, remaining_seconds: i64, now: Instant) {
        let Some(timer) = self.timers.get_mut(&id) else { return };
        timer.remaining_seconds = remaining_seconds;
        if remaining_seconds > 0 {
            // One that is not yet handed over is another, and a renewal has to wait for it still.
            timer.checkpoint.flight.take_if(|flight| flight.is_sent);
        }
        self.schedule_checkpoint(id, now);
    }

    fn take_checkpoints(&mut self, now: Instant, limit: usize) -> Vec<Remaining> {
        let mut taken = Vec::new();
        while let Some(&(at, id)) = self.checkpoints.first()
            && at <= now
            && taken.len() < limit
        {
            // Anew if this one is lost.
            self.schedule_checkpoint(id, now);
            let timer = self.timers.get_mut(&id).expect("what is scheduled has a timer");
            let left = timer.deadline.unwrap_or(now).since(now);
            let remaining = i64::try_from(left.as_nanos().div_ceil(1_000_000_000));
            let remaining = remaining.unwrap_or(i64::MAX);
            // What is due is about to end; what was just renewed has all its time.
            if left.is_zero() || remaining >= timer.ttl_seconds {
                continue;
            }
            self.flights += 1;
            timer.checkpoint.flight = Some(Flight { number: self.flights, is_sent: false });
            taken.push((id, remaining));
        }
        taken
    }
}

impl Lessor {
    /// Leases whose checkpoint is due, at most `limit`, with what remains of each and the term in
    /// which it was decided. Until [`Lessor::sent`] is told of them, they are not renewed.
    pub fn take_checkpoints(&self, now: Instant, limit: usize) -> Option<(Term, Vec<Remaining>)> {
        let mut clock = self.lock();
        let term = clock.term?;
        Some((term, clock.take_checkpoints(now, limit)))
    }

    /// These checkpoints were handed over to be proposed: what is proposed from now on, comes
    /// behind them in the log, or they never come.
    pub fn sent(&self, checkpoints: &[Remaining]) {
        let mut clock = self.lock();
        for (id, _) in checkpoints {
            let timer = clock.timers.get_mut(id);
            if let Some(flight) = timer.and_then(|timer| timer.checkpoint.flight.as_mut()) {
                flight.is_sent = true;
            }
        }
    }

    /// The log has cleared what a renewal found: a checkpoint that was on its way then, counts no
    /// more, whether it came or not.
    pub fn cleared(&self, id: LeaseId, clearing: Clearing) {
        let mut clock = self.lock();
        if let Some(timer) = clock.timers.get_mut(&id)
            && timer.checkpoint.flight.map(|flight| flight.number) == clearing.flight
        {
            timer.checkpoint.flight = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use state::Effect;

    use super::super::Renewal;
    use super::*;

    const HOUR: i64 = 3600;

    fn at(second: u64) -> Instant {
        Instant::from_nanos(second * 1_000_000_000)
    }

    /// A leader that checkpoints every five minutes, with a lease of an hour and one of a minute.
    fn leader() -> Lessor {
        let lessor = Lessor::new(Some(Duration::from_secs(300)));
        lessor.promote(Term(1), at(0), Duration::ZERO);
        for (id, ttl_seconds) in [(1, HOUR), (2, 60)] {
            lessor.follow(&Effect::LeaseGranted { id: LeaseId(id), ttl_seconds }, at(0));
        }
        lessor
    }

    fn applied(lessor: &Lessor, remaining_seconds: i64, now: u64) {
        lessor.follow(&Effect::LeaseCheckpointed { id: LeaseId(1), remaining_seconds }, at(now));
    }

    fn renewed(lessor: &Lessor, now: u64) -> Option<Clearing> {
        match lessor.renew(LeaseId(1), at(now)) {
            Renewal::Renewed { ttl_seconds: HOUR, clearing } => clearing,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn long_leases_are_recorded_every_interval_and_short_ones_never() {
        let lessor = leader();
        assert_eq!(lessor.take_checkpoints(at(299), 9), Some((Term(1), vec![])));
        let half = Instant::from_nanos(300_500_000_000);
        let taken = lessor.take_checkpoints(half, 9).expect("it leads");
        assert_eq!(taken, (Term(1), vec![(LeaseId(1), 3300)]), "rounded up");
        lessor.sent(&taken.1);
        applied(&lessor, 3300, 301);
        assert_eq!(lessor.take_checkpoints(at(600), 9), Some((Term(1), vec![])));
        assert_eq!(lessor.take_checkpoints(at(601), 9), Some((Term(1), vec![(LeaseId(1), 2999)])));
        assert_eq!(lessor.take_checkpoints(at(900), 9), Some((Term(1), vec![])));
        let again = lessor.take_checkpoints(at(901), 9);
        assert_eq!(again, Some((Term(1), vec![(LeaseId(1), 2699)])), "the second was lost");
        lessor.demote();
        assert_eq!(lessor.take_checkpoints(at(9_000), 9), None);
    }

    #[test]
    fn a_checkpoint_shortens_the_time_after_a_change_of_leader() {
        let lessor = leader();
        lessor.demote();
        applied(&lessor, 60, 1);
        lessor.promote(Term(2), at(10), Duration::from_secs(1));
        assert_eq!(lessor.remaining_seconds(LeaseId(1), at(10)), Some(61));
        lessor.follow(&Effect::LeaseRevoked(LeaseId(1)), at(11));
        assert_eq!(lessor.renew(LeaseId(1), at(11)), Renewal::Unknown);
    }

    #[test]
    fn a_renewal_clears_what_was_recorded() {
        let lessor = leader();
        assert_eq!(renewed(&lessor, 1), None);
        applied(&lessor, 3000, 2);
        let clearing = renewed(&lessor, 3).expect("a checkpoint counts");
        applied(&lessor, 0, 4);
        lessor.cleared(LeaseId(1), clearing);
        assert_eq!(renewed(&lessor, 5), None);
    }

    #[test]
    fn a_renewal_clears_what_is_on_its_way_once_it_was_sent() {
        let lessor = leader();
        let taken = lessor.take_checkpoints(at(300), 9).expect("it leads").1;
        assert_eq!(lessor.renew(LeaseId(1), at(300)), Renewal::Busy, "not handed over yet");
        assert_eq!(lessor.renew_together(&[LeaseId(1)], at(300)), [0]);
        lessor.sent(&taken);
        let clearing = renewed(&lessor, 301).expect("it may come");
        // A clearing from before it does not count for it.
        applied(&lessor, 0, 301);
        assert_eq!(renewed(&lessor, 301), Some(clearing));
        lessor.cleared(LeaseId(1), clearing);
        assert_eq!(renewed(&lessor, 302), None);
    }

    #[test]
    fn an_earlier_checkpoint_that_comes_leaves_a_later_one_on_its_way() {
        let lessor = leader();
        let first = lessor.take_checkpoints(at(300), 9).expect("it leads").1;
        lessor.sent(&first);
        let second = lessor.take_checkpoints(at(600), 9).expect("it leads").1;
        assert_eq!(second.len(), 1);
        applied(&lessor, 3300, 601);
        assert_eq!(lessor.renew(LeaseId(1), at(601)), Renewal::Busy, "not handed over yet");
    }

    #[test]
    fn what_was_just_renewed_is_not_recorded() {
        let lessor = leader();
        assert_eq!(renewed(&lessor, 300), None);
        assert_eq!(lessor.take_checkpoints(at(300), 9), Some((Term(1), vec![])));
        assert_eq!(lessor.take_checkpoints(at(600), 9), Some((Term(1), vec![(LeaseId(1), 3300)])));
    }
}
