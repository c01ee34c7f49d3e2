//! Transactions: all compares see the state before, then the checks, then the operations in order.
//!
//! Nested transactions choose their branch before anything is executed, like the outer one. All
//! refusals come before the first effect, so a refused transaction leaves nothing.

use alloc::vec::Vec;
use core::cmp::Ordering;

use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::{
    Compare, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use proto::mvccpb::KeyValue;

use super::history::History;
use super::lease::Leases;
use super::reply::header;
use super::write::Write;
use crate::Error;

/// Which branch a transaction takes, and the nested ones of that branch in order.
#[derive(Debug)]
struct Path {
    succeeded: bool,
    nested: Vec<Path>,
}

/// Runs a transaction; the state changes only if the answer is not an error.
///
/// # Errors
/// What a put or a range of a chosen branch is refused for.
pub fn run(
    history: &mut History,
    leases: &Leases,
    request: &TxnRequest,
) -> Result<TxnResponse, Error> {
    let path = choose(history, request);
    check(history, leases, request, &path)?;
    let mut write = Write::begin(history);
    let mut answer = execute(&mut write, request, &path);
    answer.header = header(write.end());
    Ok(answer)
}

/// Whether both branches hold ranges only, so that the transaction is answered as a read.
#[must_use]
pub fn is_read_only(request: &TxnRequest) -> bool {
    let is_range = |op: &RequestOp| matches!(op.request, Some(Request::RequestRange(_)));
    request.success.iter().all(is_range) && request.failure.iter().all(is_range)
}

/// Whether a branch, at any depth, holds a put.
#[must_use]
pub fn has_put(request: &TxnRequest) -> bool {
    request.success.iter().chain(&request.failure).any(|op| match &op.request {
        Some(Request::RequestPut(_)) => true,
        Some(Request::RequestTxn(nested)) => has_put(nested),
        _ => false,
    })
}

fn branch(request: &TxnRequest, succeeded: bool) -> &[RequestOp] {
    if succeeded { &request.success } else { &request.failure }
}

fn choose(history: &History, request: &TxnRequest) -> Path {
    let succeeded = request.compare.iter().all(|compare| holds(history, compare));
    let nested = branch(request, succeeded).iter().filter_map(|op| match &op.request {
        Some(Request::RequestTxn(txn)) => Some(choose(history, txn)),
        _ => None,
    });
    Path { succeeded, nested: nested.collect() }
}

fn holds(history: &History, compare: &Compare) -> bool {
    let kvs = history.scan(&compare.key, &compare.range_end, history.revision());
    if kvs.is_empty() {
        // No value is not the empty value, so a compare of values fails whatever it asks.
        let by_value = compare.target == CompareTarget::Value as i32;
        return !by_value && holds_for(compare, &KeyValue::default());
    }
    kvs.iter().all(|kv| holds_for(compare, kv))
}

fn holds_for(compare: &Compare, kv: &KeyValue) -> bool {
    let order = order_of(compare, kv);
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => order == Ordering::Equal,
        Ok(CompareResult::NotEqual) => order != Ordering::Equal,
        Ok(CompareResult::Greater) => order == Ordering::Greater,
        Ok(CompareResult::Less) => order == Ordering::Less,
        Err(_) => true,
    }
}

/// A union member that does not fit the target counts as zero or empty.
fn order_of(compare: &Compare, kv: &KeyValue) -> Ordering {
    use CompareTarget as Target;
    use TargetUnion as Union;
    let Ok(target) = Target::try_from(compare.target) else {
        return Ordering::Equal;
    };
    let wanted = match (target, &compare.target_union) {
        (Target::Value, Some(Union::Value(value))) => return kv.value.cmp(value),
        (Target::Value, _) => return kv.value[..].cmp(&[]),
        (Target::Version, Some(Union::Version(n)))
        | (Target::Create, Some(Union::CreateRevision(n)))
        | (Target::Mod, Some(Union::ModRevision(n)))
        | (Target::Lease, Some(Union::Lease(n))) => *n,
        _ => 0,
    };
    let found = match target {
        Target::Version => kv.version,
        Target::Create => kv.create_revision,
        Target::Mod => kv.mod_revision,
        Target::Lease | Target::Value => kv.lease,
    };
    found.cmp(&wanted)
}

/// Refusals of the chosen branches, judged by the state before the transaction.
fn check(
    history: &History,
    leases: &Leases,
    request: &TxnRequest,
    path: &Path,
) -> Result<(), Error> {
    let mut nested = path.nested.iter();
    for op in branch(request, path.succeeded) {
        match &op.request {
            Some(Request::RequestRange(range)) => check_range(history, range.revision)?,
            Some(Request::RequestPut(put)) => leases.check_put(history, put)?,
            Some(Request::RequestTxn(txn)) => {
                let path = nested.next().expect("one path for each nested transaction");
                check(history, leases, txn, path)?;
            }
            Some(Request::RequestDeleteRange(_)) | None => {}
        }
    }
    assert!(nested.next().is_none(), "a path without its transaction");
    Ok(())
}

/// Unlike a plain range, a negative revision is compared with the compaction mark too.
fn check_range(history: &History, revision: i64) -> Result<(), Error> {
    match revision {
        0 => Ok(()),
        _ if revision > history.revision() => Err(Error::FutureRevision),
        _ if revision < history.compacted() => Err(Error::Compacted),
        _ => Ok(()),
    }
}

fn execute(write: &mut Write<'_>, request: &TxnRequest, path: &Path) -> TxnResponse {
    let mut nested = path.nested.iter();
    let answers = branch(request, path.succeeded).iter().map(|op| {
        let response = match &op.request {
            Some(Request::RequestRange(range)) => {
                let answer = write.range(range).expect("the revision was checked");
                Some(Response::ResponseRange(answer))
            }
            Some(Request::RequestPut(put)) => Some(Response::ResponsePut(write.put(put))),
            Some(Request::RequestDeleteRange(delete)) => {
                Some(Response::ResponseDeleteRange(write.delete_range(delete)))
            }
            Some(Request::RequestTxn(txn)) => {
                let path = nested.next().expect("one path for each nested transaction");
                Some(Response::ResponseTxn(execute(write, txn, path)))
            }
            None => None,
        };
        ResponseOp { response }
    });
    let responses = answers.collect();
    TxnResponse { header: Some(ResponseHeader::default()), succeeded: path.succeeded, responses }
}
