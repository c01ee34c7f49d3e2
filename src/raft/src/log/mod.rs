//! The log as the core sees it: all terms, the newest entries, and how far it is written, durable,
//! committed, handed to the applier and applied.
//!
//! Invariants: `released <= applied <= handed <= min(commit, stable)` (R11, BK4);
//! `stable <= written <= last`; `commit <= last`; entries behind `min(commit, stable)` are in
//! memory; a committed entry is never truncated (R7). Older entries are in the log files only, and
//! are asked for by index.

mod cache;
mod terms;
mod writes;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{Index, Term, mark};
use cache::Cache;
pub use terms::Terms;
use writes::Writes;

use crate::config::{Boot, Config};
use crate::entry::{Entry, EntryKind, Position};
use crate::output::AppendToken;

/// The log of one member.
#[derive(Clone, Debug)]
pub struct Log {
    terms: Terms,
    cache: Cache,
    writes: Writes,
    /// Handed to the log writer up to here.
    written: Index,
    stable: Index,
    commit: Index,
    handed: Index,
    applied: Index,
    /// Last index and bytes of each batch that the applier has and has not reported.
    applying: VecDeque<(Index, usize)>,
    applying_bytes: usize,
    /// Where configuration changes stand that are not yet applied.
    changes: VecDeque<Index>,
    cache_bytes_max: usize,
    committed_bytes_max: usize,
}

/// Entries to send, or where to find them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In memory; empty at the end of the log.
    Memory(Vec<Entry>),
    /// In the log files, up to this index at least.
    Files(Index),
}

impl Log {
    /// The log that recovery found.
    pub fn new(config: &Config, boot: Boot) -> Log {
        let (index, term) = boot.snapshot;
        let mut log = Log {
            terms: Terms::new(Position { term, index }),
            cache: Cache::new(index.next()),
            writes: Writes::default(),
            written: index,
            stable: index,
            commit: index,
            handed: boot.applied,
            applied: boot.applied,
            applying: VecDeque::new(),
            applying_bytes: 0,
            changes: VecDeque::new(),
            cache_bytes_max: config.cache_bytes_max,
            committed_bytes_max: config.committed_bytes_max,
        };
        for entry in boot.entries {
            log.push(entry);
        }
        log.changes.retain(|&change| change > boot.applied);
        let last = log.last().index;
        assert!(boot.applied >= index, "applied {} before the log's start {index}", boot.applied);
        assert!(boot.applied <= last, "applied {} behind the log's end {last}", boot.applied);
        let commit = boot.hard_state.commit.max(boot.applied);
        assert!(commit <= last || boot.suspect.is_some(), "commit {commit} behind the end {last}");
        (log.written, log.stable, log.commit) = (last, last, commit.min(last));
        log.evict();
        log.check();
        log
    }

    /// The entry the log begins behind.
    pub fn start(&self) -> Position {
        self.terms.start()
    }

    /// The last entry.
    pub fn last(&self) -> Position {
        self.terms.last()
    }

    /// The highest index known to be committed.
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The highest index applied.
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// The highest index durable in the local log.
    pub fn stable(&self) -> Index {
        self.stable
    }

