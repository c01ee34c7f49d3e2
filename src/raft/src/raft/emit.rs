//! What is to be done now, in one value (R3: what depends on a write leaves only after it).

use alloc::vec::Vec;
use core::mem::take;

use super::Raft;
use crate::entry::{Entry, HardState};
use crate::log::Source;
use crate::output::{Append, CommitAdvance, Output, RoleChange, Unavailable};

impl Raft {
    /// What is to be done; `None` when nothing is. Each part is given once. Any verb may change the
    /// answer, so the driver asks until there is none.
    ///
    /// # Panics
    /// Only when an invariant of the core is broken.
    #[must_use]
    pub fn output(&mut self) -> Option<Output> {
        self.leave_joint_if_due();
        self.replicate_to_all();
        self.send_heartbeats();
        let append = self.next_append();
        for held in self.outbox.bind(self.log.newest_write()) {
            self.let_go(held);
        }
        let committed = self.next_committed();
        let output = Output {
            messages: self.outbox.take(),
            append,
            committed,
            reads: take(&mut self.pending.reads),
            reads_dropped: take(&mut self.pending.reads_dropped),
            install: self.pending.install.take(),
            fetches: take(&mut self.pending.fetches),
            snapshots: take(&mut self.pending.snapshots),
            role: self.role_change(),
            commit: self.commit_advance(),
        };
        (!output.is_empty()).then_some(output)
    }

    /// The next write. A higher commit index alone is worth one only when the disk is idle: it can
    /// be learned again, and rides on the next write otherwise.
    fn next_append(&mut self) -> Option<Append> {
        let hard_state = HardState { term: self.term, vote: self.vote, commit: self.log.commit() };
        let entries = self.log.take_unwritten();
        let (before, after) = (self.written, hard_state);
        let voted = (before.term, before.vote) != (after.term, after.vote);
        let must_sync = voted || !entries.is_empty();
        let idle = self.log.newest_write().is_none();
        if !must_sync && (before.commit == after.commit || !idle) {
            return None;
        }
        assert!(before.term <= after.term, "hard state goes back: {before:?} to {after:?}");
        self.written = hard_state;
        let token = self.log.issue(self.term, must_sync);
        Some(Append { token, hard_state, entries, must_sync })
    }

    /// The applier's next entries; none while a snapshot is about to replace what they build on.
    fn next_committed(&mut self) -> Vec<Entry> {
        let fetched = take(&mut self.pending.fetched);
        if !fetched.is_empty() || self.installing.is_some() || self.pending.own_fetch.is_some() {
            return fetched;
        }
        match self.log.next_committed() {
            Source::Memory(entries) => entries,
            Source::Files(last) => {
                base::mark!("raft: entries fetched for the applier");
                let first = self.log.next_handed();
                let bytes_max = self.config.committed_bytes_max;
                self.pending.own_fetch = Some(self.fetch(self.id, first, last, bytes_max));
                Vec::new()
            }
        }
    }

    /// What the log files gave for the applier.
    pub(super) fn take_own_fetch(&mut self, result: Result<Vec<Entry>, Unavailable>) {
        self.pending.own_fetch = None;
        let first = self.log.next_handed();
        let Ok(entries) = result else {
            panic!("the log files lost entry {first}, which is not applied");
        };
        if self.installing.is_some() {
            return;
        }
        self.verify_fetched(&entries, first);
        self.log.hand(&entries);
        self.pending.fetched = entries;
    }

    fn role_change(&mut self) -> Option<RoleChange> {
        let (term, leader) = (self.term, self.role.leader(self.id));
        let change = RoleChange { term, role: self.role.name(), leader };
        let news = change != self.pending.told_role;
        self.pending.told_role = change;
        news.then_some(change)
    }

    fn commit_advance(&mut self) -> Option<CommitAdvance> {
        let index = self.log.commit();
        let news = index > self.pending.told_commit;
        self.pending.told_commit = index;
        news.then_some(CommitAdvance { index, counted: self.pending.counted })
    }
}
