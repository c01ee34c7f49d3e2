//! L5: after a failed sync, the member says nothing in this boot that depends on its log: no vote,
//! no acknowledgement, no claim that more is durable.
//!
//! It does not verify that the process ends at once; what it may still say is what it had made
//! durable before, and that is judged by R3.

use node::env::Event;
use raft::Body;

use super::{Speech, Step, Tally, Verdict, violated};

/// Which members' syncs failed in their present boot.
pub struct FailStop {
    failed: Vec<bool>,
}

impl FailStop {
    /// For a number of members.
    #[must_use]
    pub fn new(count: usize) -> FailStop {
        FailStop { failed: vec![false; count] }
    }

    /// A member's sync failed.
    pub fn sync_failed(&mut self, member: usize) {
        self.failed[member] = true;
    }

    /// A member's boot ended. One in which a sync had failed was judged by all that it said.
    pub fn crashed(&mut self, member: usize, tally: &Tally) {
        if std::mem::take(&mut self.failed[member]) {
            tally.hit("L5");
        }
    }

    /// Judges claims of durability.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        if !self.failed[step.member] {
            return Ok(());
        }
        step.tally.hit("L5");
        match step.event {
            Event::Synced { last, .. } => violated!(
                "L5",
                "member {} claims that {last} is durable after a failed sync",
                step.member + 1
            ),
            _ => Ok(()),
        }
    }

    /// Judges votes and acknowledgements.
    pub fn speech(&mut self, speech: &Speech<'_>) -> Verdict {
        if !self.failed[speech.member] {
            return Ok(());
        }
        speech.tally.hit("L5");
        match speech.message.body {
            Body::VoteReply { granted: true } | Body::AppendReply { reject: None, .. } => {
                violated!(
                    "L5",
                    "member {} says {:?} after a failed sync",
                    speech.member + 1,
                    speech.message.body
                )
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, synced};

    #[test]
    fn a_claim_after_a_failed_sync_breaks_l5() {
        let mut play = Play::new(3);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.fail_sync(0);
        assert_eq!(play.event(0, &synced(1, 1)).expect_err("it failed").check, "L5");
    }
}
