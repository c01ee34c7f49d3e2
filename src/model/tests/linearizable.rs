//! The linearizability checker accepts what an oracle did and refuses what no oracle could do.

use base::Prng;
use model::check::linearizable::{Call, Outcome, Verdict, check};
use model::{Generator, Oracle, Response, Weights};
use proto::etcdserverpb as pb;

const MEMORY_MAX: usize = 100_000;

fn put(key: &'static str, value: &'static str) -> pb::InternalRaftRequest {
    let put = pb::PutRequest { key: key.into(), value: value.into(), ..Default::default() };
    pb::InternalRaftRequest { put: Some(put), ..Default::default() }
}

fn get(key: &'static str) -> pb::InternalRaftRequest {
    let range = pb::RangeRequest { key: key.into(), ..Default::default() };
    pb::InternalRaftRequest { range: Some(range), ..Default::default() }
}

fn prefix() -> pb::InternalRaftRequest {
    let range = pb::RangeRequest { key: "a".into(), range_end: "z".into(), ..Default::default() };
    pb::InternalRaftRequest { range: Some(range), ..Default::default() }
}

/// A call between two times that the oracle answers now.
fn call(oracle: &mut Oracle, times: (u64, u64), request: pb::InternalRaftRequest) -> Call {
    let response = oracle.call(&request).response;
    let outcome = Outcome::Answered { at: times.1, response };
    Call { client: times.0, invoked: times.0, request, outcome }
}

fn unknown(invoked: u64, request: pb::InternalRaftRequest) -> Call {
    Call { client: invoked, invoked, request, outcome: Outcome::Unknown }
}

/// The same call and answer at other times.
fn shifted(mut call: Call, invoked: u64, returned: u64) -> Call {
    call.invoked = invoked;
    if let Outcome::Answered { at, .. } = &mut call.outcome {
        *at = returned;
    }
    call
}

fn text(calls: &[Call]) -> String {
    match check(&Oracle::default(), calls, MEMORY_MAX) {
        Verdict::Violation(text) => text,
        other => panic!("{other:?} for {calls:?}"),
    }
}

fn accepts(calls: &[Call]) {
    assert_eq!(check(&Oracle::default(), calls, MEMORY_MAX), Verdict::Linearizable);
}

/// Calls of several clients, which the oracle executes at a random moment of each, some lost.
fn history(seed: u64, weights: Weights, lost: f64) -> Vec<Call> {
    let mut prng = Prng::new(seed);
    let mut generator = Generator::new(seed, weights);
    let mut oracle = Oracle::default();
    let mut calls = Vec::new();
    for moment in 1..60u64 {
        generator.observe(oracle.revision(), oracle.compacted());
        let request = generator.request();
        let times = (moment * 10 - prng.below(25).min(moment * 10), moment * 10 + prng.below(25));
        let effect = !prng.chance(lost / 2.0);
        let mut call = match effect {
            true => call(&mut oracle, times, request),
            false => unknown(times.0, request),
        };
        if prng.chance(lost) {
            call.outcome = Outcome::Unknown;
        }
        calls.push(call);
    }
    calls
}

#[test]
fn what_an_oracle_did_is_linearizable() {
    for seed in 0..30 {
        accepts(&history(seed, Weights::default(), 0.0));
        accepts(&history(seed, Weights::default(), 0.1));
        let kv = Weights { range: 1, put: 1, delete_range: 1, ..none() };
        accepts(&history(seed, kv, 0.1));
    }
}

fn none() -> Weights {
    let lease_checkpoint = 0;
    Weights {
        range: 0,
        put: 0,
        delete_range: 0,
        txn: 0,
        compaction: 0,
        lease_grant: 0,
        lease_revoke: 0,
        lease_checkpoint,
        alarm: 0,
    }
}

