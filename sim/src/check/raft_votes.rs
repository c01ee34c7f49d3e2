//! R2: in one term, the votes that a member gives and the votes that it asks for itself name one
//! candidate, across restarts.

use std::collections::BTreeMap;

use base::MemberId;
use raft::Body;

use super::{Speech, Verdict, violated};

/// Candidates by (term, voter).
#[derive(Default)]
pub struct Votes {
    given: BTreeMap<(u64, usize), MemberId>,
}

impl Votes {
    /// For whom a member voted in a term, if that vote ever left it.
    #[must_use]
    pub fn given(&self, term: u64, voter: usize) -> Option<MemberId> {
        self.given.get(&(term, voter)).copied()
    }

    /// Judges votes as they leave a member.
    pub fn speech(&mut self, speech: &Speech<'_>) -> Verdict {
        let message = speech.message;
        let candidate = match message.body {
            Body::Vote { .. } => message.from,
            Body::VoteReply { granted: true } => message.to,
            _ => return Ok(()),
        };
        speech.tally.hit("R2");
        let key = (message.term.get(), speech.member);
        let first = *self.given.entry(key).or_insert(candidate);
        if first == candidate {
            return Ok(());
        }
        violated!(
            "R2",
            "member {} votes for {candidate} in term {}, having voted for {first}",
            speech.member + 1,
            message.term
        )
    }
}

#[cfg(test)]
mod tests {
    use raft::Body;

    use crate::check::testing::Play;
    use crate::disk::log::DurableLog;

    #[test]
    fn a_second_vote_in_a_term_breaks_r2() {
        let mut play = Play::new(3);
        let vote = |to: usize| DurableLog { term: 4, vote: to as u64 + 1, ..DurableLog::default() };
        play.set_durable(0, vote(1));
        play.say(0, 1, 4, Body::VoteReply { granted: true }).expect("the first vote");
        play.say(0, 2, 4, Body::VoteReply { granted: false }).expect("a refusal");
        play.set_durable(0, vote(2));
        let broken = play.say(0, 2, 4, Body::VoteReply { granted: true }).expect_err("a second");
        assert_eq!(broken.check, "R2");
    }
}
