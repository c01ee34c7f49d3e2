//! What a request of keys must look like before it is proposed or read: etcd's checks, in etcd's
//! order. They look at the request alone.

mod overlap;

use core::fmt;

use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, request_op,
};

/// Why a request is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// A key is empty.
    EmptyKey,
    /// A sort order or target that does not exist.
    InvalidSortOption,
    /// A put that keeps the value carries one.
    ValueProvided,
    /// A put that keeps the lease names one.
    LeaseProvided,
    /// More operations or compares than allowed.
    TooManyOps,
    /// An operation of a transaction is empty; etcd calls it a missing key.
    KeyNotFound,
    /// One branch changes a key twice.
    DuplicateKey,
    /// A stream in another order than by ascending key.
    StreamSortOrder,
    /// A stream with revision filters.
    StreamRevisionFilter,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestError::EmptyKey => "key is not provided",
            RequestError::InvalidSortOption => "invalid sort option",
            RequestError::ValueProvided => "value is provided",
            RequestError::LeaseProvided => "lease is provided",
            RequestError::TooManyOps => "too many operations in txn request",
            RequestError::KeyNotFound => "key not found",
            RequestError::DuplicateKey => "duplicate key given in txn request",
            RequestError::StreamSortOrder => "RangeStream does not support custom sort orders",
            RequestError::StreamRevisionFilter => "RangeStream does not support revision filters",
        })
    }
}

impl core::error::Error for RequestError {}

/// Checks a range.
///
/// # Errors
/// `EmptyKey`, `InvalidSortOption`.
pub fn range(request: &RangeRequest) -> Result<(), RequestError> {
    non_empty(&request.key)?;
    if SortOrder::try_from(request.sort_order).is_err()
        || SortTarget::try_from(request.sort_target).is_err()
    {
        return Err(RequestError::InvalidSortOption);
    }
    Ok(())
}

/// Checks a range that is answered as a stream.
///
/// # Errors
/// As [`range`]; `StreamSortOrder`, `StreamRevisionFilter`.
pub fn range_stream(request: &RangeRequest) -> Result<(), RequestError> {
    range(request)?;
    let by_key = request.sort_target == SortTarget::Key as i32;
    let ascending = by_key && request.sort_order == SortOrder::Ascend as i32;
    if request.sort_order != SortOrder::None as i32 && !ascending {
        return Err(RequestError::StreamSortOrder);
    }
    if has_revision_filter(request) {
        return Err(RequestError::StreamRevisionFilter);
    }
    Ok(())
}

/// Whether a range drops keys by their revisions.
#[must_use]
pub fn has_revision_filter(request: &RangeRequest) -> bool {
    request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

/// Checks a put.
///
/// # Errors
/// `EmptyKey`, `ValueProvided`, `LeaseProvided`.
pub fn put(request: &PutRequest) -> Result<(), RequestError> {
    non_empty(&request.key)?;
    if request.ignore_value && !request.value.is_empty() {
        return Err(RequestError::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(RequestError::LeaseProvided);
    }
    Ok(())
}

/// Checks a deletion.
///
/// # Errors
/// `EmptyKey`.
pub fn delete_range(request: &DeleteRangeRequest) -> Result<(), RequestError> {
    non_empty(&request.key)
}

/// Checks a transaction, nested ones included, and then each branch for keys that it changes twice.
///
/// # Errors
/// `TooManyOps`, those of the operations, `KeyNotFound` for an empty one, `DuplicateKey`.
pub fn txn(request: &TxnRequest, ops_max: usize) -> Result<(), RequestError> {
    shape(request, ops_max)?;
    // After the limits, so that the work is bounded.
    overlap::check(&request.success)?;
    overlap::check(&request.failure)?;
    Ok(())
}

fn non_empty(key: &[u8]) -> Result<(), RequestError> {
    if key.is_empty() { Err(RequestError::EmptyKey) } else { Ok(()) }
}

fn shape(request: &TxnRequest, ops_max: usize) -> Result<(), RequestError> {
    let ops = request.compare.len().max(request.success.len()).max(request.failure.len());
    let left = ops_max.checked_sub(ops).ok_or(RequestError::TooManyOps)?;
    for compare in &request.compare {
        non_empty(&compare.key)?;
    }
    for op in request.success.iter().chain(&request.failure) {
        operation(op, left)?;
    }
    Ok(())
}

fn operation(op: &RequestOp, ops_max: usize) -> Result<(), RequestError> {
    match &op.request {
        Some(request_op::Request::RequestRange(request)) => range(request),
        Some(request_op::Request::RequestPut(request)) => put(request),
        Some(request_op::Request::RequestDeleteRange(request)) => delete_range(request),
        Some(request_op::Request::RequestTxn(request)) => shape(request, ops_max),
        None => Err(RequestError::KeyNotFound),
    }
}

#[cfg(test)]
mod tests;
