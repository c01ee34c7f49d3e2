//! Locks and elections as Go's client makes them of keys: who has the oldest key under a name has
//! the turn, and everybody else waits until the keys before theirs are deleted.

use std::time::Duration;

use bytes::Bytes;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp,
    ResponseHeader, TxnRequest, TxnResponse, WatchCreateRequest, WatchRequest, WatchResponse,
};
use proto::mvccpb::KeyValue;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::ctl::client::{Client, Effect, request};
use crate::ctl::failure::Failure;

/// How long to wait before a lost watch is opened again.
const RETRY: Duration = Duration::from_millis(500);

/// A queue of keys.
#[derive(Clone)]
pub struct Queue<'a> {
    client: Client<'a>,
    prefix: Bytes,
}

/// A place in it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The key.
    pub key: Bytes,
    /// The revision that created it.
    pub revision: i64,
    /// The header of the transaction that took the place.
    pub header: ResponseHeader,
}

fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn created_at(key: &Bytes, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

fn revision(header: &Option<ResponseHeader>) -> i64 {
    header.as_ref().map_or(0, |header| header.revision)
}

impl<'a> Queue<'a> {
    /// The queue of a name.
    pub fn new(client: Client<'a>, name: &[u8]) -> Queue<'a> {
        Queue { client, prefix: [name, b"/"].concat().into() }
    }

    fn end(&self) -> Bytes {
        super::prefix_end(&self.prefix)
    }

    fn oldest(&self) -> RangeRequest {
        RangeRequest {
            key: self.prefix.clone(),
            range_end: self.end(),
            limit: 1,
            sort_target: SortTarget::Create.into(),
            sort_order: SortOrder::Ascend.into(),
            ..Default::default()
        }
    }

    /// Reads, however long it takes.
    pub async fn range(&self, range: RangeRequest) -> Result<RangeResponse, Failure> {
        let client = self.client;
        let call = |channel| {
            let range = request(range.clone());
            async move { client.kv(channel).range(range).await }
        };
        client.call_within(None, Effect::Read, call).await
    }

    /// Reads one key.
    pub async fn get(&self, key: &Bytes) -> Result<RangeResponse, Failure> {
        self.range(RangeRequest { key: key.clone(), ..Default::default() }).await
    }

    async fn txn(&self, txn: TxnRequest) -> Result<TxnResponse, Failure> {
        let client = self.client;
        let call = |channel| {
            let txn = request(txn.clone());
            async move { client.kv(channel).txn(txn).await }
        };
        client.call_within(None, Effect::Write, call).await
    }

    /// Takes a place with a lease that has none yet.
    pub async fn join(&self, lease: i64, value: Bytes) -> Result<Place, Failure> {
        let key: Bytes = [&self.prefix[..], format!("{lease:x}").as_bytes()].concat().into();
        let put = PutRequest { key: key.clone(), value, lease, ..Default::default() };
        let get = RangeRequest { key: key.clone(), ..Default::default() };
        let txn = TxnRequest {
            compare: vec![created_at(&key, 0)],
            success: vec![op(Request::RequestPut(put))],
            failure: vec![op(Request::RequestRange(get))],
        };
        let answer = self.txn(txn).await?;
        let found = answer.responses.iter().find_map(|response| match &response.response {
            Some(Response::ResponseRange(range)) => range.kvs.first(),
            _ => None,
        });
        let own = found.map_or(revision(&answer.header), |found| found.create_revision);
        Ok(Place { key, revision: own, header: answer.header.unwrap_or_default() })
    }

    /// Waits until no key is older than that of the place; whether there was one.
    pub async fn wait(&self, place: &Place) -> Result<bool, Failure> {
        let mut waited = false;
        loop {
            let before = self.range(RangeRequest {
                sort_order: SortOrder::Descend.into(),
                max_create_revision: place.revision - 1,
                ..self.oldest()
            });
            let before = before.await?;
            let Some(last) = before.kvs.into_iter().next() else { return Ok(waited) };
            waited = true;
            let mut watch = self.watch(last.key, Bytes::new(), revision(&before.header) + 1);
            // What ends a watch may have hidden the deletion, so the queue is read again.
            while let Some(answer) = watch.next().await {
                if answer.events.iter().any(is_delete) {
                    break;
                }
            }
        }
    }

    /// Deletes the key of a place, whatever became of it.
    pub async fn unlock(&self, place: &Place) -> Result<(), Failure> {
        let client = self.client;
        let delete = DeleteRangeRequest { key: place.key.clone(), ..Default::default() };
        let call = |channel| {
            let delete = request(delete.clone());
            async move { client.kv(channel).delete_range(delete).await }
        };
        client.call_within(None, Effect::Write, call).await.map(drop)
    }

    /// Deletes the key of a place if it still is that place.
    pub async fn resign(&self, place: &Place) -> Result<(), Failure> {
        let delete = DeleteRangeRequest { key: place.key.clone(), ..Default::default() };
        let txn = TxnRequest {
            compare: vec![created_at(&place.key, place.revision)],
            success: vec![op(Request::RequestDeleteRange(delete))],
            failure: Vec::new(),
        };
        self.txn(txn).await.map(drop)
    }

    /// Waits for the leader that comes first: what it has proclaimed.
    pub async fn leader(&self) -> Result<RangeResponse, Failure> {
        loop {
            let answer = self.range(self.oldest()).await?;
            if !answer.kvs.is_empty() {
                return Ok(one(answer.header.unwrap_or_default(), answer.kvs[0].clone()));
            }
            let from = revision(&answer.header) + 1;
            let mut watch = self.watch(self.prefix.clone(), self.end(), from);
            while let Some(answer) = watch.next().await {
                let put = answer.events.iter().find(|event| !is_delete(event));
                if let Some(kv) = put.and_then(|event| event.kv.clone()) {
                    let revision = kv.mod_revision;
                    let header = answer.header.unwrap_or_default();
                    return Ok(one(ResponseHeader { revision, ..header }, kv));
                }
            }
        }
    }

    /// Watches from a revision on.
    pub fn watch(&self, key: Bytes, range_end: Bytes, start_revision: i64) -> KeyWatch<'a> {
        let create =
            WatchCreateRequest { key, range_end, start_revision, ..WatchCreateRequest::default() };
        KeyWatch { client: self.client, create, open: None }
    }
}

/// An answer with one pair, as Go's observer makes it.
pub fn one(header: ResponseHeader, kv: KeyValue) -> RangeResponse {
    RangeResponse { header: Some(header), kvs: vec![kv], ..Default::default() }
}

/// Whether an event is the end of a key.
pub fn is_delete(event: &proto::mvccpb::Event) -> bool {
    event.r#type() == proto::mvccpb::event::EventType::Delete
}

/// One watch, which goes on where it stopped when its connection is lost.
pub struct KeyWatch<'a> {
    client: Client<'a>,
    create: WatchCreateRequest,
    /// The requests stay open as long as the answers are wanted.
    open: Option<(mpsc::Sender<WatchRequest>, Box<Streaming<WatchResponse>>)>,
}

