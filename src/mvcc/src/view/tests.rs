//! Views: what they pin, streams of ranges, catch-up, hashes.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::range_request::SortTarget;

use super::RangeStream;
use crate::answer::Header;
use crate::error::{KvError, ReadError};
use crate::memory::MemoryBackend;
use crate::testing::generator::{Generator, Request};
use crate::testing::member::Member;
use crate::testing::requests::{Leases, all, delete, put, range, range_response, store};
use crate::{Knobs, Store};

fn filled(keys: usize) -> Store<MemoryBackend> {
    let mut store = store();
    for n in 0..keys {
        store.put(&put(&alloc::format!("k{n:03}"), "value"), &Leases).expect("allowed");
    }
    store
}

/// All parts merged, as a client merges them, and how many there were.
fn merged(
    request: &pb::RangeRequest,
    store: &mut Store<MemoryBackend>,
    target: usize,
) -> Result<(pb::RangeResponse, usize), ReadError> {
    let mut stream = RangeStream::new(request.clone(), target);
    let mut message = pb::RangeResponse::default();
    let mut parts = 0;
    while let Some(part) = stream.next(&store.view())? {
        let encoded = part.encode(&Header { member_id: 7, ..Header::default() });
        let part = pb::RangeStreamResponse::decode(encoded).expect("parts are messages");
        let part = part.range_response.expect("every part has one");
        assert!(message.header.is_none(), "something follows the last part");
        message.merge(&part.encode_to_vec()[..]).expect("parts merge");
        parts += 1;
    }
    assert!(message.header.take().is_some_and(|header| header.member_id == 7));
    Ok((message, parts))
}

fn unary(request: &pb::RangeRequest, store: &mut Store<MemoryBackend>) -> pb::RangeResponse {
    let mut response = range_response(store.range(request).expect("allowed"));
    response.header = None;
    response
}

#[test]
fn the_parts_of_a_stream_merge_to_the_range() {
    let mut store = filled(100);
    let requests = [
        all(),
        range("k010", "k050"),
        range("k010", ""),
        range("x", "z"),
        pb::RangeRequest { limit: 37, ..all() },
        pb::RangeRequest { limit: 10, ..all() },
        pb::RangeRequest { limit: 100, ..all() },
        pb::RangeRequest { keys_only: true, ..all() },
        pb::RangeRequest { count_only: true, limit: 3, ..all() },
        pb::RangeRequest { revision: 60, ..all() },
    ];
    for request in requests {
        for target in [1, 100, 1000, 1 << 20] {
            let (merged, parts) = merged(&request, &mut store, target).expect("allowed");
            assert_eq!(merged, unary(&request, &mut store), "{request:?}");
            let most = merged.kvs.len().max(1);
            assert!(parts <= most, "{parts} parts of {most} keys");
        }
    }
    let (_, parts) = merged(&all(), &mut store, 1 << 20).expect("allowed");
    assert_eq!(parts, 4, "10, 20, 40 and the rest");
}

#[test]
fn a_sort_target_without_an_order_sorts_each_part_of_a_stream() {
    let mut store = filled(0);
    for (key, value) in [("a", "3"), ("b", "1"), ("c", "2")] {
        store.put(&put(key, value), &Leases).expect("allowed");
    }
    let by_value = pb::RangeRequest { sort_target: SortTarget::Value as i32, ..all() };
    let (sorted, _) = merged(&by_value, &mut store, 1 << 20).expect("allowed");
    let keys: Vec<&[u8]> = sorted.kvs.iter().map(|pair| &pair.key[..]).collect();
    assert_eq!(keys, [b"b", b"c", b"a"]);
    assert_eq!(sorted, unary(&by_value, &mut store));
}

#[test]
fn a_stream_pins_its_revision_and_ends_when_that_is_compacted() {
    let mut store = filled(30);
    let mut stream = RangeStream::new(all(), 1 << 20);
    assert!(stream.next(&store.view()).is_ok_and(|part| part.is_some()));
    store.delete_range(&delete("k", "l")).expect("allowed");
    let second = stream.clone().next(&store.view()).expect("kept").expect("more");
    assert!(
        matches!(second, super::Part::Last(answer) if answer.count == 30 && answer.revision == 31)
    );
    store.compact(32).expect("allowed");
    assert_eq!(stream.next(&store.view()), Err(KvError::Compacted.into()));
}

#[test]
fn a_view_does_not_change() {
    let mut store = filled(20);
    let view = store.view();
    let before = view.range(&all());
    store.delete_range(&delete("k", "l")).expect("allowed");
    store.compact(22).expect("allowed");
    while store.compact_slice(3) {}
    assert_eq!(view.range(&all()), before);
    assert_eq!((view.revision(), view.keys()), (21, 20));
    assert_eq!(store.view().keys(), 0);
}

