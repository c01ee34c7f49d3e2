//! R10: a member's term, commit, applied and snapshot index never go back within an incarnation,
//! its vote never changes within a term, and entries are applied one by one.
//!
//! What a restart brings back is judged by L1; the commit index may go back over one, because it is
//! recomputed.

use node::env::Event;

use super::{Step, Verdict, violated};

#[derive(Clone, Default)]
struct Marks {
    term: u64,
    synced: (u64, u64),
    commit: u64,
    applied: u64,
}

/// What each member has said last.
pub struct Monotone {
    marks: Vec<Marks>,
}

impl Monotone {
    /// For a number of members.
    #[must_use]
    pub fn new(count: usize) -> Monotone {
        Monotone { marks: vec![Marks::default(); count] }
    }

    /// Judges terms, votes, commits and applications.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        let marks = &mut self.marks[step.member];
        let who = step.member + 1;
        step.tally.hit("R10");
        match step.event {
            Event::Recovered { term, vote, commit, applied, .. } => {
                *marks = Marks {
                    term: term.get(),
                    synced: (term.get(), vote.get()),
                    commit: commit.get(),
                    applied: applied.get(),
                };
            }
            Event::RoleChanged { term, .. } => {
                rises(who, "term", &mut marks.term, term.get(), true)?;
            }
            Event::Synced { term, vote, .. } => {
                let now = (term.get(), vote.get());
                let before = std::mem::replace(&mut marks.synced, now);
                if now.0 < before.0 || (now.0 == before.0 && before.1 != 0 && now.1 != before.1) {
                    return violated!(
                        "R10",
                        "member {who} synced (term, vote) {now:x?} after {before:x?}"
                    );
                }
            }
            Event::Committed { commit, .. } => {
                rises(who, "commit", &mut marks.commit, commit.get(), false)?;
            }
            Event::Applied { index, .. } => {
                let next = marks.applied + 1;
                if index.get() != next {
                    return violated!("R10", "member {who} applied {index}, next was {next}");
                }
                marks.applied = next;
            }
            Event::Installed { index, .. } => {
                // The commit index follows with a fact of its own.
                rises(who, "applied", &mut marks.applied, index.get(), false)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn rises(who: usize, what: &str, mark: &mut u64, now: u64, may_stay: bool) -> Verdict {
    let before = std::mem::replace(mark, now);
    if now > before || (may_stay && now == before) {
        return Ok(());
    }
    violated!("R10", "the {what} of member {who} went from {before} to {now}")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, applied, leader};

    #[test]
    fn going_back_breaks_r10() {
        let mut play = Play::new(1);
        play.event(0, &leader(5)).expect("leads");
        assert_eq!(play.event(0, &leader(4)).expect_err("an older term").check, "R10");
    }

    #[test]
    fn skipping_an_entry_breaks_r10() {
        let mut play = Play::new(1);
        play.commit_all(0, 1, &[(1, 1, 9), (2, 1, 9)]);
        play.event(0, &applied(1, 1)).expect("applies");
        let mut skipping = Play::new(1);
        skipping.commit_all(0, 1, &[(1, 1, 9), (2, 1, 9)]);
        assert_eq!(skipping.event(0, &applied(2, 1)).expect_err("skips 1").check, "R10");
    }
}
