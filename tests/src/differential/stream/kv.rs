//! What the model's generator draws, as calls.

use bytes::Bytes;
use proto::etcdserverpb as pb;

use super::Stream;
use crate::differential::server::Flavour;
use crate::differential::step::{Action, Call};

impl Stream {
    /// A request of the key space or of leases.
    pub(super) fn request(&mut self) {
        if self.flavour == Flavour::Small && self.one_in(12) {
            return self.large_put();
        }
        let request = loop {
            let request = self.generator.request();
            if !request.txn.as_ref().is_some_and(ends_etcd) {
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

/// Whether a transaction may end a real etcd: it does not see that a deletion with an open end
/// meets
/// a put, checks `ignore_value` and `ignore_lease` before both, and panics when the key is gone.
fn ends_etcd(txn: &pb::TxnRequest) -> bool {
    let (mut opens, mut keeps) = (false, false);
    look(txn, &mut opens, &mut keeps);
    opens && keeps
}

fn look(txn: &pb::TxnRequest, opens: &mut bool, keeps: &mut bool) {
    use pb::request_op::Request;
    for op in txn.success.iter().chain(&txn.failure) {
        match &op.request {
            Some(Request::RequestDeleteRange(delete)) => *opens |= delete.range_end[..] == [0],
            Some(Request::RequestPut(put)) => *keeps |= put.ignore_value || put.ignore_lease,
            Some(Request::RequestTxn(nested)) => look(nested, opens, keeps),
            Some(Request::RequestRange(_)) | None => {}
        }
    }
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
        return Call::new("/etcdserverpb.KV/Txn", txn);
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
