//! R8: when an index is first committed, its entry is in the guaranteed-durable image of a quorum
//! of the configuration in force, of both halves when it is joint.
//!
//! The configuration is the one that the leader's core works with (R14: a tally counts voters of
//! the active configuration only). Before one was stated nothing is judged. A commit that only
//! learners' copies would explain breaks MB3.

use base::MemberId;
use node::env::Event;

use super::{Ghost, Step, Verdict};

/// Judges first commits by a leader that counted.
pub fn step(step: &Step<'_>) -> Verdict {
    let Event::Committed { commit, by_counting: true, .. } = step.event else { return Ok(()) };
    let commit = commit.get();
    if commit <= step.ghost.commit() {
        return Ok(());
    }
    let Some(configuration) = &step.ghost.members[step.member].configuration else {
        return Ok(());
    };
    let Some(term) = step.ghost.members[step.member].term_of(commit) else { return Ok(()) };
    step.tally.hit("R8");
    for voters in [&configuration.voters, &configuration.outgoing] {
        let holding: Vec<usize> = holders(step, voters, commit, term);
        if !voters.is_empty() && holding.len() <= voters.len() / 2 {
            let learners = holders(step, &configuration.learners, commit, term).len();
            let with_learners = holding.len() + learners > voters.len() / 2;
            let text = format!(
                "member {} committed {commit} of term {term}, \
                 durable only on {holding:?} of {} voters, and on {learners} learners",
                step.member + 1,
                voters.len()
            );
            let check = if with_learners { "MB3" } else { "R8" };
            return Err(super::Violation { check, text });
        }
        if !configuration.learners.is_empty() {
            step.tally.hit("MB3");
        }
    }
    Ok(())
}

fn holders(step: &Step<'_>, voters: &[MemberId], index: u64, term: u64) -> Vec<usize> {
    let ghost: &Ghost = step.ghost;
    let numbers = voters.iter().filter_map(|id| ghost.ids.iter().position(|known| known == id));
    numbers
        .filter(|&number| {
            let durable = if number == step.member { step.durable } else { &ghost.durable[number] };
            durable.term_of(index) == Some(term) || durable.snapshot.0 > index
        })
        .map(|number| number + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, committed, configured, with_learners};

    #[test]
    fn a_commit_that_only_a_minority_holds_breaks_r8() {
        let mut play = Play::new(3);
        play.event(0, &configured(&play.ids())).expect("three voters");
        play.elect(0, 1);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        assert_eq!(play.event(0, &committed(1, 1, true)).expect_err("one of three").check, "R8");
        let mut play = Play::new(3);
        play.event(0, &configured(&play.ids())).expect("three voters");
        play.elect(0, 1);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.persist(2, &[(1, 1, 9)]);
        play.event(0, &committed(1, 1, true)).expect("two of three");
    }

    #[test]
    fn a_commit_that_counts_a_learner_breaks_mb3() {
        let mut play = Play::new(4);
        let ids = play.ids();
        let (voters, learners) = ids.split_at(3);
        play.event(0, &with_learners(0, voters, learners)).expect("three voters and a learner");
        play.elect(0, 1);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.persist(3, &[(1, 1, 9)]);
        assert_eq!(play.event(0, &committed(1, 1, true)).expect_err("a learner").check, "MB3");
    }
}
