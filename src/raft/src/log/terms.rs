//! The term of every index of the log in a few words: one pair where each term begins.
//!
//! Terms outlive the entries in memory, so that a leader can probe and a follower can hint far
//! back without reading a file. Invariants: indexes and terms of the runs strictly increase; the
//! first run is the entry the log begins behind.

use alloc::collections::VecDeque;

use base::{Index, Term};

use crate::entry::Position;

/// The terms of a log that begins behind `start` and ends with `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where each term begins; the first is the start itself.
    runs: VecDeque<Position>,
    last: Index,
}

impl Terms {
    /// An empty log behind `start`.
    pub fn new(start: Position) -> Terms {
        Terms { runs: VecDeque::from([start]), last: start.index }
    }

    /// The entry the log begins behind.
    pub fn start(&self) -> Position {
        *self.runs.front().expect("the start is a run and is never removed")
    }

    /// The last entry, or the start when there is none.
    pub fn last(&self) -> Position {
        let run = self.runs.back().expect("the start is a run and is never removed");
        Position { term: run.term, index: self.last }
    }

    /// The term at an index; `None` before the start and behind the end.
    pub fn at(&self, index: Index) -> Option<Term> {
        if index < self.start().index || index > self.last {
            return None;
        }
        let after = self.runs.partition_point(|run| run.index <= index);
        Some(self.runs[after - 1].term)
    }

    /// Adds one entry at the end.
    pub fn push(&mut self, entry: Position) {
        let last = self.last();
        assert!(entry.index == last.index.next(), "entry {entry:?} does not follow {last:?}");
        assert!(entry.term >= last.term, "entry {entry:?} goes back behind {last:?}");
        if entry.term > last.term {
            self.runs.push_back(entry);
        }
        self.last = entry.index;
    }

    /// Removes the entry at `first` and all behind it.
    pub fn truncate_from(&mut self, first: Index) {
        let start = self.start().index;
        assert!(first > start, "truncating from {first} would remove the start {start}");
        assert!(first <= self.last, "truncating from {first}, the log ends at {}", self.last);
        self.last = first.prev();
        while self.runs.back().is_some_and(|run| run.index > self.last) {
            self.runs.pop_back();
        }
    }

    /// Moves the start forward to `index`.
    pub fn release_to(&mut self, index: Index) {
        let Some(term) = self.at(index) else {
            panic!("releasing to {index}, outside of {:?}..={}", self.start(), self.last);
        };
        while self.runs.get(1).is_some_and(|run| run.index <= index) {
            self.runs.pop_front();
        }
        self.runs[0] = Position { term, index };
    }

    /// The highest position up to `index` whose term is at most `term`. The term is zero where it
    /// is not known, before the start and behind the end: such an index may match.
    pub fn highest_at_most(&self, index: Index, term: Term) -> Position {
        if index < self.start().index || index > self.last {
            return Position { term: Term::ZERO, index };
        }
        let mut end = index;
        for run in self.runs.iter().rev().filter(|run| run.index <= index) {
            if run.term <= term {
                return Position { term: run.term, index: end };
            }
            end = run.index.prev();
        }
        Position { term: Term::ZERO, index: end }
    }

    /// Panics when an invariant is broken.
    pub fn check(&self) {
        for (before, after) in self.runs.iter().zip(self.runs.iter().skip(1)) {
            assert!(before.index < after.index, "runs {before:?}, {after:?} out of order");
            assert!(before.term < after.term, "runs {before:?}, {after:?} go back in term");
        }
        let run = self.runs.back().expect("the start is a run and is never removed");
        assert!(run.index <= self.last, "run {run:?} begins behind the end {}", self.last);
    }
}
