//! V11, and V9 seen from outside: recorded calls have a legal order that respects real time.
//!
//! A call takes effect at one moment between its invocation and its return. One whose outcome is
//! unknown may take effect at any moment after its invocation, or never. Calls that touch single
//! keys only are checked key by key; otherwise the whole oracle is the specification, and the
//! revisions in the answers keep the search short. Then whatever changed the store must be among
//! the calls: what no client asked for, such as the revoke of an expired lease, belongs in with an
//! unknown outcome.
//!
//! Not checked: serializable reads, which need not be linearizable, and watches.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{InternalRaftRequest, TxnRequest};

use super::register::{self, Register};
use super::search::{Found, Model, Stuck, search};
use super::summary;
use crate::normalise::Normalise;
use crate::{Error, Oracle, Response};

/// What a client learned about its call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An answer, or an error that says that nothing was done.
    Answered {
        /// When it arrived.
        at: u64,
        /// What it said.
        response: Result<Response, Error>,
    },
    /// A timeout, a lost connection, or the end of the recording.
    Unknown,
}

/// One recorded call. Times are of one clock for all clients, in any unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who called; only for the text of a counterexample.
    pub client: u64,
    /// When it was sent.
    pub invoked: u64,
    /// What was asked.
    pub request: InternalRaftRequest,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is a legal order.
    Linearizable,
    /// There is none; the text shows the shortest beginning of the history that has none.
    Violation(String),
    /// The memory bound was reached first.
    Undecided,
}

/// Checks recorded calls that began on the state `initial`. At most `memory_max` pairs of taken
/// calls and state are remembered in each search.
#[must_use]
pub fn check(initial: &Oracle, calls: &[Call], memory_max: usize) -> Verdict {
    let calls: Vec<Call> = calls.iter().filter(|call| matters(call)).cloned().collect();
    let mut keys: BTreeMap<&Bytes, Vec<Call>> = BTreeMap::new();
    for call in &calls {
        let Some(key) = register::key(&call.request) else {
            return decide(&Whole, initial, &calls, memory_max);
        };
        keys.entry(key).or_default().push(call.clone());
    }
    let mut verdict = Verdict::Linearizable;
    for (key, calls) in keys {
        let kv = initial.history().live(key, initial.revision());
        let state = register::State::of(kv, initial.revision());
        match decide(&Register, &state, &calls, memory_max) {
            Verdict::Linearizable => {}
            Verdict::Undecided => verdict = Verdict::Undecided,
            Verdict::Violation(text) => return Verdict::Violation(text),
        }
    }
    verdict
}

/// A read that nobody saw the answer of says nothing, nor does a read that may be stale.
fn matters(call: &Call) -> bool {
    let read = call.request.range.is_some();
    let stale = call.request.range.as_ref().is_some_and(|range| range.serializable)
        || call.request.txn.as_ref().is_some_and(is_serializable);
    !(stale || (read && call.outcome == Outcome::Unknown))
}

/// Whether a transaction only reads, and asks for no more than what a member has applied.
fn is_serializable(txn: &TxnRequest) -> bool {
    let mut ops = txn.success.iter().chain(&txn.failure);
    ops.all(|op| matches!(&op.request, Some(Request::RequestRange(range)) if range.serializable))
}

fn decide<M: Model>(model: &M, initial: &M::State, calls: &[Call], memory_max: usize) -> Verdict
where
    M::State: core::fmt::Debug,
{
    match search(model, initial, calls, memory_max) {
        Found::Order => Verdict::Linearizable,
        Found::Undecided => Verdict::Undecided,
        Found::Nothing(stuck) => {
            Verdict::Violation(shortest(model, initial, calls, stuck, memory_max))
        }
    }
}

