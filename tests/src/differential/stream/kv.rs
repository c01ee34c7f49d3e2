//! What the model's generator draws, as calls.

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;

use super::Stream;
use crate::differential::server::Flavour;
use crate::differential::step::{Action, Call};

const TXN: &str = "/etcdserverpb.KV/Txn";

impl Stream {
    /// A request of the key space or of leases.
    pub(super) fn request(&mut self) {
        if self.flavour == Flavour::Small && self.one_in(12) {
            return self.large_put();
        }
        let request = loop {
            let request = self.generator.request();
            let ends_etcd = request.txn.as_ref().is_some_and(|txn| Clash::of(txn).ends_etcd());
            let compaction = request.compaction.as_ref();
            let loses = compaction.is_some_and(|asked| self.reborn.contains(&asked.revision));
            if !ends_etcd && !loses {
                break request;
            }
        };
        if request.compaction.is_some() {
            // Who has not caught up yet would be told of the compaction or not, by chance.
            self.push(Action::Settle);
        }
        self.push(call(&request));
    }

    /// A value around the limit of a request, or above that of a message.
    fn large_put(&mut self) {
        let length = self.pick(&[18_000, 19_900, 19_950, 20_000, 20_100, 40_000, 544_000, 600_000]);
        let value = Bytes::from(vec![b'l'; length]);
        let key = Bytes::from_static(b"k/1");
        let put = pb::PutRequest { key, value, ..Default::default() };
        self.push(Call::new("/etcdserverpb.KV/Put", &put));
    }

    /// A range that is answered in chunks.
    pub(super) fn range_stream(&mut self) {
        let mut range = loop {
            if let Some(range) = self.generator.request().range {
                break range;
            }
        };
        if !self.one_in(4) {
            // Mostly what it serves.
            (range.sort_order, range.sort_target) = (0, 0);
            (range.min_mod_revision, range.max_mod_revision) = (0, 0);
            (range.min_create_revision, range.max_create_revision) = (0, 0);
        }
        self.push(Call::new("/etcdserverpb.KV/RangeStream", &range));
    }
}

/// What a transaction does that etcd does not expect to meet: it does not see that a deletion with
/// an open end covers the key of a put.
#[derive(Default)]
struct Clash {
    deletes_open: bool,
    puts: bool,
    /// A put keeps value or lease.
    keeps: bool,
}

impl Clash {
    fn of(txn: &pb::TxnRequest) -> Clash {
        let mut clash = Clash::default();
        clash.look(txn);
        clash
    }

    fn look(&mut self, txn: &pb::TxnRequest) {
        use pb::request_op::Request;
        for op in txn.success.iter().chain(&txn.failure) {
            match &op.request {
                Some(Request::RequestDeleteRange(delete)) => {
                    self.deletes_open |= delete.range_end[..] == [0];
                }
                Some(Request::RequestPut(put)) => {
                    self.puts = true;
                    self.keeps |= put.ignore_value || put.ignore_lease;
                }
                Some(Request::RequestTxn(nested)) => self.look(nested),
                Some(Request::RequestRange(_)) | None => {}
            }
        }
    }

    /// A real etcd checks `ignore_value` and `ignore_lease` before both, and panics when the key is
    /// gone.
    fn ends_etcd(&self) -> bool {
        self.deletes_open && self.keeps
    }

    /// A key may die and be born in one revision. A compaction to exactly this revision makes a
    /// real etcd lose the key: it looks for what to keep only in the generation that ends there.
    /// The next read of the key ends its process.
    fn revives(&self) -> bool {
        self.deletes_open && self.puts
    }
}

/// Whether a step is a transaction in whose revision a key may die and be born.
pub(super) fn revives(action: &Action) -> bool {
    let Action::Call(call) = action else { return false };
    let txn = call.messages.first().filter(|_| call.path == TXN);
    let txn = txn.and_then(|bytes| pb::TxnRequest::decode(bytes.clone()).ok());
    txn.is_some_and(|txn| Clash::of(&txn).revives())
}

/// The call that makes a request; what no client can ask is a read of nothing.
fn call(request: &pb::InternalRaftRequest) -> Call {
    let pb::InternalRaftRequest { range, put, delete_range, txn, .. } = request;
    if let Some(range) = range {
        return Call::new("/etcdserverpb.KV/Range", range);
    }
    if let Some(put) = put {
        return Call::new("/etcdserverpb.KV/Put", put);
    }
    if let Some(delete) = delete_range {
        return Call::new("/etcdserverpb.KV/DeleteRange", delete);
    }
    if let Some(txn) = txn {
        return Call::new(TXN, txn);
    }
    if let Some(compaction) = &request.compaction {
        return Call::new("/etcdserverpb.KV/Compact", compaction);
    }
    if let Some(grant) = request.lease_grant.as_ref().filter(|grant| grant.id != 0) {
        return Call::new("/etcdserverpb.Lease/LeaseGrant", grant);
    }
    if let Some(revoke) = &request.lease_revoke {
        return Call::new("/etcdserverpb.Lease/LeaseRevoke", revoke);
    }
    Call::new("/etcdserverpb.KV/Range", &pb::RangeRequest::default())
}
