//! Transactions: the matrix of compares, the order of phases, and what operations see.

use alloc::vec;
use alloc::vec::Vec;

use proto::etcdserverpb as pb;
use proto::etcdserverpb::compare::TargetUnion;
use proto::etcdserverpb::response_op::Response;

use crate::Store;
use crate::error::KvError;
use crate::memory::MemoryBackend;
use crate::testing::requests::{
    Leases, all, bytes, compare, delete_op, on_success, op, put, put_op, range, range_op, store,
    txn_op, txn_response,
};

/// `a` was put twice with a lease, `b` once; the revision is 4.
fn filled() -> Store<MemoryBackend> {
    let mut store = store();
    for request in [put("a", "v1"), pb::PutRequest { lease: 2, ..put("a", "v2") }, put("b", "w")] {
        store.put(&request, &Leases).expect("allowed");
    }
    store
}

fn run(store: &mut Store<MemoryBackend>, request: &pb::TxnRequest) -> pb::TxnResponse {
    txn_response(store.txn(request, &Leases).expect("a transaction that is allowed").0)
}

fn holds(store: &mut Store<MemoryBackend>, compare: pb::Compare) -> bool {
    let request = pb::TxnRequest { compare: vec![compare], ..Default::default() };
    let view = store.view().txn(&request).expect("allowed").succeeded;
    assert_eq!(run(store, &request).succeeded, view, "a view decides as the store");
    view
}

#[test]
fn every_target_compares_with_every_operator() {
    let mut store = filled();
    type With = fn(i64) -> TargetUnion;
    let exact: [(i32, With, i64); 4] = [
        (0, TargetUnion::Version, 2),
        (1, TargetUnion::CreateRevision, 2),
        (2, TargetUnion::ModRevision, 3),
        (4, TargetUnion::Lease, 2),
    ];
    // EQUAL, GREATER, LESS, NOT_EQUAL against one below, the value itself, one above.
    let expected =
        [[false, true, false], [true, false, false], [false, false, true], [true, false, true]];
    for (target, with, value) in exact {
        for (result, row) in expected.iter().enumerate() {
            for (offset, expected) in [-1, 0, 1].into_iter().zip(row) {
                let compare = compare("a", target, result as i32, with(value + offset));
                assert_eq!(holds(&mut store, compare.clone()), *expected, "{compare:?}");
            }
        }
    }
    for (result, row) in expected.iter().enumerate() {
        for (value, expected) in ["v1", "v2", "v3"].into_iter().zip(row) {
            let compare = compare("a", 3, result as i32, TargetUnion::Value(bytes(value)));
            assert_eq!(holds(&mut store, compare.clone()), *expected, "{compare:?}");
        }
    }
}

#[test]
fn a_missing_key_is_all_zero_but_has_no_value() {
    let mut store = filled();
    for target in [0, 1, 2, 4] {
        let zero = TargetUnion::Version(0);
        assert!(holds(&mut store, compare("x", target, 0, zero.clone())), "equal to zero");
        assert!(!holds(&mut store, compare("x", target, 3, zero)), "not unequal");
    }
    for result in 0..4 {
        let empty = TargetUnion::Value(bytes(""));
        assert!(!holds(&mut store, compare("x", 3, result, empty)), "operator {result}");
    }
}

#[test]
fn a_range_compare_asks_every_key_of_it() {
    let mut store = filled();
    let within = |end: &str, with| pb::Compare { range_end: bytes(end), ..with };
    let version = |n| compare("a", 0, 1, TargetUnion::Version(n));
    assert!(holds(&mut store, within("c", version(0))));
    assert!(!holds(&mut store, within("c", version(1))), "b has version 1");
    assert!(holds(&mut store, within("b", version(1))));
    assert!(!holds(&mut store, within("\0", version(1))));
    let none =
        pb::Compare { key: bytes("x"), ..within("z", compare("x", 0, 0, TargetUnion::Version(0))) };
    assert!(holds(&mut store, none), "an empty range is a missing key");
}

