//! What an all-knowing observer remembers, and the invariants it checks at every step: R1 one
//! leader a term, R2 one vote, R3 speak only what is durable, R5 log matching, R6 leader
//! completeness, R7 committed entries are final.

use std::collections::BTreeMap;

use bytes::Bytes;
use raft::{Body, Entry, EntryKind, Index, MemberId, Message, Term};

use super::member::Disk;

/// An entry's place in all logs: what precedes it and what it says.
type Link = (Term, EntryKind, Bytes);

/// The observer's memory.
#[derive(Debug, Default)]
pub struct Ghost {
    leaders: BTreeMap<Term, MemberId>,
    votes: BTreeMap<(Term, MemberId), MemberId>,
    links: BTreeMap<(Index, Term), Link>,
    committed: Vec<Entry>,
}

impl Ghost {
    /// What is committed, from index 1 on.
    pub fn committed(&self) -> &[Entry] {
        &self.committed
    }

    /// How many terms had a leader.
    pub fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// R5: the same index and term mean the same entry after the same predecessor, everywhere.
    pub fn appended(&mut self, prev_term: Term, entry: &Entry) {
        let link = (prev_term, entry.kind, entry.data.clone());
        let known = self.links.entry((entry.index, entry.term)).or_insert_with(|| link.clone());
        assert_eq!(*known, link, "R5: two histories of {entry:?}");
    }

    /// R1, and R6 for the log that the new leader holds.
    pub fn elected(&mut self, term: Term, leader: MemberId, start: Index, log: &[Entry]) {
        let known = *self.leaders.entry(term).or_insert(leader);
        assert_eq!(known, leader, "R1: two leaders of term {term}");
        for entry in self.committed.iter().filter(|entry| entry.index > start) {
            let held = log.get(entry.index.since(start) as usize - 1);
            assert_eq!(held, Some(entry), "R6: leader {leader} of {term} lacks an entry");
        }
    }

    /// R7: what one member hands to its applier, every member does.
    pub fn committed_entry(&mut self, member: MemberId, entry: &Entry) {
        let place = entry.index.get() as usize - 1;
        match self.committed.get(place) {
            Some(known) => assert_eq!(known, entry, "R7: {member} committed something else"),
            None => {
                assert_eq!(place, self.committed.len(), "R7: {member} left a gap");
                self.committed.push(entry.clone());
            }
        }
    }

    /// R2 and R3, when a message leaves.
    pub fn spoken(&mut self, message: &Message, disk: &Disk) {
        let (from, to, term) = (message.from, message.to, message.term);
        let durable = &disk.hard_state;
        match &message.body {
            Body::Vote { .. } => {
                self.voted(term, from, from);
                assert_eq!((durable.term, durable.vote), (term, from), "R3: {message:?}");
            }
            Body::VoteReply { granted: true } => {
                self.voted(term, from, to);
                assert_eq!((durable.term, durable.vote), (term, to), "R3: {message:?}");
            }
            Body::AppendReply { index, reject: None } => {
                let last = disk.last();
                assert!(*index <= last, "R3: {message:?}, durable up to {last}");
                assert!(durable.term >= term || index.is_zero(), "R3: {message:?}, {durable:?}");
            }
            _ => {}
        }
    }

    fn voted(&mut self, term: Term, voter: MemberId, candidate: MemberId) {
        let known = *self.votes.entry((term, voter)).or_insert(candidate);
        assert_eq!(known, candidate, "R2: {voter} voted twice in {term}");
    }
}
