//! What readers see, against the model.
//!
//! Not verified: HashKV at the revision of a compaction. etcd answers it with the hash that the
//! compaction left behind, which `mvcc` does not keep.

use bytes::Bytes;
use model::{Oracle, Response};
use mvcc::{BackendSnapshot, View};
use proto::etcdserverpb::RangeRequest;
use state::Leases;

use super::answer::of_keys;

/// Revisions, from the newest down, whose hash is compared in one go.
const HASHES_MAX: usize = 6;

/// Every kept revision: all keys, and of the newest the hash.
pub fn compare<S: BackendSnapshot>(view: &View<S>, oracle: &Oracle) {
    view.check();
    let (first, last) = (oracle.compacted().max(1), oracle.revision());
    assert_eq!((view.revision(), view.compact_revision()), (last, oracle.compacted()));
    for revision in first..=last {
        let all = RangeRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            revision,
            ..RangeRequest::default()
        };
        let ours = view.range(&all).expect("the revision is kept");
        let ours = of_keys(&mvcc::Answer::Range(ours), last);
        assert_eq!(Ok(ours), oracle.range(&all).map(Response::Range), "at {revision}");
    }
    let compacted = oracle.compacted();
    for revision in (first..=last).rev().filter(|at| *at != compacted).take(HASHES_MAX) {
        let ours = view.hash_kv(revision).expect("the revision is kept");
        let theirs = oracle.hash_kv(revision).expect("the revision is kept");
        assert_eq!(ours.hash, theirs.hash, "the hash at {revision}");
    }
}

/// All leases and the keys on them.
pub fn compare_leases(leases: &Leases, oracle: &Oracle) {
    let ours = leases.iter().map(|(id, lease)| (id.get(), lease.ttl_seconds));
    let theirs = oracle.leases().map(|(id, lease)| (id, lease.ttl));
    assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>());
    for (id, lease) in leases.iter() {
        let keys: Vec<Bytes> = lease.keys().cloned().collect();
        assert_eq!(keys, oracle.attached(id.get()), "keys of lease {id}");
    }
}
