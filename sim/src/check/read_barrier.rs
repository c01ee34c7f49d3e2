//! R15: a linearizable read that arrived on a member when an index was committed anywhere is served
//! from a state that has applied at least this index, and its barrier's.
//!
//! The member states arrival and service of each read; what is committed is the ghost's. It does
//! not verify the answer, which V2 does, nor reads that end with an error.

use std::collections::BTreeMap;

use node::env::Event;

use super::{Step, Verdict, violated};

/// Reads under way, by member and number, each with what was committed when it arrived.
pub struct Reads {
    arrived: Vec<BTreeMap<u64, u64>>,
}

impl Reads {
    /// For a number of members.
    #[must_use]
    pub fn new(count: usize) -> Reads {
        Reads { arrived: vec![BTreeMap::new(); count] }
    }

    /// A member's boot ended.
    pub fn crashed(&mut self, member: usize) {
        self.arrived[member].clear();
    }

    /// Judges services.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        match step.event {
            Event::ReadArrived { read } => {
                self.arrived[step.member].insert(*read, step.ghost.commit());
                Ok(())
            }
            Event::ReadServed { read, barrier, applied } => {
                step.tally.hit("R15");
                let who = step.member + 1;
                let Some(committed) = self.arrived[step.member].remove(read) else {
                    return violated!(
                        "R15",
                        "member {who} serves read {read}, which never arrived"
                    );
                };
                if applied.get() >= committed && applied >= barrier {
                    return Ok(());
                }
                violated!(
                    "R15",
                    "member {who} serves read {read} behind a barrier at {barrier} from the state \
                     at {applied}; {committed} was committed when it arrived"
                )
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Index;
    use node::env::Event;

    use crate::check::testing::Play;

    #[test]
    fn a_read_from_before_what_was_committed_breaks_r15() {
        let mut play = Play::new(3);
        play.commit_all(0, 1, &[(1, 1, 9), (2, 1, 8)]);
        let served =
            |read, applied| Event::ReadServed { read, barrier: Index(1), applied: Index(applied) };
        for read in 1..=3 {
            play.event(1, &Event::ReadArrived { read }).expect("arrives");
        }
        play.event(1, &served(1, 2)).expect("all that was committed");
        let broken = play.event(1, &served(2, 1)).expect_err("2 was committed");
        assert_eq!(broken.check, "R15");
        play.crash(1);
        assert_eq!(play.event(1, &served(3, 2)).expect_err("of another boot").check, "R15");
    }
}
