//! A log that a real etcd wrote, applied to Cairn's state machine: HashKV is equal at every
//! revision that was kept, and so is the hash of each of the last compactions.

use std::collections::BTreeMap;

use bytes::Bytes;
use mvcc::memory::MemoryBackend;
use mvcc::{Knobs, KvHash, Store};
use prost::Message;
use proto::etcdserverpb as pb;
use state::{Committed, Machine, Recorded};
use tests::differential::{Action, Call, Features, Flavour, Outcome, Server, Side, Step, Stream};
use tests::kind::Kind;
use tests::log_files::recovered;
use wal::Entry;

/// Streams, each with a log of its own.
const SEEDS: std::ops::Range<u64> = 1..9;

/// Bytes of a segment of etcd's.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Requests of each log.
const STEPS: usize = 700;

/// Hashes of compactions that etcd keeps; HashKV of such a revision answers with what was kept.
const COMPACTION_HASHES: usize = 10;

/// What an entry is that a client or a member proposed.
const NORMAL: i32 = 0;

/// What etcd says of a revision: hash, last compaction and revision, or code and text.
type Hash = Result<(u32, i64, i64), (i32, String)>;

async fn hash(side: &mut Side, revision: i64) -> Hash {
    let request = pb::HashKvRequest { revision };
    let call = Call::new("/etcdserverpb.Maintenance/HashKV", &request);
    let Outcome { answers, error } = side.step(&Step { client: 0, action: call.into() }).await;
    match error {
        Some(error) => Err(error),
        None => {
            let answer = pb::HashKvResponse::decode(answers[0].message.clone()).expect("a hash");
            Ok((answer.hash, answer.compact_revision, answer.hash_revision))
        }
    }
}

/// Cairn's state machine after a log, and the hashes of its compactions.
struct Applied {
    machine: Machine<MemoryBackend>,
    compactions: BTreeMap<i64, KvHash>,
}

impl Applied {
    /// A lone member commits all that it has written.
    fn new(entries: &[Entry]) -> Applied {
        let store = Store::new(&MemoryBackend::new(), Knobs::default()).expect("memory holds");
        let mut machine = Machine::new(store, &Recorded::default(), 1);
        let mut compactions = BTreeMap::new();
        for entry in entries {
            let committed = Committed { term: entry.term, index: entry.index, data: &entry.data };
            match entry.kind {
                NORMAL => machine.apply(&committed),
                // No key depends on who the members are.
                _ => machine.apply_configuration(&committed, 0, None, Bytes::new()),
            };
            machine.check();
            if let Some((revision, before)) = machine.take_compaction() {
                let hash = before.compaction_hash(revision).expect("it is not compacted yet");
                compactions.insert(revision, hash);
            }
        }
        while compactions.len() > COMPACTION_HASHES {
            compactions.pop_first();
        }
        Applied { machine, compactions }
    }

    fn hash(&mut self, revision: i64) -> Hash {
        let kept = self.compactions.get(&revision).copied().map(Ok);
        match kept.unwrap_or_else(|| self.machine.store_mut().view().hash_kv(revision)) {
            Ok(hash) => Ok((hash.hash, hash.compact_revision, hash.hash_revision)),
            Err(mvcc::ReadError::Refused(error)) => Err(text(&error)),
            Err(error) => panic!("memory does not fail: {error:?}"),
        }
    }
}

/// Runs a stream against etcd, then its log against the machine.
async fn compare(seed: u64) -> usize {
    let server = Server::start(Kind::Etcd, Flavour::Usual).await;
    let mut side = Side::new(server, 1);
    let mut stream = Stream::new(seed, 1, Flavour::Usual, Features::default());
    for _ in 0..STEPS {
        let (revision, compacted) = side.horizon();
        let mut step = stream.next(revision, compacted);
        if let Action::Call(call) = &mut step.action {
            settle(call);
        }
        side.step(&step).await;
    }
    let (last, compacted) = side.horizon();
    let mut hashes = Vec::new();
    for revision in 0..=last + 1 {
        hashes.push((revision, hash(&mut side, revision).await));
    }
    // What a process was told is in its files, however it ends.
    let directory = side.server().data_dir().join("member/wal");
    let mut applied = Applied::new(&recovered(&directory, SEGMENT_BYTES).entries);
    assert_eq!(applied.machine.revision(), last, "seed {seed}");
    for (revision, expected) in &hashes {
        let got = applied.hash(*revision);
        assert_eq!(&got, expected, "seed {seed}, revision {revision} of {last} ({compacted})");
    }
    hashes.iter().filter(|(_, hash)| hash.is_ok()).count()
}

/// Compactions end before the next request, so that what etcd hashes is what it keeps.
fn settle(call: &mut Call) {
    if call.path == "/etcdserverpb.KV/Compact" {
        let request = call.messages.first().cloned().unwrap_or_default();
        let mut request = pb::CompactionRequest::decode(request).unwrap_or_default();
        request.physical = true;
        *call = Call::new("/etcdserverpb.KV/Compact", &request);
    }
}

fn text(error: &mvcc::KvError) -> (i32, String) {
    let known = match error {
        mvcc::KvError::Compacted => model::Error::Compacted,
        mvcc::KvError::FutureRevision => model::Error::FutureRevision,
        other => panic!("no hash is refused with {other:?}"),
    };
    (known.code(), known.text().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kept_revision_of_a_log_of_etcds_has_etcds_hash() {
    let mut kept = 0;
    for seed in SEEDS {
        kept += compare(seed).await;
    }
    assert!(kept > 100, "only {kept} revisions were compared");
}
