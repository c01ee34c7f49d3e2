//! R1 Election Safety (Raft paper §5.2): at most one leader per term, ever. R6 Leader Completeness
//! (§5.4): a new leader's log contains the committed log.
//!
//! R6 compares prefix hashes at the highest committed index, or the last known below it when the
//! leader's snapshot hides it. It does not verify what lies below that snapshot; H1 and A3 do.

use std::collections::BTreeMap;

use node::env::{Event, Role};

use super::{Step, Verdict, violated};

/// Leaders by term.
#[derive(Default)]
pub struct Election {
    leaders: BTreeMap<u64, usize>,
}

impl Election {
    /// Judges role changes.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        let Event::RoleChanged { term, role: Role::Leader, .. } = step.event else {
            return Ok(());
        };
        step.tally.hit("R1");
        let leader = *self.leaders.entry(term.get()).or_insert(step.member);
        if leader != step.member {
            return violated!(
                "R1",
                "members {} and {} both lead in term {term}",
                leader + 1,
                step.member + 1
            );
        }
        let member = &step.ghost.members[step.member];
        if member.is_leader && member.term == term.get() {
            return Ok(());
        }
        complete(step, term.get())
    }
}

fn complete(step: &Step<'_>, term: u64) -> Verdict {
    step.tally.hit("R6");
    let member = &step.ghost.members[step.member];
    let Some((&index, committed)) = step.ghost.committed.last_key_value() else {
        return Ok(());
    };
    if index <= member.base.0 {
        return Ok(());
    }
    match member.log.get(&index) {
        Some(own) if own.prefix == committed.prefix || own.prefix == 0 => Ok(()),
        own => violated!(
            "R6",
            "member {} leads in term {term} with {own:?} at {index}, \
             where {committed:?} is committed",
            step.member + 1
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, committed, leader};

    #[test]
    fn two_leaders_in_a_term_break_r1() {
        let mut play = Play::new(3);
        play.event(0, &leader(2)).expect("the first leader");
        play.event(0, &leader(2)).expect("the same leader again");
        assert_eq!(play.event(1, &leader(2)).expect_err("the second leader").check, "R1");
    }

    #[test]
    fn a_leader_without_a_committed_entry_breaks_r6() {
        let mut play = Play::new(2);
        play.event(0, &leader(1)).expect("leads");
        play.persist(0, &[(1, 1, 9)]);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.event(0, &committed(1, 1, true)).expect("commits");
        assert_eq!(play.event(1, &leader(2)).expect_err("an empty log").check, "R6");
    }
}