    /// Bytes of entries in memory.
    pub fn cache_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// The term at an index, if the log knows it.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        self.terms.at(index)
    }

    /// Whether the log holds this entry.
    pub fn matches(&self, entry: Position) -> bool {
        self.terms.at(entry.index) == Some(entry.term)
    }

    /// See [`Terms::highest_at_most`].
    pub fn highest_at_most(&self, index: Index, term: Term) -> Position {
        self.terms.highest_at_most(index, term)
    }

    /// Whether a configuration change is in the log and not applied.
    pub fn has_unapplied_change(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether a committed configuration change is not applied (V-a).
    pub fn has_committed_change(&self) -> bool {
        self.changes.front().is_some_and(|&change| change <= self.commit)
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, entry: Entry) {
        self.terms.push(entry.position());
        if entry.kind.is_configuration() {
            self.changes.push_back(entry.index);
        }
        self.cache.push(entry);
    }

    /// Takes entries that follow a position both logs hold: skips those that are here, replaces a
    /// conflicting suffix, and keeps whatever lies behind the last one if nothing conflicts (a
    /// replayed short append must not shorten the log).
    pub fn accept(&mut self, entries: Vec<Entry>) {
        let held = entries.iter().take_while(|entry| self.matches(entry.position())).count();
        let mut entries = entries.into_iter().skip(held);
        let Some(first) = entries.next() else { return };
        if first.index <= self.last().index {
            mark!("raft: conflicting suffix truncated");
            self.truncate_from(first.index);
        }
        self.push(first);
        for entry in entries {
            self.push(entry);
        }
    }

    fn truncate_from(&mut self, first: Index) {
        let commit = self.commit;
        assert!(first > commit, "truncating from {first} would remove committed {commit}");
        self.terms.truncate_from(first);
        self.cache.truncate_from(first);
        self.writes.cut_from(first);
        self.written = self.written.min(first.prev());
        self.stable = self.stable.min(first.prev());
        while self.changes.back().is_some_and(|&change| change >= first) {
            self.changes.pop_back();
        }
    }

    /// Raises the commit index; whether it rose. Gives the payload bytes that became committed.
    pub fn commit_to(&mut self, index: Index) -> Option<usize> {
        if index <= self.commit {
            return None;
        }
        let last = self.last().index;
        assert!(index <= last, "committing {index}, the log ends at {last}");
        let mut bytes = 0;
        for committed in self.commit.next().get()..=index.get() {
            let entry = self.cache.get(Index(committed)).expect("uncommitted entries are held");
            bytes += entry.data.len();
        }
        self.commit = index;
        self.evict();
        Some(bytes)
    }

    /// What the log writer was not given yet. `None` when that is nothing and nothing else forces
    /// a synced write.
    pub fn take_unwritten(&mut self) -> Vec<Entry> {
        let (from, last) = (self.written.next(), self.last().index);
        self.written = last;
        if from > last {
            return Vec::new();
        }
        self.cache.range(from, last, usize::MAX, usize::MAX)
    }

    /// Names a write of all that is in the log.
    pub fn issue(&mut self, term: Term, must_sync: bool) -> AppendToken {
        self.writes.issue(term, self.last().index, must_sync)
    }

    /// The newest synced write that is in flight.
    pub fn newest_write(&self) -> Option<u64> {
        self.writes.newest()
    }

    /// The log writer's report.
    pub fn reported(&mut self, token: AppendToken, term: Term) {
        let Some(reach) = self.writes.reported(token, term) else { return };
        if reach > self.stable {
            assert!(reach <= self.written, "{reach} durable, written up to {}", self.written);
            self.stable = reach;
            self.evict();
        }
    }

    /// Up to `count_max` entries from `from` on, about `bytes_max` bytes, for a follower.
    pub fn entries(&self, from: Index, count_max: usize, bytes_max: usize) -> Source {
        let last = self.last().index;
        assert!(from > self.start().index, "{from} was released: {:?}", self.start());
        if from > last {
            return Source::Memory(Vec::new());
        }
        if from < self.cache.first() {
            let reach = from.plus(count_max as u64 - 1);
            return Source::Files(reach.min(self.cache.first().prev()));
        }
        Source::Memory(self.cache.range(from, last, count_max, bytes_max))
    }

    /// The next entries for the applier. What is handed out and not yet applied stays within the
    /// bound, but one entry is always handed out.
    pub fn next_committed(&mut self) -> Source {
        let (from, to) = (self.handed.next(), self.commit.min(self.stable));
        let room = self.committed_bytes_max.saturating_sub(self.applying_bytes);
        if from > to {
            return Source::Memory(Vec::new());
        }
        if from < self.cache.first() {
            // One read at a time, made once there is room for all of it.
            let reach = to.min(self.cache.first().prev());
            let free = self.applying.is_empty();
            return if free { Source::Files(reach) } else { Source::Memory(Vec::new()) };
        }
        let mut entries = self.cache.range(from, to, usize::MAX, room);
        if !self.applying.is_empty() {
            entries.retain(|entry| entry.weight() <= room);
        }
        self.hand(&entries);
        Source::Memory(entries)
    }

    /// Notes what the applier is given.
    pub fn hand(&mut self, entries: &[Entry]) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        let bound = self.commit.min(self.stable);
        assert!(first.index == self.handed.next(), "handed {}, now {first:?}", self.handed);
        assert!(last.index <= bound, "handing out {last:?} behind {bound}");
        let bytes = entries.iter().map(Entry::weight).sum();
        self.handed = last.index;
        self.applying.push_back((last.index, bytes));
        self.applying_bytes += bytes;
    }

    /// The index the applier is to be given next.
    pub fn next_handed(&self) -> Index {
        self.handed.next()
    }

    /// The applier's report.
    pub fn apply_to(&mut self, index: Index) {
        if index <= self.applied {
            return;
        }
        assert!(index <= self.handed, "applied {index}, handed out up to {}", self.handed);
        self.applied = index;
        while self.changes.front().is_some_and(|&change| change <= index) {
            self.changes.pop_front();
        }
        while let Some(&(last, bytes)) = self.applying.front() {
            if last > index {
                break;
            }
            self.applying.pop_front();
            self.applying_bytes -= bytes;
        }
    }

    /// The log files hold nothing up to `index` any more.
    pub fn release_to(&mut self, index: Index) {
        if index <= self.start().index {
            return;
        }
        assert!(index <= self.applied, "released {index}, applied {}", self.applied);
        self.terms.release_to(index);
        self.evict();
    }

    /// A snapshot replaced the log: it begins behind `snapshot` and holds nothing.
    pub fn restore(&mut self, snapshot: Position) {
        let index = snapshot.index;
        assert!(index > self.commit, "snapshot {index} goes back behind commit {}", self.commit);
        self.terms = Terms::new(snapshot);
        self.cache = Cache::new(index.next());
        self.writes.cut_from(index.next());
        (self.written, self.stable, self.commit) = (index, index, index);
        (self.handed, self.applied) = (index, index);
        self.applying.clear();
        self.applying_bytes = 0;
        self.changes.clear();
    }

    /// Keeps the cache within its bound; what is not both durable and committed always stays.
    fn evict(&mut self) {
        let keep = self.commit.min(self.stable).next();
        let floor = self.start().index.next();
        self.cache.evict(floor, keep, self.cache_bytes_max);
    }

    /// Panics when an invariant is broken.
    pub fn check(&self) {
        let (start, last) = (self.start().index, self.last().index);
        let bound = self.commit.min(self.stable);
        assert!(start <= self.applied, "released {start}, applied {}", self.applied);
        assert!(self.applied <= self.handed, "{} applied, {} handed", self.applied, self.handed);
        assert!(self.handed <= bound, "{} handed out, {bound} durable and committed", self.handed);
        assert!(self.stable <= self.written, "{} stable, {} written", self.stable, self.written);
        assert!(self.written <= last, "{} written, the log ends at {last}", self.written);
        assert!(self.commit <= last, "{} committed, the log ends at {last}", self.commit);
        assert!(self.cache.end() == last.next(), "held to {}, not {last}", self.cache.end());
        assert!(self.cache.first() <= bound.next(), "{} evicted early", self.cache.first());
        let handed: usize = self.applying.iter().map(|&(_, bytes)| bytes).sum();
        assert!(handed == self.applying_bytes, "{handed} of {} handed", self.applying_bytes);
        self.terms.check();
        self.cache.check();
    }

    /// The first index in memory.
    #[cfg(test)]
    pub fn first_held(&self) -> Index {
        self.cache.first()
    }
}

/// Whether entries follow `prev` without a gap and without going back in term, none of them of a
/// term above `term`; others are no append of a leader of `term`.
pub fn is_contiguous(prev: Position, entries: &[Entry], term: Term) -> bool {
    let mut before = prev;
    for entry in entries {
        let follows = entry.index.get().checked_sub(1) == Some(before.index.get());
        if !follows || entry.term < before.term || entry.term > term || entry.term.is_zero() {
            return false;
        }
        before = entry.position();
    }
    before.term <= term
}

/// The entry with which a new leader begins its term (§8).
pub fn empty_entry(term: Term, index: Index) -> Entry {
    Entry { term, index, kind: EntryKind::Normal, data: bytes::Bytes::new() }
}

#[cfg(test)]
mod tests;
