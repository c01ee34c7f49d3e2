//! What a leader knows of one follower's log, and whether it may send now.
//!
//! A follower is probed one message at a time until a message is accepted, then replicated to
//! optimistically, and left alone while a snapshot is on its way. Invariants: `matched < next`;
//! everything up to `matched` is durable on the follower and equal to the leader's log (R12), so
//! `matched` never goes back within a term; only a replicating follower has messages in flight.

mod inflights;

use base::Index;
pub use inflights::Inflights;

use crate::output::FetchId;
use crate::status::ProgressState;

/// A follower as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The highest index known to be durable there and equal to the leader's log.
    pub matched: Index,
    /// The next index to send.
    pub next: Index,
    /// The highest commit index sent in a message that may still arrive.
    pub sent_commit: Index,
    /// Heard from since the last quorum check.
    pub recent_active: bool,
    /// An empty message is wanted when there is nothing to fill it with.
    pub due: bool,
    /// Entries for this follower are being read from the log files.
    pub fetching: Option<FetchId>,
    state: ProgressState,
    /// Sending waits for an answer, to a heartbeat if all else is lost.
    paused: bool,
    /// What the snapshot on its way is known to reach.
    pending_snapshot: Index,
    inflights: Inflights,
}

impl Progress {
    /// A follower of which nothing is known: it is asked whether it holds all up to `last`.
    pub fn new(last: Index, inflights: Inflights) -> Progress {
        Progress {
            matched: Index::ZERO,
            next: last.next(),
            sent_commit: Index::ZERO,
            recent_active: false,
            due: true,
            fetching: None,
            state: ProgressState::Probe,
            paused: false,
            pending_snapshot: Index::ZERO,
            inflights,
        }
    }

    /// How entries are sent.
    pub fn state(&self) -> ProgressState {
        self.state
    }

    /// Messages in flight.
    pub fn inflight(&self) -> usize {
        self.inflights.len()
    }

    /// Whether the window has no room for entries.
    pub fn is_window_full(&self) -> bool {
        self.state == ProgressState::Replicate && self.inflights.is_full()
    }

    /// Whether nothing may be sent now.
    pub fn is_paused(&self) -> bool {
        self.paused || self.fetching.is_some() || self.state == ProgressState::Snapshot
    }

    fn enter(&mut self, state: ProgressState) {
        self.state = state;
        self.paused = false;
        self.fetching = None;
        self.pending_snapshot = Index::ZERO;
        self.inflights.clear();
    }

    /// Probes from behind what is known to match, or from behind the snapshot that was sent.
    pub fn become_probe(&mut self) {
        let known = self.matched.max(self.pending_snapshot);
        self.enter(ProgressState::Probe);
        self.next = known.next();
        self.sent_commit = self.sent_commit.min(known);
        self.due = true;
    }

    /// Sends optimistically from behind what is known to match.
    pub fn become_replicate(&mut self) {
        self.enter(ProgressState::Replicate);
        self.next = self.matched.next();
    }

    /// Waits for a snapshot that reaches at least `pending`.
    pub fn become_snapshot(&mut self, pending: Index) {
        self.enter(ProgressState::Snapshot);
        self.pending_snapshot = pending;
        self.next = self.matched.max(pending).next();
        self.sent_commit = self.next.prev();
        self.due = false;
    }

    /// The snapshot's sender is done. Only an answer tells whether it was installed, so nothing is
    /// sent before the next one of any kind.
    pub fn snapshot_sent(&mut self, ok: bool) {
        assert!(self.state == ProgressState::Snapshot, "no snapshot was sent: {self:?}");
        if !ok {
            self.pending_snapshot = Index::ZERO;
        }
        self.become_probe();
        self.paused = true;
    }

    /// Notes a message with `count` entries of `bytes` bytes from `next` on, and its commit index.
    pub fn sent(&mut self, count: usize, bytes: usize, commit: Index) {
        assert!(!self.is_paused(), "sent while paused: {self:?}");
        match self.state {
            ProgressState::Replicate => {
                if count > 0 {
                    self.next = self.next.plus(count as u64);
                    self.inflights.add(self.next.prev(), bytes);
                }
                self.paused = self.inflights.is_full();
            }
            ProgressState::Probe => self.paused = true,
            ProgressState::Snapshot => unreachable!("paused, as asserted above"),
        }
        self.sent_commit = commit;
        self.due = false;
    }

    /// Notes the commit index of a heartbeat.
    pub fn sent_heartbeat(&mut self, commit: Index) {
        self.sent_commit = self.sent_commit.max(commit);
    }

    /// Whether telling `commit` could move the follower's commit index.
    pub fn can_learn_commit(&self, commit: Index) -> bool {
        commit > self.sent_commit && self.sent_commit < self.next.prev()
    }

    /// Takes an acknowledgement up to `index`; whether it says anything new.
    pub fn acknowledge(&mut self, index: Index) -> bool {
        let news = index > self.matched;
        if news {
            self.matched = index;
            if index >= self.next {
                self.next = index.next();
                self.fetching = None;
            }
            self.paused = false;
        }
        if self.state == ProgressState::Replicate {
            self.inflights.free_to(self.matched);
        }
        news || (index == self.matched && self.state == ProgressState::Probe)
    }

    /// Takes a refusal of the message behind `refused`; `guess` is where the logs may agree.
    /// False when the refusal is stale.
    pub fn back_off(&mut self, refused: Index, guess: Index) -> bool {
        match self.state {
            ProgressState::Replicate => {
                if refused <= self.matched {
                    return false;
                }
                self.become_probe();
                true
            }
            ProgressState::Probe | ProgressState::Snapshot => {
                // A follower that is not replicated to has one message out at most, so an older
                // refusal is a duplicate.
                if self.next.prev() != refused || self.state == ProgressState::Snapshot {
                    return false;
                }
                // A guess behind the refused index is none; it must not even be counted up.
                let guess = guess.min(refused.prev());
                self.next = guess.max(self.matched).next();
                self.sent_commit = self.sent_commit.min(self.next.prev());
                self.paused = false;
                self.fetching = None;
                self.due = true;
                true
            }
        }
    }

    /// An answer to a heartbeat: the follower lives, so a stalled flow may try again.
    pub fn resume(&mut self, last: Index) {
        self.paused = false;
        if self.matched < last || self.state == ProgressState::Probe {
            self.due = self.state != ProgressState::Snapshot;
        }
    }

    /// Panics when an invariant is broken.
    pub fn check(&self, last: Index) {
        assert!(self.matched < self.next, "matched not below next: {self:?}");
        assert!(self.matched <= last, "matched beyond the log's end {last}: {self:?}");
        if self.state != ProgressState::Replicate {
            assert_eq!(self.inflights.len(), 0, "in flight outside of replication: {self:?}");
        }
        if let Some(newest) = self.inflights.newest() {
            assert!(newest < self.next, "in flight up to {newest}, not below next: {self:?}");
        }
    }
}

#[cfg(test)]
mod tests;
