//! V2 and V3: a read shows the oracle's state at one revision, and not a staler one than allowed.
//!
//! A linearizable read must show at least what was acknowledged before it began; a serializable one
//! only may not go back on its connection. Neither may show what was not committed when it ended.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use proto::etcdserverpb::{RangeRequest, RangeResponse};

use super::{Violation, summary};
use crate::{Error, Oracle, Response};

/// One finished read.
#[derive(Clone, Debug)]
pub struct Read<'a> {
    /// The connection that it used; serializable reads never go back on one.
    pub connection: u64,
    /// When it was sent and when its answer arrived.
    pub invoked: u64,
    /// When its answer arrived.
    pub returned: u64,
    /// The greatest revision that may be shown: committed, or for a serializable read applied by
    /// the member that answered, when the answer arrived.
    pub revision_max: i64,
    /// What was asked.
    pub request: &'a RangeRequest,
    /// What was answered.
    pub response: &'a Result<RangeResponse, Error>,
}

/// Judges reads in the order of their return.
#[derive(Clone, Debug, Default)]
pub struct ReadChecker {
    /// Times at which a revision was shown to a client, each with the greatest up to then.
    shown: Vec<(u64, i64)>,
    connections: BTreeMap<u64, i64>,
}

impl ReadChecker {
    /// Tells that an answer carried this revision: reads that begin later must show it.
    pub fn acknowledge(&mut self, returned: u64, revision: i64) {
        let last = self.shown.last().copied().unwrap_or((0, 0));
        assert!(last.0 <= returned, "return {returned} told after {}", last.0);
        self.shown.push((returned, last.1.max(revision)));
    }

    /// Judges a read against an oracle that has applied at least `revision_max`.
    ///
    /// # Errors
    /// V2 for a linearizable read, V3 for a serializable one.
    pub fn judge(&mut self, oracle: &Oracle, read: &Read<'_>) -> Result<(), Violation> {
        let rule = if read.request.serializable { "V3" } else { "V2" };
        let floor = match read.request.serializable {
            true => self.connections.get(&read.connection).copied().unwrap_or(0),
            false => self.floor(read.invoked),
        };
        let answer = match read.response {
            Ok(answer) => answer,
            Err(error) => return refusal(oracle, read, floor, rule, *error),
        };
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if revision < floor || revision > read.revision_max {
            let range = format!("{floor}..={}", read.revision_max);
            return Violation::of(rule, format!("read at revision {revision}, not in {range}"));
        }
        let wanted = oracle.recall(revision, read.request);
        if wanted.as_ref() != Ok(answer) {
            let got = summary::response(&Ok(Response::Range(answer.clone())));
            let wanted = summary::response(&wanted.map(Response::Range));
            return Violation::of(rule, format!("answered {got}; the oracle has {wanted}"));
        }
        if read.request.serializable {
            self.connections.insert(read.connection, revision);
        } else {
            self.acknowledge(read.returned, revision);
        }
        Ok(())
    }

    /// The greatest revision shown strictly before a time.
    fn floor(&self, time: u64) -> i64 {
        let count = self.shown.partition_point(|(returned, _)| *returned < time);
        if count == 0 { 0 } else { self.shown[count - 1].1 }
    }
}

/// A refusal must have been right at some moment of the call.
fn refusal(
    oracle: &Oracle,
    read: &Read<'_>,
    floor: i64,
    rule: &'static str,
    error: Error,
) -> Result<(), Violation> {
    let asked = read.request.revision;
    let right = match error {
        // A store that is wholly compacted refuses no read of its current revision.
        Error::Compacted => asked > 0 && asked < oracle.compacted(),
        Error::FutureRevision => asked > floor,
        Error::EmptyKey => read.request.key.is_empty(),
        Error::InvalidSortOption => oracle_refuses(oracle, read.request, error),
        _ => false,
    };
    if right {
        return Ok(());
    }
    let detail =
        format!("read of revision {asked} refused: {error}; compacted {}", oracle.compacted());
    Violation::of(rule, detail)
}

fn oracle_refuses(oracle: &Oracle, request: &RangeRequest, error: Error) -> bool {
    let range = Some(request.clone());
    let request = proto::etcdserverpb::InternalRaftRequest { range, ..Default::default() };
    oracle.validate(&request) == Err(error)
}
