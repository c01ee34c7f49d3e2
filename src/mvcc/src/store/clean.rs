//! When a cleaning is worth it, and of which segments.

use alloc::vec::Vec;

use super::Store;
use super::flush::Account;
use crate::backend::Backend;
use crate::segment::Segment;
use crate::segment::clean::{Clean, Cleaned};

impl<B: Backend> Store<B> {
    /// Plans to rewrite the sealed segment with the most dead bytes, together with neighbours that
    /// fit beside its living rest. `None` while there is nothing worth it, while a cleaning runs,
    /// while the index is being swept, and until the last compaction is durable (BK3): a crash must
    /// not replay entries against changes that a later compaction took away.
    pub fn plan_clean(&mut self) -> Option<Clean<B::Snapshot>> {
        self.assert_sound();
        let compacted = self.image.compacted;
        if self.cleaning || !self.compaction.is_settled(compacted) {
            return None;
        }
        let segments = &self.image.shelf.segments;
        let worst = self.worst()?;
        let (first, last) = self.spread(worst);
        let replaced: Vec<Segment> = segments[first..=last].to_vec();
        let (from, to) = (segments[first].from, segments[last].to);
        self.cleaning = true;
        Some(Clean {
            shelf: self.image.shelf.clone(),
            index: self.image.index.clone(),
            compacted,
            replaced,
            into: Segment { id: self.segments.take_id(), from, to },
        })
    }

    /// The position of the segment with the most dead bytes, if their share is large enough.
    fn worst(&self) -> Option<usize> {
        let percent = self.knobs.clean_dead_percent;
        let accounts = self.image.shelf.segments.iter().enumerate();
        accounts
            .filter(|(_, segment)| segment.to < i64::MAX)
            .map(|(at, segment)| (at, self.account(segment)))
            .filter(|(_, account)| account.dead > 0)
            .filter(|(_, account)| account.dead * 100 >= account.bytes.saturating_mul(percent))
            .max_by_key(|(at, account)| (account.dead, core::cmp::Reverse(*at)))
            .map(|(at, _)| at)
    }

    /// Neighbours on both sides whose living bytes fit into one segment together.
    fn spread(&self, worst: usize) -> (usize, usize) {
        let segments = &self.image.shelf.segments;
        let living = |at: usize| {
            let account = self.account(&segments[at]);
            account.bytes.saturating_sub(account.dead)
        };
        let max = self.knobs.segment_bytes;
        let (mut first, mut last, mut bytes) = (worst, worst, living(worst));
        while first > 0 && bytes + living(first - 1) <= max {
            first -= 1;
            bytes += living(first);
        }
        let sealed = |at: usize| segments.get(at).is_some_and(|segment| segment.to < i64::MAX);
        while sealed(last + 1) && bytes + living(last + 1) <= max {
            last += 1;
            bytes += living(last);
        }
        (first, last)
    }

    fn account(&self, segment: &Segment) -> Account {
        self.segments.accounts[&segment.id]
    }

    /// Told when a cleaning is done: reads go to the new segment from now on.
    ///
    /// # Panics
    /// When no such cleaning was planned.
    pub fn cleaned(&mut self, cleaned: &Cleaned) {
        assert!(self.cleaning, "a cleaning ended that was not planned");
        self.cleaning = false;
        let mut died_meanwhile = 0;
        for segment in &cleaned.replaced {
            let account = self.segments.accounts.remove(&segment.id);
            let account = account.unwrap_or_else(|| panic!("{segment:?} was replaced before"));
            died_meanwhile += account.dead;
        }
        // What later compactions made dead is in the new segment still. What was dead before is
        // not, or cannot go, so that nothing is gained by cleaning again: together they cannot be
        // more than what is left.
        let settled = cleaned.dropped_bytes + cleaned.hiding_bytes;
        let dead = died_meanwhile.saturating_sub(settled).min(cleaned.kept_bytes);
        let account = Account { bytes: cleaned.kept_bytes, dead };
        self.segments.accounts.insert(cleaned.into.id, account);
        let mut segments = self.image.shelf.segments.clone();
        cleaned.apply(&mut segments);
        if let Some(cut) = &mut self.cut {
            cleaned.apply(&mut cut.segments);
        }
        self.reshelve(segments);
    }

    /// The bytes in all segments and the dead ones among them.
    #[must_use]
    pub fn segment_bytes(&self) -> (u64, u64) {
        let sum = |field: fn(&Account) -> u64| self.segments.accounts.values().map(field).sum();
        (sum(|account| account.bytes), sum(|account| account.dead))
    }
}
