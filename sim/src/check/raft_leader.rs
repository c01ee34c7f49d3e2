//! R4 Leader Append-Only (Raft paper §5.3): a leader never replaces entries of its log. R9: a
//! leader commits by counting replicas only entries of its own term (§5.4.2).

use node::env::Event;

use super::{Step, Verdict, violated};

/// Judges appends and commits of leaders.
pub fn step(step: &Step<'_>) -> Verdict {
    let member = &step.ghost.members[step.member];
    match step.event {
        Event::Appended { entries } if member.is_leader => {
            step.tally.hit("R4");
            let Some(first) = entries.first() else { return Ok(()) };
            if first.index.get() > member.last() {
                return Ok(());
            }
            violated!(
                "R4",
                "member {} leads in term {} and replaces its log from {} on, which ended at {}",
                step.member + 1,
                member.term,
                first.index,
                member.last()
            )
        }
        Event::Committed { commit, term, by_counting: true } => {
            step.tally.hit("R9");
            match member.term_of(commit.get()) {
                Some(own) if own == term.get() => Ok(()),
                own => violated!(
                    "R9",
                    "member {} committed {commit} by counting in term {term}, \
                     but its term is {own:?}",
                    step.member + 1
                ),
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, committed, leader};

    #[test]
    fn a_leader_that_replaces_an_entry_breaks_r4() {
        let mut play = Play::new(3);
        play.event(0, &appended(&[(1, 1, 9), (2, 1, 9)])).expect("a follower appends");
        play.event(0, &leader(2)).expect("leads");
        play.event(0, &appended(&[(3, 2, 9)])).expect("goes on");
        let broken = play.event(0, &appended(&[(3, 2, 8)])).expect_err("replaces 3");
        assert_eq!(broken.check, "R4");
    }

    #[test]
    fn committing_an_old_term_by_counting_breaks_r9() {
        let mut play = Play::new(1);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.event(0, &leader(2)).expect("leads");
        let broken = play.event(0, &committed(1, 2, true)).expect_err("entry of term 1");
        assert_eq!(broken.check, "R9");
    }
}
