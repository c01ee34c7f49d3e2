//! R8: when an index is first committed, its entry is in the guaranteed-durable image of a quorum
//! of the configuration in force, of both halves when it is joint.
//!
//! The configuration is the last one that an earlier entry brought, as members stated it. Before
//! any was stated nothing is judged.

use base::MemberId;
use node::env::Event;

use super::{Ghost, Step, Verdict, violated};

/// Judges first commits by a leader that counted.
pub fn step(step: &Step<'_>) -> Verdict {
    let Event::Committed { commit, by_counting: true, .. } = step.event else { return Ok(()) };
    let commit = commit.get();
    if commit <= step.ghost.commit() {
        return Ok(());
    }
    let Some(configuration) = step.ghost.configuration(commit) else { return Ok(()) };
    let Some(term) = step.ghost.members[step.member].term_of(commit) else { return Ok(()) };
    step.tally.hit("R8");
    for voters in [&configuration.voters, &configuration.outgoing] {
        let holding: Vec<usize> = holders(step, voters, commit, term);
        if !voters.is_empty() && holding.len() <= voters.len() / 2 {
            return violated!(
                "R8",
                "member {} committed {commit} of term {term}, \
                 durable only on {holding:?} of {} voters",
                step.member + 1,
                voters.len()
            );
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
    use crate::check::testing::{Play, appended, committed, configured, leader};

    #[test]
    fn a_commit_that_only_a_minority_holds_breaks_r8() {
        let mut play = Play::new(3);
        play.event(0, &configured(&play.ids())).expect("three voters");
        play.event(0, &leader(1)).expect("leads");
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        assert_eq!(play.event(0, &committed(1, 1, true)).expect_err("one of three").check, "R8");
        let mut play = Play::new(3);
        play.event(0, &configured(&play.ids())).expect("three voters");
        play.event(0, &leader(1)).expect("leads");
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.persist(2, &[(1, 1, 9)]);
        play.event(0, &committed(1, 1, true)).expect("two of three");
    }
}
