//! Read barriers on the leader: which reads wait, and which rounds of heartbeats confirm them.
//!
//! Reads are numbered as they arrive. Each heartbeat carries the newest number at the time it is
//! sent; an answer that echoes number `n` proves that its sender followed this leader after read
//! `n` had arrived, so a quorum at `n` confirms every read up to it, however many wait. An answer
//! to an earlier heartbeat carries a smaller number and confirms nothing newer (M10). Numbers start
//! anew with each leadership; answers of other terms never get here.
//!
//! Until the leader has committed an entry of its own term it does not know the commit index
//! (§6.4 of the dissertation); reads that arrive earlier wait for that (M09).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use base::{Index, MemberId};
use bytes::Bytes;

use crate::quorum::Joint;

/// Reads that may wait on one member; more are refused.
pub const READS_MAX: usize = 16_384;

/// A read that waits on the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The member that asked.
    pub from: MemberId,
    /// Its name for the read.
    pub context: Bytes,
}

/// A read whose index is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The commit index when it arrived, or when the leader learned it.
    pub index: Index,
    /// Who asked for what.
    pub read: Read,
}

/// The reads that wait on a leader.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Waiting for the first commit of the term.
    unopened: Vec<Read>,
    opened: bool,
    /// Numbered and waiting for a quorum; the last one has number `newest`, unless that was given
    /// to a fence.
    waiting: VecDeque<(u64, Indexed)>,
    newest: u64,
    /// The newest number a heartbeat was sent with.
    asked: u64,
    acknowledged: BTreeMap<MemberId, u64>,
}

impl Reads {
    /// How many reads wait.
    pub fn len(&self) -> usize {
        self.unopened.len() + self.waiting.len()
    }

    /// Takes a read; it is answered through [`Reads::confirmed`].
    pub fn add(&mut self, read: Read, commit: Index) {
        if self.opened {
            self.number(read, commit);
        } else {
            base::mark!("raft: read waits for the first commit of the term");
            self.unopened.push(read);
        }
    }

    /// The leader has committed an entry of its own term.
    pub fn open(&mut self, commit: Index) {
        if self.opened {
            return;
        }
        self.opened = true;
        for read in core::mem::take(&mut self.unopened) {
            self.number(read, commit);
        }
    }

    fn number(&mut self, read: Read, index: Index) {
        self.newest += 1;
        if let Some((_, before)) = self.waiting.back() {
            assert!(before.index <= index, "read at {index} behind one at {}", before.index);
        }
        self.waiting.push_back((self.newest, Indexed { index, read }));
    }

    /// Takes a number without a read, to recognise answers to heartbeats sent from now on.
    pub fn fence(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// Whether reads wait that no heartbeat was sent for.
    pub fn wants_round(&self) -> bool {
        self.newest > self.asked && !self.waiting.is_empty()
    }

    /// The context of a heartbeat sent now; empty when nothing waits.
    pub fn ask(&mut self) -> Bytes {
        self.asked = self.newest;
        if self.newest == 0 {
            return Bytes::new();
        }
        Bytes::copy_from_slice(&self.newest.to_le_bytes())
    }

    /// Takes the echo of a heartbeat's context; gives its number when it has one.
    pub fn acknowledge(&mut self, from: MemberId, context: &[u8]) -> Option<u64> {
        let number = u64::from_le_bytes(context.try_into().ok()?);
        if number > self.asked {
            base::mark!("raft: unknown heartbeat context ignored");
            return None;
        }
        let level = self.acknowledged.entry(from).or_insert(0);
        *level = number.max(*level);
        Some(number)
    }

    /// The reads that a quorum has confirmed, each once. The leader `own` agrees with itself.
    pub fn confirmed(&mut self, voters: &Joint, own: MemberId) -> Vec<Indexed> {
        let mut confirmed = Vec::new();
        if self.waiting.is_empty() {
            return confirmed;
        }
        let newest = self.newest;
        let level = voters.reached(|id| match id == own {
            true => newest,
            false => self.acknowledged.get(&id).copied().unwrap_or(0),
        });
        while self.waiting.front().is_some_and(|&(number, _)| number <= level) {
            confirmed.extend(self.waiting.pop_front().map(|(_, read)| read));
        }
        confirmed
    }

    /// Everything that waits, because the leader steps down.
    pub fn into_dropped(self) -> impl Iterator<Item = Read> {
        self.unopened.into_iter().chain(self.waiting.into_iter().map(|(_, indexed)| indexed.read))
    }

    /// Panics when an invariant is broken.
    pub fn check(&self) {
        assert!(self.asked <= self.newest, "asked {} of {}", self.asked, self.newest);
        assert!(!self.opened || self.unopened.is_empty(), "reads wait for what has happened");
        if let Some(&(number, _)) = self.waiting.back() {
            assert!(number <= self.newest, "read {number} of {}", self.newest);
        }
        for (id, level) in &self.acknowledged {
            assert!(*level <= self.asked, "{id} acknowledged {level}, asked {}", self.asked);
        }
    }
}
