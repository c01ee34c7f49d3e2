//! Compaction in slices: one behind each applied batch and, while nothing comes, one in a while, so
//! that an idle member finishes too and no write ever waits for more than one slice.

use std::time::Duration;

use base::mark;

use super::{Applier, Work};
use crate::env::{Env, Sleep};

impl<E: Env> Applier<E> {
    /// What comes next; a slice of the compaction when nothing else does.
    pub(super) async fn next_work(&mut self) -> Option<Work<E>> {
        if let Some(work) = self.backlog.pop_front() {
            return Some(work);
        }
        if !self.machine.store().is_compacting() {
            return self.work.recv().await;
        }
        let pause = Duration::from_micros(self.knobs.compaction_pause_us);
        self.sweep.reset(self.env.now() + pause);
        tokio::select! {
            biased;
            work = self.work.recv() => work,
            () = &mut self.sweep => {
                mark!("compaction: a slice while nothing was applied");
                Some(Work::Sweep)
            }
        }
    }

    /// One slice; behind the last one, what it showed to be dead may be given back.
    pub(super) fn sweep(&mut self) {
        if self.machine.store().is_compacting() {
            if self.machine.store_mut().compact_slice(self.knobs.compaction_keys_max) {
                mark!("compaction: more slices to go");
            } else {
                self.clean_if_worth();
            }
        }
        self.flush_if_due();
        self.settle();
    }
}