#[test]
fn unknown_operators_hold_and_foreign_values_are_zero() {
    let mut store = filled();
    assert!(holds(&mut store, compare("a", 0, 7, TargetUnion::Version(99))));
    assert!(!holds(&mut store, compare("a", 0, 0, TargetUnion::ModRevision(2))));
    assert!(holds(&mut store, compare("x", 0, 0, TargetUnion::ModRevision(2))));
    assert!(holds(&mut store, compare("a", 9, 0, TargetUnion::Version(5))), "unknown: equal");
}

#[test]
fn compares_see_the_state_before_nested_ones_too() {
    let mut store = filled();
    let absent = compare("n", 1, 0, TargetUnion::CreateRevision(0));
    let nested = pb::TxnRequest {
        compare: vec![absent],
        success: vec![put_op("seen", "before")],
        failure: vec![put_op("seen", "after")],
    };
    let response = run(&mut store, &on_success(vec![put_op("n", "1"), txn_op(nested)]));
    assert!(response.succeeded);
    let answer = store.range(&range("seen", "")).expect("allowed");
    assert_eq!(crate::testing::requests::range_response(answer).kvs[0].value, "before", "M21");
}

#[test]
fn operations_see_those_before_them_and_share_one_revision() {
    let mut store = filled();
    let request = on_success(vec![
        range_op(all()),
        put_op("c", "1"),
        range_op(all()),
        delete_op("a", "c"),
        range_op(all()),
        put_op("d", "2"),
    ]);
    let (answer, events) = store.txn(&request, &Leases).expect("allowed");
    let response = txn_response(answer);
    let ranges: Vec<(i64, i64)> = response
        .responses
        .iter()
        .filter_map(|r| match &r.response {
            Some(Response::ResponseRange(r)) => Some((r.header.as_ref()?.revision, r.count)),
            _ => None,
        })
        .collect();
    assert_eq!(ranges, [(4, 2), (5, 3), (5, 1)]);
    assert_eq!(response.header.map(|header| header.revision), Some(5));
    let subs: Vec<_> = events.iter().map(|e| (e.revision().main, e.revision().sub)).collect();
    assert_eq!(subs, [(5, 0), (5, 1), (5, 2), (5, 3)]);
}

#[test]
fn a_key_deleted_and_put_in_one_transaction_begins_a_new_life() {
    let mut store = filled();
    run(&mut store, &on_success(vec![delete_op("a", "\0"), put_op("a", "new")]));
    let answer = crate::testing::requests::range_response(store.range(&all()).expect("allowed"));
    assert_eq!((answer.kvs[0].create_revision, answer.kvs[0].version), (5, 1));
    store.check();
}

#[test]
fn a_refused_transaction_leaves_nothing() {
    let mut store = filled();
    store.compact(3).expect("allowed");
    let late = |request| on_success(vec![put_op("x", "1"), request]);
    let at = |revision| range_op(pb::RangeRequest { revision, ..all() });
    let lease =
        op(pb::request_op::Request::RequestPut(pb::PutRequest { lease: 9, ..put("y", "") }));
    let keeps = pb::PutRequest { ignore_value: true, ..put("y", "") };
    let keeps = op(pb::request_op::Request::RequestPut(keeps));
    for (request, refusal) in [
        (late(at(2)), KvError::Compacted),
        (late(at(-1)), KvError::Compacted),
        (late(at(5)), KvError::FutureRevision),
        (late(lease), KvError::LeaseNotFound),
        (late(keeps), KvError::KeyNotFound),
        (late(txn_op(late(at(2)))), KvError::Compacted),
    ] {
        assert_eq!(store.txn(&request, &Leases), Err(refusal), "M22");
        assert_eq!(store.revision(), 4);
        assert_eq!(store.range(&range("x", "")).map(|answer| answer.count), Ok(0), "T6");
    }
    let other_branch = pb::TxnRequest { failure: vec![at(2)], ..Default::default() };
    assert!(run(&mut store, &other_branch).succeeded, "only the chosen branch is checked");
}

#[test]
fn a_read_only_transaction_has_no_revision_and_runs_on_a_view() {
    let mut store = filled();
    let request = on_success(vec![range_op(all()), range_op(range("a", ""))]);
    let view = store.view().txn(&request).map(txn_response);
    assert_eq!(view, Ok(run(&mut store, &request)));
    assert_eq!(store.revision(), 4, "T5");
}
