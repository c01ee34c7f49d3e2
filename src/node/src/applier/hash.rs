//! The hash of a compaction, taken from the state right before it, while applying goes on.

use mvcc::{ReadError, View};

use super::Applier;
use crate::api::Snapshot;
use crate::env::Env;

impl<E: Env> Applier<E> {
    /// Has the hash taken of the compaction that was just applied, if there was one.
    pub(super) fn hash_compaction(&mut self) {
        let Some((revision, before)) = self.machine.take_compaction() else { return };
        if self.hashes.begin(revision) {
            let hashing = hash(self.env.clone(), self.hashes.clone(), revision, before);
            self.env.spawn("compaction-hash", hashing);
        }
    }
}

async fn hash<E: Env>(
    env: E,
    hashes: std::sync::Arc<crate::hashes::CompactionHashes>,
    revision: i64,
    before: View<Snapshot<E>>,
) {
    let turn = hashes.turn.lock().await;
    let taken = env.blocking(move || before.compaction_hash(revision)).await;
    drop(turn);
    if let Err(ReadError::Backend(error)) = &taken {
        env.fail_stop(&format!("the backend cannot be read: {error}"));
    }
    hashes.end(revision, taken.ok());
}
