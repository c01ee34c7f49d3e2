//! R13: when a member states that its log is durable up to an index, and its term and vote, the
//! guaranteed-durable image of its disk contains them, entry by entry as the member has them.

use node::env::Event;

use super::ghost::span;
use super::{Step, Verdict, violated};

/// Judges a sync.
pub fn step(step: &Step<'_>) -> Verdict {
    let Event::Synced { last, term, vote } = step.event else { return Ok(()) };
    step.tally.hit("R13");
    let who = step.member + 1;
    let (claimed, held) = ((term.get(), vote.get()), (step.durable.term, step.durable.vote));
    // The disk may be ahead of the claim by a later batch, never behind it.
    if held.0 < claimed.0 || (held.0 == claimed.0 && claimed.1 != 0 && held.1 != claimed.1) {
        return violated!(
            "R13",
            "member {who} holds (term, vote) {claimed:x?} for durable, its disk has {held:x?}"
        );
    }
    let member = &step.ghost.members[step.member];
    let last = last.get();
    for (index, own) in member.log.range(span(member.stable, last)) {
        let durable = step.durable.entries.get(index);
        if durable != Some(&(own.term, own.checksum)) && *index > step.durable.snapshot.0 {
            return violated!(
                "R13",
                "member {who} holds {own:?} at {index} for durable, its disk has {durable:?}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Play, appended, synced};

    #[test]
    fn a_claim_that_the_disk_does_not_bear_out_breaks_r13() {
        let mut play = Play::new(3);
        play.event(0, &appended(&[(1, 1, 9), (2, 1, 8)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.event(0, &synced(1, 1)).expect("borne out");
        assert_eq!(play.event(0, &synced(2, 1)).expect_err("2 is not there").check, "R13");
    }
}