#[test]
fn a_page_finds_the_root_of_its_revision() {
    let mut store = filled(20);
    let view = store.view();
    let first = view.range(&pb::RangeRequest { limit: 5, ..all() }).expect("allowed");
    assert!(first.more);
    for n in 0..5 {
        store.delete_range(&delete(&alloc::format!("k00{n}"), "")).expect("allowed");
        store.view();
    }
    let view = store.view();
    assert!(view.image.index_at(21, view.revision()).1, "the root of the first page is kept");
    assert!(!view.image.index_at(20, view.revision()).1, "nobody paged at 20");
    let page = pb::RangeRequest { key: Bytes::from("k010"), revision: 21, limit: 5, ..all() };
    assert_eq!(view.range(&page).map(|answer| answer.count), Ok(10));
    store.compact(22).expect("allowed");
    assert!(store.view().image.roots.is_empty(), "a root below the compaction is of no use");
}

#[test]
fn history_is_cut_between_revisions_and_continues() {
    let mut store = filled(6);
    store.delete_range(&delete("k", "l")).expect("allowed");
    let view = store.view();
    let part = view.read_revisions(7, i64::MAX, 1).expect("kept");
    assert_eq!((part.events.len(), part.through), (1, 7));
    let part = view.read_revisions(8, i64::MAX, 1).expect("kept");
    assert_eq!((part.events.len(), part.through), (6, 8), "one revision is never split");
    let part = view.read_revisions(2, 4, 1 << 20).expect("kept");
    assert_eq!((part.events.len(), part.through), (3, 4));
    let previous = view.previous(&view.read_revisions(8, 8, 1).expect("kept").events[0]);
    assert!(previous.is_ok_and(|kv| kv.is_some()));
    let event = view.read_revisions(8, 8, 1).expect("kept").events.remove(0);
    store.compact(8).expect("allowed");
    assert_eq!(store.view().previous(&event), Ok(None), "compacted, swept or not");
}

#[test]
fn a_read_is_in_memory_until_its_value_was_dropped() {
    let knobs = Knobs { recent_bytes_max: 0, ..Knobs::default() };
    let mut member = Member::new(knobs);
    member.append(Request::Put(put("a", "1")));
    assert!(member.store.view().is_memory_only());
    member.flush().expect("nothing fails");
    member.append(Request::Put(put("b", "1")));
    let view = member.store.view();
    assert!(!view.is_memory_only());
    assert!(!view.is_in_memory(&range("a", "")));
    assert!(view.is_in_memory(&range("b", "")) && view.is_in_memory(&range("x", "")));
    assert!(!view.is_in_memory(&all()));
    assert!(view.is_in_memory(&pb::RangeRequest { count_only: true, ..all() }));
}

#[test]
fn the_hash_of_one_put_is_etcds() {
    let store = &mut store();
    let empty = store.view().hash_kv(0).expect("kept");
    assert_eq!(empty.hash, base::checksum::crc32c(b"key"));
    store.put(&put("foo", "bar"), &Leases).expect("allowed");
    let bytes =
        b"key\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0\x0a\x03foo\x10\x02\x18\x02\x20\x01\x2a\x03bar";
    let hash = store.view().hash_kv(0).expect("kept");
    assert_eq!((hash.hash, hash.hash_revision), (base::checksum::crc32c(bytes), 2));
    assert_eq!(store.view().hash_kv(3), Err(KvError::FutureRevision.into()));
}

/// The pass that etcd makes while it compacts, over what its last compaction left.
fn naive_compaction_hash(member: &Member, revision: i64) -> u32 {
    let twin = member.twin();
    let kept: Vec<_> =
        twin.left(revision).into_iter().filter(|change| change.revision.main <= revision).collect();
    let before = twin.alive(twin.compacted);
    let mut hash = base::checksum::crc32c(b"key");
    for change in twin.left(twin.compacted) {
        let superseded = before.get(&change.pair.key) != Some(&change.pair);
        if change.revision.main <= twin.compacted && superseded {
            continue;
        }
        let main = change.revision.main;
        let filtered = main <= twin.compacted && !kept.is_empty() && !kept.contains(&change);
        if main > revision || filtered || (main == twin.compacted && change.deleted) {
            continue;
        }
        hash = base::checksum::crc32c_append(hash, &change.revision.encode(change.deleted));
        hash = base::checksum::crc32c_append(hash, &change.pair.encode_to_vec());
    }
    hash
}

#[test]
fn the_hash_of_a_compaction_is_taken_before_it() {
    for seed in 0..60 {
        let mut member = Member::new(Knobs::default());
        let mut generator = Generator::new(seed);
        for _ in 0..60 {
            let (revision, compacted) = (member.twin().revision, member.twin().compacted);
            let request = generator.request(revision, compacted);
            if let Request::Compact(at) = request
                && at > compacted.max(0)
                && at <= revision
            {
                let hash = member.store.image().compaction_hash(at).expect("kept");
                assert_eq!(hash.hash, naive_compaction_hash(&member, at), "at {at}");
                assert_eq!((hash.compact_revision, hash.hash_revision), (compacted, at));
            }
            member.append(request);
        }
    }
}
