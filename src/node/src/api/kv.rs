//! Keys: Range, Put, DeleteRange, Txn, Compact.

use std::sync::Arc;

use base::RequestId;
use bytes::Bytes;
use mvcc::validate;
use prost::Message;
use proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    request_op,
};
use state::auth::{check_range, check_txn};
use state::{Leases, Reply};

use tokio::sync::{mpsc, oneshot};

use super::{Answer, Api, Barrier, Caller, payload};
use crate::Completed;
use crate::applier::{Published, Unsettled, Work};
use crate::auth::Principal;
use crate::env::Env;
use crate::error::{ApiError, Code};

/// Parts of a stream that wait for their reader.
const STREAM_PARTS_MAX: usize = 2;

impl<E: Env> Api<E> {
    /// KV.Range
    ///
    /// # Errors
    /// As etcd: a bad request, a revision out of the kept range, no leader for a linearizable read.
    pub async fn range(&self, caller: &Caller, request: RangeRequest) -> Answer {
        self.require_leader(caller)?;
        validate::range(&request)?;
        let barrier = match request.serializable {
            true => None,
            false => Some(self.read_barrier().await?),
        };
        let who = self.identify(caller).await?;
        self.inner.metrics.ranges.add(1);
        let view = self.served_view(barrier);
        let identity = Principal::identity(who.as_ref());
        check_range(&view.rest.auth, identity, &request.key, &request.range_end)?;
        // One key costs less than the way to the pool and back.
        let is_small = request.range_end.is_empty();
        let read = move |keys: &mvcc::View<_>| keys.range(&request).map(mvcc::Answer::Range);
        let answer = self.read_view(view, is_small, read).await?;
        self.confirm_revision(who.as_ref())?;
        Ok(answer)
    }

    /// The view that a read is served from once its barrier is passed.
    fn served_view(&self, barrier: Option<Barrier>) -> Arc<Published<E>> {
        let view = self.inner.views.load();
        if let Some(barrier) = barrier {
            self.read_served(barrier, view.applied);
        }
        view
    }

    /// Reads from a view: inline when all is in memory, or when the read is small and the
    /// backend answers fast; else on the pool.
    async fn read_view<R>(&self, view: Arc<Published<E>>, is_small: bool, read: R) -> Answer
    where
        R: FnOnce(&mvcc::View<super::Snapshot<E>>) -> Result<mvcc::Answer, mvcc::ReadError>
            + Send
            + 'static,
    {
        let revision = view.keys.revision();
        let answer = if view.keys.is_memory_only() {
            read(&view.keys)
        } else if is_small && self.reads_inline() {
            let began = self.inner.env.now();
            let answer = read(&view.keys);
            self.inner.read_pace.note(began, self.inner.env.now());
            answer
        } else {
            self.inner.env.blocking(move || read(&view.keys)).await
        };
        let answer = answer.map_err(|error| self.read_failed(error))?;
        Ok(answer.encode(&self.kv_header(revision)))
    }

    fn reads_inline(&self) -> bool {
        let env = &self.inner.env;
        !env.buggify("read: on the pool") && self.inner.read_pace.is_fast(env.now())
    }

    /// A refusal is answered; a local fault of the backend ends the process.
    pub(super) fn read_failed(&self, error: mvcc::ReadError) -> ApiError {
        match error {
            mvcc::ReadError::Refused(error) => error.into(),
            mvcc::ReadError::Backend(error) => {
                self.inner.env.fail_stop(&format!("the backend cannot be read: {error}"));
                ApiError::STOPPED
            }
        }
    }

