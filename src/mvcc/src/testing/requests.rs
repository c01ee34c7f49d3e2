//! Short constructors of requests, and answers as messages.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::compare::TargetUnion;

use crate::answer::{Answer, Header, RangeAnswer, TxnAnswer};
use crate::memory::MemoryBackend;
use crate::{Knobs, LeaseLookup, Store};

/// Leases 1 to 3 exist.
pub(crate) struct Leases;

impl LeaseLookup for Leases {
    fn exists(&self, id: i64) -> bool {
        (1..=3).contains(&id)
    }
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn put(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest { key: bytes(key), value: bytes(value), ..Default::default() }
}

pub(crate) fn range(key: &str, end: &str) -> pb::RangeRequest {
    pb::RangeRequest { key: bytes(key), range_end: bytes(end), ..Default::default() }
}

pub(crate) fn delete(key: &str, end: &str) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest { key: bytes(key), range_end: bytes(end), ..Default::default() }
}

pub(crate) fn all() -> pb::RangeRequest {
    range("\0", "\0")
}

pub(crate) fn op(request: pb::request_op::Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

pub(crate) fn put_op(key: &str, value: &str) -> pb::RequestOp {
    op(pb::request_op::Request::RequestPut(put(key, value)))
}

pub(crate) fn range_op(request: pb::RangeRequest) -> pb::RequestOp {
    op(pb::request_op::Request::RequestRange(request))
}

pub(crate) fn delete_op(key: &str, end: &str) -> pb::RequestOp {
    op(pb::request_op::Request::RequestDeleteRange(delete(key, end)))
}

pub(crate) fn txn_op(request: pb::TxnRequest) -> pb::RequestOp {
    op(pb::request_op::Request::RequestTxn(request))
}

pub(crate) fn compare(key: &str, target: i32, result: i32, with: TargetUnion) -> pb::Compare {
    let (key, target_union) = (bytes(key), Some(with));
    pb::Compare { key, target, result, target_union, ..Default::default() }
}

pub(crate) fn on_success(success: Vec<pb::RequestOp>) -> pb::TxnRequest {
    pb::TxnRequest { success, ..Default::default() }
}

/// An empty store.
pub(crate) fn store() -> Store<MemoryBackend> {
    Store::new(&MemoryBackend::new(), Knobs::default()).expect("an empty backend is sound")
}

/// An answer to a range as the client gets it.
pub(crate) fn range_response(answer: RangeAnswer) -> pb::RangeResponse {
    let header = Header { revision: answer.revision, ..Header::default() };
    let encoded = Answer::Range(answer).encode(&header);
    pb::RangeResponse::decode(encoded).expect("answers are messages")
}

/// An answer to a transaction as the client gets it.
pub(crate) fn txn_response(answer: TxnAnswer) -> pb::TxnResponse {
    let header = Header { revision: answer.revision, ..Header::default() };
    let encoded = Answer::Txn(answer).encode(&header);
    pb::TxnResponse::decode(encoded).expect("answers are messages")
}

/// Keys of a response.
pub(crate) fn keys(response: &pb::RangeResponse) -> Vec<&str> {
    let text = |key| core::str::from_utf8(key).expect("test keys are text");
    response.kvs.iter().map(|kv| text(&kv.key[..])).collect()
}
