//! A member as far as the store needs one: a log that outlives crashes, a record beside the
//! revisions, a flusher and a cleaner. Its twin is kept for every entry of the log.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;

use crate::answer::{Answer, Header};
use crate::memory::{MemoryBackend, MemorySnapshot};
use crate::testing::generator::Request;
use crate::testing::requests::{Leases, all, range_response};
use crate::testing::twin::Twin;
use crate::{
    Backend, BackendError, BackendSnapshot, Change, Flush, Knobs, KvError, Recorded, Store, View,
    flusher,
};

const RECORD: &str = "meta";

pub(crate) struct Member {
    pub(crate) backend: MemoryBackend,
    pub(crate) store: Store<MemoryBackend>,
    pub(crate) knobs: Knobs,
    pub(crate) log: Vec<Request>,
    /// Entries applied to the store.
    pub(crate) applied: usize,
    /// The twin after each entry; the first is of the empty log.
    pub(crate) twins: Vec<Twin>,
    /// What is with the flusher.
    pub(crate) cut: Option<Cut>,
}

/// A cut on its way.
pub(crate) struct Cut {
    flush: Option<Flush>,
    changes: Vec<Change>,
    revision: i64,
    durable: bool,
}

fn number(snapshot: &MemorySnapshot, key: &[u8], absent: i64) -> i64 {
    let value = snapshot.get(RECORD, key).expect("reads do not fail here");
    let decoded = |value: Bytes| i64::from_be_bytes(value[..].try_into().expect("eight bytes"));
    value.map_or(absent, decoded)
}

fn record(key: &'static str, value: i64) -> Change {
    let value = Bytes::copy_from_slice(&value.to_be_bytes());
    Change::Put { keyspace: RECORD, key: Bytes::from_static(key.as_bytes()), value }
}

impl Member {
    pub(crate) fn new(knobs: Knobs) -> Member {
        let backend = MemoryBackend::new();
        backend.create(RECORD).expect("nothing fails yet");
        let store = Store::new(&backend, knobs.clone()).expect("nothing fails yet");
        let twins = alloc::vec![Twin::default()];
        Member { backend, store, knobs, log: Vec::new(), applied: 0, twins, cut: None }
    }

    pub(crate) fn twin(&self) -> &Twin {
        &self.twins[self.applied]
    }

    /// Appends an entry and applies it.
    pub(crate) fn append(&mut self, request: Request) {
        assert_eq!(self.applied, self.log.len(), "the log is not applied to its end");
        let mut twin = self.twin().clone();
        // A refusal is compared when the store answers too.
        let _answer = apply_twin(&mut twin, &request);
        self.twins.push(twin);
        self.log.push(request);
        self.apply_next();
    }

    /// Applies the next entry and compares its answer and its events with those of the twin.
    pub(crate) fn apply_next(&mut self) {
        let request = self.log[self.applied].clone();
        let mut twin = self.twin().clone();
        let expected = apply_twin(&mut twin, &request);
        let (answer, events) = apply(&mut self.store, &request);
        assert_eq!(self.store.fault(), None, "no read failed");
        assert_eq!(answer, expected, "{request:?}");
        self.applied += 1;
        assert_eq!(twin, self.twins[self.applied], "the twin is a function of the log");
        assert_eq!(self.store.revision(), twin.revision);
        assert_eq!(self.store.logical_bytes(), twin.logical_bytes(), "after {request:?}");
        let told = events.iter().map(|event| (event.revision(), event.key(), event.is_delete()));
        let happened = twin.changes.iter().filter(|c| c.revision.main == self.store.revision());
        if !events.is_empty() {
            assert!(told.eq(happened.map(|c| (c.revision, &c.pair.key, c.deleted))), "{events:?}");
        }
    }

    /// Takes a cut for the flusher, which is another thread: the store goes on meanwhile.
    pub(crate) fn take_cut(&mut self) {
        let flush = self.store.take_flush();
        let revision = self.store.revision();
        let changes = alloc::vec![
            record("applied", self.applied as i64),
            record("revision", revision),
            record("compaction", self.store.compact_revision()),
        ];
        self.cut = Some(Cut { flush, changes, revision, durable: false });
    }

    /// The flusher writes the cut that it was given and makes it durable.
    pub(crate) fn write_cut(&mut self) -> Result<(), BackendError> {
        let Some(cut) = &mut self.cut else { return Ok(()) };
        if !cut.durable {
            flusher::write(&self.backend, cut.flush.as_ref(), cut.changes.clone())?;
            self.backend.persist()?;
            cut.durable = true;
        }
        Ok(())
    }

    /// The store is told of a cut that is durable.
    pub(crate) fn tell_flushed(&mut self) {
        if let Some(cut) = self.cut.take_if(|cut| cut.durable) {
            self.store.flushed(cut.revision);
        }
    }

    /// Brings everything into the backend.
    pub(crate) fn flush(&mut self) -> Result<(), BackendError> {
        self.write_cut()?;
        self.tell_flushed();
        self.take_cut();
        self.write_cut()?;
        self.tell_flushed();
        Ok(())
    }

    /// Cleans once if anything is worth it; whether it was.
    pub(crate) fn clean(&mut self) -> Result<bool, BackendError> {
        let Some(clean) = self.store.plan_clean(u64::MAX) else { return Ok(false) };
        let cleaned = clean.run(&self.backend)?;
        self.store.cleaned(&cleaned);
        Ok(true)
    }

