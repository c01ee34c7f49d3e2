//! Crash-point enumeration: a short life with flushes, compactions and cleanings is cut off at
//! every single write to the backend, and every prefix of the volatile batches survives in turn.
//! Recovery must be exact each time (A2, V8, V10), and the life goes on to its end.

use crate::backend::Backend;
use crate::testing::generator::{Generator, Request};
use crate::testing::member::Member;
use crate::testing::requests::{delete, put, range_response};
use crate::{BackendError, Change, Knobs, Recorded, RestoreError, Store};
use bytes::Bytes;
use proto::etcdserverpb as pb;

/// Small segments, eager cleaning, no cache.
fn knobs() -> Knobs {
    Knobs { recent_bytes_max: 0, segment_bytes: 60, clean_dead_percent: 1, roots_max: 2 }
}

/// One stage: some requests, then a cut or a cleaning, of which each write can be the last.
fn stage(member: &mut Member, generator: &mut Generator, at: u64) -> Result<(), BackendError> {
    for _ in 0..3 {
        let (revision, compacted) = (member.twin().revision, member.twin().compacted);
        member.append(generator.request(revision, compacted));
    }
    if at % 3 == 1 {
        let revision = member.twin().revision - i64::from(generator.prng.chance(0.5));
        if revision > member.twin().compacted {
            member.append(Request::Compact(revision));
        }
    }
    while member.store.compact_slice(2) {}
    member.flush()?;
    while member.clean()? {}
    Ok(())
}

/// Runs all stages; a failing write ends the boot, and the rest runs after recovery.
fn live(seed: u64, fail_after: u64, kept: usize) -> (u64, bool) {
    let mut member = Member::new(knobs());
    let mut generator = Generator::new(seed);
    member.backend.fail_after(fail_after);
    let mut crashed = false;
    for at in 0..9 {
        if stage(&mut member, &mut generator, at).is_err() {
            crashed = true;
            member.crash(kept);
            // What the crash interrupted is done again.
            while member.store.compact_slice(2) {}
            member.flush().expect("the crash ended the failures");
            while member.clean().expect("the crash ended the failures") {}
        }
    }
    member.compare();
    member.crash(0);
    (member.backend.writes(), crashed)
}

#[test]
fn recovery_is_exact_after_a_crash_at_every_write() {
    for seed in 0..12 {
        let (writes, _) = live(seed, u64::MAX, 0);
        let mut crashes = 0;
        for fail_after in 0..writes {
            for kept in 0..3 {
                crashes += u64::from(live(seed, fail_after, kept).1);
            }
        }
        assert!(crashes > writes, "{crashes} crashes at {writes} writes");
    }
}

#[test]
fn remains_of_an_unrecorded_cleaning_are_deleted() {
    let mut member = Member::new(knobs());
    member.append(Request::Put(put("a", "1")));
    member.flush().expect("nothing fails");
    member.backend.create("seg-00000000000000ff").expect("nothing fails");
    member.crash(0);
    let left = member.backend.keyspaces().expect("nothing fails");
    assert!(!left.iter().any(|keyspace| keyspace.ends_with("ff")), "{left:?}");
    let segments = left.iter().filter(|keyspace| keyspace.starts_with("seg-"));
    assert_eq!(segments.count(), 1, "{left:?}");
}

#[test]
fn a_mapped_segment_that_is_missing_is_corruption() {
    let mut member = Member::new(knobs());
    member.append(Request::Put(put("a", "1")));
    member.flush().expect("nothing fails");
    member.backend.delete("seg-0000000000000001").expect("nothing fails");
    let recorded = Recorded { revision: 2, compaction: -1 };
    let restored = Store::restore(&member.backend, &recorded, knobs(), &mut |_, _| {});
    let Err(RestoreError::Corrupt(what)) = restored else { panic!("it was restored") };
    assert!(what.contains("seg-0000000000000001"), "{what}");
}

