//! One client: it calls members, gives up, tries another, and lets every answer be judged.
//!
//! A call runs as a task of the member, as it does behind a real socket: it dies with the member
//! and is frozen with it. What a client that gave up does not know is never assumed.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::{Instant, Prng};
use bytes::Bytes;
use futures_util::future::{Either, select};
use model::Response;
use model::check::linearizable::{self as recorded, Call};
use node::{Api, ApiError, Caller, Code};
use prost::Message;
use proto::etcdserverpb as pb;
use tokio::sync::oneshot;

use super::Doors;
use crate::check::kv_operations::{Before, normal};
use crate::cluster::{Cluster, Running};
use crate::env::SimEnv;
use crate::sync::lock;
use crate::world::World;

/// A request as clients make it.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is named after the call")]
pub enum Request {
    Range(pb::RangeRequest),
    Put(pb::PutRequest),
    DeleteRange(pb::DeleteRangeRequest),
    Txn(pb::TxnRequest),
    Compact(pb::CompactionRequest),
    LeaseGrant(pb::LeaseGrantRequest),
    LeaseRevoke(pb::LeaseRevokeRequest),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// With an answer.
    Done(T),
    /// With an error: it had no effect.
    Refused(ApiError),
    /// Without an answer, or with an error that leaves the effect open.
    Unknown,
}

/// What all clients of a run count together.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Operations begun.
    pub begun: AtomicU64,
    /// Operations that were begun and had to end outside of all fault windows.
    pub calm: AtomicU64,
    /// Those of them that were answered.
    pub calm_answered: AtomicU64,
    /// Operations that were answered.
    pub answered: AtomicU64,
    /// Clients stop when this is set.
    pub is_over: AtomicBool,
    /// All calls, where they are recorded (V11).
    pub calls: Option<std::sync::Mutex<Vec<Call>>>,
}

impl Ledger {
    /// An empty one, which records calls or not.
    #[must_use]
    pub fn new(records: bool) -> Ledger {
        Ledger { calls: records.then(std::sync::Mutex::default), ..Ledger::default() }
    }

    /// Records a call.
    pub fn record(
        &self,
        client: u64,
        (begun, ended): (Instant, Instant),
        request: pb::InternalRaftRequest,
        response: Option<Response>,
    ) {
        let Some(calls) = &self.calls else { return };
        let outcome = match response {
            Some(response) => {
                recorded::Outcome::Answered { at: ended.as_nanos(), response: Ok(response) }
            }
            None => recorded::Outcome::Unknown,
        };
        lock(calls).push(Call { client, invoked: begun.as_nanos(), request, outcome });
    }
}

/// A client.
pub struct Client {
    /// The world.
    pub world: Arc<World>,
    /// The members.
    pub cluster: Arc<Cluster>,
    /// The ways to them.
    pub doors: Arc<Doors>,
    /// What clients count.
    pub ledger: Arc<Ledger>,
    /// Its number, for values that no other client writes.
    pub number: u64,
    /// In whose name it calls.
    pub caller: std::sync::Mutex<Caller>,
    /// Its randomness.
    pub prng: std::sync::Mutex<Prng>,
    /// When faults are on, as (begin, end).
    pub windows: Arc<Vec<(Instant, Instant)>>,
    /// Requests that must stand in the log at most once, with whether they were acknowledged.
    pub unique: Arc<std::sync::Mutex<Vec<(pb::InternalRaftRequest, bool)>>>,
    /// Operations of this client.
    pub operations: AtomicU64,
    /// After what time it gives up.
    pub timeout: Duration,
    /// Writes that were refused for lack of space since the client last made room.
    pub refused_full: AtomicU64,
}

impl Request {
    /// The request as it stands in the log.
    #[must_use]
    pub fn entry(&self) -> pb::InternalRaftRequest {
        let mut entry = pb::InternalRaftRequest::default();
        match self.clone() {
            Request::Range(r) => entry.range = Some(r),
            Request::Put(r) => entry.put = Some(r),
            Request::DeleteRange(r) => entry.delete_range = Some(r),
            Request::Txn(r) => entry.txn = Some(r),
            Request::Compact(r) => entry.compaction = Some(r),
            Request::LeaseGrant(r) => entry.lease_grant = Some(r),
            Request::LeaseRevoke(r) => entry.lease_revoke = Some(r),
        }
        entry
    }

