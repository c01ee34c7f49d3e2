//! The promises of `mvcc::Backend` that hold without a crash, and those that hold over a clean
//! close. What a crash leaves is judged by the kill test and by the simulator.

use bytes::Bytes;
use mvcc::{Backend, BackendSnapshot, Change};

/// A store that can be opened again after every handle of it was dropped.
pub trait Reopen {
    /// The backend under test.
    type Backend: Backend;
    /// Opens the store; nobody else has it open.
    fn open(&self) -> Self::Backend;
}

type Entries = Vec<(Bytes, Bytes)>;

/// Runs every check, each on a store of its own.
pub fn check_all<R: Reopen>(make: impl Fn() -> R) {
    keyspaces_are_made_once_listed_sorted_and_deleted(&make().open());
    ingested_entries_are_visible_in_key_order(&make().open());
    ingestion_replaces_keys_that_are_there(&make().open());
    batch_is_applied_at_once_and_its_last_change_of_a_key_wins(&make().open());
    batches_and_ingestions_override_each_other_in_their_order(&make().open());
    scans_are_bounded_as_asked(&make().open());
    snapshot_does_not_change(&make().open());
    deleted_keyspace_comes_back_empty(&make().open());
    empty_values_and_binary_keys_are_kept(&make().open());
    what_was_written_is_there_after_a_reopen(&make());
    many_snapshots_and_flushes_agree_with_a_map(&make());
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(keyspace: &'static str, key: &str, value: &str) -> Change {
    Change::Put { keyspace, key: bytes(key), value: bytes(value) }
}

fn delete(keyspace: &'static str, key: &str) -> Change {
    Change::Delete { keyspace, key: bytes(key) }
}

fn entries(pairs: &[(&str, &str)]) -> Entries {
    pairs.iter().map(|(key, value)| (bytes(key), bytes(value))).collect()
}

fn ingest<B: Backend>(backend: &B, keyspace: &str, pairs: &[(&str, &str)]) {
    backend.ingest(keyspace, &mut entries(pairs).into_iter()).expect("ingested");
}

fn all<S: BackendSnapshot>(snapshot: &S, keyspace: &str) -> Entries {
    let found: Result<Entries, _> = snapshot.scan(keyspace, b"", None).collect();
    found.expect("scanned")
}

fn now<B: Backend>(backend: &B, keyspace: &str) -> Entries {
    all(&backend.snapshot().expect("a snapshot"), keyspace)
}

fn keyspaces_are_made_once_listed_sorted_and_deleted<B: Backend>(backend: &B) {
    assert_eq!(backend.keyspaces(), Ok(vec![]));
    for name in ["b", "a", "b"] {
        backend.create(name).expect("created");
    }
    assert_eq!(backend.keyspaces(), Ok(vec!["a".into(), "b".into()]));
    backend.delete("a").expect("deleted");
    backend.delete("a").expect("nothing to delete is no error");
    assert_eq!(backend.keyspaces(), Ok(vec!["b".into()]));
}

fn ingested_entries_are_visible_in_key_order<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    ingest(backend, "x", &[]);
    assert_eq!(now(backend, "x"), entries(&[]));
    ingest(backend, "x", &[("b", "1"), ("d", "2")]);
    ingest(backend, "x", &[("a", "3"), ("c", "4")]);
    assert_eq!(now(backend, "x"), entries(&[("a", "3"), ("b", "1"), ("c", "4"), ("d", "2")]));
    assert_eq!(now(backend, "y"), entries(&[]), "a keyspace that does not exist");
}

fn ingestion_replaces_keys_that_are_there<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    ingest(backend, "x", &[("a", "1"), ("b", "1")]);
    ingest(backend, "x", &[("b", "2"), ("c", "2")]);
    assert_eq!(now(backend, "x"), entries(&[("a", "1"), ("b", "2"), ("c", "2")]));
}

