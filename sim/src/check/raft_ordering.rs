//! R11: snapshot <= applied <= commit <= last and stable <= last, at every member, at any time.
//! An entry is applied only when it is durable in the member's own log.

use node::env::Event;

use super::{Step, Verdict, violated};

/// Judges commits, syncs and applications.
pub fn step(step: &Step<'_>) -> Verdict {
    let member = &step.ghost.members[step.member];
    let who = step.member + 1;
    match step.event {
        Event::Committed { commit, .. } => {
            step.tally.hit("R11");
            if commit.get() > member.last() {
                return violated!(
                    "R11",
                    "member {who} committed {commit}, its log ends at {}",
                    member.last()
                );
            }
        }
        Event::Synced { last, .. } => {
            step.tally.hit("R11");
            if last.get() > member.last() {
                return violated!(
                    "R11",
                    "member {who} synced up to {last}, its log ends at {}",
                    member.last()
                );
            }
        }
        Event::Applied { index, term, .. } => applied(step, index.get(), term.get())?,
        Event::Released { index } => {
            step.tally.hit("R11");
            if index.get() > member.applied {
                return violated!(
                    "R11",
                    "member {who} released {index}, it applied {}",
                    member.applied
                );
            }
        }
        _ => {}
    }
    Ok(())
}

fn applied(step: &Step<'_>, index: u64, term: u64) -> Verdict {
    step.tally.hit("R11");
    let member = &step.ghost.members[step.member];
    let who = step.member + 1;
    if index > member.commit {
        return violated!("R11", "member {who} applied {index}, it committed {}", member.commit);
    }
    let durable = step.durable.term_of(index);
    if durable != Some(term) && index > step.durable.snapshot.0 {
        return violated!(
            "R11",
            "member {who} applied {index} of term {term}; durable in its log is {durable:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, applied, committed};

    #[test]
    fn committing_beyond_the_log_breaks_r11() {
        let mut play = Play::new(3);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        assert_eq!(play.event(0, &committed(2, 1, false)).expect_err("no entry 2").check, "R11");
    }

    #[test]
    fn applying_what_is_not_durable_breaks_r11() {
        let mut play = Play::new(3);
        play.commit_all(1, 1, &[(1, 1, 9)]);
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.event(0, &committed(1, 1, false)).expect("commits");
        assert_eq!(play.event(0, &applied(1, 1)).expect_err("not synced").check, "R11");
    }
}