/// Finds the earliest moment at which the history was already illegal, and describes that one.
///
/// A beginning of a legal history is legal, so the moment can be found by bisection.
fn shortest<M: Model>(
    model: &M,
    initial: &M::State,
    calls: &[Call],
    whole: Stuck<M::State>,
    memory_max: usize,
) -> String
where
    M::State: core::fmt::Debug,
{
    let mut ends: Vec<u64> = calls.iter().filter_map(end).collect();
    ends.sort_unstable();
    let (mut low, mut high) = (0, ends.len() - 1);
    let mut found = (calls.to_vec(), whole);
    while low < high {
        let middle = low + (high - low) / 2;
        let beginning = until(calls, ends[middle]);
        match search(model, initial, &beginning, memory_max) {
            Found::Nothing(stuck) => {
                found = (beginning, stuck);
                high = middle;
            }
            Found::Order | Found::Undecided => low = middle + 1,
        }
    }
    describe(&found.0, &found.1)
}

fn end(call: &Call) -> Option<u64> {
    match call.outcome {
        Outcome::Answered { at, .. } => Some(at),
        Outcome::Unknown => None,
    }
}

/// The history as it stood at a moment: later calls are not there, later answers are unknown.
fn until(calls: &[Call], moment: u64) -> Vec<Call> {
    let begun = calls.iter().filter(|call| call.invoked <= moment).cloned();
    let cut = begun.map(|mut call| {
        if end(&call).is_some_and(|at| at > moment) {
            call.outcome = Outcome::Unknown;
        }
        call
    });
    cut.filter(matters).collect()
}

/// How many calls of the longest legal order are shown.
const SHOWN: usize = 12;

fn describe<S: core::fmt::Debug>(calls: &[Call], stuck: &Stuck<S>) -> String {
    let mut text = format!("V11: {} calls have no legal order\n", calls.len());
    let hidden = stuck.order.len().saturating_sub(SHOWN);
    if hidden > 0 {
        text += &format!("  {hidden} calls fit in order, then\n");
    }
    for position in &stuck.order[hidden..] {
        text += &format!("  fits     {}\n", line(&calls[*position]));
    }
    for position in &stuck.pending {
        text += &format!("  refused  {}\n", line(&calls[*position]));
    }
    let state = format!("{:?}", stuck.state);
    if state.len() < 400 {
        text += &format!("  in state {state}\n");
    }
    text
}

fn line(call: &Call) -> String {
    let asked = summary::request(&call.request);
    let (until, got) = match &call.outcome {
        Outcome::Answered { at, response } => (format!("{at}"), summary::response(response)),
        Outcome::Unknown => (String::from("?"), String::from("unknown")),
    };
    format!("[client {}, {}..{until}] {asked} -> {got}", call.client, call.invoked)
}

/// The specification of everything: the oracle itself.
#[derive(Clone, Copy, Debug)]
struct Whole;

impl Model for Whole {
    type State = Oracle;

    fn step(&self, state: &Oracle, call: &Call) -> Option<Oracle> {
        let mut after = state.clone();
        let reply = after.call(&call.request);
        match &call.outcome {
            Outcome::Unknown => Some(after),
            Outcome::Answered { response, .. } => {
                (normal(reply.response) == normal(response.clone())).then_some(after)
            }
        }
    }

    fn fingerprint(&self, state: &Oracle) -> u64 {
        state.state_hash()
    }
}

/// An answer with its accidental parts set to a fixed value.
fn normal(response: Result<Response, Error>) -> Result<Response, Error> {
    response.map(|mut answer| {
        match &mut answer {
            Response::Range(r) => r.normalise(),
            Response::Put(r) => r.normalise(),
            Response::DeleteRange(r) => r.normalise(),
            Response::Txn(r) => r.normalise(),
            Response::Compaction(r) => r.normalise(),
            Response::LeaseGrant(r) => r.normalise(),
            Response::LeaseRevoke(r) => r.normalise(),
            Response::LeaseCheckpoint(r) => r.normalise(),
            Response::Alarm(r) => r.normalise(),
            Response::Empty => {}
        }
        answer
    })
}
