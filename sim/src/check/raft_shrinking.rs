//! R12, from the follower's side: what it has acknowledged to a leader it goes on holding in that
//! leader's term. A follower that refuses what follows an entry it has acknowledged has let go of
//! it, and the leader counts it all the same.
//!
//! It does not verify that a follower which never refuses holds what it said; R3 does that at the
//! time of the acknowledgement, and L1 after a crash. A member whose log was damaged goes on in a
//! new term.

use std::collections::BTreeMap;

use raft::Body;

use super::{Speech, Verdict, violated};

/// The highest index that each member has acknowledged in each term.
#[derive(Default)]
pub struct Shrinking {
    acknowledged: BTreeMap<(u64, usize), u64>,
}

impl Shrinking {
    /// Judges a message as it leaves.
    pub fn speech(&mut self, speech: &Speech<'_>) -> Verdict {
        let Body::AppendReply { index, reject } = &speech.message.body else { return Ok(()) };
        let (index, term) = (index.get(), speech.message.term.get());
        let held = self.acknowledged.entry((term, speech.member)).or_default();
        if reject.is_none() {
            *held = index.max(*held);
            return Ok(());
        }
        speech.tally.hit("R12");
        if index > *held {
            return Ok(());
        }
        violated!(
            "R12",
            "member {} refuses what follows {index} in term {term}, in which it has acknowledged \
             {held}",
            speech.member + 1
        )
    }
}

#[cfg(test)]
mod tests {
    use base::{Index, Term};
    use raft::{Body, RejectHint};

    use crate::check::testing::{Play, appended};

    #[test]
    fn refusing_what_was_acknowledged_breaks_r12() {
        let mut play = Play::new(3);
        let entries = [(1, 1, 9), (2, 1, 9)];
        play.event(0, &appended(&entries)).expect("appends");
        play.persist(0, &entries);
        let acknowledge = Body::AppendReply { index: Index(2), reject: None };
        play.say(0, 1, 1, acknowledge).expect("durable");
        let refuse = |index| {
            let hint = RejectHint { hint_index: Index(1), hint_term: Term(1) };
            Body::AppendReply { index: Index(index), reject: Some(hint) }
        };
        play.say(0, 1, 1, refuse(3)).expect("it never had that");
        play.set_durable_term(0, 2);
        play.say(0, 1, 2, refuse(2)).expect("another leader's log");
        assert_eq!(play.say(0, 1, 1, refuse(2)).expect_err("it had that").check, "R12");
    }
}
