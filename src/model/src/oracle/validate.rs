//! What the API refuses before a request is proposed, in etcd's order of checks.
//!
//! Applying a request repeats none of this: a log holds only what passed.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use bytes::Bytes;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{
    DeleteRangeRequest, InternalRaftRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};

use crate::{Error, interval};

/// Checks a request as the API does; `txn_ops_max` is the limit of operations in a transaction.
///
/// # Errors
/// The first rule that the request breaks.
pub fn validate(request: &InternalRaftRequest, txn_ops_max: usize) -> Result<(), Error> {
    if let Some(range) = &request.range {
        return check_range(range);
    }
    if let Some(put) = &request.put {
        return check_put(put);
    }
    if let Some(delete) = &request.delete_range {
        return check_delete(delete);
    }
    if let Some(txn) = &request.txn {
        check_txn(txn, txn_ops_max)?;
        Changed::of(&txn.success)?;
        Changed::of(&txn.failure)?;
    }
    Ok(())
}

fn check_range(range: &RangeRequest) -> Result<(), Error> {
    if range.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    let known = SortOrder::try_from(range.sort_order).is_ok()
        && SortTarget::try_from(range.sort_target).is_ok();
    if known { Ok(()) } else { Err(Error::InvalidSortOption) }
}

fn check_put(put: &PutRequest) -> Result<(), Error> {
    if put.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if put.ignore_value && !put.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if put.ignore_lease && put.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

fn check_delete(delete: &DeleteRangeRequest) -> Result<(), Error> {
    if delete.key.is_empty() { Err(Error::EmptyKey) } else { Ok(()) }
}

/// A nested transaction may use what the longest list of the outer one left of the budget.
fn check_txn(txn: &TxnRequest, budget: usize) -> Result<(), Error> {
    let ops = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    if ops > budget {
        return Err(Error::TooManyOps);
    }
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Error::EmptyKey);
    }
    txn.success.iter().chain(&txn.failure).try_for_each(|op| check_op(op, budget - ops))
}

fn check_op(op: &RequestOp, budget: usize) -> Result<(), Error> {
    match &op.request {
        Some(Request::RequestRange(range)) => check_range(range),
        Some(Request::RequestPut(put)) => check_put(put),
        Some(Request::RequestDeleteRange(delete)) => check_delete(delete),
        Some(Request::RequestTxn(txn)) => check_txn(txn, budget),
        None => Err(Error::KeyNotFound),
    }
}

/// What one branch could change, at any depth: the keys it puts and the ranges it deletes.
#[derive(Debug, Default)]
struct Changed {
    puts: BTreeSet<Bytes>,
    deletes: Vec<(Bytes, Bytes)>,
}

impl Changed {
    /// Collects a branch, and refuses it when a put could meet another change of its key.
    ///
    /// The order matters: own deletes, nested transactions one after the other, own puts. A delete
    /// in a later nested transaction does not meet a put of an earlier one.
    fn of(ops: &[RequestOp]) -> Result<Changed, Error> {
        let mut all = Changed::default();
        for op in ops {
            if let Some(Request::RequestDeleteRange(delete)) = &op.request {
                all.deletes.push((delete.key.clone(), delete.range_end.clone()));
            }
        }
        for op in ops {
            if let Some(Request::RequestTxn(txn)) = &op.request {
                all.nest(Changed::of(&txn.success)?, Changed::of(&txn.failure)?)?;
            }
        }
        for op in ops {
            if let Some(Request::RequestPut(put)) = &op.request {
                all.put(&put.key, false)?;
            }
        }
        Ok(all)
    }

    /// Takes in a nested transaction, of which only one branch can run.
    fn nest(&mut self, success: Changed, failure: Changed) -> Result<(), Error> {
        for key in &success.puts {
            self.put(key, false)?;
        }
        for key in &failure.puts {
            self.put(key, success.puts.contains(key))?;
        }
        self.deletes.extend(success.deletes);
        self.deletes.extend(failure.deletes);
        Ok(())
    }

    fn put(&mut self, key: &Bytes, shared: bool) -> Result<(), Error> {
        let deleted = self.deletes.iter().any(|(k, end)| interval::blocks_put(k, end, key));
        if deleted || (self.puts.contains(key) && !shared) {
            return Err(Error::DuplicateKey);
        }
        self.puts.insert(key.clone());
        Ok(())
    }
}
