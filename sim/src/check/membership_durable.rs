//! MB5: a member follows a configuration only once it can never forget that the entry is committed,
//! and a removed member leaves only once most of the voters that stay have come so far.
//!
//! What a member begins with is not judged: the backend may know of a configuration before the log
//! has recorded its commit. Neither is who was told of its removal by a peer, for its own list may
//! be old, nor who has waited in vain.

use base::MemberId;
use node::env::Event;

use super::ghost::GhostConfiguration;
use super::{Ghost, Step, Verdict, violated};

/// Judges a configuration that a member begins to follow.
pub fn step(step: &Step<'_>) -> Verdict {
    let Event::Configured { index, .. } = step.event else { return Ok(()) };
    if index.get() <= step.ghost.members[step.member].applied {
        return Ok(());
    }
    step.tally.hit("MB5");
    match step.durable.commit >= index.get() {
        true => Ok(()),
        false => violated!(
            "MB5",
            "member {} follows entry {index}, and may come back knowing only {} to be committed",
            step.member + 1,
            step.durable.commit
        ),
    }
}

/// Judges a removed member that leaves; `stay` is the configuration that its removal at `index`
/// led to.
pub fn leaves(ghost: &Ghost, member: MemberId, index: u64, stay: &GhostConfiguration) -> Verdict {
    let knows = |id: &&MemberId| {
        let number = ghost.ids.iter().position(|known| known == *id);
        number.is_some_and(|at| ghost.members[at].configured.max(ghost.durable[at].commit) >= index)
    };
    let (know, count) = (stay.voters.iter().filter(knows).count(), stay.voters.len());
    match know > count / 2 {
        true => Ok(()),
        false => violated!(
            "MB5",
            "member {member} leaves, and {know} of {count} voters have its removal at {index}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use base::MemberId;

    use crate::check::ghost::GhostConfiguration;
    use crate::check::testing::{Play, change_appended, committed, configured_at};

    #[test]
    fn a_configuration_whose_commit_is_a_hint_breaks_mb5() {
        let mut play = Play::new(2);
        play.commit_change(0, 1);
        play.event(0, &configured_at(1, &[MemberId(1)])).expect("it is durable");
        play.event(1, &change_appended(1, 1)).expect("appends");
        play.persist(1, &[(1, 1, 7)]);
        play.event(1, &committed(1, 1, false)).expect("commits");
        let broken = play.event(1, &configured_at(1, &[MemberId(1)])).expect_err("a hint");
        assert_eq!(broken.check, "MB5");
    }

    #[test]
    fn leaving_before_the_others_know_breaks_mb5() {
        let mut play = Play::new(3);
        let voters = vec![MemberId(1), MemberId(2)];
        let stay = GhostConfiguration { voters, ..GhostConfiguration::default() };
        play.commit_change(0, 1);
        let leaves = |play: &Play| super::leaves(play.checks.ghost(), MemberId(3), 1, &stay);
        assert_eq!(leaves(&play).expect_err("one of two").check, "MB5");
        play.commit_change(1, 1);
        leaves(&play).expect("both know");
    }
}
