//! What a leader sends (§5.3): once an output to every follower that can take something.
//!
//! Nothing is sent by the verbs themselves, so a hundred proposals between two outputs cost one
//! message a follower.

use alloc::vec::Vec;

use base::{Index, MemberId, mark};

use super::Raft;
use crate::entry::Entry;
use crate::log::Source;
use crate::message::{Body, Message};
use crate::output::{Fetch, FetchId, Unavailable};
use crate::progress::Progress;
use crate::status::ProgressState;

/// What the log has for a follower.
enum Next {
    /// Send these, if any.
    Entries(Vec<Entry>),
    /// Read up to this index from the log files.
    Fetch(Index),
    /// The log no longer reaches back far enough.
    Snapshot,
}

impl Raft {
    pub(super) fn replicate_to_all(&mut self) {
        let Some(leader) = self.role.as_leader() else { return };
        let followers: Vec<MemberId> = leader.progress.keys().copied().collect();
        for id in followers {
            // Bounded by the follower's window: every message with entries takes a place in it.
            while self.replicate_to(id) {}
        }
    }

    /// Sends one message if one is wanted; whether another may follow.
    fn replicate_to(&mut self, id: MemberId) -> bool {
        let Some(progress) = self.progress(id) else { return false };
        if progress.is_paused() {
            return false;
        }
        let (next, state) = (progress.next, progress.state());
        let wanted = progress.due || progress.can_learn_commit(self.log.commit());
        match self.next_for(progress) {
            Next::Entries(entries) if entries.is_empty() && !wanted => false,
            Next::Entries(entries) => {
                let more = !entries.is_empty() && state == ProgressState::Replicate;
                self.send_append(id, entries);
                more
            }
            Next::Fetch(_) if state == ProgressState::Probe => {
                // Whether the follower wants these is not known yet; ask without them.
                self.send_append(id, Vec::new());
                false
            }
            Next::Fetch(reach) => {
                self.fetch_for(id, next, reach);
                false
            }
            Next::Snapshot => {
                self.ask_for_snapshot(id);
                false
            }
        }
    }

    fn progress(&self, id: MemberId) -> Option<&Progress> {
        self.role.as_leader()?.progress.get(&id)
    }

    pub(super) fn progress_mut(&mut self, id: MemberId) -> Option<&mut Progress> {
        self.role.as_leader_mut()?.progress.get_mut(&id)
    }

    fn next_for(&self, progress: &Progress) -> Next {
        if progress.next <= self.log.start().index {
            return Next::Snapshot;
        }
        if progress.is_window_full() {
            base::mark!("raft: inflight window full");
            return Next::Entries(Vec::new());
        }
        let (count, bytes) = (self.config.append_entries_max, self.config.append_bytes_max);
        match self.log.entries(progress.next, count, bytes) {
            Source::Memory(entries) => Next::Entries(entries),
            Source::Files(reach) => Next::Fetch(reach),
        }
    }

    /// Sends entries from the follower's next index on, or none.
    fn send_append(&mut self, to: MemberId, entries: Vec<Entry>) {
        let commit = self.log.commit();
        let Some(progress) = self.progress(to) else { return };
        let prev_index = progress.next.prev();
        let prev_term = self.log.term_at(prev_index).expect("the log reaches back to `next`");
        if let Some(first) = entries.first() {
            assert!(first.index == progress.next, "{first:?} sent where {progress:?} is next");
        }
        let bytes = entries.iter().map(Entry::weight).sum();
        let count = entries.len();
        self.send(to, Body::Append { prev_index, prev_term, entries, commit });
        if let Some(progress) = self.progress_mut(to) {
            progress.sent(count, bytes, commit);
        }
    }

    fn fetch_for(&mut self, to: MemberId, first: Index, last: Index) {
        mark!("raft: entries fetched for a follower");
        let id = self.fetch(to, first, last, self.config.append_bytes_max);
        if let Some(progress) = self.progress_mut(to) {
            progress.fetching = Some(id);
        }
    }

    pub(super) fn fetch(
        &mut self,
        to: MemberId,
        first: Index,
        last: Index,
        bytes_max: usize,
    ) -> FetchId {
        assert!(first <= last, "fetching {first}..={last}");
        self.pending.fetches_issued += 1;
        let id = FetchId(self.pending.fetches_issued);
        self.pending.fetches.push(Fetch { id, to, first, last, bytes_max });
        id
    }

    /// A follower that is not heard would only let the snapshot go to waste.
    fn ask_for_snapshot(&mut self, to: MemberId) {
        let pending = self.log.applied();
        let Some(progress) = self.progress_mut(to) else { return };
        if !progress.recent_active {
            return;
        }
        mark!("raft: snapshot asked for");
        progress.become_snapshot(pending);
        self.pending.snapshots.push(to);
    }

    /// What the log files gave for a [`Fetch`]. Answers that nobody waits for any more are dropped.
    ///
    /// # Panics
    /// When the entries are not those of this log, or the applier's own are gone: the log files
    /// then contradict what was durable.
    pub fn fetched(&mut self, id: FetchId, result: Result<Vec<Entry>, Unavailable>) {
        if self.pending.own_fetch == Some(id) {
            return self.take_own_fetch(result);
        }
        let Some(leader) = self.role.as_leader_mut() else { return };
        let waits = |(_, progress): &(&MemberId, &mut Progress)| progress.fetching == Some(id);
        let Some((&to, progress)) = leader.progress.iter_mut().find(waits) else { return };
        progress.fetching = None;
        let next = progress.next;
        match result {
            Err(Unavailable) => self.ask_for_snapshot(to),
            Ok(_) if next <= self.log.start().index => {}
            Ok(entries) => {
                self.verify_fetched(&entries, next);
                let sendable = self.progress(to).is_some_and(|progress| {
                    !progress.is_paused() && progress.state() == ProgressState::Replicate
                });
                if sendable {
                    self.send_append(to, entries);
                }
            }
        }
    }

    /// What was read must be what was written.
    pub(super) fn verify_fetched(&self, entries: &[Entry], first: Index) {
        assert!(!entries.is_empty(), "nothing was fetched from {first} on");
        for (offset, entry) in entries.iter().enumerate() {
            let index = first.plus(offset as u64);
            let term = self.log.term_at(index);
            assert!(entry.index == index, "fetched {entry:?} where {index} belongs");
            assert!(term == Some(entry.term), "fetched {entry:?}, its term is {term:?}");
        }
    }

    /// The log files hold nothing up to `index` any more; a follower that needs it gets a snapshot.
    pub fn released(&mut self, index: Index) {
        self.log.release_to(index);
    }

    /// One heartbeat to every follower. Its commit index is one that the follower is known to hold
    /// (Log Matching says nothing about the rest of its log).
    pub(super) fn send_heartbeats(&mut self) {
        let (commit, own, term) = (self.log.commit(), self.id, self.term);
        let Some(leader) = self.role.as_leader_mut() else { return };
        if !leader.heartbeat_due && !leader.reads.wants_round() {
            return;
        }
        leader.heartbeat_due = false;
        let fence = leader.farewell.as_ref().map(|_| leader.reads.fence());
        let context = leader.reads.ask();
        for (&to, progress) in &mut leader.progress {
            let commit = commit.min(progress.matched);
            progress.sent_heartbeat(commit);
            if let (Some(number), Some(farewell)) = (fence, &mut leader.farewell)
                && commit >= farewell.index
            {
                farewell.sent.entry(to).or_insert(number);
            }
            let body = Body::Heartbeat { commit, context: context.clone() };
            self.outbox.send(Message { from: own, to, term, body });
        }
    }
}
