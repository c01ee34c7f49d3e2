//! The search for a linearization: Wing and Gong's algorithm with Lowe's memory of what was tried.
//!
//! Calls are taken in every order that real time allows until the model accepts all that returned.
//! A call whose outcome is unknown has no end: it may be taken at any later point or never. A pair
//! (set of calls taken, state) is tried once; the memory for such pairs is bounded, and when it is
//! full the answer is "undecided", never a guess.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::linearizable::{Call, Outcome};

/// A sequential specification.
pub trait Model {
    /// What the calls change. Equal states must give equal fingerprints.
    type State: Clone;

    /// The state after the call if its answer is legal in this state.
    fn step(&self, state: &Self::State, call: &Call) -> Option<Self::State>;

    /// A hash of the state.
    fn fingerprint(&self, state: &Self::State) -> u64;
}

/// How a search ended.
#[derive(Debug)]
pub enum Found<S> {
    /// An order that the model accepts.
    Order,
    /// There is none.
    Nothing(Stuck<S>),
    /// The memory was full before either was known.
    Undecided,
}

/// The longest order that was found, and where it ended.
#[derive(Debug)]
pub struct Stuck<S> {
    /// The calls taken, by position, in order.
    pub order: Vec<usize>,
    /// The state after them.
    pub state: S,
    /// The calls that could have come next, by position; the model refused each.
    pub pending: Vec<usize>,
}

const HEAD: usize = 0;

/// The entries of a history in the order of time, as a linked list that can be taken apart and put
/// together again. Entry 0 is the head; the calls and the returns follow.
struct Timeline {
    /// The call of an entry, and whether the entry is its return.
    entries: Vec<(usize, bool)>,
    next: Vec<usize>,
    prev: Vec<usize>,
    /// The return of each call, if it is known.
    ends: Vec<Option<usize>>,
}

impl Timeline {
    fn new(calls: &[Call]) -> Timeline {
        let mut order = Vec::new();
        for (position, call) in calls.iter().enumerate() {
            order.push((call.invoked, false, position));
            if let Outcome::Answered { at, .. } = &call.outcome {
                assert!(call.invoked <= *at, "answered at {at}, invoked at {}", call.invoked);
                order.push((*at, true, position));
            }
        }
        // At equal times the invocation comes first: the calls then count as concurrent.
        order.sort_unstable();
        let mut ends = vec![None; calls.len()];
        let mut entries = Vec::from([(usize::MAX, false)]);
        for (_, is_return, position) in order {
            if is_return {
                ends[position] = Some(entries.len());
            }
            entries.push((position, is_return));
        }
        let count = entries.len();
        let next = (1..=count).collect();
        let prev = (0..count).map(|at| at.saturating_sub(1)).collect();
        Timeline { entries, next, prev, ends }
    }

    fn end(&self) -> usize {
        self.entries.len()
    }

    fn unlink(&mut self, at: usize) {
        let (before, after) = (self.prev[at], self.next[at]);
        self.next[before] = after;
        if after < self.end() {
            self.prev[after] = before;
        }
    }

    fn relink(&mut self, at: usize) {
        let (before, after) = (self.prev[at], self.next[at]);
        self.next[before] = at;
        if after < self.end() {
            self.prev[after] = at;
        }
    }

    fn take(&mut self, at: usize) {
        self.unlink(at);
        if let Some(end) = self.ends[self.entries[at].0] {
            self.unlink(end);
        }
    }

    fn put_back(&mut self, at: usize) {
        if let Some(end) = self.ends[self.entries[at].0] {
            self.relink(end);
        }
        self.relink(at);
    }

    /// The calls that no remaining return precedes.
    fn pending(&self) -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = self.next[HEAD];
        while at < self.end() && !self.entries[at].1 {
            found.push(self.entries[at].0);
            at = self.next[at];
        }
        found
    }
}

/// Searches for an order; `memory_max` bounds the pairs that are remembered.
pub fn search<M: Model>(
    model: &M,
    initial: &M::State,
    calls: &[Call],
    memory_max: usize,
) -> Found<M::State> {
    let mut line = Timeline::new(calls);
    let mut missing = line.ends.iter().flatten().count();
    let mut taken = vec![0u64; calls.len().div_ceil(64)];
    let mut memory = BTreeSet::new();
    let mut stack: Vec<(usize, M::State)> = Vec::new();
    let mut state = initial.clone();
    let mut best = Stuck { order: Vec::new(), state: state.clone(), pending: line.pending() };
    let mut at = line.next[HEAD];
    while missing > 0 {
        assert!(at < line.end(), "{missing} calls have not returned at the end of the history");
        let (position, is_return) = line.entries[at];
        if is_return {
            // Whatever comes first must come before this return, and nothing fits: step back.
            let Some((back, before)) = stack.pop() else {
                return Found::Nothing(best);
            };
            let position = line.entries[back].0;
            taken[position / 64] &= !(1 << (position % 64));
            missing += usize::from(line.ends[position].is_some());
            line.put_back(back);
            state = before;
            at = line.next[back];
            continue;
        }
        let after = model.step(&state, &calls[position]);
        taken[position / 64] |= 1 << (position % 64);
        let fresh = after.filter(|after| memory.insert((taken.clone(), model.fingerprint(after))));
        let Some(after) = fresh else {
            taken[position / 64] &= !(1 << (position % 64));
            at = line.next[at];
            continue;
        };
        if memory.len() > memory_max {
            return Found::Undecided;
        }
        stack.push((at, core::mem::replace(&mut state, after)));
        line.take(at);
        missing -= usize::from(line.ends[position].is_some());
        if stack.len() > best.order.len() {
            let order = stack.iter().map(|(entry, _)| line.entries[*entry].0).collect();
            best = Stuck { order, state: state.clone(), pending: line.pending() };
        }
        at = line.next[HEAD];
    }
    Found::Order
}