    fn name(&self) -> &'static str {
        match self {
            Request::Range(r) if r.serializable => "operation: serializable range",
            Request::Range(_) => "operation: range",
            Request::Put(_) => "operation: put",
            Request::DeleteRange(_) => "operation: delete",
            Request::Txn(t) if model::oracle::is_read_only(t) => "operation: read-only txn",
            Request::Txn(_) => "operation: txn",
            Request::Compact(_) => "operation: compact",
            Request::LeaseGrant(_) => "operation: lease grant",
            Request::LeaseRevoke(_) => "operation: lease revoke",
        }
    }

    async fn call(self, api: Api<SimEnv>, caller: Caller) -> Result<Response, ApiError> {
        match self {
            Request::Range(r) => decode(api.range(&caller, r).await?).map(Response::Range),
            Request::Put(r) => decode(api.put(&caller, r).await?).map(Response::Put),
            Request::DeleteRange(r) => {
                decode(api.delete_range(&caller, r).await?).map(Response::DeleteRange)
            }
            Request::Txn(r) => decode(api.txn(&caller, r).await?).map(Response::Txn),
            Request::Compact(r) => decode(api.compact(&caller, r).await?).map(Response::Compaction),
            Request::LeaseGrant(r) => {
                decode(api.lease_grant(&caller, r).await?).map(Response::LeaseGrant)
            }
            Request::LeaseRevoke(r) => {
                decode(api.lease_revoke(&caller, r).await?).map(Response::LeaseRevoke)
            }
        }
    }
}

/// An answer's message.
///
/// # Errors
/// Never in a correct member: what it encodes can be decoded.
pub fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, ApiError> {
    M::decode(bytes)
        .map_err(|error| ApiError::with_text(Code::Internal, format!("undecodable: {error}")))
}

/// Whether an error says for certain that nothing was or will be done.
fn is_definite(error: &ApiError) -> bool {
    let definite = [
        Code::InvalidArgument,
        Code::NotFound,
        Code::OutOfRange,
        Code::FailedPrecondition,
        Code::Unimplemented,
        Code::PermissionDenied,
        Code::Unauthenticated,
    ];
    definite.contains(&error.code) || *error == ApiError::TOO_MANY_REQUESTS
}

impl Client {
    /// Chooses with the client's own randomness.
    pub fn choose<T>(&self, choose: impl FnOnce(&mut Prng) -> T) -> T {
        choose(&mut lock(&self.prng))
    }

