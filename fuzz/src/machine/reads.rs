//! What readers see, against the model.
//!
//! Not verified: HashKV at the revision of a compaction. etcd answers it with the hash that the
//! compaction left behind, which `mvcc` does not keep.

use bytes::Bytes;
use model::{Oracle, Response};
use mvcc::{BackendSnapshot, View};
use proto::etcdserverpb::RangeRequest;
use state::Leases;

use super::answer::{event, of_keys};

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

/// The history from some kept revision on, in parts of some size, as a watcher catches up.
pub fn compare_history<S: BackendSnapshot>(view: &View<S>, oracle: &Oracle, seed: u64) {
    let (compacted, last) = (oracle.compacted(), oracle.revision());
    let first = compacted.max(1) + 1;
    let bytes_max = [1, 100, 500, usize::MAX][seed as usize % 4];
    let mut from = first + (seed >> 2) as i64 % (last - first + 2).max(1);
    if compacted > 0 {
        assert!(view.read_revisions(compacted - 1, last, bytes_max).is_err(), "{compacted}");
    }
    while from <= last {
        let part = view.read_revisions(from, last, bytes_max).expect("the history is kept");
        assert!((from..=last).contains(&part.through), "{} of {from}..={last}", part.through);
        let previous = |it: &mvcc::Event| view.previous(it).expect("memory does not fail");
        let ours = part.events.iter().map(|it| (it.revision().main, event(it, previous(it))));
        let theirs = oracle.events(from, part.through);
        assert_eq!(ours.collect::<Vec<_>>(), theirs, "from {from} to {}", part.through);
        from = part.through + 1;
    }
}

/// All leases and the keys on them.
pub fn compare_leases(leases: &Leases, oracle: &Oracle) {
    let ours = leases.iter();
    let ours = ours.map(|(id, lease)| (id.get(), lease.ttl_seconds, lease.remaining_seconds));
    let theirs = oracle.leases().map(|(id, lease)| (id, lease.ttl, lease.remaining_ttl));
    assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>());
    for (id, lease) in leases.iter() {
        let keys: Vec<Bytes> = lease.keys().cloned().collect();
        assert_eq!(keys, oracle.attached(id.get()), "keys of lease {id}");
    }
}
