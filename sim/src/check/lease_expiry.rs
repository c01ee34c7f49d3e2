//! E1 Never early: a leader decides that a lease has expired not before its time to live after the
//! last acknowledged renewal or grant, across leader changes.
//!
//! A renewal happened at some moment of its call; judged is the beginning, so nothing is flagged
//! that could be right. Clocks drift by at most [`DRIFT_PPM`]. A decision in an outdated term is
//! not judged: it has no effect, because a revocation is dropped in any other term than its own.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Instant;
use node::env::Event;

use super::{Step, Verdict, violated};

/// The greatest difference between a member's clock and the world's that a plan draws, with margin.
pub const DRIFT_PPM: u64 = 1_000;

/// The last acknowledged renewals.
#[derive(Debug, Default)]
pub struct Leases {
    renewed: BTreeMap<i64, (Instant, Duration)>,
}

impl Leases {
    /// A grant or renewal that began at `begun` was acknowledged with a time to live.
    pub fn renewed(&mut self, lease: i64, begun: Instant, ttl_seconds: i64) {
        let ttl = Duration::from_secs(u64::try_from(ttl_seconds).unwrap_or(0));
        let last = self.renewed.entry(lease).or_insert((begun, ttl));
        if last.0 <= begun {
            *last = (begun, ttl);
        }
    }

    /// Judges decisions of leaders.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        let Event::LeaseExpired { lease, term } = step.event else { return Ok(()) };
        let newest = step.ghost.members.iter().filter(|m| m.is_leader).map(|m| m.term).max();
        if newest.is_some_and(|newest| newest > term.get()) {
            return Ok(());
        }
        let Some(&(begun, ttl)) = self.renewed.get(lease) else { return Ok(()) };
        step.tally.hit("E1");
        let tolerance = ttl * DRIFT_PPM as u32 / 1_000_000 + Duration::from_millis(1);
        if step.now + tolerance >= begun + ttl {
            return Ok(());
        }
        violated!(
            "E1",
            "member {} lets lease {lease:x} expire at {:?} in term {term}; a renewal for {ttl:?} \
             that began at {begun:?} was acknowledged",
            step.member + 1,
            step.now
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::{Instant, Term};
    use node::env::Event;

    use crate::check::testing::{Play, leader};

    #[test]
    fn expiry_before_the_ttl_breaks_e1() {
        let mut play = Play::new(1);
        play.event(0, &leader(1)).expect("leads");
        let begun = Instant::from_nanos(5_000_000_000);
        play.checks.leases.renewed(7, begun, 10);
        let expired = Event::LeaseExpired { lease: 7, term: Term(1) };
        play.event_at(begun + Duration::from_secs(11), 0, &expired).expect("late enough");
        let early = play.event_at(begun + Duration::from_secs(9), 0, &expired);
        assert_eq!(early.expect_err("a second early").check, "E1");
    }
}