#[test]
fn a_damaged_entry_is_told_and_never_taken() {
    let mut member = Member::new(knobs());
    member.append(Request::Put(put("a", "1")));
    member.append(Request::Put(put("b", "1")));
    member.flush().expect("nothing fails");
    let key = crate::Revision::new(3, 0).encode(false);
    for value in [&b"\xff\xff"[..], b"\x0a\x01b\x10\x02\x18\x02\x20\x01", b"\x0a\x01b"] {
        let backend = member.backend.fork();
        let mut entries = [(key.clone(), Bytes::copy_from_slice(value))].into_iter();
        backend.ingest("seg-0000000000000001", &mut entries).expect("nothing fails");
        let recorded = Recorded { revision: 3, compaction: -1 };
        let restored = Store::restore(&backend, &recorded, knobs(), &mut |_, _| {});
        assert!(restored.is_err(), "{value:?} was taken");
    }
    let bad = Recorded { revision: 3, compaction: 4 };
    assert!(Store::restore(&member.backend, &bad, knobs(), &mut |_, _| {}).is_err());
    let row = Change::Put {
        keyspace: "segments",
        key: Bytes::from_static(&[0; 8]),
        value: Bytes::from_static(b"short"),
    };
    member.backend.commit([row].into()).expect("nothing fails");
    let recorded = Recorded { revision: 3, compaction: -1 };
    assert!(Store::restore(&member.backend, &recorded, knobs(), &mut |_, _| {}).is_err());
}

#[test]
fn revisions_beyond_the_record_are_ignored_and_come_again() {
    let mut member = Member::new(knobs());
    member.append(Request::Put(put("a", "1")));
    member.flush().expect("nothing fails");
    member.append(Request::Put(put("a", "2")));
    // The new segment and its entries are durable at once, the batch fails.
    member.backend.fail_after(2);
    member.flush().expect_err("the batch fails");
    member.crash(0);
    assert_eq!(member.store.revision(), 3);
    let answer =
        member.store.range(&pb::RangeRequest { revision: 2, ..crate::testing::requests::all() });
    assert_eq!(range_response(answer.expect("kept")).kvs[0].value, "1");
}

/// What a crash left behind in a segment must not be read through it once the segment has ended
/// before that: the new one has it too.
#[test]
fn leftovers_beyond_a_segments_end_are_not_read() {
    let mut member = Member::new(Knobs { segment_bytes: 1000, ..knobs() });
    member.append(Request::Put(put("a", "1")));
    member.flush().expect("nothing fails");
    member.append(Request::Put(put("a", "2")));
    member.backend.fail_after(1);
    member.flush().expect_err("the revisions are ingested, the batch fails");
    member.knobs = knobs();
    member.crash(0);
    member.knobs.segment_bytes = 1;
    member.crash(0);
    member.flush().expect("nothing fails");
    let segments = member.backend.keyspaces().expect("nothing fails");
    assert_eq!(segments.iter().filter(|name| name.starts_with("seg-")).count(), 2);
    member.compare();
    member.crash(0);
}

/// Three versions of one key, each in a segment of its own.
fn overwritten() -> Member {
    let mut member = Member::new(knobs());
    for value in ["1", "2", "3"] {
        member.append(Request::Put(put("a", &value.repeat(60))));
        member.flush().expect("nothing fails");
    }
    member
}

/// The store goes on while a cut is with the flusher: what came behind it stays in memory, and a
/// compaction behind it is not durable with it.
#[test]
fn what_came_behind_a_cut_is_not_in_the_backend() {
    let mut member = overwritten();
    member.append(Request::Put(put("b", "1")));
    member.take_cut();
    member.append(Request::Put(put("c", "1")));
    member.append(Request::Compact(4));
    while member.store.compact_slice(1) {}
    member.write_cut().expect("nothing fails");
    member.tell_flushed();
    assert!(member.store.unflushed_bytes() > 0);
    assert!(member.store.plan_clean(u64::MAX).is_none(), "the cut was taken before the compaction");
    member.compare();
    member.flush().expect("nothing fails");
    assert!(member.clean().expect("nothing fails"), "now it is durable");
    member.crash(0);
}

#[test]
fn a_cleaning_and_a_cut_pass_each_other() {
    let mut member = overwritten();
    member.append(Request::Compact(4));
    while member.store.compact_slice(1) {}
    member.flush().expect("nothing fails");
    member.append(Request::Put(put("b", "1")));
    member.take_cut();
    assert!(member.clean().expect("nothing fails"), "the cut is not in its way");
    member.compare();
    member.write_cut().expect("nothing fails");
    member.tell_flushed();
    member.compare();
    member.crash(0);
}

