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
    /// not replay entries against changes that a later compaction took away. What lives is written
    /// before anything is freed: with less than `room_bytes` for it there is no cleaning.
    pub fn plan_clean(&mut self, room_bytes: u64) -> Option<Clean<B::Snapshot>> {
        self.assert_sound();
        let compacted = self.image.compacted;
        if self.cleaning || !self.compaction.is_settled(compacted) {
            return None;
        }
        let segments = &self.image.shelf.segments;
        let worst = self.worst()?;
        if self.living_bytes(worst) > room_bytes {
            return None;
        }
        let (first, last) = self.spread(worst, room_bytes);
        let replaced: Vec<Segment> = segments[first..=last].to_vec();
        let drops_tombstones = self.is_clean_before(first);
        let (from, to) = (segments[first].from, segments[last].to);
        self.cleaning = true;
        Some(Clean {
            shelf: self.image.shelf.clone(),
            index: self.image.index.clone(),
            compacted,
            replaced,
            into: Segment { id: self.segments.take_id(), from, to },
            drops_tombstones,
        })
    }

    /// Whether a cleaning would be worth it once the last compaction is recorded, which is all that
    /// it waits for.
    #[must_use]
    pub fn awaits_record(&self) -> bool {
        let is_waiting = !self.cleaning && self.compaction.is_unrecorded(self.image.compacted);
        is_waiting && self.worst().is_some()
    }

    /// The position of the segment with the most dead bytes, if their share is large enough.
    fn worst(&self) -> Option<usize> {
        let percent = self.knobs.clean_dead_percent;
        let accounts = self.image.shelf.segments.iter().enumerate();
        accounts
            .filter(|(_, segment)| segment.to < i64::MAX)
            .map(|(at, segment)| (at, self.account(segment)))
            .map(|(at, account)| (at, account.bytes, self.gain(at)))
            .filter(|(_, _, gain)| *gain > 0)
            .filter(|(_, bytes, gain)| gain.saturating_mul(100) >= bytes.saturating_mul(percent))
            .max_by_key(|(at, _, gain)| (*gain, core::cmp::Reverse(*at)))
            .map(|(at, ..)| at)
    }

    /// Bytes that a cleaning of the segment at this position may give back.
    fn gain(&self, at: usize) -> u64 {
        let account = self.account(&self.image.shelf.segments[at]);
        let frees_held = account.held > 0 && self.is_clean_before(at);
        account.dead + if frees_held { account.held } else { 0 }
    }

    /// Whether the segments before this position hold nothing dead: no put there whose death only
    /// a later tombstone tells.
    fn is_clean_before(&self, at: usize) -> bool {
        self.image.shelf.segments[..at].iter().all(|segment| self.account(segment).dead == 0)
    }

    fn living_bytes(&self, at: usize) -> u64 {
        let account = self.account(&self.image.shelf.segments[at]);
        account.bytes.saturating_sub(account.dead + account.held)
    }

    /// Neighbours on both sides whose living bytes fit into one segment, and into the room.
    fn spread(&self, worst: usize, room_bytes: u64) -> (usize, usize) {
        let segments = &self.image.shelf.segments;
        let living = |at: usize| self.living_bytes(at);
        let max = self.knobs.segment_bytes.min(room_bytes);
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
            died_meanwhile += account.dead + account.held;
        }
        // What later compactions made dead is in the new segment still, and so are tombstones that
        // had to stay. The sums are exact: whether anything dead is left decides what may go next.
        let Cleaned { kept_bytes, held_bytes, dropped_bytes, .. } = *cleaned;
        let dead = died_meanwhile.checked_sub(dropped_bytes + held_bytes);
        let dead = dead.unwrap_or_else(|| panic!("{cleaned:?} of {died_meanwhile} B dead"));
        let account = Account { bytes: kept_bytes, dead, held: held_bytes };
        assert!(dead + held_bytes <= kept_bytes, "{account:?} after {cleaned:?}");
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
