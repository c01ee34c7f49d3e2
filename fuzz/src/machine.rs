//! Request streams against the state machine, compared with the naive model.
//!
//! The input is a list of steps, six bytes each: what to do, and the seed of the request if it is
//! one, so that a change of a few bytes changes one step. Beside requests there are entries that
//! members propose by themselves, flushes, cleanings, slices of a compaction, and power failures
//! with a recovery from what the backend kept.
//!
//! Held against: every answer, refusal and event is the model's, to the byte and in etcd's text;
//! so is HashKV at any revision, what a reader of any kept revision sees, and the history that a
//! watcher which is behind is given; a recovered machine gives the same answers to the rest of the
//! log, and has the same leases, alarms and cluster version. Who may do what is decided as the
//! model decides it, at each entry, whatever users and roles have become by then.
//!
//! Not verified: what a watcher filters and how its answers are cut and acknowledged, the passing
//! of time on leases, passwords, tokens, and what is answered about users beyond refusals.

mod answer;
mod cluster;
mod member;
mod reads;
mod users;

use bytes::Bytes;
use model::{Generator, Oracle, Weights};
use mvcc::validate;
use node::ApiError;
use prost::Message;
use proto::etcdserverpb::InternalRaftRequest;

use answer::Refused;
use member::Member;

/// Bytes of one step.
const STEP_BYTES: usize = 6;
/// Steps of one input; the model looks through its whole history for each answer.
const STEPS_MAX: usize = 300;
/// Operations of a transaction, etcd's default.
const TXN_OPS_MAX: usize = 128;

/// Runs one input.
///
/// # Panics
/// When the machine and the model differ.
pub fn run(data: &[u8]) {
    run_and_see(data, |_| {});
}

/// As [`run`], and shows each request before it is checked.
///
/// # Panics
/// When the machine and the model differ.
pub fn run_and_see(data: &[u8], mut see: impl FnMut(&InternalRaftRequest)) {
    let Some((&knobs, data)) = data.split_first() else { return };
    let mut member = Member::new(knobs);
    let mut requests = Generator::new(0, Weights::default());
    for step in data.chunks_exact(STEP_BYTES).take(STEPS_MAX) {
        let seed = step[1..].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let mut request = match step[0] {
            kind @ 0..48 => {
                disturb(&mut member, kind, seed);
                continue;
            }
            48..52 => cluster::entry(seed),
            52 => {
                for request in users::setup(seed) {
                    see(&request);
                    member.request(request, 0);
                }
                continue;
            }
            53..64 => users::request(seed),
            _ => {
                requests.observe(member.oracle().revision(), member.oracle().compacted());
                requests.reseed(seed);
                requests.request()
            }
        };
        let id = cluster::identify(&mut request, seed);
        see(&request);
        member.request(request, id);
    }
    member.crash(0);
    member.compare_reads(0);
}

/// A step that is no entry.
fn disturb(member: &mut Member, kind: u8, seed: u64) {
    match kind {
        0..12 => member.flush(),
        12..20 => member.clean(),
        20..32 => member.compact_slice(seed),
        32..40 => member.crash(seed),
        _ => member.compare_reads(seed),
    }
}

/// Checks a request as the API does and compares the verdict with the model's; whether it passes.
///
/// # Panics
/// When they differ.
pub fn validate(oracle: &Oracle, request: &InternalRaftRequest) -> bool {
    let verdict = if let Some(range) = &request.range {
        validate::range(range)
    } else if let Some(put) = &request.put {
        validate::put(put)
    } else if let Some(delete) = &request.delete_range {
        validate::delete_range(delete)
    } else if let Some(txn) = &request.txn {
        validate::txn(txn, TXN_OPS_MAX)
    } else {
        Ok(())
    };
    let ours = verdict.map_err(|error| Refused::from(ApiError::from(error)));
    let theirs = oracle.validate(request).map_err(Refused::from);
    assert_eq!(ours, theirs, "{request:?}");
    ours.is_ok()
}

/// Requests as the generator draws them for an empty store.
#[must_use]
pub fn requests(count: usize) -> Vec<InternalRaftRequest> {
    let mut generator = Generator::new(1, Weights::default());
    (0..count).map(|_| generator.request()).collect()
}

/// Streams of different lengths, with and without disturbances.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let mut prng = base::Prng::new(5);
    let mut stream = |steps: usize, requests_only: bool| {
        let mut input = vec![prng.next_u64() as u8];
        for _ in 0..steps {
            let bytes = prng.next_u64().to_be_bytes();
            let kind = if requests_only { bytes[0] | 0x40 } else { bytes[0] };
            input.push(kind);
            input.extend(&bytes[1..STEP_BYTES]);
        }
        input
    };
    vec![stream(8, true), stream(60, true), stream(120, false), stream(STEPS_MAX, false)]
}

/// The payload of a request.
fn payload(request: &InternalRaftRequest) -> Bytes {
    request.encode_to_vec().into()
}