impl KeyWatch<'_> {
    /// The next answer; none when the watch was cancelled, as by a compaction.
    pub async fn next(&mut self) -> Option<WatchResponse> {
        loop {
            let answer = match &mut self.open {
                Some((_, answers)) => answers.message().await,
                None => match self.begin().await {
                    Ok(()) => continue,
                    Err(_) => Ok(None),
                },
            };
            let Ok(Some(answer)) = answer else {
                self.open = None;
                tokio::time::sleep(RETRY).await;
                continue;
            };
            if answer.canceled {
                return None;
            }
            // Not behind the header: while a watch catches up, more may follow below it.
            if let Some(kv) = answer.events.last().and_then(|event| event.kv.as_ref()) {
                self.create.start_revision = kv.mod_revision + 1;
                return Some(answer);
            }
        }
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        let (_, channel) = self.client.any().await?;
        let (requests, stream) = mpsc::channel(1);
        let create = RequestUnion::CreateRequest(self.create.clone());
        let first = WatchRequest { request_union: Some(create) };
        requests.try_send(first).expect("a new queue has room for one");
        let call = request(ReceiverStream::new(stream));
        let answers = self.client.watch(channel).watch(call).await.map_err(Failure::error)?;
        self.open = Some((requests, Box::new(answers.into_inner())));
        Ok(())
    }
}
