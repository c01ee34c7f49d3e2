//! Snapshots as the Raft task sees them: one that arrived and may be wanted, those on their way to
//! followers, and how much of the log may go because of them.

use std::collections::BTreeMap;

use base::{Index, MemberId, mark};
use raft::SnapshotMeta;
use tokio::sync::oneshot;

use super::Driver;
use super::input::Notice;
use crate::env::{Env, Event};
use crate::log_writer::Job;
use crate::observe;
use crate::snapshots::send::Wanted;

/// A snapshot that arrived and that the core was told of.
struct Arrived {
    has_file: bool,
    answer: oneshot::Sender<bool>,
}

/// What is known beside the core.
#[derive(Default)]
pub(super) struct Snapshots {
    arrived: Option<Arrived>,
    /// The state that is on its way to a follower, until that has it.
    pins: BTreeMap<MemberId, Index>,
    /// The newest mark and the bytes of the log at it, while followers keep back what it releases.
    held_back: Option<(Index, u64)>,
    /// What the log writer was told to release.
    released: Index,
}

impl Snapshots {
    /// What the core did not ask to install is not wanted.
    pub(super) fn refuse_arrived(&mut self) {
        if let Some(arrived) = self.arrived.take() {
            let _gone = arrived.answer.send(false);
        }
    }
}

impl<E: Env> Driver<E> {
    pub(super) fn on_snapshot_notice(&mut self, notice: Notice) {
        let raft = &mut self.task.raft;
        match notice {
            Notice::SnapshotBegun { to, index } => {
                self.snapshots.pins.insert(to, index);
            }
            Notice::SnapshotSent { to, ok } => {
                if !ok {
                    self.snapshots.pins.remove(&to);
                }
                raft.report_snapshot(to, ok);
            }
            Notice::SnapshotArrived { message, has_file, answer } => {
                self.snapshots.refuse_arrived();
                self.snapshots.arrived = Some(Arrived { has_file, answer });
                self.on_message(message);
            }
            Notice::Installed(meta) => {
                raft.snapshot_installed(&meta);
                self.task.shared.set_committed(meta.index);
                self.learn_configuration(meta.index, &meta.conf_state);
            }
            Notice::Removed(members) => self.task.removed.extend(members),
            Notice::Checkpointed { index, log_bytes } => {
                self.snapshots.held_back = Some((index, log_bytes));
                self.release();
            }
            Notice::Released(index) => {
                let index = index.min(raft.status().applied);
                raft.released(index);
                observe(&self.task.env, || Event::Released { index });
            }
            _ => unreachable!("taken by the caller"),
        }
    }

    /// Only a leader sends, and in its own term: one that was deposed since it asked would speak as
    /// a leader of a term that it does not lead.
    pub(super) fn send_snapshots(&mut self, followers: &[MemberId]) {
        let status = self.task.raft.status();
        if status.role != raft::Role::Leader {
            return;
        }
        for &to in followers {
            let _stopped = self.task.snapshots.send(Wanted { to, term: status.term });
        }
    }

    /// The core wants a snapshot installed: its file is there, or it came some other way.
    pub(super) fn begin_install(&mut self, meta: SnapshotMeta) {
        match self.snapshots.arrived.take() {
            Some(Arrived { has_file: true, answer }) => {
                let _gone = answer.send(true);
                let _stopped = self.task.log.send(Job::Install(meta));
            }
            // Only the file's arrival brings a snapshot here that can be used.
            other => {
                self.snapshots.arrived = other;
                self.task.raft.snapshot_refused();
            }
        }
    }

    /// Releases what may go. What a follower keeps back is looked at again with time: it goes on,
    /// or is no longer heard.
    pub(super) fn release(&mut self) {
        let Some((checkpoint, log_bytes)) = self.snapshots.held_back else { return };
        let (through, is_all) = self.releasable(checkpoint, log_bytes);
        if is_all {
            self.snapshots.held_back = None;
        }
        if through > self.snapshots.released {
            self.snapshots.released = through;
            let _stopped = self.task.log.send(Job::Release(through));
        }
    }

    /// Up to where the log may go, and whether that is all that the mark covers: what followers
    /// that are heard may need stays, as long as its bytes are within the bound; beyond that they
    /// get snapshots (BK5).
    fn releasable(&mut self, checkpoint: Index, log_bytes: u64) -> (Index, bool) {
        if log_bytes > self.task.log_bytes_max {
            mark!("log: released beyond what followers need");
            return (checkpoint, true);
        }
        let kept = self.task.catch_up_entries;
        let all = Index(checkpoint.get().saturating_sub(kept));
        let mut through = all;
        let status = self.task.raft.status();
        for peer in status.progress.iter().filter(|peer| peer.recent_active) {
            let pin = self.snapshots.pins.get(&peer.id).copied();
            if pin.is_some_and(|pin| peer.matched >= pin) {
                self.snapshots.pins.remove(&peer.id);
            }
            let needs = pin.map_or(peer.matched, |pin| pin.max(peer.matched));
            through = through.min(needs);
        }
        (through, through == all)
    }
}
