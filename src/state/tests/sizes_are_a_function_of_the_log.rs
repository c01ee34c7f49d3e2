//! Two members of one log: the second sweeps compactions in slices of another size, flushes at
//! other times, loses power and replays. What each entry answers, the logical size behind it and
//! what it asked of the quota are equal at every index.

use base::{Index, Prng, Term};
use bytes::Bytes;
use mvcc::memory::MemoryBackend;
use mvcc::{Backend, Knobs, Store, flusher};
use prost::Message;
use proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, InternalRaftRequest, PutRequest, RequestOp, TxnRequest,
    request_op,
};
use state::{Applied, Committed, KEYSPACE, Machine, Recorded, read_record};

/// What is compared of an application.
#[derive(Debug, PartialEq)]
struct Seen {
    outcome: String,
    revision: i64,
    logical_bytes: i64,
    demand: Option<i64>,
    chain: u64,
}

struct Member {
    backend: MemoryBackend,
    machine: Machine<MemoryBackend>,
    knobs: Knobs,
}

impl Member {
    fn new(knobs: Knobs) -> Member {
        let backend = MemoryBackend::new();
        backend.create(KEYSPACE).expect("memory does not fail");
        let machine = recover(&backend, &knobs);
        Member { backend, machine, knobs }
    }

    fn apply(&mut self, index: u64, data: &Bytes) -> Seen {
        let entry = Committed { term: Term(1), index: Index(index), data };
        let Applied { outcome, revision, logical_bytes, demand, .. } = self.machine.apply(&entry);
        let outcome = match outcome {
            Ok(reply) => format!("{:x}", reply.checksum()),
            Err(refusal) => format!("{refusal:?}"),
        };
        Seen { outcome, revision, logical_bytes, demand, chain: self.machine.chain() }
    }

    fn flush(&mut self) {
        let flush = self.machine.store_mut().take_flush();
        let record = self.machine.take_record();
        let revision = self.machine.revision();
        flusher::write(&self.backend, flush.as_ref(), record).expect("memory does not fail");
        self.backend.persist().expect("memory does not fail");
        self.machine.store_mut().flushed(revision);
    }

    fn clean(&mut self) -> bool {
        let Some(clean) = self.machine.store_mut().plan_clean(u64::MAX) else { return false };
        let cleaned = clean.run(&self.backend).expect("memory does not fail");
        self.machine.store_mut().cleaned(&cleaned);
        true
    }

    /// Loses power; gives the index from which it applies again.
    fn crash(&mut self) -> u64 {
        self.backend.crash(0);
        self.machine = recover(&self.backend, &self.knobs);
        self.machine.applied().0.get() + 1
    }
}

fn recover(backend: &MemoryBackend, knobs: &Knobs) -> Machine<MemoryBackend> {
    let snapshot = backend.snapshot().expect("memory does not fail");
    let recorded: Recorded = read_record(&snapshot).expect("a sound record");
    let keys = mvcc::Recorded { revision: recorded.revision, compaction: recorded.compaction };
    let store = Store::restore(backend, &keys, knobs.clone(), &mut |_, _| {}).expect("sound");
    Machine::new(store, &recorded, 1)
}

fn put(prng: &mut Prng) -> PutRequest {
    let key = format!("key-{}", prng.below(6)).into();
    PutRequest { key, value: vec![b'v'; prng.below(40) as usize].into(), ..Default::default() }
}

fn delete(prng: &mut Prng) -> DeleteRangeRequest {
    let key = format!("key-{}", prng.below(6)).into();
    let range_end = if prng.chance(0.2) { "l".into() } else { Bytes::new() };
    DeleteRangeRequest { key, range_end, prev_kv: false }
}

fn request(prng: &mut Prng, revision: i64) -> InternalRaftRequest {
    let mut request = InternalRaftRequest::default();
    match prng.below(10) {
        0..=4 => request.put = Some(put(prng)),
        5 | 6 => request.delete_range = Some(delete(prng)),
        7 => {
            // Deleted and put again at one revision.
            let op = |request| RequestOp { request: Some(request) };
            let delete = request_op::Request::RequestDeleteRange(delete(prng));
            let success = vec![op(delete), op(request_op::Request::RequestPut(put(prng)))];
            request.txn = Some(TxnRequest { success, ..Default::default() });
        }
        _ => {
            let revision = revision - prng.below(6) as i64;
            request.compaction = Some(CompactionRequest { revision, physical: false });
        }
    }
    request
}

fn run(seed: u64) -> (u64, u64) {
    let mut prng = Prng::new(seed);
    let mut plain = Member::new(Knobs::default());
    let small = Knobs { segment_bytes: 200, clean_dead_percent: 1, ..Knobs::default() };
    let mut other = Member::new(small);
    let (mut log, mut seen): (Vec<Bytes>, Vec<Seen>) = (Vec::new(), Vec::new());
    let (mut cleaned, mut crashed) = (0, 0);
    for index in 1..=120u64 {
        let data = Bytes::from(request(&mut prng, plain.machine.revision()).encode_to_vec());
        seen.push(plain.apply(index, &data));
        while prng.chance(0.5) && plain.machine.store_mut().compact_slice(256) {}
        log.push(data);
        let mut next = index;
        match prng.below(12) {
            0 => other.flush(),
            1 => while other.machine.store_mut().compact_slice(1) {},
            2 => cleaned += u64::from(other.clean()),
            3 => {
                next = other.crash();
                crashed += 1;
            }
            _ => {
                other.machine.store_mut().compact_slice(1);
            }
        }
        for index in next..=index {
            let again = other.apply(index, &log[index as usize - 1]);
            assert_eq!(again, seen[index as usize - 1], "seed {seed}, entry {index}");
        }
    }
    (cleaned, crashed)
}

#[test]
fn answers_sizes_and_demands_are_equal_over_slices_cleanings_and_restarts() {
    let (mut cleaned, mut crashed) = (0, 0);
    for seed in 0..150 {
        let (more_cleaned, more_crashed) = run(seed);
        cleaned += more_cleaned;
        crashed += more_crashed;
    }
    assert!(cleaned > 20 && crashed > 500, "{cleaned} cleanings, {crashed} crashes");
}
