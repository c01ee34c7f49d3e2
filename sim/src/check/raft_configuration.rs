//! R14: quorums of any two configurations that could both be in force intersect; at most one
//! change is unapplied; every tally counts voters of the active configuration only. MB3: learners
//! neither vote nor count.
//!
//! Judged at each change, at each election and, for the tally of commits, by R8 with the
//! configuration that the leader holds. A vote counts as given when it left its voter, so that a
//! leader with too few of them is one by a wrong tally. It does not verify tallies that were
//! refused, nor the quorum check of a leader.

use base::MemberId;
use node::env::{Event, Role};
use raft::Body;

use super::ghost::GhostConfiguration;
use super::raft_votes::Votes;
use super::{Speech, Step, Verdict, violated};

/// Judges changes and elections.
pub fn step(step: &Step<'_>, votes: &Votes) -> Verdict {
    match step.event {
        Event::Appended { .. } => appended(step),
        Event::Configured { index, voters, voters_outgoing, learners } => {
            let next = GhostConfiguration {
                voters: voters.clone(),
                outgoing: voters_outgoing.clone(),
                learners: learners.clone(),
            };
            let before = step.ghost.configuration(index.get());
            intersecting(step, before, &next)
        }
        Event::RoleChanged { role: Role::Leader, term, .. } => elected(step, votes, term.get()),
        _ => Ok(()),
    }
}

/// A learner does not ask for votes.
pub fn speech(speech: &Speech<'_>) -> Verdict {
    let own = speech.ghost.ids[speech.member];
    let Some(active) = &speech.ghost.members[speech.member].configuration else { return Ok(()) };
    if !active.learners.contains(&own) {
        return Ok(());
    }
    speech.tally.hit("MB3");
    match speech.message.body {
        Body::Vote { .. } | Body::PreVote { .. } => {
            violated!("MB3", "learner {} asks for a vote: {active:?}", speech.member + 1)
        }
        _ => Ok(()),
    }
}

/// A leader proposes a change only when it has applied the one before.
fn appended(step: &Step<'_>) -> Verdict {
    let Event::Appended { entries } = step.event else { return Ok(()) };
    let member = &step.ghost.members[step.member];
    let own = entries.iter().filter(|entry| entry.is_change && entry.term.get() == member.term);
    if !member.is_leader {
        return Ok(());
    }
    let mut waiting = member.applied;
    for entry in own {
        step.tally.hit("R14");
        let index = entry.index.get();
        let log = member.log.range(waiting + 1..index.max(waiting + 1));
        let unapplied = log.filter(|(_, entry)| entry.is_change).map(|(&index, _)| index).next();
        if let Some(unapplied) = unapplied.or((waiting > member.applied).then_some(waiting)) {
            return violated!(
                "R14",
                "leader {} appends change {index} while change {unapplied} is unapplied",
                step.member + 1
            );
        }
        waiting = index;
    }
    Ok(())
}

fn intersecting(
    step: &Step<'_>,
    one: Option<&GhostConfiguration>,
    two: &GhostConfiguration,
) -> Verdict {
    let Some(one) = one else { return Ok(()) };
    step.tally.hit("R14");
    let meets = halves(one).any(|one| halves(two).any(|two| majorities_meet(one, two)));
    match meets {
        true => Ok(()),
        false => violated!(
            "R14",
            "quorums of {one:?} and {two:?}, which member {} holds, need not meet",
            step.member + 1
        ),
    }
}

fn halves(configuration: &GhostConfiguration) -> impl Iterator<Item = &Vec<MemberId>> {
    let both = [&configuration.voters, &configuration.outgoing];
    both.into_iter().filter(|half| !half.is_empty())
}

/// Any majority of the one and any of the other have a member in common.
fn majorities_meet(one: &[MemberId], two: &[MemberId]) -> bool {
    let union = one.len() + two.iter().filter(|id| !one.contains(id)).count();
    one.len() / 2 + 1 + two.len() / 2 + 1 > union
}

