//! Files of bbolt's own library and of ours, each read by the other.

use bbolt::{Database, Planner, ReadAt, Writer};
use bytes::Bytes;
use serde::Deserialize;
use std::fs;
use std::path::Path;

use tests::go;

/// What the oracle shows of a file.
#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Dump {
    failures: Vec<String>,
    size: u64,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Entry {
    key: String,
    value: String,
    bucket: bool,
    #[serde(default)]
    entries: Vec<Entry>,
}

fn oracle(args: &[&str], file: &Path) -> Dump {
    let mut args = args.to_vec();
    args.push(file.to_str().expect("temporary paths are UTF-8"));
    serde_json::from_str(&go::run(go::bboltcheck(), &args)).expect("the oracle prints JSON")
}

/// The same view of a file through the crate.
fn ours(file: &Bytes) -> Dump {
    let database = Database::open(file.clone()).expect("the file opens");
    let failures = bbolt::check(&database).expect("memory does not fail");
    Dump {
        failures: failures.iter().map(ToString::to_string).collect(),
        size: database.file_bytes(),
        entries: entries_of(&database.root()),
    }
}

fn entries_of<S: ReadAt>(bucket: &bbolt::Bucket<'_, S>) -> Vec<Entry> {
    let entries = bucket.entries().map(|entry| entry.expect("the file is sound"));
    entries
        .map(|entry| {
            let inner = bucket.bucket(&entry.key).expect("the file is sound");
            assert_eq!(entry.is_bucket, inner.is_some());
            Entry {
                key: hex(&entry.key),
                value: if entry.is_bucket { String::new() } else { hex(&entry.value) },
                bucket: entry.is_bucket,
                entries: inner.map(|inner| entries_of(&inner)).unwrap_or_default(),
            }
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Buckets = Vec<(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>)>;

fn write(buckets: &Buckets) -> Bytes {
    let mut planner = Planner::new();
    for (name, entries) in buckets {
        planner.bucket(name.len()).expect("sound");
        for (key, value) in entries {
            planner.entry(key.len(), value.len()).expect("sound");
        }
    }
    let mut writer = Writer::new(planner.finish());
    for (name, entries) in buckets {
        writer.bucket(name).expect("sound");
        for (key, value) in entries {
            writer.entry(key, value).expect("sound");
        }
    }
    writer.finish().expect("as planned");
    std::iter::from_fn(|| writer.chunk()).flatten().collect()
}

/// Buckets that make every kind of page: deep trees, overflow, long separators, empty ones.
fn assorted() -> Buckets {
    let small = |count: u32| {
        let entry = |number: u32| (number.to_be_bytes().to_vec(), vec![number as u8; 40]);
        (0..count).map(entry).collect::<Vec<_>>()
    };
    let large = (0..40_u32)
        .map(|number| (number.to_be_bytes().to_vec(), vec![1; number as usize * 1000]))
        .collect();
    let long = (0..60_u8).map(|byte| (vec![byte; 3000], vec![byte])).collect();
    let mut buckets = Buckets::from([
        (b"aa-empty".to_vec(), Vec::new()),
        (b"key".to_vec(), small(120_000)),
        (b"key-large".to_vec(), large),
        (b"key-long".to_vec(), long),
    ]);
    buckets.extend((0..500).map(|n| (format!("many-{n:04}").into_bytes(), small(n % 5))));
    buckets
}

#[test]
fn bbolt_accepts_what_we_write() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("db");
    for buckets in [Buckets::new(), assorted()] {
        let file = write(&buckets);
        fs::write(&path, &file).expect("the disk takes it");
        let theirs = oracle(&["dump"], &path);
        assert_eq!(theirs.failures, [""; 0]);
        assert!(theirs == ours(&file), "{} buckets look different to bbolt", buckets.len());
    }
}

#[test]
fn bbolt_goes_on_writing_in_a_file_of_ours() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("db");
    fs::write(&path, write(&assorted())).expect("the disk takes it");
    let theirs = oracle(&["grow"], &path);
    assert_eq!(theirs.failures, [""; 0]);
    let grown = Bytes::from(fs::read(&path).expect("the disk gives it back"));
    assert!(theirs == ours(&grown), "the grown file looks different to bbolt");
}

#[test]
fn we_read_what_bbolt_writes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for kind in ["empty", "synced", "unsynced", "large-pages"] {
        let path = folder.path().join(kind);
        let theirs = oracle(&["write", kind], &path);
        assert_eq!(theirs.failures, [""; 0], "{kind}");
        let file = Bytes::from(fs::read(&path).expect("the disk gives it back"));
        assert!(theirs == ours(&file), "{kind} looks different to us");
    }
}

#[test]
fn what_bbolt_calls_broken_is_broken_for_us() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("db");
    let sound = write(&assorted());
    let mut judged = 0;
    // The first key of a leaf becomes greater than the second, in every seventh of the first pages.
    for page in (3..100).step_by(7) {
        let mut file = sound.to_vec();
        let at = page * 4096;
        let count = usize::from(u16::from_le_bytes([file[at + 10], file[at + 11]]));
        if file[at + 8] != 2 || count < 2 {
            continue;
        }
        let first_key = at + 16 + count * 16;
        file[first_key..first_key + 4].copy_from_slice(&[0xff; 4]);
        fs::write(&path, &file).expect("the disk takes it");
        let theirs = oracle(&["dump"], &path);
        assert!(!theirs.failures.is_empty(), "page {page}");
        let database = Database::open(Bytes::from(file)).expect("the meta pages are sound");
        assert!(!bbolt::check(&database).expect("memory does not fail").is_empty(), "page {page}");
        judged += 1;
    }
    assert!(judged > 5, "only {judged} leaves were spoiled");
}
