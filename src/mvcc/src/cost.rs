//! What a request may add to the store, as the quota counts it before it is proposed.

use proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest, request_op};

/// What a put costs beside its key and value.
const PUT_OVERHEAD: i64 = 256;
/// What a lease costs.
pub const LEASE: i64 = 64;

/// Bytes that a put may add.
#[must_use]
pub fn put(request: &PutRequest) -> i64 {
    PUT_OVERHEAD + length(&request.key) + length(&request.value)
}

/// Bytes that the costlier branch of a transaction may add.
#[must_use]
pub fn txn(request: &TxnRequest) -> i64 {
    branch(&request.success).max(branch(&request.failure))
}

fn branch(ops: &[RequestOp]) -> i64 {
    ops.iter().map(operation).sum()
}

fn operation(op: &RequestOp) -> i64 {
    match &op.request {
        Some(request_op::Request::RequestPut(request)) => put(request),
        Some(request_op::Request::RequestTxn(request)) => txn(request),
        _ => 0,
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).expect("a buffer is shorter than 2^63 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn op(value: &'static str) -> RequestOp {
        let put = PutRequest {
            key: Bytes::from_static(b"key"),
            value: Bytes::from_static(value.as_bytes()),
            ..PutRequest::default()
        };
        RequestOp { request: Some(request_op::Request::RequestPut(put)) }
    }

    #[test]
    fn the_costlier_branch_counts_nested_ones_included() {
        let nested = TxnRequest { success: alloc::vec![op("0123456789")], ..TxnRequest::default() };
        let nested = RequestOp { request: Some(request_op::Request::RequestTxn(nested)) };
        let request = TxnRequest {
            success: alloc::vec![op("v"), op("v")],
            failure: alloc::vec![nested],
            ..TxnRequest::default()
        };
        assert_eq!(txn(&request), 2 * (256 + 3 + 1));
        assert_eq!(txn(&TxnRequest { success: request.failure, ..TxnRequest::default() }), 269);
    }
}
