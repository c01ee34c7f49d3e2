//! The rules of etcd's key space, one test a rule.

use alloc::vec;
use alloc::vec::Vec;

use proto::etcdserverpb as pb;

use crate::error::KvError;
use crate::memory::MemoryBackend;
use crate::testing::requests::{
    Leases, all, bytes, delete, delete_op, keys, on_success, put, put_op, range, range_response,
    store,
};
use crate::{Event, Store};

fn filled(keys: &[&str]) -> Store<MemoryBackend> {
    let mut store = store();
    for key in keys {
        do_put(&mut store, &put(key, "v"));
    }
    store
}

fn do_put(store: &mut Store<MemoryBackend>, request: &pb::PutRequest) -> Vec<Event> {
    store.put(request, &Leases).expect("a put that is allowed").1
}

fn read(store: &mut Store<MemoryBackend>, request: &pb::RangeRequest) -> pb::RangeResponse {
    range_response(store.range(request).expect("a range that is allowed"))
}

#[test]
fn a_fresh_store_is_at_1_and_the_first_write_gets_2() {
    let mut store = store();
    assert_eq!((store.revision(), store.compact_revision()), (1, -1));
    let (answer, events) = store.put(&put("k", ""), &Leases).expect("allowed");
    assert_eq!((answer.revision, store.revision(), events.len()), (2, 2, 1));
    let hash = store.view().hash_kv(0).expect("kept");
    assert_eq!((hash.compact_revision, hash.hash_revision), (-1, 2));
}

#[test]
fn an_identical_put_is_a_change_and_an_empty_deletion_is_none() {
    let mut store = filled(&["k", "k"]);
    assert_eq!(store.revision(), 3);
    let (answer, events) = store.delete_range(&delete("x", "")).expect("allowed");
    assert_eq!((answer.revision, answer.deleted, events.len()), (3, 0, 0));
    assert_eq!(store.revision(), 3, "M20");
}

#[test]
fn version_and_create_revision_begin_again_after_a_deletion() {
    let mut store = filled(&["k", "k", "k"]);
    let kv = &read(&mut store, &range("k", "")).kvs[0];
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (2, 4, 3));
    store.delete_range(&delete("k", "")).expect("allowed");
    do_put(&mut store, &put("k", "v"));
    let kv = &read(&mut store, &range("k", "")).kvs[0];
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (6, 6, 1));
    let old = pb::RangeRequest { revision: 4, ..range("k", "") };
    assert_eq!(read(&mut store, &old).kvs[0].version, 3);
    let gone = pb::RangeRequest { revision: 5, ..range("k", "") };
    assert_eq!(read(&mut store, &gone).count, 0);
}

#[test]
fn a_deletion_goes_in_key_order_and_its_events_carry_key_and_revision_alone() {
    let mut store = filled(&["c", "a", "b", "d"]);
    let request = pb::DeleteRangeRequest { prev_kv: true, ..delete("a", "d") };
    let (answer, events) = store.delete_range(&request).expect("allowed");
    assert_eq!((answer.deleted, answer.prev_kvs.len(), answer.revision), (3, 3, 6));
    let order: Vec<_> = events.iter().map(|e| (e.revision().sub, e.key().clone())).collect();
    assert_eq!(order, [(0, bytes("a")), (1, bytes("b")), (2, bytes("c"))]);
    assert_eq!(&events[0].kv()[..], b"\x0a\x01a\x18\x06");
    assert_eq!((events[0].lease(), events[0].is_delete()), (None, true));
}

#[test]
fn the_header_of_a_read_in_the_past_has_the_present_revision() {
    let mut store = filled(&["a", "b"]);
    let response = read(&mut store, &pb::RangeRequest { revision: 2, ..all() });
    assert_eq!(response.header.map(|header| header.revision), Some(3));
    assert_eq!(keys(&response), ["a"]);
}

#[test]
fn reads_outside_the_kept_revisions_are_refused() {
    let mut store = filled(&["a", "b", "c"]);
    store.compact(3).expect("allowed");
    let at = |revision| pb::RangeRequest { revision, ..all() };
    assert_eq!(store.range(&at(5)), Err(KvError::FutureRevision));
    assert_eq!(store.range(&at(2)), Err(KvError::Compacted));
    assert_eq!(read(&mut store, &at(3)).count, 2, "the compact revision itself is readable");
    assert_eq!(read(&mut store, &at(-4)).count, 3, "a negative revision is the newest");
    assert_eq!(store.compact(3), Err(KvError::Compacted));
    assert_eq!(store.compact(5), Err(KvError::FutureRevision));
    assert_eq!(store.compact(4), Ok(()), "the present revision is allowed");
    assert_eq!(store.revision(), 4, "a compaction is no change");
}

#[test]
fn more_says_whether_the_limit_cut_and_count_ignores_it() {
    let mut store = filled(&["a", "b", "c"]);
    for (limit, len, more) in [(0, 3, false), (-1, 3, false), (2, 2, true), (3, 3, false)] {
        let response = read(&mut store, &pb::RangeRequest { limit, ..all() });
        assert_eq!((response.kvs.len(), response.more, response.count), (len, more, 3), "{limit}");
    }
    let count = pb::RangeRequest { count_only: true, limit: 1, ..all() };
    let response = read(&mut store, &count);
    assert_eq!((response.kvs.len(), response.more, response.count), (0, false, 3));
}

#[test]
fn the_limit_comes_after_the_filters() {
    let mut store = filled(&["a", "b", "c", "d"]);
    let request = pb::RangeRequest { min_mod_revision: 4, limit: 1, ..all() };
    let response = read(&mut store, &request);
    assert_eq!((keys(&response), response.more, response.count), (vec!["c"], true, 4));
    let request = pb::RangeRequest { max_create_revision: 3, ..all() };
    assert_eq!(keys(&read(&mut store, &request)), ["a", "b"]);
}

