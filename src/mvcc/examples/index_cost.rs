//! What a put costs on 250,000 keys, and what a key costs in memory: prints microseconds a put with
//! and without a view a put, and bytes a key, of the index alone and of the process.
//!
//! `cargo run --release -p mvcc --features memory --example index_cost`

use std::num::NonZeroU32;
use std::time::Instant;

use base::Prng;
use bytes::Bytes;
use mvcc::index::{Index, Mark};
use mvcc::memory::MemoryBackend;
use mvcc::{Backend, Knobs, LeaseLookup, Store, flusher};
use proto::etcdserverpb::{PutRequest, RangeRequest};

const KEYS: usize = 250_000;
const VALUE_BYTES: usize = 150;

struct NoLeases;

impl LeaseLookup for NoLeases {
    fn exists(&self, _id: i64) -> bool {
        false
    }
}

/// Resident bytes of this process, from Linux's page count.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn key(n: usize) -> Bytes {
    Bytes::from(format!("/registry/pods/default/pod-{n:08}"))
}

fn mark(main: i64, last: Option<Mark>) -> Mark {
    let (created, version) = last.map_or((main, 0), |mark| (mark.created, mark.version));
    Mark { main, created, version: version + 1, sub: 0, bytes: NonZeroU32::MIN }
}

fn order(prng: &mut Prng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..KEYS).collect();
    prng.shuffle(&mut order);
    order
}

#[allow(clippy::print_stdout, reason = "the example's purpose is to print")]
fn report(what: &str, value: f64, unit: &str) {
    println!("{what:<46}{value:>10.2} {unit}");
}

fn measure_index(prng: &mut Prng) {
    let order = order(prng);
    let before = resident_bytes();
    let mut index = Index::default();
    let began = Instant::now();
    for (at, n) in order.iter().enumerate() {
        index.insert(&key(*n), mark(2 + at as i64, None));
    }
    report("index: insert, random order", micros(began, KEYS), "us");
    let bytes = (resident_bytes() - before) as f64 / KEYS as f64;
    report("index: resident, random order", bytes, "B/key");
    let mut last = None;
    let began = Instant::now();
    for (at, n) in order.iter().enumerate().take(KEYS / 5) {
        let key = key(*n);
        let mark = mark((KEYS + 2 + at) as i64, index.get(&key, i64::MAX));
        index.insert(&key, mark);
        last = Some(index.clone());
    }
    report("index: second put of a key, an image a put", micros(began, KEYS / 5), "us");
    assert!(last.is_some_and(|last| !last.is_empty()), "the images are of a full index");
}

fn micros(began: Instant, count: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn measure_store(prng: &mut Prng) {
    let backend = MemoryBackend::new();
    let mut store = Store::new(&backend, Knobs::default()).expect("an empty backend is sound");
    let value = Bytes::from(vec![b'v'; VALUE_BYTES]);
    let order = order(prng);
    let request = |n: usize| PutRequest { key: key(n), value: value.clone(), ..Default::default() };
    let began = Instant::now();
    for n in &order {
        store.put(&request(*n), &NoLeases).expect("a plain put");
    }
    report("store: put of a new key", micros(began, KEYS), "us");
    let flush = store.take_flush();
    let revision = store.revision();
    let began = Instant::now();
    flusher::write(&backend, flush.as_ref(), Vec::new()).expect("memory does not fail");
    backend.persist().expect("memory does not fail");
    store.flushed(revision);
    report("flush: write and switch", micros(began, KEYS), "us/key");
    let began = Instant::now();
    for n in order.iter().take(KEYS / 5) {
        store.put(&request(*n), &NoLeases).expect("a plain put");
        store.view();
    }
    report("store: put of an old key, a view a put", micros(began, KEYS / 5), "us");
    measure_reads(&mut store, &order);
}

fn measure_reads(store: &mut Store<MemoryBackend>, order: &[usize]) {
    let view = store.view();
    let began = Instant::now();
    for n in order.iter().take(KEYS / 5) {
        let request = RangeRequest { key: key(*n), ..Default::default() };
        assert_eq!(view.range(&request).map(|answer| answer.count), Ok(1), "every key is there");
    }
    report("view: get", micros(began, KEYS / 5), "us");
    let all = Bytes::from_static(b"\0");
    let page = RangeRequest { key: all.clone(), range_end: all, limit: 10, ..Default::default() };
    let began = Instant::now();
    for _ in 0..1000 {
        assert!(view.range(&page).is_ok_and(|answer| answer.count == KEYS as i64));
    }
    report("view: ten of all keys, exact count", micros(began, 1000), "us");
}

fn main() {
    let mut prng = Prng::new(1);
    measure_index(&mut prng);
    measure_store(&mut prng);
}