    /// Loses power, of the batches that are not durable `kept` survive, and recovers. The state at
    /// the recorded entry is compared before the rest of the log is applied again (A2).
    pub(crate) fn crash(&mut self, kept: usize) {
        self.backend.crash(kept);
        self.cut = None;
        self.recover();
        self.compare();
        while self.applied < self.log.len() {
            self.apply_next();
        }
        self.compare();
    }

    fn recover(&mut self) {
        let snapshot = self.backend.snapshot().expect("the crash ended all failures");
        self.applied = number(&snapshot, b"applied", 0) as usize;
        let recorded = Recorded {
            revision: number(&snapshot, b"revision", 1),
            compaction: number(&snapshot, b"compaction", -1),
        };
        let mut leased = Vec::new();
        let attach = &mut |key: &Bytes, lease| leased.push((key.clone(), lease));
        let store = Store::restore(&self.backend, &recorded, self.knobs.clone(), attach);
        self.store = store.expect("every crash image is sound");
        let expected: Vec<(Bytes, i64)> = self
            .twin()
            .alive(i64::MAX)
            .into_values()
            .filter(|pair| pair.lease != 0)
            .map(|pair| (pair.key, pair.lease))
            .collect();
        assert_eq!(leased, expected, "leased keys after recovery");
    }

    /// Compares everything that a reader can see with the twin.
    pub(crate) fn compare(&mut self) {
        self.store.check();
        let view = self.store.view();
        view.check();
        assert_eq!(view.logical_bytes(), self.twin().logical_bytes());
        compare_view(&view, self.twin());
    }
}

/// Everything that a view shows against a twin.
pub(crate) fn compare_view(view: &View<MemorySnapshot>, twin: &Twin) {
    assert_eq!((view.revision(), view.compact_revision()), (twin.revision, twin.compacted));
    for revision in twin.compacted.max(1)..=twin.revision {
        let request = pb::RangeRequest { revision, ..all() };
        let answer = view.range(&request).map(range_response);
        assert_eq!(answer, Ok(twin.range(&request).expect("a kept revision")), "at {revision}");
        let hash = view.hash_kv(revision).map(|hash| hash.hash);
        assert_eq!(
            hash,
            Ok(twin.hash(revision)),
            "hash at {revision}, compacted at {}",
            twin.compacted
        );
    }
    let living = view.living();
    let left: Vec<(Bytes, Bytes)> = twin
        .left(twin.compacted)
        .iter()
        .map(|c| (c.revision.encode(c.deleted), Bytes::from(c.pair.encode_to_vec())))
        .collect();
    let values: Result<Vec<_>, _> = living.values().collect();
    assert_eq!(values, Ok(left), "content of a snapshot");
    let from = twin.compacted.max(1);
    let mut events = Vec::new();
    let mut next = from;
    while next <= twin.revision {
        let part = view.read_revisions(next, i64::MAX, 8).expect("a kept revision");
        assert!(part.through >= next, "a part of history does not advance");
        events.extend(part.events);
        next = part.through + 1;
    }
    let told = events.iter().map(|event| (event.revision(), event.key(), event.is_delete()));
    let happened = twin.changes.iter().filter(|change| change.revision.main >= from);
    assert!(told.eq(happened.map(|c| (c.revision, &c.pair.key, c.deleted))), "history from {from}");
}

/// Applies to the store; the answer as the client gets it, or the refusal.
fn apply(
    store: &mut Store<MemoryBackend>,
    request: &Request,
) -> (Result<Bytes, KvError>, Vec<crate::Event>) {
    let before = store.revision();
    let (answer, events) = match request {
        Request::Put(put) => match store.put(put, &Leases) {
            Ok((answer, events)) => (Ok(Answer::Put(answer)), events),
            Err(refusal) => (Err(refusal), Vec::new()),
        },
        Request::Delete(delete) => match store.delete_range(delete) {
            Ok((answer, events)) => (Ok(Answer::DeleteRange(answer)), events),
            Err(refusal) => (Err(refusal), Vec::new()),
        },
        Request::Txn(txn) => match store.txn(txn, &Leases) {
            Ok((answer, events)) => (Ok(Answer::Txn(answer)), events),
            Err(refusal) => (Err(refusal), Vec::new()),
        },
        Request::Compact(revision) => {
            (store.compact(*revision).map(|()| Answer::Compact), Vec::new())
        }
    };
    let grown = store.revision() - before;
    assert_eq!(grown, i64::from(!events.is_empty()), "one revision a change (V4)");
    let header = Header { revision: store.revision(), ..Header::default() };
    (answer.map(|answer| answer.encode(&header)), events)
}

fn apply_twin(twin: &mut Twin, request: &Request) -> Result<Bytes, KvError> {
    let encoded = match request {
        Request::Put(put) => twin.put(put)?.encode_to_vec(),
        Request::Delete(delete) => twin.delete(delete).encode_to_vec(),
        Request::Txn(txn) => twin.txn(txn)?.encode_to_vec(),
        Request::Compact(revision) => {
            twin.compact(*revision)?;
            let header = pb::ResponseHeader { revision: twin.revision, ..Default::default() };
            pb::CompactionResponse { header: Some(header) }.encode_to_vec()
        }
    };
    Ok(Bytes::from(encoded))
}
