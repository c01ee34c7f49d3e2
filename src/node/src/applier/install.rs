//! A received snapshot takes the place of the state (BK7).
//!
//! The core is told before the new state is built: all that was to be applied before the snapshot
//! is done, and what it hands out from now on waits behind this. Until then readers see the old
//! state, which stays consistent.

use raft::SnapshotMeta;

use super::{Applier, Work};
use crate::env::{Env, Event};
use crate::observe;
use crate::raft_task::input::Notice;
use crate::snapshots::{install, store};
use crate::watch_task::News;

impl<E: Env> Applier<E> {
    pub(super) async fn install(&mut self, meta: SnapshotMeta) {
        let (index, term) = (meta.index, meta.term);
        let (applied, _) = self.machine.applied();
        assert!(index > applied, "snapshot {index} is installed over applied {applied}");
        if !self.wait_for_flusher().await {
            return;
        }
        observe(&self.env, || Event::Installed { index, term });
        self.metrics.installing.set(1);
        let _stopping = self.notices.send(Notice::Installed(meta.clone()));
        let path = store::path(index);
        let installed = install::install(&self.env, self.settings.clone(), &path, meta).await;
        match installed {
            Ok(machine) => self.machine = machine,
            Err(error) => {
                self.env.fail_stop(&format!("a snapshot cannot be installed: {error}"));
                return;
            }
        }
        self.show();
        self.settle();
        self.metrics.installing.set(0);
    }

    /// No cut and no cleaning may be on its way: it would be written into the new state.
    async fn wait_for_flusher(&mut self) -> bool {
        while self.is_flusher_busy {
            match self.work.recv().await {
                Some(Work::Flushed { index, revision }) => self.note_flushed(index, revision),
                Some(Work::Cleaned(cleaned)) => self.note_cleaned(&cleaned),
                Some(Work::Query(query)) => query(&mut self.machine),
                Some(later) => self.backlog.push_back(later),
                None => return false,
            }
        }
        true
    }

    /// Everything outside the machine follows the new state. A call that waits for an entry which
    /// the snapshot covers will never hear of it: its outcome is unknown.
    fn show(&mut self) {
        let (index, _) = self.machine.applied();
        self.cut = index;
        self.lessor.restore(self.machine.leases());
        // Some of them may have become void in what the snapshot covers.
        self.tokens.forget(None);
        self.views.publish(&mut self.machine, true);
        self.shared.set_applied(index);
        self.waiters.abandon_all();
        let _stopping = self.news.send(News::Jump(self.machine.revision()));
        self.publish_peers();
        let removed = self.machine.members().removed().collect();
        let _stopping = self.notices.send(Notice::Removed(removed));
    }
}