    /// KV.RangeStream: encoded `RangeStreamResponse`s of one pinned revision, each about as large
    /// as a request may be, so that a large range needs little memory.
    ///
    /// # Errors
    /// As [`Api::range`]; a stream that began can still end with `required revision has been
    /// compacted`.
    pub async fn range_stream(
        &self,
        caller: &Caller,
        request: RangeRequest,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        self.require_leader(caller)?;
        validate::range_stream(&request)?;
        let barrier = match request.serializable {
            true => None,
            false => Some(self.read_barrier().await?),
        };
        let who = self.identify(caller).await?;
        let view = self.served_view(barrier);
        let identity = Principal::identity(who.as_ref());
        check_range(&view.rest.auth, identity, &request.key, &request.range_end)?;
        let header = self.kv_header(view.keys.revision());
        let mut stream = mvcc::RangeStream::new(request, self.inner.config.max_request_bytes);
        let (parts, taken) = mpsc::channel(STREAM_PARTS_MAX);
        let api = self.clone();
        self.inner.env.spawn("range-stream", async move {
            loop {
                // Each part reads the newest view, so that a slow reader pins no old one.
                let view = api.inner.views.load();
                let read = move || (stream.next(&view.keys), stream);
                let (part, rest) = api.inner.env.blocking(read).await;
                stream = rest;
                let answer = match part {
                    // As in etcd, what was sent stands, and the client is told.
                    Ok(None) => match api.confirm_revision(who.as_ref()) {
                        Ok(()) => return,
                        Err(error) => Err(error),
                    },
                    Ok(Some(part)) => Ok(part.encode(&header)),
                    Err(error) => Err(api.read_failed(error)),
                };
                let failed = answer.is_err();
                if parts.send(answer).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(taken)
    }

    /// KV.Put
    ///
    /// # Errors
    /// As etcd.
    pub async fn put(&self, caller: &Caller, request: PutRequest) -> Answer {
        self.require_leader(caller)?;
        validate::put(&request)?;
        let who = self.identify(caller).await?;
        let cost = mvcc::cost::put(&request);
        self.propose_kv(who.as_ref(), payload::PUT, &request, Some(cost)).await
    }

    /// KV.DeleteRange
    ///
    /// # Errors
    /// As etcd.
    pub async fn delete_range(&self, caller: &Caller, request: DeleteRangeRequest) -> Answer {
        self.require_leader(caller)?;
        validate::delete_range(&request)?;
        let who = self.identify(caller).await?;
        self.propose_kv(who.as_ref(), payload::DELETE_RANGE, &request, None).await
    }

    /// KV.Txn
    ///
    /// # Errors
    /// As etcd.
    pub async fn txn(&self, caller: &Caller, request: TxnRequest) -> Answer {
        self.require_leader(caller)?;
        validate::txn(&request, self.inner.config.max_txn_ops)?;
        if is_read_only(&request) {
            let barrier = match is_serializable(&request) {
                true => None,
                false => Some(self.read_barrier().await?),
            };
            return Box::pin(self.read_only_txn(caller, barrier, request)).await;
        }
        let who = self.identify(caller).await?;
        let cost = state::has_put(&request).then(|| mvcc::cost::txn(&request));
        self.propose_kv(who.as_ref(), payload::TXN, &request, cost).await
    }

    async fn read_only_txn(
        &self,
        caller: &Caller,
        barrier: Option<Barrier>,
        request: TxnRequest,
    ) -> Answer {
        let who = self.identify(caller).await?;
        let view = self.served_view(barrier);
        // It writes nothing, so it needs no lease.
        let identity = Principal::identity(who.as_ref());
        check_txn(&view.rest.auth, &Leases::default(), identity, &request)?;
        let read = move |keys: &mvcc::View<_>| keys.txn(&request).map(mvcc::Answer::Txn);
        let answer = self.read_view(view, false, read).await?;
        self.confirm_revision(who.as_ref())?;
        Ok(answer)
    }

    /// KV.Compact
    ///
    /// # Errors
    /// As etcd.
    pub async fn compact(&self, caller: &Caller, request: CompactionRequest) -> Answer {
        self.require_leader(caller)?;
        let who = self.require_admin(caller).await?;
        let answer = self.propose_kv(who.as_ref(), payload::COMPACTION, &request, None).await?;
        if request.physical {
            self.wait_settled(request.revision).await?;
        }
        Ok(answer)
    }

    /// Waits, as long as the caller does, until a crash of this member brings nothing back that the
    /// compaction made dead.
    async fn wait_settled(&self, revision: i64) -> Result<(), ApiError> {
        let (done, settled) = oneshot::channel();
        let work = Work::Settle(Unsettled { revision, done });
        self.inner.applier.send(work).map_err(|_| ApiError::STOPPED)?;
        settled.await.map_err(|_| ApiError::STOPPED)
    }

    /// Encodes before the future is made, so that it does not carry the request. `cost`: the bytes
    /// that it may add to the store; `None` for what adds none.
    fn propose_kv<'a, M: Message>(
        &'a self,
        who: Option<&Principal>,
        field: u32,
        request: &M,
        cost: Option<i64>,
    ) -> impl Future<Output = Answer> + Send + use<'a, E, M> {
        let id = self.inner.ids.next();
        let payload = payload::encode(id, who, field, request);
        self.answer_kv(id, payload, cost)
    }

    async fn answer_kv(&self, id: RequestId, payload: Bytes, cost: Option<i64>) -> Answer {
        let Completed { reply, revision } = self.propose_within_quota(id, payload, cost).await?;
        match reply {
            Reply::Kv(answer) => Ok(answer.encode(&self.kv_header(revision))),
            other => Err(unexpected(&other)),
        }
    }
}

/// An answer of another kind than the request: a broken invariant, told rather than guessed.
pub(super) fn unexpected(reply: &Reply) -> ApiError {
    ApiError::with_text(Code::Internal, format!("unexpected kind of answer: {reply:?}"))
}

/// Only ranges on the top level; a nested transaction makes it a write.
fn is_read_only(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).all(|op| range_of(op).is_some())
}

/// All ranges are serializable; so is, as in etcd, a transaction without operations.
fn is_serializable(txn: &TxnRequest) -> bool {
    let ops = txn.success.iter().chain(&txn.failure);
    ops.filter_map(range_of).all(|range| range.serializable)
}

fn range_of(op: &RequestOp) -> Option<&RangeRequest> {
    match &op.request {
        Some(request_op::Request::RequestRange(range)) => Some(range),
        _ => None,
    }
}
