//! What the quota counts, as a function of the log: the logical size before an entry and the cost
//! of its request. Which members have which quota is configuration, and no part of the state: so
//! the chain of answers is equal also while an operator changes the flag member by member.
//!
//! As in etcd, a request that is over the quota when it is applied stands; its proposer is told
//! `database space exceeded`, and the alarm that follows stops the next ones.

use mvcc::cost;
use proto::etcdserverpb::InternalRaftRequest;

use crate::machine::has_put;

/// The logical size that a request asks for in a store of `logical_bytes`; `None` when the quota
/// does not count it. It is refused, or answered as one too many, from the quota on.
#[must_use]
pub fn demand(logical_bytes: i64, request: &InternalRaftRequest) -> Option<i64> {
    let cost = match (&request.put, &request.txn, &request.lease_grant) {
        (Some(put), _, _) => cost::put(put),
        (_, Some(txn), _) if has_put(txn) => cost::txn(txn),
        (_, _, Some(_)) => cost::LEASE,
        _ => return None,
    };
    Some(logical_bytes + cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::etcdserverpb::{
        DeleteRangeRequest, LeaseGrantRequest, PutRequest, RequestOp, TxnRequest, request_op,
    };

    fn request() -> InternalRaftRequest {
        InternalRaftRequest::default()
    }

    #[test]
    fn what_gains_space_is_counted_and_what_frees_it_is_not() {
        let put = PutRequest { key: "key".into(), value: "value".into(), ..Default::default() };
        let with_put = InternalRaftRequest { put: Some(put.clone()), ..request() };
        assert_eq!(demand(1000, &with_put), Some(1000 + 256 + 8));
        let op = RequestOp { request: Some(request_op::Request::RequestPut(put)) };
        let txn = TxnRequest { failure: alloc::vec![op], ..Default::default() };
        let with_txn = InternalRaftRequest { txn: Some(txn), ..request() };
        assert_eq!(demand(0, &with_txn), Some(264));
        let grant = LeaseGrantRequest { ttl: 5, id: 1 };
        let with_grant = InternalRaftRequest { lease_grant: Some(grant), ..request() };
        assert_eq!(demand(1, &with_grant), Some(65));
        let delete = Some(DeleteRangeRequest::default());
        assert_eq!(demand(1, &InternalRaftRequest { delete_range: delete, ..request() }), None);
        let txn = Some(TxnRequest::default());
        assert_eq!(demand(1, &InternalRaftRequest { txn, ..request() }), None);
    }
}
