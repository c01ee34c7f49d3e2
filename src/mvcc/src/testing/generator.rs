//! Random requests over few keys, every field of them varied, nonsense included.

use alloc::format;
use alloc::vec::Vec;

use base::Prng;
use bytes::Bytes;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::compare::TargetUnion;

use crate::testing::requests::{op, range_op, txn_op};
use crate::validate;

/// An entry of a log.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Put(pb::PutRequest),
    Delete(pb::DeleteRangeRequest),
    Txn(pb::TxnRequest),
    Compact(i64),
}

const KEYS: [&str; 7] = ["a", "ab", "b", "b\0", "c", "d", "zz"];
const ENDS: [&str; 8] = ["", "", "", "\0", "b", "c", "d", "zzz"];

pub(crate) struct Generator {
    pub(crate) prng: Prng,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator { prng: Prng::new(seed) }
    }

    fn key(&mut self) -> Bytes {
        Bytes::from_static(self.prng.pick(&KEYS).as_bytes())
    }

    fn end(&mut self) -> Bytes {
        Bytes::from_static(self.prng.pick(&ENDS).as_bytes())
    }

    fn value(&mut self) -> Bytes {
        let len = self.prng.below(4) as usize;
        Bytes::from(format!("{:0len$}", self.prng.below(3)))
    }

    /// Mostly the newest; past ones, future ones and negative ones too.
    fn revision(&mut self, current: i64) -> i64 {
        match self.prng.below(12) {
            0 => -1,
            1 => -5,
            2 => current + 1,
            3 => current,
            4..=7 => 1 + self.prng.below(current as u64) as i64,
            _ => 0,
        }
    }

    pub(crate) fn range(&mut self, current: i64) -> pb::RangeRequest {
        let prng = &mut self.prng;
        let sorted = prng.chance(0.5);
        let (sort_order, sort_target) = match sorted {
            true => (prng.below(3) as i32, prng.below(5) as i32),
            false => (0, 0),
        };
        let mut bound = |chance| match prng.chance(chance) {
            true => prng.below(current as u64 + 2) as i64,
            false => 0,
        };
        let filters = [bound(0.1), bound(0.1), bound(0.1), bound(0.1)];
        pb::RangeRequest {
            limit: *self.prng.pick(&[0, 0, 0, -1, 1, 2, 3, i64::MAX]),
            revision: self.revision(current),
            sort_order,
            sort_target,
            serializable: self.prng.chance(0.5),
            keys_only: self.prng.chance(0.2),
            count_only: self.prng.chance(0.1),
            min_mod_revision: filters[0],
            max_mod_revision: filters[1],
            min_create_revision: filters[2],
            max_create_revision: filters[3],
            key: self.key(),
            range_end: self.end(),
        }
    }

    pub(crate) fn put(&mut self) -> pb::PutRequest {
        let ignore_value = self.prng.chance(0.1);
        let ignore_lease = self.prng.chance(0.1);
        pb::PutRequest {
            key: self.key(),
            value: if ignore_value { Bytes::new() } else { self.value() },
            lease: if ignore_lease { 0 } else { *self.prng.pick(&[0, 0, 0, 1, 2, 3, 9]) },
            prev_kv: self.prng.chance(0.3),
            ignore_value,
            ignore_lease,
        }
    }

    pub(crate) fn delete(&mut self) -> pb::DeleteRangeRequest {
        pb::DeleteRangeRequest {
            key: self.key(),
            range_end: self.end(),
            prev_kv: self.prng.chance(0.3),
        }
    }

    fn compare(&mut self, current: i64) -> pb::Compare {
        let number = self.prng.below(current as u64 + 2) as i64;
        let small = self.prng.below(3) as i64;
        let target = self.prng.below(6) as i32;
        let of = if self.prng.chance(0.9) { target } else { self.prng.below(5) as i32 };
        let with = match of {
            0 => TargetUnion::Version(small),
            1 => TargetUnion::CreateRevision(number),
            2 => TargetUnion::ModRevision(number),
            3 => TargetUnion::Value(self.value()),
            _ => TargetUnion::Lease(small),
        };
        pb::Compare {
            result: self.prng.below(5) as i32,
            target,
            key: self.key(),
            range_end: self.end(),
            target_union: self.prng.chance(0.95).then_some(with),
        }
    }

    fn ops(&mut self, current: i64, depth: u64) -> Vec<pb::RequestOp> {
        (0..self.prng.below(4)).map(|_| self.op(current, depth)).collect()
    }

    fn op(&mut self, current: i64, depth: u64) -> pb::RequestOp {
        match self.prng.below(if depth > 0 { 8 } else { 7 }) {
            0..=2 => op(pb::request_op::Request::RequestPut(self.put())),
            3 => op(pb::request_op::Request::RequestDeleteRange(self.delete())),
            4..=6 => range_op(self.range(current)),
            _ => txn_op(self.unchecked_txn(current, depth - 1)),
        }
    }

    fn unchecked_txn(&mut self, current: i64, depth: u64) -> pb::TxnRequest {
        pb::TxnRequest {
            compare: (0..self.prng.below(3)).map(|_| self.compare(current)).collect(),
            success: self.ops(current, depth),
            failure: self.ops(current, depth),
        }
    }

    /// A transaction that passes the checks of the API and never keeps a part of what it deleted
    /// itself, which no member may apply.
    pub(crate) fn txn(&mut self, current: i64) -> pb::TxnRequest {
        loop {
            let request = self.unchecked_txn(current, 2);
            if validate::txn(&request, 128).is_ok() && !keeps_after_deleting(&request) {
                return request;
            }
        }
    }

    pub(crate) fn request(&mut self, current: i64, compacted: i64) -> Request {
        match self.prng.below(20) {
            0..=8 => Request::Put(self.put()),
            9..=11 => Request::Delete(self.delete()),
            12 => {
                let ahead = (current - compacted.max(1)) as u64 + 2;
                Request::Compact(compacted + self.prng.below(ahead) as i64)
            }
            _ => Request::Txn(self.txn(current)),
        }
    }
}

fn keeps_after_deleting(request: &pb::TxnRequest) -> bool {
    let mut ops: Vec<&pb::RequestOp> = request.success.iter().chain(&request.failure).collect();
    let (mut keeps, mut deletes) = (false, false);
    while let Some(op) = ops.pop() {
        match &op.request {
            Some(pb::request_op::Request::RequestPut(put)) => {
                keeps |= put.ignore_value || put.ignore_lease;
            }
            Some(pb::request_op::Request::RequestDeleteRange(_)) => deletes = true,
            Some(pb::request_op::Request::RequestTxn(nested)) => {
                ops.extend(nested.success.iter().chain(&nested.failure));
            }
            _ => {}
        }
    }
    keeps && deletes
}
