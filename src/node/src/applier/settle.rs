//! `compaction --physical`: who asked for it waits until the index is swept and the record of the
//! compaction is durable, so that not even a crash brings back what it made dead. The space of
//! segments comes back behind that, in the cleaner's time.

use tokio::sync::oneshot;

use super::Applier;
use crate::env::Env;

/// Room that a record takes beside the changes of keys, amply.
const RECORD_BYTES: u64 = 1 << 20;

/// A compaction and whoever waits until it is settled.
pub(crate) struct Unsettled {
    /// Its revision.
    pub revision: i64,
    /// Told when it is.
    pub done: oneshot::Sender<()>,
}

impl<E: Env> Applier<E> {
    /// Tells those whose compaction is settled. When only the record is missing, it is written now,
    /// if there is room for it: a backend that cannot be written ends the member.
    pub(super) fn settle(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let settled = self.machine.store().settled_compaction();
        for waiting in self.unsettled.extract_if(.., |waiting| waiting.revision <= settled) {
            // Whoever asked may have gone.
            let _gone = waiting.done.send(());
        }
        let is_swept = !self.machine.store().is_compacting();
        if self.unsettled.is_empty() || !is_swept || self.is_flusher_busy {
            return;
        }
        let unflushed = self.machine.store().unflushed_bytes() as u64;
        if self.spare_bytes() > RECORD_BYTES.saturating_add(2 * unflushed) {
            self.send_cut();
        }
    }
}
