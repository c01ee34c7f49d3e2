//! What is written is read back, passes the check, and is found key by key; what cannot be
//! written is refused.

mod common;

use bbolt::{Database, KEY_BYTES_MAX, Planner, VALUE_BYTES_MAX, WriteError, Writer};
use bytes::Bytes;
use common::{Buckets, Entries, etcd_like, failures, plan, read, seeded, write, write_planned};
use proptest::prelude::*;

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0_usize..40, 3 => 0_usize..3000, 1 => 4000_usize..4200, 1 => 0_usize..40_000]
}

fn entries() -> impl Strategy<Value = Entries> {
    let key = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 1..20),
        1 => (any::<u8>(), 1000_usize..5000).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let value = (any::<u8>(), lengths()).prop_map(|(byte, len)| vec![byte; len]);
    prop::collection::btree_map(key, value, 0..120)
}

fn buckets() -> impl Strategy<Value = Buckets> {
    let name = prop::collection::vec(any::<u8>(), 1..30);
    prop::collection::btree_map(name, entries(), 0..8)
}

proptest! {
    #![proptest_config(seeded(200))]

    #[test]
    fn a_file_reads_back_as_written(buckets in buckets()) {
        let file = write(&buckets).expect("the entries are sound");
        prop_assert_eq!(failures(&file), Vec::<String>::new());
        prop_assert_eq!(read(file.clone()).expect("sound"), buckets);
    }

    #[test]
    fn every_key_is_found_and_no_other(buckets in buckets(), other in any::<[u8; 3]>()) {
        let file = write(&buckets).expect("the entries are sound");
        let database = Database::open(file).expect("sound");
        for (name, entries) in &buckets {
            let bucket = database.bucket(name).expect("sound").expect("it was written");
            for (key, value) in entries {
                let found = bucket.get(key).expect("sound");
                prop_assert_eq!(found.as_deref(), Some(&value[..]));
            }
            let found = bucket.get(&other).expect("sound");
            prop_assert_eq!(found.as_deref(), entries.get(&other[..]).map(|v| &v[..]));
            let mut cursor = bucket.entries();
            cursor.seek(&other).expect("sound");
            let after: Vec<_> = cursor.map(|e| e.expect("sound").key.to_vec()).collect();
            let wanted: Vec<_> = entries.range(other.to_vec()..).map(|(k, _)| k.clone()).collect();
            prop_assert_eq!(after, wanted);
        }
    }
}

#[test]
fn deep_trees_and_overflow_pages_are_sound() {
    let buckets = etcd_like(60_000);
    let file = write(&buckets).expect("the entries are sound");
    assert_eq!(failures(&file), Vec::<String>::new());
    assert_eq!(read(file).expect("sound"), buckets);
}

#[test]
fn a_page_is_filled_to_its_last_byte() {
    // Header 16, two elements of 16, two keys of 1.
    let room = 4096 - 16 - 2 * 16 - 2;
    for (spare, pages) in [(0, 3 + 2), (1, 3 + 2 + 2)] {
        let entries = [(vec![1], vec![0; room - 9]), (vec![2], vec![0; 9 + spare])];
        let buckets = Buckets::from([(b"b".to_vec(), Entries::from(entries))]);
        assert_eq!(plan(&buckets).expect("sound").pages(), pages, "{spare} bytes too many");
        assert_eq!(read(write(&buckets).expect("sound")).expect("sound"), buckets);
    }
}

#[test]
fn very_long_keys_make_branch_pages_of_several_pages() {
    let key = |byte: u8| [&vec![b'k'; KEY_BYTES_MAX - 1][..], &[byte]].concat();
    let entries: Entries = (0..200).map(|byte| (key(byte), vec![byte; 3])).collect();
    let buckets = Buckets::from([(key(0), entries.clone()), (key(1), entries)]);
    let file = write(&buckets).expect("the entries are sound");
    assert_eq!(failures(&file), Vec::<String>::new());
    assert_eq!(read(file).expect("sound"), buckets);
}

#[test]
fn thousands_of_buckets_need_a_tree_of_their_own() {
    let bucket = Entries::from([(b"k".to_vec(), b"v".to_vec())]);
    let buckets: Buckets =
        (0..3000).map(|number| (format!("bucket-{number:08}").into(), bucket.clone())).collect();
    let file = write(&buckets).expect("the entries are sound");
    assert_eq!(failures(&file), Vec::<String>::new());
    assert_eq!(read(file).expect("sound"), buckets);
}

#[test]
fn the_same_entries_make_the_same_file() {
    assert_eq!(write(&etcd_like(500)), write(&etcd_like(500)));
}

#[test]
fn a_second_pass_with_other_entries_is_refused() {
    let planned = etcd_like(2000);
    let mut fewer = planned.clone();
    fewer.get_mut(&b"key"[..]).expect("a bucket of etcd").retain(|key, _| key[7] < 100);
    let mut more = planned.clone();
    more.insert(b"zoo".to_vec(), Entries::from([(b"k".to_vec(), vec![0; 50_000])]));
    let plan = plan(&planned).expect("the entries are sound");
    for other in [fewer, more] {
        let result = write_planned(plan, &other);
        assert!(matches!(result, Err(WriteError::NotAsPlanned { .. })), "{result:?}");
    }
}

#[test]
fn what_bbolt_has_no_room_for_is_refused_in_both_passes() {
    let mut planner = Planner::new();
    assert_eq!(planner.entry(1, 1), Err(WriteError::NoBucket));
    assert_eq!(planner.bucket(0), Err(WriteError::EmptyKey));
    assert_eq!(planner.bucket(1), Ok(()));
    assert_eq!(planner.entry(0, 1), Err(WriteError::EmptyKey));
    let bytes = KEY_BYTES_MAX + 1;
    assert_eq!(planner.entry(bytes, 1), Err(WriteError::KeyTooLong { bytes }));
    let bytes = VALUE_BYTES_MAX + 1;
    assert_eq!(planner.entry(1, bytes), Err(WriteError::ValueTooLong { bytes }));

    let mut writer = Writer::new(planner.finish());
    assert_eq!(writer.entry(b"k", b"v"), Err(WriteError::NoBucket));
    assert_eq!(writer.bucket(b""), Err(WriteError::EmptyKey));
    assert_eq!(writer.bucket(b"b"), Ok(()));
    assert_eq!(writer.bucket(b"a"), Err(WriteError::OutOfOrder { position: 1 }));
    assert_eq!(writer.entry(b"", b"v"), Err(WriteError::EmptyKey));
    assert_eq!(writer.entry(b"k", b"v"), Ok(()));
    assert_eq!(writer.entry(b"k", b"v"), Err(WriteError::OutOfOrder { position: 1 }));
}

#[test]
fn what_follows_the_pages_does_not_matter() {
    let buckets = etcd_like(10);
    let mut file = write(&buckets).expect("the entries are sound").to_vec();
    let pages = file.len() as u64;
    file.extend_from_slice(&[0xAB; 32]);
    let file = Bytes::from(file);
    assert_eq!(read(file.clone()).expect("sound"), buckets);
    assert_eq!(Database::open(file).expect("sound").file_bytes(), pages);
}
