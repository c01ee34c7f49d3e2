//! A snapshot that etcd 3.7.1 made, with the figures that its own tools show for it.
//!
//! Its history: put a, b, a; delete a; put c; compact 5 (the deletion); delete b; put a; one
//! transaction that puts d and e and deletes c; put a. The file still has the deletion at 5, which
//! hashes leave out, and keeps no list of its free pages.

mod common;

use bbolt::etcd_layout::{
    Applied, ContentHash, HashKv, HashKvError, LayoutError, RevisionKey, applied, bucket, hash_kv,
    latest_revision, meta_key, status, storage_version,
};
use bbolt::{Database, ReadError};
use bytes::Bytes;
use common::{Buckets, Entries, read, write};

const SNAPSHOT: &[u8] = include_bytes!("data/etcd-3.7.1.snapshot");

fn open(buckets: &Buckets) -> Database<Bytes> {
    Database::open(write(buckets).expect("sound")).expect("sound")
}

#[test]
fn the_status_is_what_etcdutl_shows() {
    let database = Database::open(Bytes::from_static(SNAPSHOT)).expect("sound");
    assert_eq!(bbolt::check(&database).expect("memory does not fail"), []);
    let mut seen = 0;
    let status = status(&database, |bytes| seen += bytes).expect("it is etcd's");
    assert_eq!((status.hash, status.revision), (3_386_029_520, 10));
    assert_eq!((status.total_keys, status.total_bytes), (3, 20_480));
    assert_eq!(status.version, "3.7.0");
    assert!(seen > 300 && seen < status.total_bytes, "{seen} bytes of entries");
    assert_eq!(storage_version(&database).expect("sound"), "3.7.0");
    assert_eq!(latest_revision(&database).expect("sound"), RevisionKey::new(10, 0));
}

#[test]
fn the_point_of_the_log_is_read_and_its_configuration_written_alike() {
    let database = Database::open(Bytes::from_static(SNAPSHOT)).expect("sound");
    let found = applied(&database).expect("it is etcd's");
    assert_eq!((found.index, found.term), (14, 2));
    let conf_state = found.conf_state.expect("etcd writes it");
    assert_eq!(conf_state.voters, [13_668_033_151_171_901_709]);
    let meta = database.bucket(bucket::META).expect("sound").expect("etcd has it");
    let stored = meta.get(meta_key::CONF_STATE).expect("sound").expect("etcd writes it");
    assert_eq!(conf_state.encode().as_bytes(), stored);

    assert_eq!(applied(&open(&Buckets::new())), Ok(Applied::default()));
    for key in [meta_key::CONSISTENT_INDEX, meta_key::TERM, meta_key::CONF_STATE] {
        let entries = Entries::from([(key.to_vec(), b"x".to_vec())]);
        let found = applied(&open(&Buckets::from([(bucket::META.to_vec(), entries)])));
        assert!(matches!(found, Err(LayoutError::NotAMetaValue { .. })), "{found:?}");
    }
}

#[test]
fn hashes_of_the_history_are_those_of_etcdutl() {
    let database = Database::open(Bytes::from_static(SNAPSHOT)).expect("sound");
    let cases = [
        (0, 3_414_021_415, 10),
        (5, 728_145_079, 5),
        (6, 4_057_840_735, 6),
        (7, 820_980_983, 7),
        (8, 2_367_104_246, 8),
        (9, 901_062_036, 9),
        (10, 3_414_021_415, 10),
    ];
    for (revision, hash, hash_revision) in cases {
        let expected = HashKv { hash, hash_revision, compact_revision: 5 };
        assert_eq!(hash_kv(&database, revision), Ok(expected), "{revision}");
    }
    assert_eq!(hash_kv(&database, 4), Err(HashKvError::Compacted));
    assert_eq!(hash_kv(&database, 11), Err(HashKvError::Future));
}

#[test]
fn written_anew_the_file_has_the_same_figures_but_its_size() {
    let database = open(&read(Bytes::from_static(SNAPSHOT)).expect("sound"));
    let status = status(&database, |_| {}).expect("it is etcd's");
    assert_eq!((status.hash, status.revision, status.total_keys), (3_386_029_520, 10, 3));
    assert_eq!(hash_kv(&database, 0).map(|hash| hash.hash), Ok(3_414_021_415));
}

#[test]
fn the_hash_of_the_state_does_not_see_where_the_log_is() {
    let hash = |change: &[(&[u8], &[u8])]| {
        let mut buckets = read(Bytes::from_static(SNAPSHOT)).expect("sound");
        let meta = buckets.get_mut(bucket::META).expect("etcd has it");
        for (key, value) in change {
            meta.insert(key.to_vec(), value.to_vec());
        }
        let mut hash = ContentHash::of_state();
        for (name, entries) in &buckets {
            hash.bucket(name);
            entries.iter().for_each(|(key, value)| hash.entry(key, value));
        }
        hash.finish()
    };
    assert_eq!(hash(&[]), hash(&[(b"term", b"x"), (b"consistent_index", b"y")]));
    assert_ne!(hash(&[]), hash(&[(b"confState", b"z")]));
}

#[test]
fn a_store_without_history_is_at_revision_one() {
    let empty = open(&Buckets::new());
    let hash = base::checksum::crc32c(b"key");
    let expected = HashKv { hash, hash_revision: 1, compact_revision: -1 };
    assert_eq!(hash_kv(&empty, 0), Ok(expected));
    assert_eq!(status(&empty, |_| {}).map(|status| status.revision), Ok(0));
    assert_eq!(storage_version(&empty), Ok(String::new()));
}

#[test]
fn a_deletion_at_the_compaction_is_left_out_even_when_nothing_else_is() {
    let key = |tombstone| {
        let (key, len) = RevisionKey { main: 3, sub: 0, tombstone }.encode();
        key[..len].to_vec()
    };
    let keys = Entries::from([(key(true), b"\x0a\x01a".to_vec())]);
    let meta = Entries::from([(b"finishedCompactRev".to_vec(), key(false))]);
    let database =
        open(&Buckets::from([(bucket::KEY.to_vec(), keys), (bucket::META.to_vec(), meta)]));
    // What etcdutl 3.7.1 shows after: put a, delete a, compact 3.
    let expected = HashKv { hash: 1_084_519_789, hash_revision: 3, compact_revision: 3 };
    assert_eq!(hash_kv(&database, 0), Ok(expected));
}

#[test]
fn what_is_not_etcds_is_named() {
    let with = |key: &[u8], value: &[u8]| {
        let entries = Entries::from([(key.to_vec(), value.to_vec())]);
        open(&Buckets::from([(bucket::KEY.to_vec(), entries)]))
    };
    let (key, len) = RevisionKey::new(2, 0).encode();
    let no_revision = LayoutError::NotARevision { key: "6162".into() };
    let no_message = LayoutError::NotAKeyValue { key: "00000000000000025f0000000000000000".into() };
    assert_eq!(status(&with(b"ab", b""), |_| {}), Err(no_revision.clone()));
    assert_eq!(hash_kv(&with(b"ab", b""), 0), Err(HashKvError::Layout(no_revision)));
    assert_eq!(status(&with(&key[..len], b"\x0a"), |_| {}), Err(no_message.clone()));
    assert_eq!(hash_kv(&with(&key[..len], b"\x0a"), 0), Err(HashKvError::Layout(no_message)));
    let cut = Database::open(Bytes::from_static(&SNAPSHOT[..8192]));
    let expected = ReadError::CutShort { bytes_wanted: 20_480, bytes_found: 8192 };
    assert_eq!(cut.err(), Some(expected));
}
