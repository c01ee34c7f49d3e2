//! Whole files in memory, for tests: buckets to bytes and back.
#![allow(dead_code, reason = "each test file uses its part")]

use bbolt::{Database, PAGE_BYTES, Plan, Planner, ReadAt, ReadError, WriteError, Writer};
use bytes::Bytes;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeMap;

/// The entries of one bucket.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;
/// The buckets of a file.
pub type Buckets = BTreeMap<Vec<u8>, Entries>;

/// The same cases in every run.
pub fn seeded(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(0x5eed),
        failure_persistence: None,
        ..Config::default()
    }
}

/// The first pass.
pub fn plan(buckets: &Buckets) -> Result<Plan, WriteError> {
    let mut planner = Planner::new();
    for (name, entries) in buckets {
        planner.bucket(name.len())?;
        for (key, value) in entries {
            planner.entry(key.len(), value.len())?;
        }
    }
    Ok(planner.finish())
}

/// Both passes.
pub fn write(buckets: &Buckets) -> Result<Bytes, WriteError> {
    write_planned(plan(buckets)?, buckets)
}

/// The second pass, with a plan that may be another's; asserts that memory stays bounded.
pub fn write_planned(plan: Plan, buckets: &Buckets) -> Result<Bytes, WriteError> {
    let mut file = Vec::new();
    let mut writer = Writer::with_chunk_bytes(plan, 2 * PAGE_BYTES);
    let mut drain = |writer: &mut Writer, largest: usize| {
        while let Some(chunk) = writer.chunk() {
            let bound = 3 * PAGE_BYTES + largest.next_multiple_of(PAGE_BYTES);
            assert!(chunk.len() <= bound, "chunk of {} bytes, bound {bound}", chunk.len());
            assert_eq!(chunk.len() % PAGE_BYTES, 0, "chunks are whole pages");
            file.extend_from_slice(&chunk);
        }
    };
    let mut largest = 0;
    for (name, entries) in buckets {
        writer.bucket(name)?;
        for (key, value) in entries {
            // A branch page holds at least two keys, however long they are.
            largest = largest.max(PAGE_BYTES + key.len() + value.len().max(3 * key.len()));
            writer.entry(key, value)?;
            drain(&mut writer, largest);
        }
    }
    writer.finish()?;
    drain(&mut writer, largest);
    assert_eq!(writer.chunk(), None);
    assert_eq!(file.len() as u64, plan.file_bytes(), "the file has the planned length");
    Ok(file.into())
}

/// Everything in a file without nested buckets.
pub fn read<S: ReadAt>(source: S) -> Result<Buckets, ReadError<S::Error>> {
    let database = Database::open(source)?;
    let mut buckets = Buckets::new();
    for bucket in database.root().entries() {
        let name = bucket?.key;
        // Damage can turn a bucket into a plain entry.
        let Some(bucket) = database.bucket(&name)? else { continue };
        let mut entries = Entries::new();
        for entry in bucket.entries() {
            let entry = entry?;
            entries.insert(entry.key.to_vec(), entry.value.to_vec());
        }
        buckets.insert(name.to_vec(), entries);
    }
    Ok(buckets)
}

/// What is wrong with a file that can be opened, one line each.
pub fn failures(file: &Bytes) -> Vec<String> {
    let database = Database::open(file.clone()).expect("the file opens");
    let failures = bbolt::check(&database).expect("memory does not fail");
    failures.iter().map(ToString::to_string).collect()
}

/// A file like etcd's: many small revisions, a few large values, small buckets, empty ones.
pub fn etcd_like(revisions: u64) -> Buckets {
    let mut buckets = Buckets::new();
    for name in bbolt::etcd_layout::bucket::ALL {
        buckets.insert(name.to_vec(), Entries::new());
    }
    let keys = buckets.get_mut(&b"key"[..]).expect("just inserted");
    for main in 1..=revisions {
        let at = bbolt::etcd_layout::RevisionKey {
            main: main as i64,
            sub: 0,
            tombstone: main % 50 == 0,
        };
        let (key, len) = at.encode();
        let value = if main % 97 == 0 { vec![7; 20_000] } else { vec![main as u8; 150] };
        keys.insert(key[..len].to_vec(), value);
    }
    buckets
        .get_mut(&b"meta"[..])
        .expect("just inserted")
        .insert(b"consistent_index".to_vec(), revisions.to_be_bytes().to_vec());
    buckets
}
