//! V1, and V9 seen from inside: each acknowledged write answers what the oracle says at its log
//! index, and log order respects real time.
//!
//! It needs to be told which index an answer belongs to, and so decides in one pass. What is not
//! verified: that the log itself is the committed one; that is the business of the Raft checks.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use proto::etcdserverpb::InternalRaftRequest;

use super::{Violation, summary};
use crate::{Error, Oracle, Reply, Response};

/// Follows the log with an oracle and judges acknowledgements.
#[derive(Clone, Debug, Default)]
pub struct LogChecker {
    oracle: Oracle,
    applied: u64,
    answers: BTreeMap<u64, Result<Response, Error>>,
    /// Acknowledgements by time of return, each with the greatest index up to then.
    returned: Vec<(u64, u64)>,
}

impl LogChecker {
    /// A checker of a log that begins on this state after this index.
    #[must_use]
    pub fn new(oracle: Oracle, applied: u64) -> LogChecker {
        LogChecker { oracle, applied, ..LogChecker::default() }
    }

    /// The state after everything that was applied.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Takes the entry of the next index; entries that change no state of the oracle are passed
    /// over by the caller, so that indexes rise but need not be dense.
    pub fn apply(&mut self, index: u64, request: &InternalRaftRequest) -> Reply {
        assert!(index > self.applied, "entry {index} after {}", self.applied);
        self.applied = index;
        let reply = self.oracle.apply(request);
        self.answers.insert(index, reply.response.clone());
        reply
    }

    /// Forgets the answers up to an index, when none of them can be acknowledged any more.
    pub fn forget(&mut self, index: u64) {
        self.answers = self.answers.split_off(&(index + 1));
    }

    /// Judges an answer that a client received for the entry of an index. Acknowledgements come in
    /// the order of their return.
    ///
    /// # Errors
    /// V1, when the answer is not the oracle's or the order of the log is not that of real time.
    pub fn acknowledge(
        &mut self,
        index: u64,
        invoked: u64,
        returned: u64,
        response: &Result<Response, Error>,
    ) -> Result<(), Violation> {
        let last = self.returned.last().copied().unwrap_or((0, 0));
        assert!(invoked <= returned, "returned at {returned}, invoked at {invoked}");
        assert!(last.0 <= returned, "return {returned} told after {}", last.0);
        let Some(wanted) = self.answers.get(&index) else {
            return Violation::of("V1", format!("answer to index {index}, which is not applied"));
        };
        if wanted != response {
            let (got, wanted) = (summary::response(response), summary::response(wanted));
            return Violation::of("V1", format!("index {index} answered {got}, not {wanted}"));
        }
        let before = self.greatest_before(invoked);
        if before >= index {
            let detail = format!("index {index} invoked at {invoked}, after {before} returned");
            return Violation::of("V1", detail);
        }
        self.returned.push((returned, last.1.max(index)));
        Ok(())
    }

    /// The greatest index that was acknowledged strictly before a time.
    fn greatest_before(&self, time: u64) -> u64 {
        let count = self.returned.partition_point(|(returned, _)| *returned < time);
        if count == 0 { 0 } else { self.returned[count - 1].1 }
    }
}
