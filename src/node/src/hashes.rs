//! The hashes of the last compactions, as etcd keeps them: each covers everything from the
//! compaction before it up to itself, and is what HashKV answers for its revision from then on,
//! also once a later compaction has gone beyond it. They are not recorded: a restart forgets them.
//!
//! A hash is taken from an image of the moment right before its compaction, off the applier; the
//! image holds what the cleaner may give back meanwhile.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::mark;
use mvcc::KvHash;
use tokio::sync::Notify;

/// As many as etcd keeps.
const KEPT_MAX: usize = 10;

/// Compactions whose hash is being taken; one more goes without.
const PENDING_MAX: usize = 4;

#[derive(Debug, Default)]
struct Known {
    /// In the order of their revisions.
    kept: Vec<KvHash>,
    pending: BTreeSet<i64>,
}

/// What is known about compactions.
#[derive(Debug, Default)]
pub(crate) struct CompactionHashes {
    known: Mutex<Known>,
    ended: Notify,
    /// One at a time: each reads the whole history.
    pub turn: tokio::sync::Mutex<()>,
}

impl CompactionHashes {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of a compaction to this revision will be taken; false when too many are waited for.
    pub(crate) fn begin(&self, revision: i64) -> bool {
        let mut known = self.lock();
        let may = known.pending.len() < PENDING_MAX;
        if may {
            known.pending.insert(revision);
        } else {
            mark!("hashes: a compaction goes without its hash");
        }
        may
    }

    /// It was taken, or could not be.
    pub(crate) fn end(&self, revision: i64, hash: Option<KvHash>) {
        let mut known = self.lock();
        known.pending.remove(&revision);
        if let Some(hash) = hash {
            known.kept.push(hash);
            known.kept.sort_unstable_by_key(|hash| hash.hash_revision);
            let surplus = known.kept.len().saturating_sub(KEPT_MAX);
            known.kept.drain(..surplus);
        }
        drop(known);
        self.ended.notify_waiters();
    }

    /// The hashes of compactions beyond this revision, the newest first.
    pub(crate) fn above(&self, revision: i64) -> Vec<KvHash> {
        let known = self.lock();
        let above = known.kept.iter().rev().filter(|hash| hash.hash_revision > revision);
        above.copied().collect()
    }

    /// The hash of the compaction to this revision, if it is one of the last; waits for one that
    /// is being taken.
    pub(crate) async fn find(&self, revision: i64) -> Option<KvHash> {
        loop {
            // Registered before the look, so that an end in between is not missed.
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            {
                let known = self.lock();
                if !known.pending.contains(&revision) {
                    return known.kept.iter().find(|hash| hash.hash_revision == revision).copied();
                }
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn hash(hash_revision: i64) -> KvHash {
        KvHash { hash: 7, compact_revision: hash_revision - 1, hash_revision }
    }

    /// What is there without waiting.
    fn found(hashes: &CompactionHashes, revision: i64) -> Option<Option<KvHash>> {
        hashes.find(revision).now_or_never()
    }

    #[test]
    fn the_last_ten_are_kept_and_a_pending_one_is_waited_for() {
        let hashes = CompactionHashes::default();
        for revision in 1..=12 {
            assert!(hashes.begin(revision));
            hashes.end(revision, Some(hash(revision)));
        }
        assert_eq!(found(&hashes, 2), Some(None), "only the last ten");
        assert_eq!(found(&hashes, 3), Some(Some(hash(3))));
        let above = hashes.above(10).iter().map(|hash| hash.hash_revision).collect::<Vec<_>>();
        assert_eq!(above, [12, 11]);
        assert!(hashes.begin(20));
        let mut waiting = std::pin::pin!(hashes.find(20));
        assert_eq!(waiting.as_mut().now_or_never(), None, "it is being taken");
        hashes.end(20, Some(hash(20)));
        assert_eq!(waiting.now_or_never(), Some(Some(hash(20))));
        for revision in 30..30 + 4 {
            assert!(hashes.begin(revision));
        }
        assert!(!hashes.begin(99), "no more images are held than that");
        hashes.end(30, None);
        assert_eq!(found(&hashes, 30), Some(None));
    }
}