/// A read answer as if it had been given before the last write is refused in nearly every history.
#[test]
fn a_changed_answer_is_refused() {
    let mut refused = 0;
    for seed in 0..30 {
        let mut calls = history(seed, Weights::default(), 0.0);
        let stale = |call: &Call| call.request.range.as_ref().is_some_and(|r| r.serializable);
        let reads = calls.iter_mut().rev().filter(|call| !stale(call));
        let victim = { reads }.find_map(|call| match &mut call.outcome {
            Outcome::Answered { response: Ok(Response::Range(range)), .. } => Some(range),
            _ => None,
        });
        let Some(range) = victim else { continue };
        range.count += 1;
        refused += i32::from(text(&calls).starts_with("V11"));
    }
    assert!(refused >= 25, "{refused} of 30");
}

#[test]
fn a_stale_read_is_refused_and_shown() {
    let mut oracle = Oracle::default();
    let stale = call(&mut oracle, (1, 2), get("a"));
    let mut calls = vec![call(&mut oracle, (3, 4), put("a", "new"))];
    calls.push(shifted(stale, 5, 6));
    calls.push(call(&mut oracle, (7, 8), get("a")));
    let text = text(&calls);
    assert!(text.contains("2 calls have no legal order"), "not the shortest: {text}");
    assert!(text.contains("refused  [client 1, 5..6] range b\"a\""), "{text}");
}

#[test]
fn a_stale_read_is_legal_while_the_write_is_under_way() {
    let mut oracle = Oracle::default();
    let read = call(&mut oracle, (2, 5), get("a"));
    let write = call(&mut oracle, (1, 4), put("a", "new"));
    accepts(&[write, read]);
}

#[test]
fn an_unknown_write_may_take_effect_late_or_never_but_once() {
    let mut oracle = Oracle::default();
    let before = call(&mut oracle, (5, 6), get("a"));
    let lost = unknown(1, put("a", "late"));
    oracle.call(&lost.request);
    let after = call(&mut oracle, (7, 8), get("a"));
    accepts(&[lost.clone(), before.clone()]);
    accepts(&[lost.clone(), before, after.clone()]);
    oracle.call(&lost.request);
    let twice = call(&mut oracle, (9, 10), get("a"));
    assert!(text(&[lost, after, twice]).contains("V11"));
}

#[test]
fn reads_of_several_keys_show_one_moment() {
    let mut oracle = Oracle::default();
    let first = call(&mut oracle, (1, 20), put("a", "1"));
    let second = call(&mut oracle, (2, 19), put("b", "1"));
    let all = call(&mut oracle, (3, 18), prefix());
    let mut torn = all.clone();
    if let Outcome::Answered { response: Ok(Response::Range(range)), .. } = &mut torn.outcome {
        range.kvs.remove(0);
        range.count = 1;
    }
    accepts(&[first.clone(), second.clone(), all]);
    assert!(text(&[first, second, torn]).contains("V11"));
}

#[test]
fn a_full_memory_is_no_verdict() {
    let calls = history(3, Weights::default(), 0.0);
    assert_eq!(check(&Oracle::default(), &calls, 10), Verdict::Undecided);
}

#[test]
fn a_transaction_of_serializable_reads_may_be_stale() {
    let range = |serializable| pb::RangeRequest { key: "a".into(), serializable, ..range_all() };
    let txn = |serializable| {
        let request = pb::request_op::Request::RequestRange(range(serializable));
        let success = vec![pb::RequestOp { request: Some(request) }];
        let txn = pb::TxnRequest { success, ..Default::default() };
        pb::InternalRaftRequest { txn: Some(txn), ..Default::default() }
    };
    let mut oracle = Oracle::default();
    let (stale, fresh) =
        (call(&mut oracle, (5, 6), txn(true)), call(&mut oracle, (5, 6), txn(false)));
    let write = call(&mut oracle, (1, 2), put("a", "1"));
    accepts(&[write.clone(), stale]);
    assert!(text(&[write, fresh]).contains("txn"));
}

fn range_all() -> pb::RangeRequest {
    pb::RangeRequest { range_end: "z".into(), ..Default::default() }
}