    /// Whether it shall stop.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ledger.is_over.load(Ordering::Relaxed) || self.world.violation().is_some()
    }

    /// Waits about `pause_ms`.
    pub async fn pause(&self, pause_ms: u64) {
        let ms = self.choose(|prng| prng.between(pause_ms / 2, pause_ms + pause_ms / 2));
        self.world.clock.sleep(Duration::from_millis(ms)).await;
        // A full disk is another matter: nobody gains room on it by writing more.
        if self.refused_full.swap(0, Ordering::Relaxed) > 0 && self.cluster.has_quota() {
            super::room::make(self).await;
        }
    }

    /// A value that nobody else writes.
    #[must_use]
    pub fn unique_value(&self) -> Bytes {
        let operation = self.operations.fetch_add(1, Ordering::Relaxed);
        Bytes::from(format!("c{}-{operation}", self.number))
    }

    /// A member, mostly one that runs.
    #[must_use]
    pub fn pick_member(&self) -> usize {
        let mut candidates = self.cluster.active();
        // Who was removed and does not know it may still be asked.
        candidates.extend(self.cluster.lingering());
        let pick = || *self.choose(|prng| prng.pick(&candidates));
        for _ in 0..3 {
            let member = pick();
            if self.cluster.running(member).is_some() && self.doors.lets_in(member) {
                return member;
            }
        }
        pick()
    }

    /// Runs a call on a member, as far as the client learns of it.
    pub async fn at<T: Send + 'static, F>(
        &self,
        member: usize,
        call: impl FnOnce(Running) -> F,
    ) -> Outcome<T>
    where
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let clock = &self.world.clock;
        let micros = self.choose(|prng| prng.between(50, 500));
        clock.sleep(Duration::from_micros(micros)).await;
        let Some(running) = self.cluster.running(member).filter(|_| self.doors.lets_in(member))
        else {
            clock.sleep(Duration::from_millis(50)).await;
            return Outcome::Unknown;
        };
        let (node, life) = (running.node.clone(), running.life.clone());
        let (answer, answered) = oneshot::channel();
        // A call's future is large, and starting a task moves it several times.
        let future = Box::pin(call(running));
        node.spawn(async move {
            let result = future.await;
            // A process that has stopped sends nothing any more.
            if life.is_alive() {
                let _ = answer.send(result);
            }
        });
        let timeout = clock.sleep(self.timeout);
        let result = match select(pin!(answered), timeout).await {
            Either::Left((Ok(result), _)) if self.doors.lets_out(member) => result,
            Either::Left((Ok(_), timeout)) => {
                timeout.await;
                return Outcome::Unknown;
            }
            Either::Left((Err(_), _)) | Either::Right(_) => return Outcome::Unknown,
        };
        match result {
            Ok(answer) => Outcome::Done(answer),
            Err(error) if is_definite(&error) => Outcome::Refused(error),
            Err(error) => {
                self.world.say(0, format_args!("client {}: {error}", self.number));
                if error == ApiError::NO_SPACE {
                    // An answer, but of two kinds: nothing was done, or one write too many was.
                    self.world.count("operation: refused for want of space");
                    self.refused_full.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Unknown
            }
        }
    }

    /// What is certain before a call.
    #[must_use]
    pub fn before(&self) -> Before {
        let checks = lock(&self.world.checks);
        checks.operations.before(checks.ghost().commit())
    }

    /// Notes that an operation begins; tells whether no fault can be to blame if it fails.
    #[must_use]
    pub fn begin(&self, name: &'static str) -> bool {
        self.world.count(name);
        self.ledger.begun.fetch_add(1, Ordering::Relaxed);
        let now = self.world.clock.now();
        let end = now + self.timeout;
        let is_calm = self.windows.iter().all(|&(from, to)| end < from || to < now);
        if is_calm {
            self.ledger.calm.fetch_add(1, Ordering::Relaxed);
        }
        is_calm
    }

    /// Notes that an operation was answered.
    pub fn end(&self, is_calm: bool) {
        self.ledger.answered.fetch_add(1, Ordering::Relaxed);
        if is_calm {
            self.ledger.calm_answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes a request of some member and lets the answer be judged.
    pub async fn request(&self, request: Request) -> Outcome<Response> {
        let member = self.pick_member();
        self.request_of(member, request).await
    }

    /// Makes a request of a member and lets the answer be judged.
    pub async fn request_of(&self, member: usize, request: Request) -> Outcome<Response> {
        let is_calm = self.begin(request.name());
        if let Request::LeaseRevoke(revoke) = &request {
            lock(&self.world.checks).leases.asked(revoke.id);
        }
        let before = self.before();
        let begun = self.world.clock.now();
        let was_gone = self.is_gone(member);
        let sent = request.clone();
        let caller = lock(&self.caller).clone();
        let refused = self.refused_full.load(Ordering::Relaxed);
        let outcome = self.at(member, move |running| sent.call(running.api, caller)).await;
        // Refused for want of space: the outcome may be unknown, but it was answered.
        let ran_full = self.refused_full.load(Ordering::Relaxed) > refused;
        if outcome != Outcome::Unknown || ran_full {
            self.end(is_calm);
        }
        let is_done = matches!(outcome, Outcome::Done(_));
        self.world.record(0, request.name(), &[self.number, member as u64, u64::from(is_done)]);
        if was_gone && is_done {
            let is_linearizable = !matches!(&request, Request::Range(r) if r.serializable)
                && !matches!(&request, Request::Txn(txn) if all_serializable(txn));
            let checks = lock(&self.world.checks);
            let verdict = checks.answered_while_gone(member, is_linearizable);
            drop(checks);
            self.world.judge(verdict);
        }
        self.judge(member, &request, before, begun, &outcome);
        let times = (begun, self.world.clock.now());
        match &outcome {
            Outcome::Done(response) => {
                let response = Some(normal(response.clone()));
                self.ledger.record(self.number, times, request.entry(), response);
            }
            Outcome::Unknown => self.ledger.record(self.number, times, request.entry(), None),
            Outcome::Refused(_) => {}
        }
        outcome
    }

    /// Whether every voter knows that a member was removed.
    fn is_gone(&self, member: usize) -> bool {
        let id = self.world.seats[member].id();
        lock(&self.world.checks).membership.is_gone(id)
    }

    fn judge(
        &self,
        member: usize,
        request: &Request,
        before: Before,
        begun: Instant,
        outcome: &Outcome<Response>,
    ) {
        match (request, outcome) {
            (Request::Range(range), Outcome::Done(Response::Range(answer))) => {
                self.judge_read(before, !range.serializable, range, answer.clone());
            }
            (Request::Txn(txn), Outcome::Done(Response::Txn(answer)))
                if model::oracle::is_read_only(txn) =>
            {
                self.judge_read_txn(before, txn, answer.clone());
            }
            (_, Outcome::Done(answer)) => {
                if self.judge_write(member, before, request, answer.clone())
                    && let Response::LeaseGrant(grant) = answer
                {
                    lock(&self.world.checks).leases.renewed(grant.id, begun, grant.ttl);
                }
            }
            (_, Outcome::Refused(error)) => {
                self.world.say(0, format_args!("client {}: refused: {error}", self.number));
                self.world.count("operation: refused");
            }
            (_, Outcome::Unknown) => self.world.count("operation: unknown outcome"),
        }
        let is_write = !matches!(request, Request::Range(_) | Request::Compact(_))
            && !matches!(request, Request::Txn(txn) if model::oracle::is_read_only(txn));
        if is_write && is_unrepeated(request) {
            let acknowledged = matches!(outcome, Outcome::Done(_));
            lock(&self.unique).push((request.entry(), acknowledged));
        }
    }

    fn judge_write(
        &self,
        member: usize,
        before: Before,
        request: &Request,
        answer: Response,
    ) -> bool {
        let mut checks = lock(&self.world.checks);
        let verdict = checks.wrote(member, &before, &request.entry(), answer);
        drop(checks);
        let is_right = verdict.is_ok();
        self.world.judge(verdict);
        is_right
    }

    fn judge_read(
        &self,
        before: Before,
        is_linearizable: bool,
        request: &pb::RangeRequest,
        answer: pb::RangeResponse,
    ) {
        let verdict = lock(&self.world.checks).read(&before, is_linearizable, request, answer);
        self.world.judge(verdict);
    }

    /// A read-only transaction is judged range by range, each at the transaction's revision.
    fn judge_read_txn(&self, before: Before, txn: &pb::TxnRequest, answer: pb::TxnResponse) {
        let ops = if answer.succeeded { &txn.success } else { &txn.failure };
        for (op, response) in ops.iter().zip(answer.responses) {
            let (
                Some(pb::request_op::Request::RequestRange(range)),
                Some(pb::response_op::Response::ResponseRange(mut response)),
            ) = (&op.request, response.response)
            else {
                continue;
            };
            let revision = answer.header.as_ref().map_or(0, |header| header.revision);
            response.header = model::oracle::header(revision);
            let is_linearizable = !all_serializable(txn);
            self.judge_read(before, is_linearizable, range, response);
        }
    }
}

fn all_serializable(txn: &pb::TxnRequest) -> bool {
    use pb::request_op::Request::RequestRange;
    let mut ops = txn.success.iter().chain(&txn.failure);
    ops.all(|op| matches!(&op.request, Some(RequestRange(range)) if range.serializable))
}

/// Whether no other request of the run is the same: it writes a value of its own.
fn is_unrepeated(request: &Request) -> bool {
    match request {
        Request::Put(put) => !put.ignore_value,
        Request::Txn(txn) => txn.success.iter().any(|op| {
            use pb::request_op::Request::RequestPut;
            matches!(&op.request, Some(RequestPut(put)) if !put.ignore_value)
        }),
        Request::LeaseGrant(_) => true,
        _ => false,
    }
}
