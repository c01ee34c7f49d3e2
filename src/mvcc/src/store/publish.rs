//! Views: images of the store for readers, one for each applied batch.
//!
//! The root of the index that a limited range was read from is kept for a while when the store
//! moves on: whoever pages through the keys comes back with that revision and gets exact counts.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use super::Store;
use crate::backend::Backend;
use crate::image::Root;
use crate::index::Index;
use crate::view::View;

/// What was published last.
pub(super) struct Published {
    revision: i64,
    index: Index,
    /// Set by the view when a range of it was cut by a limit.
    paged: Arc<AtomicBool>,
}

impl<B: Backend> Store<B> {
    /// An image for readers, to be taken once for each applied batch.
    ///
    /// # Panics
    /// After a fault: what a failed backend led to is never shown.
    pub fn view(&mut self) -> View<B::Snapshot> {
        self.assert_sound();
        self.keep_root();
        let revision = self.image.revision;
        let paged = match &self.published {
            Some(last) if last.revision == revision => last.paged.clone(),
            _ => Arc::new(AtomicBool::new(false)),
        };
        let index = self.image.index.clone();
        self.published = Some(Published { revision, index, paged: paged.clone() });
        View::new(self.image.clone(), paged)
    }

    /// An image that is not published: of the moment before a compaction, for its hash.
    ///
    /// # Panics
    /// After a fault.
    #[must_use]
    pub fn image(&self) -> View<B::Snapshot> {
        self.assert_sound();
        View::new(self.image.clone(), Arc::new(AtomicBool::new(false)))
    }

    fn keep_root(&mut self) {
        let Some(last) = &self.published else { return };
        let moved_on = last.revision < self.image.revision;
        let wanted = moved_on && last.paged.load(Ordering::Relaxed);
        let roots = &self.image.roots;
        let compacted = roots.first().is_some_and(|root| root.revision < self.image.compacted);
        if !wanted && !compacted {
            return;
        }
        let mut kept: VecDeque<Root> = roots.iter().cloned().collect();
        if wanted {
            kept.push_back(Root { revision: last.revision, index: last.index.clone() });
        }
        let usable = |root: &Root| root.revision >= self.image.compacted;
        while kept.len() > self.knobs.roots_max || kept.front().is_some_and(|root| !usable(root)) {
            kept.pop_front();
        }
        self.image.roots = kept.into_iter().collect();
    }
}
