//! Transactions: all targets and results, ranges in compares, nested branches, and what is refused.

use alloc::vec::Vec;

use proto::etcdserverpb::compare::TargetUnion;
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{Compare, RequestOp, TxnRequest};

use super::Generator;

/// How deep transactions nest; deeper ones are only more of the same.
const DEPTH_MAX: u32 = 2;

impl Generator {
    pub(super) fn txn(&mut self) -> TxnRequest {
        if self.one_in(60) {
            return self.oversized();
        }
        self.nested(0)
    }

    fn nested(&mut self, depth: u32) -> TxnRequest {
        let read_only = depth == 0 && self.one_in(5);
        let compares = *self.prng.pick(&[0, 1, 1, 1, 2]);
        TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success: self.branch(depth, read_only),
            failure: self.branch(depth, read_only),
        }
    }

    fn branch(&mut self, depth: u32, read_only: bool) -> Vec<RequestOp> {
        let count = *self.prng.pick(&[0, 1, 1, 2, 3]);
        (0..count).map(|_| self.op(depth, read_only)).collect()
    }

    fn op(&mut self, depth: u32, read_only: bool) -> RequestOp {
        let request = match self.prng.below(20) {
            0 if self.one_in(10) => None,
            _ if read_only => Some(Request::RequestRange(self.range())),
            0..=5 => Some(Request::RequestRange(self.range())),
            6..=8 => Some(Request::RequestDeleteRange(self.delete_range())),
            9..=11 if depth < DEPTH_MAX => Some(Request::RequestTxn(self.nested(depth + 1))),
            _ => Some(Request::RequestPut(self.put())),
        };
        RequestOp { request }
    }

    fn compare(&mut self) -> Compare {
        let key = self.key();
        let target = self.prng.below(5) as i32;
        let fitting = if self.one_in(15) { self.prng.below(5) as i32 } else { target };
        Compare {
            result: self.prng.below(4) as i32,
            target,
            range_end: if self.one_in(4) { self.range_end(&key) } else { Default::default() },
            key,
            target_union: if self.one_in(15) { None } else { Some(self.union(fitting)) },
        }
    }

    fn union(&mut self, target: i32) -> TargetUnion {
        let count = *self.prng.pick(&[0, 0, 1, 2, -1]);
        match target {
            0 => TargetUnion::Version(count),
            1 => TargetUnion::CreateRevision(if self.one_in(2) { 0 } else { self.revision() }),
            2 => TargetUnion::ModRevision(if self.one_in(2) { 0 } else { self.revision() }),
            3 => TargetUnion::Value(self.value()),
            _ => TargetUnion::Lease(self.lease_or_none()),
        }
    }

    /// One operation around the limit of 128, in one of the three lists.
    fn oversized(&mut self) -> TxnRequest {
        let count = *self.prng.pick(&[127, 128, 129]);
        let mut txn = TxnRequest::default();
        let range =
            |this: &mut Generator| RequestOp { request: Some(Request::RequestRange(this.range())) };
        match self.prng.below(3) {
            0 => txn.compare = (0..count).map(|_| self.compare()).collect(),
            1 => txn.success = (0..count).map(|_| range(self)).collect(),
            _ => txn.failure = (0..count).map(|_| range(self)).collect(),
        }
        txn
    }
}
