//! What applying one request gives: a typed answer or error, and the events.

use alloc::vec::Vec;

use proto::etcdserverpb::{
    AlarmResponse, CompactionResponse, DeleteRangeResponse, LeaseCheckpointResponse,
    LeaseGrantResponse, LeaseRevokeResponse, PutResponse, RangeResponse, ResponseHeader,
    TxnResponse,
};
use proto::mvccpb::Event;

use crate::Error;

/// The answer to one request. Headers carry the revision only.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is named after the request that it answers")]
pub enum Response {
    Range(RangeResponse),
    Put(PutResponse),
    DeleteRange(DeleteRangeResponse),
    Txn(TxnResponse),
    Compaction(CompactionResponse),
    LeaseGrant(LeaseGrantResponse),
    LeaseRevoke(LeaseRevokeResponse),
    LeaseCheckpoint(LeaseCheckpointResponse),
    Alarm(AlarmResponse),
    /// Requests between members that nobody waits for with an answer.
    Empty,
}

impl Response {
    /// The revision of the header; 0 when the answer has none.
    #[must_use]
    pub fn revision(&self) -> i64 {
        let header = match self {
            Response::Range(r) => &r.header,
            Response::Put(r) => &r.header,
            Response::DeleteRange(r) => &r.header,
            Response::Txn(r) => &r.header,
            Response::Compaction(r) => &r.header,
            Response::LeaseGrant(r) => &r.header,
            Response::LeaseRevoke(r) => &r.header,
            Response::LeaseCheckpoint(r) => &r.header,
            Response::Alarm(r) => &r.header,
            Response::Empty => &None,
        };
        header.as_ref().map_or(0, |header| header.revision)
    }
}

/// What applying one request gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer for whoever asked.
    pub response: Result<Response, Error>,
    /// What watchers may see, in order, all of one revision; empty when nothing changed.
    pub events: Vec<Event>,
}

/// A header that carries a revision and nothing else.
#[must_use]
pub fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}
