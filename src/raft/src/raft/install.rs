//! Snapshots: received, installed by the driver, and only then acknowledged (M16, §7).

use base::{Index, MemberId, mark};
use bytes::Bytes;

use super::Raft;
use crate::configuration::Configuration;
use crate::entry::{Position, SnapshotMeta};
use crate::message::Body;
use crate::role::RoleState;
use crate::status::ProgressState;

impl Raft {
    /// A leader's snapshot. What the log already holds needs no installing: the snapshot only says
    /// that it is committed.
    pub(super) fn take_snapshot(&mut self, from: MemberId, meta: SnapshotMeta, data: Bytes) {
        let commit = self.log.commit();
        if self.installing.is_some() {
            mark!("raft: snapshot ignored while another is installed");
            return;
        }
        if meta.index <= commit {
            mark!("raft: old snapshot ignored");
            return self.acknowledge(from, commit);
        }
        let configuration = Configuration::received(&meta.conf_state);
        let contains = configuration.is_some_and(|configuration| configuration.contains(self.id));
        if !contains || meta.term > self.term {
            mark!("raft: malformed snapshot, or one without this member, ignored");
            return;
        }
        if self.log.matches(Position { term: meta.term, index: meta.index }) {
            mark!("raft: snapshot of what the log holds");
            self.learn_commit(meta.index);
            return self.acknowledge(from, meta.index);
        }
        base::sometimes!(
            "raft: snapshot installed over a longer log",
            self.log.last().index > meta.index
        );
        self.installing = Some(meta.clone());
        self.pending.install = Some((meta, data));
    }

    fn acknowledge(&mut self, to: MemberId, index: Index) {
        self.hold(to, self.term, Body::AppendReply { index, reject: None });
    }

    /// The driver made the snapshot durable and switched to it: the log begins behind it now.
    ///
    /// # Panics
    /// When another snapshot, or none, was to be installed.
    pub fn snapshot_installed(&mut self, meta: &SnapshotMeta) {
        let installing = self.installing.take();
        assert!(installing.as_ref() == Some(meta), "{meta:?} installed, not {installing:?}");
        self.log.restore(Position { term: meta.term, index: meta.index });
        self.pending.own_fetch = None;
        self.pending.fetched.clear();
        self.pending.counted = false;
        self.switch(Configuration::restore(&meta.conf_state));
        self.clear_suspicion();
        let follows = matches!(self.role, RoleState::Follower(_));
        assert!(follows, "{} installed {meta:?} as {:?}", self.id, self.role.name());
        if let Some(leader) = self.role.leader(self.id) {
            self.acknowledge(leader, meta.index);
        }
    }

    /// The driver could not use the snapshot; the leader will try again.
    pub fn snapshot_refused(&mut self) {
        mark!("raft: snapshot refused");
        self.installing = None;
    }

    /// What became of a snapshot that [`crate::Output::snapshots`] asked for.
    pub fn report_snapshot(&mut self, to: MemberId, ok: bool) {
        let Some(progress) = self.progress_mut(to) else { return };
        if progress.state() == ProgressState::Snapshot {
            progress.snapshot_sent(ok);
        }
    }
}