#[test]
fn a_failed_read_is_a_fault_and_nothing_is_published_after_it() {
    let mut member = Member::new(knobs());
    member.append(Request::Put(put("a", "1")));
    member.flush().expect("nothing fails");
    member.backend.fail_reads(true);
    let request = pb::PutRequest { prev_kv: true, ..put("a", "2") };
    let answer = member.store.put(&request, &crate::testing::requests::Leases);
    assert!(answer.is_err());
    let fault = member.store.fault().expect("the fault is remembered");
    assert!(fault.message.contains("fail to read"), "{fault}");
    let mut store = member.store;
    let published =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.view().revision()));
    assert!(published.is_err(), "a view was published after a fault");
}

#[test]
fn a_cleaning_waits_until_the_compaction_is_durable() {
    let mut member = Member::new(knobs());
    for value in ["1", "2", "3", "4", "5", "6"] {
        member.append(Request::Put(put("a", value)));
        member.flush().expect("nothing fails");
    }
    member.append(Request::Compact(7));
    assert!(member.store.plan_clean(u64::MAX).is_none(), "the index is not swept");
    while member.store.compact_slice(1) {}
    assert!(member.store.plan_clean(u64::MAX).is_none(), "the record does not have the compaction");
    let before = member.store.view();
    let size = member.backend.size_bytes();
    member.flush().expect("nothing fails");
    assert!(member.clean().expect("nothing fails"), "now it is due");
    assert!(member.backend.size_bytes() < size, "space came back");
    member.compare();
    crate::testing::member::compare_view(&before, member.twin());
}

#[test]
fn a_deletion_that_is_cleaned_before_what_it_deleted_stays_deleted() {
    let knobs = Knobs { segment_bytes: 100, clean_dead_percent: 50, ..knobs() };
    let mut member = Member::new(knobs);
    let large = "x".repeat(200);
    // A segment that is mostly alive, with the pair.
    for request in [put("k", "v"), put("living", &large)] {
        member.append(Request::Put(request));
    }
    member.flush().expect("nothing fails");
    // A segment that is mostly dead, with the deletion.
    member.append(Request::Delete(delete("k", "")));
    for request in [put("dying", &large), put("dying", "")] {
        member.append(Request::Put(request));
    }
    member.flush().expect("nothing fails");
    member.append(Request::Put(put("last", "")));
    member.append(Request::Compact(member.twin().revision));
    while member.store.compact_slice(2) {}
    member.flush().expect("nothing fails");
    assert!(member.clean().expect("nothing fails"), "the second segment is worth it");
    assert!(!member.clean().expect("nothing fails"), "and then nothing is");
    member.crash(0);
    let keys = member.twin().alive(i64::MAX).into_keys();
    assert!(keys.eq([&b"dying"[..], b"last", b"living"].map(Bytes::from_static)));
}

#[test]
fn a_tombstone_that_is_cleaned_away_does_not_bring_its_key_back() {
    let mut member = Member::new(knobs());
    // The put lies in a segment with less to gain than the one of its tombstone.
    let lives = pb::PutRequest { value: alloc::vec![b'v'; 60].into(), ..put("lives", "") };
    member.append(Request::Put(put("a", "1")));
    member.append(Request::Put(lives));
    member.flush().expect("nothing fails");
    for value in ["1", "2", "3"] {
        let value = value.repeat(30);
        member.append(Request::Put(pb::PutRequest { value: value.into(), ..put("b", "") }));
    }
    member.append(Request::Delete(pb::DeleteRangeRequest {
        key: "a".into(),
        ..pb::DeleteRangeRequest::default()
    }));
    member.flush().expect("nothing fails");
    member.append(Request::Put(put("c", "1")));
    member.append(Request::Compact(8));
    while member.store.compact_slice(1) {}
    member.flush().expect("nothing fails");
    assert!(member.clean().expect("nothing fails"), "the segment of the tombstone first");
    member.crash(0);
    let cleanings = (0..9).take_while(|_| member.clean().expect("nothing fails")).count();
    assert!(cleanings > 0 && cleanings < 9, "cleanings end: {cleanings}");
    member.compare();
    member.crash(0);
    let (bytes, dead) = member.store.segment_bytes();
    assert_eq!((bytes as i64, dead), (member.store.logical_bytes(), 0), "nothing dead is left");
}
