//! The operations of a run: each follows from the seed, its number and the keyspaces that are
//! there, so that parent and child agree on them without talking.

use std::collections::BTreeMap;

use base::Prng;
use bytes::Bytes;
use mvcc::{Backend, BackendError, BackendSnapshot, Change};

/// The keyspace that batches write beside those that ingestions write.
pub const RECORD: &str = "record";

/// Names for the keyspaces of ingestions; a change needs static ones.
const SEGMENTS: [&str; 4] = ["segment-0", "segment-1", "segment-2", "segment-3"];

/// Everything that a store holds.
pub type Content = BTreeMap<String, BTreeMap<Bytes, Bytes>>;

/// One operation.
#[derive(Clone, Debug)]
pub enum Operation {
    Create(&'static str),
    Delete(&'static str),
    Ingest(&'static str, Vec<(Bytes, Bytes)>),
    Commit(Vec<Change>),
    Persist,
}

impl Operation {
    /// The operation of that number on a store with that content.
    pub fn draw(seed: u64, number: u64, content: &Content) -> Operation {
        let mut prng = Prng::new(seed ^ number.wrapping_mul(0x9e37_79b9));
        if !content.contains_key(RECORD) {
            return Operation::Create(RECORD);
        }
        let there: Vec<&'static str> =
            SEGMENTS.into_iter().filter(|name| content.contains_key(*name)).collect();
        let missing: Vec<&'static str> =
            SEGMENTS.into_iter().filter(|name| !content.contains_key(*name)).collect();
        match prng.below(10) {
            0 if !missing.is_empty() => Operation::Create(one_of(&mut prng, &missing)),
            1 if there.len() > 1 && prng.chance(0.5) => {
                Operation::Delete(one_of(&mut prng, &there))
            }
            2..=5 if !there.is_empty() => {
                let keyspace = *prng.pick(&there);
                Operation::Ingest(keyspace, entries(&mut prng, number))
            }
            6..=8 => Operation::Commit(batch(&mut prng, number, &there)),
            _ => Operation::Persist,
        }
    }

    /// Does it to a backend.
    pub fn run<B: Backend>(&self, backend: &B) -> Result<(), BackendError> {
        match self {
            Operation::Create(keyspace) => backend.create(keyspace),
            Operation::Delete(keyspace) => backend.delete(keyspace),
            Operation::Ingest(keyspace, entries) => {
                backend.ingest(keyspace, &mut entries.iter().cloned())
            }
            Operation::Commit(changes) => backend.commit(changes.clone()),
            Operation::Persist => backend.persist(),
        }
    }

    /// Does it to a content.
    pub fn apply(&self, content: &mut Content) {
        match self {
            Operation::Create(keyspace) => {
                content.entry((*keyspace).to_owned()).or_default();
            }
            Operation::Delete(keyspace) => {
                content.remove(*keyspace);
            }
            Operation::Ingest(keyspace, entries) => {
                if let Some(keyspace) = content.get_mut(*keyspace) {
                    keyspace.extend(entries.iter().cloned());
                }
            }
            Operation::Commit(changes) => changes.iter().for_each(|change| write(content, change)),
            Operation::Persist => {}
        }
    }
}

fn write(content: &mut Content, change: &Change) {
    match change {
        Change::Put { keyspace, key, value } => {
            if let Some(keyspace) = content.get_mut(*keyspace) {
                keyspace.insert(key.clone(), value.clone());
            }
        }
        Change::Delete { keyspace, key } => {
            if let Some(keyspace) = content.get_mut(*keyspace) {
                keyspace.remove(key);
            }
        }
    }
}

/// Rising keys, some of them there already; enough bytes for more than one block.
fn entries(prng: &mut Prng, number: u64) -> Vec<(Bytes, Bytes)> {
    let count = prng.between(1, 60);
    let first = prng.below(500);
    (0..count)
        .map(|i| {
            let key = format!("i{:06}", first + i);
            (Bytes::from(key), Bytes::from(vec![number as u8; prng.below(2000) as usize]))
        })
        .collect()
}

/// The number in the record, and keys of their own in the segments, in one batch.
fn batch(prng: &mut Prng, number: u64, there: &[&'static str]) -> Vec<Change> {
    let value = Bytes::copy_from_slice(&number.to_be_bytes());
    let put = |keyspace, key: String| Change::Put {
        keyspace,
        key: Bytes::from(key),
        value: value.clone(),
    };
    let mut changes = vec![put(RECORD, "applied".into()), put(RECORD, format!("n{number:06}"))];
    for &keyspace in there {
        changes.push(put(keyspace, format!("b{:03}", prng.below(50))));
        let key = Bytes::from(format!("i{:06}", prng.below(500)));
        changes.push(Change::Delete { keyspace, key });
    }
    changes
}

/// Reads everything that a backend holds.
pub fn content<B: Backend>(backend: &B) -> Result<Content, BackendError> {
    let snapshot = backend.snapshot()?;
    let mut content = Content::new();
    for name in backend.keyspaces()? {
        let entries: Result<_, BackendError> = snapshot.scan(&name, b"", None).collect();
        content.insert(name, entries?);
    }
    Ok(content)
}

fn one_of(prng: &mut Prng, names: &[&'static str]) -> &'static str {
    names[prng.below(names.len() as u64) as usize]
}
