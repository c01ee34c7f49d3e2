//! A member without consensus: a log that outlives power failures, the machine over a backend that
//! does not keep what was not made durable, and the model.

use base::{Index, LeaseId, Term};
use bytes::Bytes;
use model::{Oracle, Settings};
use mvcc::memory::MemoryBackend;
use mvcc::{Backend, Knobs, Store, flusher};
use proto::etcdserverpb::InternalRaftRequest;
use proto::mvccpb::Event;
use state::{Applied, Committed, Machine};

use super::answer::{self, Outcome, Refused, of_keys, of_machine, of_model};
use super::{payload, reads, validate};

/// Keys that one slice of a compaction visits at most.
const SLICE_KEYS_MAX: u64 = 4;

/// An entry of the log and what it must answer.
struct Entry {
    request: InternalRaftRequest,
    data: Bytes,
    /// The name under which the proposer waits for the answer.
    id: u64,
    outcome: Outcome,
    events: Vec<Event>,
}

/// The machine, its log and its model.
pub struct Member {
    backend: MemoryBackend,
    machine: Machine<MemoryBackend>,
    knobs: Knobs,
    log: Vec<Entry>,
    oracle: Oracle,
}

/// Few bytes in memory and in a segment, so that short histories cross all bounds.
fn knobs(byte: u8) -> Knobs {
    Knobs {
        recent_bytes_max: [0, 64, 1 << 20, 400][usize::from(byte & 3)],
        segment_bytes: [1, 200, 1 << 20, 600][usize::from(byte >> 2 & 3)],
        clean_dead_percent: [1, 30, 60, 100][usize::from(byte >> 4 & 3)],
        roots_max: usize::from(byte >> 6),
    }
}

impl Member {
    /// A member with an empty log.
    pub fn new(byte: u8) -> Member {
        let (backend, knobs) = (MemoryBackend::new(), knobs(byte));
        let machine = recover(&backend, &knobs);
        // The shortest time to live is the leader's to enforce, before it proposes.
        let settings = Settings { lease_ttl_min: 1, ..Settings::default() };
        Member { backend, machine, knobs, log: Vec::new(), oracle: Oracle::new(settings) }
    }

    /// What the state must be.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Answers a request as the API of a lone member does.
    pub fn request(&mut self, mut request: InternalRaftRequest, id: u64) {
        if let Some(grant) = request.lease_grant.as_mut().filter(|grant| grant.id == 0) {
            // The API draws an id before it proposes.
            grant.id = 0x5eed;
        }
        if !validate(&self.oracle, &request) {
            return;
        }
        let is_read = match &request.txn {
            Some(txn) => model::oracle::is_read_only(txn),
            None => request.range.is_some(),
        };
        match is_read {
            true => self.read(&request),
            false => self.propose(request, id),
        }
    }

    fn read(&mut self, request: &InternalRaftRequest) {
        let view = self.machine.store_mut().view();
        let ours = match (&request.range, &request.txn) {
            (Some(range), _) => view.range(range).map(mvcc::Answer::Range),
            (_, Some(txn)) => view.txn(txn).map(mvcc::Answer::Txn),
            _ => return,
        };
        let ours = match ours {
            Ok(answer) => Ok(of_keys(&answer, view.revision())),
            Err(mvcc::ReadError::Refused(error)) => Err(Refused::from(node::ApiError::from(error))),
            Err(mvcc::ReadError::Backend(error)) => panic!("memory does not fail: {error}"),
        };
        let theirs = of_model(self.oracle.call(request).response);
        assert_eq!(ours, theirs, "{request:?}");
    }

    fn propose(&mut self, request: InternalRaftRequest, id: u64) {
        let reply = self.oracle.apply(&request);
        self.oracle.check();
        let data = payload(&request);
        let outcome = of_model(reply.response);
        self.log.push(Entry { request, data, id, outcome, events: reply.events });
        self.apply_next();
    }