fn batch_is_applied_at_once_and_its_last_change_of_a_key_wins<B: Backend>(backend: &B) {
    for name in ["x", "y"] {
        backend.create(name).expect("created");
    }
    let changes = vec![put("x", "a", "1"), put("y", "a", "2"), delete("y", "none")];
    backend.commit(changes).expect("committed");
    backend.commit(Vec::new()).expect("an empty batch is no error");
    assert_eq!(
        (now(backend, "x"), now(backend, "y")),
        (entries(&[("a", "1")]), entries(&[("a", "2")]))
    );
    let twice = vec![put("x", "a", "3"), delete("x", "a"), delete("y", "a"), put("y", "a", "4")];
    backend.commit(twice).expect("committed");
    assert_eq!((now(backend, "x"), now(backend, "y")), (entries(&[]), entries(&[("a", "4")])));
    let twice = vec![put("x", "a", "5"), put("x", "a", "6")];
    backend.commit(twice).expect("committed");
    assert_eq!(now(backend, "x"), entries(&[("a", "6")]));
}

fn batches_and_ingestions_override_each_other_in_their_order<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    backend.commit(vec![put("x", "a", "1"), put("x", "b", "1")]).expect("committed");
    ingest(backend, "x", &[("a", "2"), ("c", "2")]);
    assert_eq!(now(backend, "x"), entries(&[("a", "2"), ("b", "1"), ("c", "2")]));
    backend.commit(vec![put("x", "a", "3"), delete("x", "c")]).expect("committed");
    assert_eq!(now(backend, "x"), entries(&[("a", "3"), ("b", "1")]));
    ingest(backend, "x", &[("c", "4")]);
    assert_eq!(now(backend, "x"), entries(&[("a", "3"), ("b", "1"), ("c", "4")]));
}

fn scans_are_bounded_as_asked<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    ingest(backend, "x", &[("a", "1"), ("b", "2")]);
    backend.commit(vec![put("x", "c", "3")]).expect("committed");
    let snapshot = backend.snapshot().expect("a snapshot");
    let keys = |from: &str, to: Option<&str>| -> String {
        let found = snapshot.scan("x", from.as_bytes(), to.map(str::as_bytes));
        found
            .map(|entry| String::from_utf8_lossy(&entry.expect("scanned").0).into_owned())
            .collect()
    };
    let cases = [
        ("", None, "abc"),
        ("b", None, "bc"),
        ("bb", None, "c"),
        ("d", None, ""),
        ("a", Some("c"), "ab"),
        ("a", Some("cc"), "abc"),
        ("b", Some("b"), ""),
        ("c", Some("a"), ""),
    ];
    for (from, to, expected) in cases {
        assert_eq!(keys(from, to), expected, "from {from:?} to {to:?}");
    }
    assert_eq!(snapshot.get("x", b"b"), Ok(Some(bytes("2"))));
    assert_eq!(snapshot.get("x", b"bb"), Ok(None));
    assert_eq!(snapshot.get("y", b"b"), Ok(None));
}

fn snapshot_does_not_change<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    ingest(backend, "x", &[("a", "1"), ("b", "1")]);
    let before = backend.snapshot().expect("a snapshot");
    backend.commit(vec![put("x", "a", "2"), delete("x", "b"), put("x", "c", "2")]).expect("done");
    ingest(backend, "x", &[("c", "3"), ("d", "3")]);
    backend.create("y").expect("created");
    ingest(backend, "y", &[("a", "1")]);
    let between = backend.snapshot().expect("a snapshot");
    backend.delete("x").expect("deleted");
    backend.create("x").expect("created");
    ingest(backend, "x", &[("z", "9")]);
    let clone = before.clone();
    drop(before);
    assert_eq!(all(&clone, "x"), entries(&[("a", "1"), ("b", "1")]));
    assert_eq!(clone.get("x", b"c"), Ok(None));
    assert_eq!(all(&clone, "y"), entries(&[]));
    assert_eq!(all(&between, "x"), entries(&[("a", "2"), ("c", "3"), ("d", "3")]));
    assert_eq!(all(&between, "y"), entries(&[("a", "1")]));
    assert_eq!(now(backend, "x"), entries(&[("z", "9")]));
}

