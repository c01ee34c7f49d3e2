//! Messages on their way out, and those that wait for the disk (R3).
//!
//! A message that implies a vote, a term or an entry is *held*: it waits for the newest write that
//! contains all that was true when it was made. Writes are reported in order, so the held ones
//! leave in order. A change of term drops what is held: the older term's receiver could not use
//! it, and the write that releases it may already have replaced what it implies.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{MemberId, Term};

use crate::message::Message;

/// Something that must not be said before it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// To a peer.
    Message(Message),
    /// A candidate's vote for itself.
    OwnVote(Term),
}

/// What leaves this member.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    ready: Vec<Message>,
    /// Depends on what the next write contains.
    fresh: Vec<Held>,
    /// Depends on the write with this sequence.
    waiting: VecDeque<(u64, Held)>,
}

impl Outbox {
    /// May leave at once.
    pub fn send(&mut self, message: Message) {
        assert!(message.to != message.from, "{message:?} is to its sender");
        self.ready.push(message);
    }

    /// Waits until everything that is true now is durable.
    pub fn hold(&mut self, held: Held) {
        self.fresh.push(held);
    }

    /// Binds what is fresh to the newest write; without one in flight it is all durable already.
    pub fn bind(&mut self, newest: Option<u64>) -> Vec<Held> {
        let fresh = core::mem::take(&mut self.fresh);
        let Some(sequence) = newest else { return fresh };
        if let Some(&(before, _)) = self.waiting.back() {
            assert!(before <= sequence, "held for write {sequence} behind {before}");
        }
        self.waiting.extend(fresh.into_iter().map(|held| (sequence, held)));
        Vec::new()
    }

    /// What the writes up to `sequence` release.
    pub fn release(&mut self, sequence: u64) -> Vec<Held> {
        let mut released = Vec::new();
        while self.waiting.front().is_some_and(|&(needed, _)| needed <= sequence) {
            released.extend(self.waiting.pop_front().map(|(_, held)| held));
        }
        released
    }

    /// The term changed: drops what is held.
    pub fn drop_held(&mut self) {
        if !self.fresh.is_empty() || !self.waiting.is_empty() {
            base::mark!("raft: held messages overtaken by a newer term");
        }
        self.fresh.clear();
        self.waiting.clear();
    }

    /// Takes what may leave now.
    pub fn take(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.ready)
    }

    /// Whether something waits for the disk, to this member.
    pub fn holds_for(&self, to: MemberId) -> bool {
        let waiting = self.waiting.iter().map(|(_, held)| held);
        self.fresh.iter().chain(waiting).any(|held| match held {
            Held::Message(message) => message.to == to,
            Held::OwnVote(_) => false,
        })
    }
}
