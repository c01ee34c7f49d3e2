//! Transactions: all compare targets and results, both branches, several operations, nested ones,
//! and read-only ones.

use bytes::Bytes;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request as Op;
use proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};

use super::client::{Client, Request};
use super::kv;
use crate::plan::Workload;

/// Runs until the client shall stop.
pub async fn run(client: &Client, workload: &Workload) {
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        let request = match client.choose(|prng| prng.below(10)) {
            0..=6 => Request::Txn(some_txn(client, workload, 1)),
            7 => Request::Txn(read_only(client, workload)),
            8 => Request::Range(RangeRequest {
                key: kv::some_key(client, workload),
                ..Default::default()
            }),
            _ => Request::Put(PutRequest {
                key: kv::some_key(client, workload),
                value: client.unique_value(),
                ..Default::default()
            }),
        };
        client.request(request).await;
    }
}

fn some_txn(client: &Client, workload: &Workload, depth: u32) -> TxnRequest {
    let compares = client.choose(|prng| prng.below(3));
    TxnRequest {
        compare: (0..compares).map(|_| some_compare(client, workload)).collect(),
        success: branch(client, workload, depth),
        failure: branch(client, workload, depth),
    }
}

/// A branch writes each key at most once, as etcd demands, and always at least one value.
fn branch(client: &Client, workload: &Workload, depth: u32) -> Vec<RequestOp> {
    let number = client.choose(|prng| prng.below(workload.keys));
    let put = |key: Bytes| {
        let prev_kv = client.choose(|prng| prng.chance(0.3));
        op(Op::RequestPut(PutRequest {
            key,
            value: client.unique_value(),
            prev_kv,
            ..Default::default()
        }))
    };
    let known = client.before().revision.max(1) as u64;
    let range = |key: Bytes| {
        // What was compacted is refused, and the writes beside it with it.
        let revision = client.choose(|prng| match prng.chance(0.1) {
            true => prng.between(1, known) as i64,
            false => 0,
        });
        op(Op::RequestRange(RangeRequest { key, revision, ..Default::default() }))
    };
    let mut ops = vec![put(kv::key(number))];
    if client.choose(|prng| prng.chance(0.5)) {
        ops.insert(0, range(kv::key(number)));
        ops.push(range(kv::key(number)));
    }
    if client.choose(|prng| prng.chance(0.3)) {
        // Another name space than the puts', so that nothing is written twice.
        ops.push(put(Bytes::from(format!("t{number:03}"))));
    }
    if client.choose(|prng| prng.chance(0.2)) {
        let (key, range_end) = (Bytes::from_static(b"t"), Bytes::from_static(b"t000"));
        ops.push(op(Op::RequestDeleteRange(DeleteRangeRequest {
            key,
            range_end,
            ..Default::default()
        })));
    }
    if depth > 0 && client.choose(|prng| prng.chance(0.15)) {
        let mut inner = some_txn(client, workload, 0);
        // The duplicate rule reaches into nested branches: they may only read.
        for branch in [&mut inner.success, &mut inner.failure] {
            *branch = vec![range(kv::key(number))];
        }
        ops.push(op(Op::RequestTxn(inner)));
    }
    ops
}

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn some_compare(client: &Client, workload: &Workload) -> Compare {
    let key = kv::some_key(client, workload);
    let known = client.before().revision.max(1) as u64;
    client.choose(|prng| {
        let results = [
            CompareResult::Equal,
            CompareResult::Greater,
            CompareResult::Less,
            CompareResult::NotEqual,
        ];
        let number = prng.below(known + 2) as i64;
        let (target, union) = match prng.below(5) {
            0 => (CompareTarget::Version, TargetUnion::Version(prng.below(4) as i64)),
            1 => (CompareTarget::Create, TargetUnion::CreateRevision(number)),
            2 => (CompareTarget::Mod, TargetUnion::ModRevision(number)),
            3 => (CompareTarget::Value, TargetUnion::Value(Bytes::from_static(b"c1-1"))),
            _ => (CompareTarget::Lease, TargetUnion::Lease(0)),
        };
        let range_end = if prng.chance(0.1) { Bytes::from_static(b"l") } else { Bytes::new() };
        Compare {
            result: *prng.pick(&results) as i32,
            target: target as i32,
            key,
            range_end,
            target_union: Some(union),
        }
    })
}

fn read_only(client: &Client, workload: &Workload) -> TxnRequest {
    let serializable = client.choose(|prng| prng.chance(0.3));
    let range = || {
        let (key, range_end) = kv::some_range(client, workload);
        op(Op::RequestRange(RangeRequest { key, range_end, serializable, ..Default::default() }))
    };
    TxnRequest { compare: Vec::new(), success: vec![range(), range()], failure: Vec::new() }
}