fn deleted_keyspace_comes_back_empty<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    ingest(backend, "x", &[("a", "1")]);
    backend.commit(vec![put("x", "b", "1")]).expect("committed");
    backend.delete("x").expect("deleted");
    assert_eq!(now(backend, "x"), entries(&[]));
    backend.create("x").expect("created");
    assert_eq!(now(backend, "x"), entries(&[]));
}

fn empty_values_and_binary_keys_are_kept<B: Backend>(backend: &B) {
    backend.create("x").expect("created");
    let keys: Vec<Bytes> = [&b"\x00"[..], b"\x00\x00", b"\x00_\xff", b"\x7f", b"\xff", b"\xff\xff"]
        .iter()
        .map(|key| Bytes::copy_from_slice(key))
        .collect();
    let pairs: Entries = keys.iter().map(|key| (key.clone(), Bytes::new())).collect();
    backend.ingest("x", &mut pairs.clone().into_iter()).expect("ingested");
    assert_eq!(now(backend, "x"), pairs);
    let large = Bytes::from(vec![7; 2 << 20]);
    let key = bytes("large");
    let change = Change::Put { keyspace: "x", key: key.clone(), value: large.clone() };
    backend.commit(vec![change]).expect("committed");
    let snapshot = backend.snapshot().expect("a snapshot");
    assert_eq!(snapshot.get("x", &key), Ok(Some(large)));
}

fn what_was_written_is_there_after_a_reopen<R: Reopen>(store: &R) {
    let backend = store.open();
    for name in ["x", "y", "z"] {
        backend.create(name).expect("created");
    }
    ingest(&backend, "x", &[("a", "1"), ("b", "1")]);
    backend.commit(vec![put("x", "a", "2"), put("y", "k", "v")]).expect("committed");
    backend.delete("z").expect("deleted");
    backend.persist().expect("persisted");
    assert!(backend.size_bytes() > 0);
    drop(backend);
    let backend = store.open();
    assert_eq!(backend.keyspaces(), Ok(vec!["x".into(), "y".into()]));
    assert_eq!(now(&backend, "x"), entries(&[("a", "2"), ("b", "1")]));
    assert_eq!(now(&backend, "y"), entries(&[("k", "v")]));
}

/// A longer run in the shape of the flusher's work: ingest in rising keys, record, persist.
fn many_snapshots_and_flushes_agree_with_a_map<R: Reopen>(store: &R) {
    let mut expected = Entries::new();
    let mut images = Vec::new();
    for round in 0..30u64 {
        let backend = store.open();
        backend.create("x").expect("created");
        backend.create("meta").expect("created");
        let flush: Entries = (0..20u64)
            .map(|i| (round * 20 + i).to_be_bytes())
            .map(|key| (Bytes::copy_from_slice(&key), Bytes::from(vec![round as u8; 500])))
            .collect();
        backend.ingest("x", &mut flush.clone().into_iter()).expect("ingested");
        expected.extend(flush);
        let applied = Bytes::copy_from_slice(&round.to_be_bytes());
        let change =
            Change::Put { keyspace: "meta", key: bytes("applied"), value: applied.clone() };
        backend.commit(vec![change]).expect("committed");
        backend.persist().expect("persisted");
        let snapshot = backend.snapshot().expect("a snapshot");
        assert_eq!(all(&snapshot, "x"), expected, "round {round}");
        assert_eq!(snapshot.get("meta", b"applied"), Ok(Some(applied)));
        images.push(expected.len());
    }
    assert_eq!(images.last(), Some(&600));
}
