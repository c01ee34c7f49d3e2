//! R3 Speak only what is durable: when a vote, an append acknowledgement or a snapshot
//! acknowledgement leaves a member, the guaranteed-durable image of its disk contains what it
//! implies. R12: what a follower acknowledges is what the leader's log has there.
//!
//! R3 is judged against the disk and not against what the member believes. It does not verify the
//! snapshot's own file, only its record in the log.

use raft::Body;

use super::{Speech, Verdict, violated};

/// Judges a message as it leaves.
pub fn speech(speech: &Speech<'_>) -> Verdict {
    let message = speech.message;
    match message.body {
        Body::VoteReply { granted: true } => vote(speech),
        Body::AppendReply { index, reject: None } => {
            acknowledgement(speech, index.get()).and_then(|()| shared(speech, index.get()))
        }
        _ => Ok(()),
    }
}

fn vote(speech: &Speech<'_>) -> Verdict {
    speech.tally.hit("R3");
    let (term, candidate) = (speech.message.term.get(), speech.message.to.get());
    let durable = (speech.durable.term, speech.durable.vote);
    if durable.0 > term || durable == (term, candidate) {
        return Ok(());
    }
    violated!(
        "R3",
        "member {} votes for {candidate:x} in term {term}; durable (term, vote) is ({}, {:x})",
        speech.member + 1,
        durable.0,
        durable.1
    )
}

fn acknowledgement(speech: &Speech<'_>, index: u64) -> Verdict {
    speech.tally.hit("R3");
    let who = speech.member + 1;
    let durable = speech.durable;
    let term = speech.message.term.get();
    if durable.term < term {
        return violated!(
            "R3",
            "member {who} acknowledges {index} in term {term}; its durable term is {}",
            durable.term
        );
    }
    if index <= durable.snapshot.0 {
        return Ok(());
    }
    let own = speech.ghost.members[speech.member].term_of(index);
    if durable.last() < index || (own.is_some() && durable.term_of(index) != own) {
        return violated!(
            "R3",
            "member {who} acknowledges {index} of term {own:?}; durable there is {:?}, last {}",
            durable.term_of(index),
            durable.last()
        );
    }
    Ok(())
}

fn shared(speech: &Speech<'_>, index: u64) -> Verdict {
    let message = speech.message;
    let Some(leader) = speech.ghost.ids.iter().position(|&id| id == message.to) else {
        return Ok(());
    };
    let leader = &speech.ghost.members[leader];
    if !leader.is_leader || leader.term != message.term.get() {
        return Ok(());
    }
    let own = speech.ghost.members[speech.member].term_of(index);
    let (Some(theirs), Some(own)) = (leader.term_of(index), own) else { return Ok(()) };
    speech.tally.hit("R12");
    if theirs == own {
        return Ok(());
    }
    violated!(
        "R12",
        "member {} acknowledges {index} of term {own} to a leader that has term {theirs} there",
        speech.member + 1
    )
}

#[cfg(test)]
mod tests {
    use base::Index;
    use raft::Body;

    use crate::check::testing::{Play, appended, leader};
    use crate::disk::log::DurableLog;

    fn ack(index: u64) -> Body {
        Body::AppendReply { index: Index(index), reject: None }
    }

    #[test]
    fn a_vote_that_is_not_durable_breaks_r3() {
        let mut play = Play::new(3);
        let vote = Body::VoteReply { granted: true };
        assert_eq!(play.say(0, 1, 4, vote.clone()).expect_err("not durable").check, "R3");
        let mut play = Play::new(3);
        play.set_durable(0, DurableLog { term: 4, vote: 2, ..DurableLog::default() });
        play.say(0, 1, 4, vote).expect("durable");
    }

    #[test]
    fn acknowledging_what_is_not_durable_breaks_r3() {
        let mut play = Play::new(3);
        play.event(0, &appended(&[(1, 1, 9), (2, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9)]);
        play.say(0, 1, 1, ack(1)).expect("durable");
        assert_eq!(play.say(0, 1, 1, ack(2)).expect_err("not synced").check, "R3");
    }

    #[test]
    fn acknowledging_another_entry_than_the_leaders_breaks_r12() {
        let mut play = Play::new(3);
        play.event(1, &appended(&[(1, 3, 9)])).expect("the leader's log");
        play.event(1, &leader(3)).expect("leads");
        play.event(0, &appended(&[(1, 2, 9)])).expect("another log");
        play.persist(0, &[(1, 2, 9)]);
        play.set_durable_term(0, 3);
        assert_eq!(play.say(0, 1, 3, ack(1)).expect_err("term 2").check, "R12");
    }
}
