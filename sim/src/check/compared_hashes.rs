//! H2: members hash the same at the same revision and compaction. The product's own comparison
//! looks at this, over the simulated network, while faults happen; no fault changes keys unnoticed,
//! so whatever it finds is either a difference or a wrong accusation.

use node::env::Event;

use super::{Step, Verdict, violated};

/// Judges what a leader found.
pub fn step(step: &Step<'_>) -> Verdict {
    match step.event {
        Event::HashesCompared { .. } => {
            step.tally.hit("H2");
            Ok(())
        }
        Event::CorruptionFound { member } => violated!(
            "H2",
            "member {} says that member {member} holds something else",
            step.member + 1
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use base::MemberId;
    use node::env::Event;

    use crate::check::testing::Play;

    #[test]
    fn an_accusation_breaks_h2() {
        let mut play = Play::new(3);
        play.event(0, &Event::HashesCompared { members: 3 }).expect("nobody differs");
        let accusation = Event::CorruptionFound { member: MemberId(2) };
        assert_eq!(play.event(0, &accusation).expect_err("a finding").check, "H2");
    }
}
