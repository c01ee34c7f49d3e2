//! The snapshot file under damage and under strange contents.
//!
//! Three ways, chosen by the first byte: the input is a file; the input is damage done to a sound
//! file, with the checksums of its meta pages made good again so that the damage is believed; the
//! input is what a file is to hold.
//!
//! Held against: no read panics, runs for long or allocates beyond the file's length; a file that
//! passes the check can be walked to its end, and every key that the walk shows is found by itself;
//! what is written is read back and passes the check.

use bbolt::etcd_layout::{RevisionKey, bucket, hash_kv, status};
use bbolt::{Bucket, Database, PAGE_BYTES, Planner, Writer, check};
use bytes::Bytes;
use std::collections::BTreeMap;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Runs one input.
///
/// # Panics
/// When a promise of the crate is broken.
pub fn run(data: &[u8]) {
    let Some((way, data)) = data.split_first() else { return };
    match way % 3 {
        0 => read(Bytes::copy_from_slice(data)),
        1 => read(damaged(data)),
        _ => write_and_read(data),
    }
}

/// Reads a file in every way there is.
fn read(file: Bytes) {
    let Ok(database) = Database::open(file) else { return };
    let failures = check(&database).expect("memory does not fail");
    let _ = status(&database, |_| {});
    let _ = hash_kv(&database, 0);
    let walked = walk(&database, failures.is_empty());
    assert!(!failures.is_empty() || walked, "a file that passes the check can be walked");
}

/// Walks all buckets at the top; whether it came to the end of each.
fn walk(database: &Database<Bytes>, checked: bool) -> bool {
    let root = database.root();
    let mut whole = true;
    for entry in root.entries() {
        let Ok(entry) = entry else { return false };
        match root.bucket(&entry.key) {
            Ok(Some(bucket)) => whole &= walk_bucket(&bucket, checked),
            Ok(None) => assert!(!checked || !entry.is_bucket, "a bucket is found by its name"),
            Err(_) => whole = false,
        }
    }
    whole
}

fn walk_bucket(bucket: &Bucket<'_, Bytes>, checked: bool) -> bool {
    for entry in bucket.entries() {
        let Ok(entry) = entry else { return false };
        let found = bucket.get(&entry.key);
        if checked && !entry.is_bucket {
            assert_eq!(found.ok().flatten(), Some(entry.value), "key {:?}", entry.key);
        }
    }
    true
}

/// A sound file with the damage that the input describes: page, offset and byte, four bytes each.
fn damaged(data: &[u8]) -> Bytes {
    let mut file = sound().to_vec();
    let pages = file.len() / PAGE_BYTES;
    for damage in data.chunks_exact(4) {
        let page = usize::from(damage[0]) % pages;
        // Half of the damage goes to headers and element tables, where it hurts.
        let span = if damage[1] & 0x80 == 0 { 128 } else { PAGE_BYTES };
        let offset = usize::from(u16::from_be_bytes([damage[1], damage[2]])) % span;
        file[page * PAGE_BYTES + offset] = damage[3];
    }
    for page in [0, PAGE_BYTES] {
        let body = page + 16;
        let sum = file[body..body + 56].iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        file[body + 56..body + 64].copy_from_slice(&sum.to_le_bytes());
    }
    file.into()
}

/// A file laid out as etcd's, with a tree of two levels and a value of several pages.
fn sound() -> Bytes {
    let mut keys = Entries::new();
    for main in 1..200_i64 {
        let (key, len) = RevisionKey { main, sub: 0, tombstone: main % 9 == 0 }.encode();
        let value = [b"\x0a\x02k".as_slice(), &[main as u8]].concat();
        let value = if main == 50 {
            [value, vec![0x2a, 0x80, 0x50], vec![7; 10_240]].concat()
        } else {
            value
        };
        keys.insert(key[..len].to_vec(), value);
    }
    let small = Entries::from([(b"k".to_vec(), b"v".to_vec())]);
    write(&bucket::ALL.map(|name| match name {
        bucket::KEY => (name.to_vec(), keys.clone()),
        name => (name.to_vec(), small.clone()),
    }))
}

fn write(buckets: &[(Vec<u8>, Entries)]) -> Bytes {
    let mut planner = Planner::new();
    for (name, entries) in buckets {
        planner.bucket(name.len()).expect("names are bounded");
        for (key, value) in entries {
            planner.entry(key.len(), value.len()).expect("entries are bounded");
        }
    }
    let mut writer = Writer::new(planner.finish());
    for (name, entries) in buckets {
        writer.bucket(name).expect("names ascend");
        for (key, value) in entries {
            writer.entry(key, value).expect("keys ascend");
        }
    }
    writer.finish().expect("both passes saw the same");
    std::iter::from_fn(|| writer.chunk()).flatten().collect()
}

/// Takes the input as entries: bucket, length of key, length of value, and how both begin.
fn write_and_read(data: &[u8]) {
    let mut buckets: BTreeMap<Vec<u8>, Entries> = BTreeMap::new();
    for part in data.chunks_exact(6) {
        let name = vec![b'b'; usize::from(part[0] % 7) + 1];
        let long = if part[0] & 0x80 == 0 { 1 } else { 128 };
        let key =
            [&[part[4], part[5]], vec![part[4]; usize::from(part[1]) * long].as_slice()].concat();
        let value = vec![part[5]; usize::from(part[2]) * usize::from(part[3] % 64)];
        buckets.entry(name).or_default().insert(key, value);
    }
    let buckets: Vec<(Vec<u8>, Entries)> = buckets.into_iter().collect();
    let database = Database::open(write(&buckets)).expect("a file of ours opens");
    let failures = check(&database).expect("memory does not fail");
    assert!(failures.is_empty(), "{failures:?}");
    for (name, entries) in &buckets {
        let bucket = database.bucket(name).expect("sound").expect("it was written");
        let read = bucket.entries().map(|entry| entry.expect("sound"));
        let read: Entries = read.map(|entry| (entry.key.to_vec(), entry.value.to_vec())).collect();
        assert_eq!(&read, entries, "bucket {name:?}");
    }
}

/// A file, damage to one, and contents.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let small = [(b"key".to_vec(), Entries::from([(b"a".to_vec(), b"1".to_vec())]))];
    let file = write(&small);
    vec![
        [&[0_u8], &file[..file.len().min(crate::mutate::BYTES_MAX - 1)]].concat(),
        vec![1, 5, 0, 8, 2, 6, 0, 10, 255, 7, 0, 16, 1],
        (0..121_u8).map(|byte| byte.wrapping_mul(29) | 2).collect(),
    ]
}
