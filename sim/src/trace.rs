//! The rolling hash of everything that happened (D1), with checkpoints so that two runs that
//! should be equal show the first difference, and, on demand, the events in words.

use std::fmt;

use base::Instant;

/// Events between two checkpoints.
const CHECKPOINT_EVENTS: u64 = 64;
/// Lines that are kept for a report.
const TAIL_LINES: usize = 60;

/// What becomes of the words in which events are told. They cost more than the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Nothing.
    Dropped,
    /// The last ones are kept.
    Kept,
    /// They are printed to the standard error too.
    Printed,
}

/// Folds events into a hash.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    events: u64,
    checkpoints: Vec<u64>,
    words: Words,
    tail: std::collections::VecDeque<String>,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new(words: Words) -> Trace {
        let tail = std::collections::VecDeque::new();
        Trace { hash: 0xcbf2_9ce4_8422_2325, events: 0, checkpoints: Vec::new(), words, tail }
    }

    /// Adds an event: when, which member (zero: the world), a kind, and its numbers.
    pub fn add(&mut self, at: Instant, member: usize, kind: &'static str, numbers: &[u64]) {
        self.fold(at.as_nanos());
        self.fold(member as u64);
        for byte in kind.bytes() {
            self.fold(u64::from(byte));
        }
        for &number in numbers {
            self.fold(number);
        }
        self.events += 1;
        if self.events.is_multiple_of(CHECKPOINT_EVENTS) {
            self.checkpoints.push(self.hash);
        }
    }

    /// Adds words for people; they are not part of the hash.
    pub fn say(&mut self, at: Instant, member: usize, words: fmt::Arguments<'_>) {
        if self.words == Words::Dropped {
            return;
        }
        let line = format!("{at:?} m{member} {words}");
        if self.words == Words::Printed {
            #[allow(clippy::print_stderr, reason = "printing is what verbose is for")]
            {
                eprintln!("{line}");
            }
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    fn fold(&mut self, number: u64) {
        let mixed = (self.hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The last lines that were said.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    /// The range of events in which two traces first differ; `None` when they are equal.
    #[must_use]
    pub fn first_difference(&self, other: &Trace) -> Option<std::ops::Range<u64>> {
        if self.hash == other.hash && self.events == other.events {
            return None;
        }
        let same = self.checkpoints.iter().zip(&other.checkpoints).take_while(|(a, b)| a == b);
        let start = same.count() as u64 * CHECKPOINT_EVENTS;
        Some(start..start + CHECKPOINT_EVENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_within_a_checkpoint() {
        let run = |odd: u64| {
            let mut trace = Trace::new(Words::Dropped);
            for number in 0..1_000 {
                let value = if number == odd { 7 } else { number };
                trace.add(Instant::from_nanos(number), 1, "step", &[value]);
            }
            trace
        };
        assert_eq!(run(5_000).first_difference(&run(6_000)), None);
        let range = run(5_000).first_difference(&run(700)).expect("one event differs");
        assert!(range.contains(&700) && range.end - range.start == CHECKPOINT_EVENTS, "{range:?}");
    }
}