fn elected(step: &Step<'_>, votes: &Votes, term: u64) -> Verdict {
    let ghost = step.ghost;
    let Some(active) = &ghost.members[step.member].configuration else { return Ok(()) };
    let newest = ghost.configurations.last_key_value().map(|(_, newest)| newest);
    intersecting(step, newest, active)?;
    let own = ghost.ids[step.member];
    let gave = |id: &MemberId| {
        let voter = ghost.ids.iter().position(|known| known == id);
        *id == own || voter.is_some_and(|voter| votes.given(term, voter) == Some(own))
    };
    for half in halves(active) {
        step.tally.hit("R14");
        let count = half.iter().filter(|id| gave(id)).count();
        if count > half.len() / 2 {
            continue;
        }
        let learners = active.learners.iter().filter(|id| gave(id)).count();
        let check = if count + learners > half.len() / 2 { "MB3" } else { "R14" };
        let text = format!(
            "member {} leads in term {term} with {count} votes of the voters {half:?} and \
             {learners} of learners",
            step.member + 1
        );
        return Err(super::Violation { check, text });
    }
    if !active.learners.is_empty() {
        step.tally.hit("MB3");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base::MemberId;
    use raft::Body;

    use crate::check::testing::{Play, change_appended, configured_at, leader, with_learners};
    use crate::disk::log::DurableLog;

    fn ids(ids: &[u64]) -> Vec<MemberId> {
        ids.iter().copied().map(MemberId).collect()
    }

    #[test]
    fn two_unapplied_changes_break_r14() {
        let mut play = Play::new(1);
        play.event(0, &configured_at(0, &ids(&[1]))).expect("alone");
        play.event(0, &leader(1)).expect("leads");
        play.event(0, &change_appended(1, 1)).expect("the first");
        let broken = play.event(0, &change_appended(2, 1)).expect_err("the second too early");
        assert_eq!(broken.check, "R14");
    }

    #[test]
    fn configurations_whose_quorums_need_not_meet_break_r14() {
        let mut play = Play::new(5);
        play.event(0, &configured_at(0, &ids(&[1, 2, 3]))).expect("the first");
        play.set_durable(0, DurableLog { commit: 2, ..DurableLog::default() });
        play.event(0, &configured_at(1, &ids(&[1, 2, 3, 4]))).expect("one more");
        let broken = play.event(0, &configured_at(2, &ids(&[4, 5]))).expect_err("others");
        assert_eq!(broken.check, "R14");
    }

    #[test]
    fn a_leader_without_a_majority_of_the_voters_breaks_r14_or_mb3() {
        let vote = |play: &mut Play, voter: usize| {
            play.set_durable(voter, DurableLog { term: 4, vote: 1, ..DurableLog::default() });
            play.say(voter, 0, 4, Body::VoteReply { granted: true }).expect("durable");
        };
        let mut play = Play::new(4);
        play.event(0, &configured_at(0, &ids(&[1, 2, 3]))).expect("three voters");
        assert_eq!(play.event(0, &leader(4)).expect_err("its own vote only").check, "R14");
        let mut play = Play::new(4);
        play.event(0, &with_learners(0, &ids(&[1, 2, 3]), &ids(&[4]))).expect("and a learner");
        vote(&mut play, 3);
        assert_eq!(play.event(0, &leader(4)).expect_err("a learner's vote").check, "MB3");
        let mut play = Play::new(4);
        play.event(0, &with_learners(0, &ids(&[1, 2, 3]), &ids(&[4]))).expect("and a learner");
        vote(&mut play, 2);
        play.event(0, &leader(4)).expect("two of three");
    }

    #[test]
    fn a_learner_that_asks_for_votes_breaks_mb3() {
        let mut play = Play::new(2);
        play.event(1, &with_learners(0, &ids(&[1]), &ids(&[2]))).expect("a learner");
        let ask = Body::PreVote { last_index: base::Index(0), last_term: base::Term(0) };
        assert_eq!(play.say(1, 0, 2, ask).expect_err("it has no vote").check, "MB3");
    }
}
