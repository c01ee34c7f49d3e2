//! R5 Log Matching (Raft paper §5.3): logs that have the same term at an index are the same up to
//! it. R7 State Machine Safety (§5.4.3): what is committed at an index never differs.
//!
//! Judged by prefix hashes over (index, term, checksum of kind and payload). It does not see what a
//! member's snapshot covers.

use node::env::Event;

use super::ghost::{continue_prefix, span};
use super::{Step, Verdict, violated};

/// Judges appends and commits.
pub fn step(step: &Step<'_>) -> Verdict {
    match step.event {
        Event::Appended { entries } | Event::Recovered { entries, .. } => matching(step, entries),
        Event::Committed { commit, .. } => committed(step, commit.get()),
        _ => Ok(()),
    }
}

fn matching(step: &Step<'_>, entries: &[node::env::AppendedEntry]) -> Verdict {
    let Some(first) = entries.first() else { return Ok(()) };
    if matches!(step.event, Event::Recovered { .. }) && first.index.get() > 1 {
        // The hash before the first entry is that of a snapshot, which may not be known; the
        // recovered log itself is judged by L1.
        return Ok(());
    }
    step.tally.hit("R5");
    let mut prefix = match step.event {
        Event::Recovered { .. } => step.ghost.prefixes.get(&(0, 0)).copied().unwrap_or(0),
        _ => step.ghost.prefix_before(step.member, first.index.get()),
    };
    for entry in entries {
        if prefix == 0 {
            return Ok(());
        }
        let (index, term) = (entry.index.get(), entry.term.get());
        prefix = continue_prefix(prefix, index, term, entry.checksum);
        match step.ghost.prefixes.get(&(index, term)) {
            Some(&known) if known != prefix => {
                return violated!(
                    "R5",
                    "member {} has another log up to index {index} of term {term} than was seen",
                    step.member + 1
                );
            }
            _ => {}
        }
    }
    Ok(())
}

fn committed(step: &Step<'_>, commit: u64) -> Verdict {
    step.tally.hit("R7");
    let member = &step.ghost.members[step.member];
    let end = commit.min(step.ghost.commit());
    for (index, own) in member.log.range(span(member.commit, end)) {
        let Some(known) = step.ghost.committed.get(index) else { continue };
        if (own.term, own.checksum) != (known.term, known.checksum) {
            return violated!(
                "R7",
                "member {} commits {own:?} at {index}, where {known:?} is committed",
                step.member + 1
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, committed, leader};

    #[test]
    fn another_payload_at_the_same_place_breaks_r5() {
        let mut play = Play::new(3);
        play.event(0, &appended(&[(1, 1, 9), (2, 1, 9)])).expect("appends");
        play.event(1, &appended(&[(1, 1, 9)])).expect("the same");
        assert_eq!(play.event(1, &appended(&[(2, 1, 7)])).expect_err("differs").check, "R5");
    }

    #[test]
    fn another_committed_entry_breaks_r7() {
        let mut play = Play::new(2);
        play.event(0, &leader(1)).expect("leads");
        play.event(0, &appended(&[(1, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.event(0, &committed(1, 1, true)).expect("commits");
        play.event(1, &appended(&[(1, 2, 9)])).expect("another term is another entry");
        assert_eq!(play.event(1, &committed(1, 2, false)).expect_err("commits").check, "R7");
    }
}