    /// Applies the next entry and compares what came of it with what must.
    fn apply_next(&mut self) {
        let index = self.machine.applied().0.next();
        let entry = &self.log[index.get() as usize - 1];
        let committed = Committed { term: Term(1), index, data: &entry.data };
        let applied = self.machine.apply(&committed);
        assert_eq!(self.machine.store().fault(), None, "memory does not fail");
        assert_eq!(of_machine(&applied, &entry.request), entry.outcome, "{:?}", entry.request);
        assert_eq!(applied.request, entry.id, "{:?}", entry.request);
        let told = told(&mut self.machine, &applied);
        assert_eq!(told, entry.events, "{:?}", entry.request);
    }

    /// Brings everything into the backend and makes it durable.
    pub fn flush(&mut self) {
        let flush = self.machine.store_mut().take_flush();
        let record = self.machine.take_record();
        flusher::write(&self.backend, flush.as_ref(), record).expect("memory does not fail");
        self.backend.persist().expect("memory does not fail");
        let revision = self.machine.revision();
        self.machine.store_mut().flushed(revision);
    }

    /// Cleans the segment that is most worth it, if there is one.
    pub fn clean(&mut self) {
        if let Some(clean) = self.machine.store_mut().plan_clean(u64::MAX) {
            let cleaned = clean.run(&self.backend).expect("memory does not fail");
            self.machine.store_mut().cleaned(&cleaned);
        }
    }

    /// Goes on with a compaction.
    pub fn compact_slice(&mut self, seed: u64) {
        let keys = 1 + seed % SLICE_KEYS_MAX;
        self.machine.store_mut().compact_slice(keys as usize);
    }

    /// Loses power; some batches that were not durable may survive. The log brings back the rest.
    pub fn crash(&mut self, seed: u64) {
        self.backend.crash(seed as usize % 3);
        self.machine = recover(&self.backend, &self.knobs);
        while (self.machine.applied().0.get() as usize) < self.log.len() {
            self.apply_next();
        }
        self.machine.check();
    }

    /// Everything that a reader can see, at every kept revision, against the model.
    pub fn compare_reads(&mut self, seed: u64) {
        let view = self.machine.store_mut().view();
        reads::compare(&view, &self.oracle);
        reads::compare_history(&view, &self.oracle, seed);
        reads::compare_leases(self.machine.leases(), &self.oracle);
        assert_eq!(self.machine.alarms().list(0), self.oracle.alarms());
        let mut versions = self.log.iter().rev().map(|entry| &entry.request.cluster_version_set);
        let version = versions.find_map(|set| set.as_ref().map(|set| set.ver.as_str()));
        assert_eq!(self.machine.cluster_version(), version.unwrap_or_default());
    }
}

/// The events of an entry, with what each key was before.
fn told(machine: &mut Machine<MemoryBackend>, applied: &Applied) -> Vec<Event> {
    if applied.events.is_empty() {
        return Vec::new();
    }
    let view = machine.store_mut().view();
    let previous = |event: &mvcc::Event| view.previous(event).expect("memory does not fail");
    applied.events.iter().map(|event| answer::event(event, previous(event))).collect()
}

/// The machine that the backend's record describes.
fn recover(backend: &MemoryBackend, knobs: &Knobs) -> Machine<MemoryBackend> {
    backend.create(state::KEYSPACE).expect("memory does not fail");
    let snapshot = backend.snapshot().expect("memory does not fail");
    let recorded = state::read_record(&snapshot).expect("the record is sound");
    let keys = mvcc::Recorded { revision: recorded.revision, compaction: recorded.compaction };
    let mut leased = Vec::new();
    let attach = &mut |key: &Bytes, lease| leased.push((key.clone(), lease));
    let store = Store::restore(backend, &keys, knobs.clone(), attach).expect("the keys are sound");
    let mut machine = Machine::new(store, &recorded, 1);
    for (key, lease) in leased {
        machine.attach_recovered(&key, LeaseId(lease));
    }
    let fresh = machine.applied().0 == Index::ZERO;
    assert!(!fresh || machine.revision() == 1, "revision {} of no log", machine.revision());
    machine
}
