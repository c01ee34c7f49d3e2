//! E1 Never early: a leader decides that a lease has expired not before its time to live after the
//! last acknowledged renewal or grant, across leader changes.
//!
//! A renewal happened at some moment of its call; judged is the beginning, so nothing is flagged
//! that could be right. Clocks drift by at most [`DRIFT_PPM`]. A decision in an outdated term is
//! not judged: it has no effect, because a revocation is dropped in any other term than its own.
//! That is judged by the log: what no client revoked stands there only in a term in which its
//! leader decided so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Instant;
use node::env::Event;
use prost::Message as _;
use proto::etcdserverpb::InternalRaftRequest;

use super::{Step, Verdict, violated};

/// The greatest difference between a member's clock and the world's that a plan draws, with margin.
pub const DRIFT_PPM: u64 = 1_000;

/// The last acknowledged renewals.
#[derive(Debug, Default)]
pub struct Leases {
    renewed: BTreeMap<i64, (Instant, Duration)>,
    /// Leases that a client asked to be revoked.
    asked: BTreeSet<i64>,
    /// Leases that were decided to have expired, with the term.
    decided: BTreeSet<(i64, u64)>,
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

    /// A client asks for a revocation.
    pub fn asked(&mut self, lease: i64) {
        self.asked.insert(lease);
    }

    /// Judges decisions of leaders, and what came of them.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        match step.event {
            Event::LeaseExpired { lease, term } => {
                self.decided.insert((*lease, term.get()));
                self.decision(step, *lease, term.get())
            }
            Event::Applied { term, data, .. } => self.revocation(step, data, term.get()),
            _ => Ok(()),
        }
    }

    fn decision(&self, step: &Step<'_>, lease: i64, term: u64) -> Verdict {
        let newest = step.ghost.members.iter().filter(|m| m.is_leader).map(|m| m.term).max();
        if newest.is_some_and(|newest| newest > term) {
            return Ok(());
        }
        let Some(&(begun, ttl)) = self.renewed.get(&lease) else { return Ok(()) };
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

    /// An entry that ends a lease which clients know of and did not revoke.
    fn revocation(&self, step: &Step<'_>, data: &[u8], term: u64) -> Verdict {
        if self.renewed.is_empty() {
            return Ok(());
        }
        let request = InternalRaftRequest::decode(data).ok();
        let Some(revoke) = request.and_then(|request| request.lease_revoke) else { return Ok(()) };
        if self.asked.contains(&revoke.id) || !self.renewed.contains_key(&revoke.id) {
            return Ok(());
        }
        step.tally.hit("E1");
        match self.decided.contains(&(revoke.id, term)) {
            true => Ok(()),
            false => violated!(
                "E1",
                "lease {:x} ends by an entry of term {term}, in which nobody decided so",
                revoke.id
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::{Index, Instant, Term};
    use node::env::Event;
    use prost::Message as _;
    use proto::etcdserverpb::{InternalRaftRequest, LeaseRevokeRequest};

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

    #[test]
    fn a_revocation_of_another_term_than_its_decisions_breaks_e1() {
        let applied = |index: u64, term: u64| {
            let revoke = LeaseRevokeRequest { id: 7 };
            let request = InternalRaftRequest { lease_revoke: Some(revoke), ..Default::default() };
            let (index, data) = (Index(index), request.encode_to_vec().into());
            let term = Term(term);
            Event::Applied { index, term, data, answer: 0, revision: 1, chain: 0, logical_bytes: 0 }
        };
        let mut play = Play::new(1);
        play.commit_all(0, 2, &[(1, 1, 9), (2, 2, 9), (3, 2, 9)]);
        play.checks.leases.renewed(7, Instant::ORIGIN, 1);
        let late = Instant::from_nanos(5_000_000_000);
        play.event_at(late, 0, &Event::LeaseExpired { lease: 7, term: Term(1) }).expect("due");
        play.event(0, &applied(1, 1)).expect("in its term");
        assert_eq!(play.event(0, &applied(2, 2)).expect_err("a deposed leader's").check, "E1");
        play.checks.leases.asked(7);
        play.event(0, &applied(3, 2)).expect("a client's");
    }
}