#[test]
fn a_target_without_an_order_sorts_only_what_the_limit_fetched() {
    // Modified in the order d, c, b, a.
    let mut store = filled(&["d", "c", "b", "a"]);
    let by_mod = pb::RangeRequest { sort_target: 3, limit: 2, ..all() };
    assert_eq!(keys(&read(&mut store, &by_mod)), ["c", "b"], "of the first three keys");
    let explicit = pb::RangeRequest { sort_order: 1, ..by_mod.clone() };
    assert_eq!(keys(&read(&mut store, &explicit)), ["d", "c"]);
    let descending = pb::RangeRequest { sort_order: 2, ..by_mod };
    assert_eq!(keys(&read(&mut store, &descending)), ["a", "b"]);
}

#[test]
fn keys_only_leaves_out_value_and_lease_but_a_sort_by_value_keeps_the_lease() {
    let mut store = store();
    do_put(&mut store, &pb::PutRequest { lease: 2, ..put("k", "v") });
    let kv = |store: &mut _, sort_target| {
        let request = pb::RangeRequest { keys_only: true, sort_target, ..all() };
        read(store, &request).kvs.remove(0)
    };
    let by_key = kv(&mut store, 0);
    assert_eq!((&by_key.value[..], by_key.lease, by_key.mod_revision), (&b""[..], 0, 2));
    let by_value = kv(&mut store, 4);
    assert_eq!((&by_value.value[..], by_value.lease), (&b""[..], 2));
}

#[test]
fn a_put_checks_its_lease_before_the_key_it_keeps() {
    let mut store = filled(&["k"]);
    let lease = pb::PutRequest { lease: 9, ignore_value: true, ..put("x", "") };
    assert_eq!(store.put(&lease, &Leases), Err(KvError::LeaseNotFound));
    let missing = pb::PutRequest { lease: 1, ignore_value: true, ..put("x", "") };
    assert_eq!(store.put(&missing, &Leases), Err(KvError::KeyNotFound));
    assert_eq!(store.revision(), 2, "a refused put changes nothing");
}

#[test]
fn a_put_keeps_value_or_lease_and_otherwise_leaves_its_lease() {
    let mut store = store();
    do_put(&mut store, &pb::PutRequest { lease: 1, ..put("k", "v") });
    let kept = pb::PutRequest { ignore_lease: true, ..put("k", "w") };
    assert_eq!(do_put(&mut store, &kept)[0].lease(), Some(1));
    let kept = pb::PutRequest { ignore_value: true, prev_kv: true, ..put("k", "") };
    let (answer, events) = store.put(&kept, &Leases).expect("allowed");
    assert_eq!(events[0].lease(), Some(0));
    assert!(answer.prev_kv.is_some());
    let kv = &read(&mut store, &all()).kvs[0];
    assert_eq!((&kv.value[..], kv.lease, kv.version), (&b"w"[..], 0, 3));
}

#[test]
fn an_event_of_a_leased_key_holds_its_key_alone() {
    let mut store = store();
    let events = do_put(&mut store, &pb::PutRequest { lease: 1, ..put("k", "v") });
    assert_eq!(events[0].key(), "k");
    assert!(events[0].key().is_unique(), "the key would pin the whole pair");
}

#[test]
fn the_end_of_a_lease_deletes_its_keys_in_one_revision() {
    let mut store = filled(&["a", "b", "c"]);
    let gone = [bytes("a"), bytes("c"), bytes("x")];
    let events = store.delete_keys(&gone).expect("allowed");
    let revisions: Vec<_> = events.iter().map(|e| (e.revision().main, e.revision().sub)).collect();
    assert_eq!(revisions, [(5, 0), (5, 1)]);
    assert_eq!(store.delete_keys(&gone).map(|events| events.len()), Ok(0));
    assert_eq!(store.revision(), 5, "no keys, no revision");
}

#[test]
fn a_tombstone_at_the_compaction_stays_and_one_before_it_goes() {
    let mut store = filled(&["a", "b"]);
    store.delete_range(&delete("a", "")).expect("allowed");
    store.delete_range(&delete("b", "")).expect("allowed");
    store.compact(5).expect("allowed");
    while store.compact_slice(1) {}
    let view = store.view();
    let left: Vec<_> =
        view.living().entries().iter().map(|e| (e.revision.main, e.tombstone)).collect();
    assert_eq!(left, [(5, true)], "M26");
    let part = view.read_revisions(5, 5, 1000).expect("kept");
    assert_eq!(part.events.len(), 1);
    assert!(view.read_revisions(4, 5, 1000).is_err());
}

/// A real etcd loses the key: it keeps only what belongs to the life that ends there.
#[test]
fn a_key_that_dies_and_is_born_in_the_compacted_revision_stays() {
    let mut store = filled(&["a", "b"]);
    let ops = vec![delete_op("a", "\0"), put_op("a", "again")];
    store.txn(&on_success(ops), &Leases).expect("an open end is not seen to overlap");
    store.compact(4).expect("allowed");
    while store.compact_slice(1) {}
    let found = read(&mut store, &all()).kvs;
    assert_eq!((found.len(), &found[0].value[..], found[0].version), (1, &b"again"[..], 1));
}

/// etcd keeps it and answers with it when it is asked for the newest.
#[test]
fn the_hash_of_a_compaction_to_zero_covers_nothing() {
    let mut store = filled(&["a", "b"]);
    let hash = store.view().compaction_hash(0).expect("nothing is compacted");
    let told = (hash.hash, hash.compact_revision, hash.hash_revision);
    assert_eq!(told, (1_084_519_789, -1, 0));
}
