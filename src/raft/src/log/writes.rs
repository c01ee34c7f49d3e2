//! The appends that the log writer has and has not yet reported.
//!
//! An entry is durable when the *latest* version of its index was reported. So a truncation cuts
//! what the writes in flight can claim: their token may name an index whose entry was replaced
//! since. Tokens of an older term claim nothing at all (BK4); the term change itself was written,
//! and that later token speaks for everything still in the log.

use alloc::collections::VecDeque;

use base::{Index, Term};

use crate::output::AppendToken;

/// One append on its way to the disk.
#[derive(Clone, Copy, Debug)]
struct Write {
    sequence: u64,
    term: Term,
    /// Up to here the write holds what the log holds.
    reach: Index,
}

/// The appends in flight, oldest first. Invariant: sequences strictly increase.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    in_flight: VecDeque<Write>,
    issued: u64,
}

impl Writes {
    /// Names the next append; remembers it when it is to be synced.
    pub fn issue(&mut self, term: Term, index: Index, must_sync: bool) -> AppendToken {
        self.issued += 1;
        if must_sync {
            self.in_flight.push_back(Write { sequence: self.issued, term, reach: index });
        }
        AppendToken { term, index, sequence: self.issued }
    }

    /// The newest append that is to be synced and was not reported.
    pub fn newest(&self) -> Option<u64> {
        self.in_flight.back().map(|write| write.sequence)
    }

    /// Takes a report; gives the index up to which the log is durable now, if it says so.
    pub fn reported(&mut self, token: AppendToken, term: Term) -> Option<Index> {
        assert!(token.sequence <= self.issued, "{token:?} was never issued: {}", self.issued);
        let mut reach = None;
        while self.in_flight.front().is_some_and(|write| write.sequence <= token.sequence) {
            let write = self.in_flight.pop_front().expect("the front was just seen");
            if write.term == term {
                reach = Some(write.reach);
            } else {
                base::mark!("raft: append reported in a later term");
            }
        }
        reach
    }

    /// The log no longer holds what was written at `first` and behind.
    pub fn cut_from(&mut self, first: Index) {
        for write in &mut self.in_flight {
            write.reach = write.reach.min(first.prev());
        }
    }
}
