//! Which keys a request touches or shows, checked one by one: every operation of both branches of
//! a transaction, nested ones too, every comparison, every previous value that is asked for.

use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RequestOp, TxnRequest};

use super::{Access, Auth, AuthError, Identity};
use crate::lease::Leases;
use base::LeaseId;

type Checked = Result<(), AuthError>;

/// Whether a range may be read.
///
/// # Errors
/// As [`Auth::check_keys`].
pub fn check_range(auth: &Auth, who: Identity<'_>, key: &[u8], range_end: &[u8]) -> Checked {
    auth.check_keys(who, Access::Read, key, range_end)
}

pub(crate) fn check_put(
    auth: &Auth,
    leases: &Leases,
    who: Identity<'_>,
    put: &PutRequest,
) -> Checked {
    auth.check_keys(who, Access::Write, &put.key, &[])?;
    // Whoever attaches a key to a lease can have its other keys deleted with it.
    check_lease_keys(auth, leases, who, LeaseId(put.lease))?;
    match put.prev_kv {
        true => check_range(auth, who, &put.key, &[]),
        false => Ok(()),
    }
}

pub(crate) fn check_delete_range(
    auth: &Auth,
    who: Identity<'_>,
    delete: &DeleteRangeRequest,
) -> Checked {
    auth.check_keys(who, Access::Write, &delete.key, &delete.range_end)?;
    match delete.prev_kv {
        true => check_range(auth, who, &delete.key, &delete.range_end),
        false => Ok(()),
    }
}

/// Whether every key that hangs on a lease may be written.
pub(crate) fn check_lease_keys(
    auth: &Auth,
    leases: &Leases,
    who: Identity<'_>,
    id: LeaseId,
) -> Checked {
    let Some(lease) = leases.get(id) else { return Ok(()) };
    if auth.check_admin(who.user).is_ok() {
        return Ok(());
    }
    lease.keys().try_for_each(|key| auth.check_keys(who, Access::Write, key, &[]))
}

/// Whether everything in a transaction is permitted, whichever branch runs.
///
/// # Errors
/// As [`Auth::check_keys`].
pub fn check_txn(auth: &Auth, leases: &Leases, who: Identity<'_>, txn: &TxnRequest) -> Checked {
    for compare in &txn.compare {
        check_range(auth, who, &compare.key, &compare.range_end)?;
    }
    let mut ops = txn.success.iter().chain(&txn.failure);
    ops.try_for_each(|op| check_op(auth, leases, who, op))
}

fn check_op(auth: &Auth, leases: &Leases, who: Identity<'_>, op: &RequestOp) -> Checked {
    match &op.request {
        None => Ok(()),
        Some(Request::RequestRange(range)) => check_range(auth, who, &range.key, &range.range_end),
        Some(Request::RequestPut(put)) => check_put(auth, leases, who, put),
        Some(Request::RequestDeleteRange(delete)) => check_delete_range(auth, who, delete),
        Some(Request::RequestTxn(nested)) => check_txn(auth, leases, who, nested),
    }
}
