//! Each rule of request checking, and the order among them.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, request_op,
};

use super::{RequestError, delete_range, put, range, range_stream, txn};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn op(request: request_op::Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn put_op(key: &str) -> RequestOp {
    op(request_op::Request::RequestPut(PutRequest { key: bytes(key), ..PutRequest::default() }))
}

fn delete_op(key: &str, end: &str) -> RequestOp {
    let request =
        DeleteRangeRequest { key: bytes(key), range_end: bytes(end), ..Default::default() };
    op(request_op::Request::RequestDeleteRange(request))
}

fn txn_op(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
    op(request_op::Request::RequestTxn(TxnRequest { success, failure, ..Default::default() }))
}

fn branch(ops: Vec<RequestOp>) -> Result<(), RequestError> {
    let success = txn(&TxnRequest { success: ops.clone(), ..Default::default() }, 128);
    let failure = txn(&TxnRequest { failure: ops, ..Default::default() }, 128);
    assert_eq!(success, failure, "both branches are checked alike");
    success
}

#[test]
fn a_range_needs_a_key_and_known_sorting() {
    let good = RangeRequest { key: bytes("k"), limit: -1, revision: -5, ..Default::default() };
    assert_eq!(range(&good), Ok(()));
    let bad = RangeRequest { sort_order: 9, ..Default::default() };
    assert_eq!(range(&bad), Err(RequestError::EmptyKey), "the key is looked at first");
    let bad = RangeRequest { sort_order: 3, ..good.clone() };
    assert_eq!(range(&bad), Err(RequestError::InvalidSortOption));
    let bad = RangeRequest { sort_target: 5, ..good.clone() };
    assert_eq!(range(&bad), Err(RequestError::InvalidSortOption));
    let sorted = RangeRequest { sort_order: 2, sort_target: 4, ..good };
    assert_eq!(range(&sorted), Ok(()));
}

#[test]
fn a_stream_is_by_key_and_unfiltered() {
    let good = RangeRequest { key: bytes("k"), ..Default::default() };
    for (sort_order, sort_target, expected) in [
        (0, 0, Ok(())),
        (0, 3, Ok(())),
        (1, 0, Ok(())),
        (1, 1, Err(RequestError::StreamSortOrder)),
        (2, 0, Err(RequestError::StreamSortOrder)),
    ] {
        assert_eq!(
            range_stream(&RangeRequest { sort_order, sort_target, ..good.clone() }),
            expected
        );
    }
    let filtered = RangeRequest { max_create_revision: 7, ..good };
    assert_eq!(range_stream(&filtered), Err(RequestError::StreamRevisionFilter));
}

#[test]
fn a_put_keeps_or_carries() {
    let good = PutRequest { key: bytes("k"), ..Default::default() };
    assert_eq!(put(&PutRequest::default()), Err(RequestError::EmptyKey));
    let both = PutRequest { ignore_value: true, ignore_lease: true, ..good };
    assert_eq!(put(&both), Ok(()));
    let value = PutRequest { value: bytes("v"), lease: 1, ..both.clone() };
    assert_eq!(put(&value), Err(RequestError::ValueProvided), "the value is looked at first");
    assert_eq!(put(&PutRequest { lease: 1, ..both }), Err(RequestError::LeaseProvided));
    assert_eq!(delete_range(&DeleteRangeRequest::default()), Err(RequestError::EmptyKey));
}

#[test]
fn the_largest_list_of_a_txn_counts_and_nested_ones_get_the_rest() {
    let compare = || Compare { key: bytes("c"), ..Default::default() };
    let puts = |n: usize| (0..n).map(|i| put_op(&alloc::format!("k{i}"))).collect::<Vec<_>>();
    let request = |compares, success, failure| TxnRequest {
        compare: (0..compares).map(|_| compare()).collect(),
        success: puts(success),
        failure: puts(failure),
    };
    assert_eq!(txn(&request(4, 4, 4), 4), Ok(()));
    for (c, s, f) in [(5, 0, 0), (0, 5, 0), (0, 0, 5)] {
        assert_eq!(txn(&request(c, s, f), 4), Err(RequestError::TooManyOps));
    }
    let nested =
        |ops| TxnRequest { success: vec![txn_op(puts(ops), vec![])], ..Default::default() };
    assert_eq!(txn(&nested(3), 4), Ok(()));
    assert_eq!(txn(&nested(4), 4), Err(RequestError::TooManyOps));
}

#[test]
fn operations_are_checked_as_if_alone() {
    let compare = TxnRequest { compare: vec![Compare::default()], ..Default::default() };
    assert_eq!(txn(&compare, 128), Err(RequestError::EmptyKey));
    assert_eq!(branch(vec![put_op("")]), Err(RequestError::EmptyKey));
    assert_eq!(branch(vec![txn_op(vec![delete_op("", "")], vec![])]), Err(RequestError::EmptyKey));
    assert_eq!(branch(vec![RequestOp::default()]), Err(RequestError::KeyNotFound));
    let order = TxnRequest {
        success: vec![put_op("a"), put_op("a")],
        failure: vec![put_op("")],
        ..Default::default()
    };
    assert_eq!(txn(&order, 128), Err(RequestError::EmptyKey), "duplicates are looked for last");
}

#[test]
fn a_branch_changes_a_key_once() {
    let duplicate = Err(RequestError::DuplicateKey);
    assert_eq!(branch(vec![put_op("a"), put_op("b")]), Ok(()));
    assert_eq!(branch(vec![put_op("a"), put_op("a")]), duplicate);
    assert_eq!(branch(vec![put_op("b"), delete_op("a", "c")]), duplicate);
    assert_eq!(branch(vec![put_op("c"), delete_op("a", "c")]), Ok(()));
    assert_eq!(branch(vec![put_op("a"), delete_op("a", "")]), duplicate);
    assert_eq!(branch(vec![delete_op("a", "c"), delete_op("b", "d")]), Ok(()));
    assert_eq!(branch(vec![put_op("b"), delete_op("a", "\0")]), Ok(()), "an open end is not seen");
    let both =
        TxnRequest { success: vec![put_op("a")], failure: vec![put_op("a")], ..Default::default() };
    assert_eq!(txn(&both, 128), Ok(()));
}

#[test]
fn nested_branches_exclude_each_other_but_not_their_parent() {
    let duplicate = Err(RequestError::DuplicateKey);
    let nested = || txn_op(vec![put_op("a")], vec![put_op("a"), put_op("b")]);
    assert_eq!(branch(vec![nested()]), Ok(()));
    assert_eq!(branch(vec![nested(), put_op("b")]), duplicate);
    assert_eq!(branch(vec![put_op("a"), nested()]), duplicate);
    assert_eq!(branch(vec![nested(), nested()]), duplicate);
    assert_eq!(branch(vec![nested(), delete_op("b", "")]), duplicate);
    assert_eq!(branch(vec![txn_op(vec![], vec![delete_op("x", "z")]), put_op("y")]), duplicate);
    let siblings =
        |first, second| branch(vec![txn_op(vec![first], vec![]), txn_op(vec![second], vec![])]);
    assert_eq!(siblings(delete_op("a", "c"), put_op("b")), duplicate);
    assert_eq!(siblings(put_op("b"), delete_op("a", "c")), Ok(()), "only deletions before count");
}
