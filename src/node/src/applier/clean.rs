//! Space comes back: which cleaning is worth it is the store's decision, and the flusher carries it
//! out, one at a time. Applying goes on meanwhile; views that began before keep the old segments
//! alive.
//!
//! A cut and a cleaning are never with the flusher together: the cleaning drops segments before the
//! store hears of it, and a cut that ends in between would look for them.

use super::Applier;
use crate::env::{Disk, Env, Event};
use crate::flusher::Task;
use crate::observe;

impl<E: Env> Applier<E> {
    /// Gives the flusher a cleaning, if one is worth it. What a compaction made dead may go only
    /// once that compaction is recorded (BK3): if that is all that is missing, it is recorded now.
    pub(super) fn clean_if_worth(&mut self) {
        if self.is_flusher_busy {
            return;
        }
        let room = self.spare_bytes();
        if let Some(clean) = self.machine.store_mut().plan_clean(room) {
            self.is_flusher_busy = self.flushes.send(Task::Clean(clean)).is_ok();
        } else if self.machine.store().awaits_record() {
            self.send_cut();
        }
    }

    /// What may be used of the disk for what could wait: never the room that the log and the
    /// flushes live on (X-e).
    pub(super) fn spare_bytes(&self) -> u64 {
        let left = self.env.disk().available_bytes().unwrap_or(u64::MAX);
        left.saturating_sub(self.knobs.space_low_bytes)
    }

    pub(super) fn note_cleaned(&mut self, cleaned: &mvcc::Cleaned) {
        self.is_flusher_busy = false;
        self.machine.store_mut().cleaned(cleaned);
        let (kept_bytes, dropped_bytes) = (cleaned.kept_bytes, cleaned.dropped_bytes);
        observe(&self.env, || Event::Cleaned { kept_bytes, dropped_bytes });
    }

    /// Some segments were replaced. The new view lets go of the old ones; the next may be worth a
    /// cleaning too.
    pub(super) fn cleaned(&mut self, cleaned: &mvcc::Cleaned) {
        self.note_cleaned(cleaned);
        if self.stops_faulty() {
            return;
        }
        self.views.publish(&mut self.machine, false);
        self.flush_if_due();
        self.settle();
        self.clean_if_worth();
    }
}
