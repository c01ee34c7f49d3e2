//! The calls that a recording makes.

use std::error::Error;
use std::time::Duration;

use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::watch_client::WatchClient;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    HashKvRequest, InternalRaftRequest, RangeRequest, WatchCreateRequest, WatchRequest,
    WatchResponse,
};
use tonic::transport::{Channel, Endpoint};

use crate::line::Line;

/// How long a member may take to serve.
const START_TRIES: u32 = 300;

/// Clients of all services of one member.
pub struct Client {
    kv: KvClient<Channel>,
    lease: LeaseClient<Channel>,
    maintenance: MaintenanceClient<Channel>,
    watch: WatchClient<Channel>,
}

impl Client {
    /// Connects, and waits until the member serves.
    pub async fn connect(endpoint: &str) -> Result<Client, Box<dyn Error>> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?.connect_lazy();
        let mut client = Client {
            kv: KvClient::new(channel.clone()),
            lease: LeaseClient::new(channel.clone()),
            maintenance: MaintenanceClient::new(channel.clone()),
            watch: WatchClient::new(channel),
        };
        for _ in 0..START_TRIES {
            if client.revision().await.is_ok() {
                return Ok(client);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the member does not serve".into())
    }

    /// The current revision.
    pub async fn revision(&mut self) -> Result<i64, tonic::Status> {
        let request = RangeRequest { key: "x".into(), ..RangeRequest::default() };
        let answer = self.kv.range(request).await?.into_inner();
        Ok(answer.header.map_or(0, |header| header.revision))
    }

    /// Makes the call that a request asks for; nothing when there is none, or when its answer
    /// cannot be known before.
    pub async fn replay(&mut self, request: &InternalRaftRequest) -> Option<Line> {
        let all = request.clone();
        if let Some(r) = all.range {
            return Some(Line::new("Range", &r, self.kv.range(r.clone()).await));
        }
        if let Some(r) = all.put {
            return Some(Line::new("Put", &r, self.kv.put(r.clone()).await));
        }
        if let Some(r) = all.delete_range {
            return Some(Line::new("DeleteRange", &r, self.kv.delete_range(r.clone()).await));
        }
        if let Some(r) = all.txn {
            return Some(Line::new("Txn", &r, self.kv.txn(r.clone()).await));
        }
        if let Some(r) = all.compaction {
            return Some(Line::new("Compact", &r, self.kv.compact(r).await));
        }
        if let Some(r) = all.lease_grant.filter(|grant| grant.id != 0) {
            return Some(Line::new("LeaseGrant", &r, self.lease.lease_grant(r).await));
        }
        if let Some(r) = all.lease_revoke {
            return Some(Line::new("LeaseRevoke", &r, self.lease.lease_revoke(r).await));
        }
        if let Some(r) = all.alarm {
            return Some(Line::new("Alarm", &r, self.maintenance.alarm(r).await));
        }
        None
    }

    /// The hash of the key space.
    pub async fn hash_kv(&mut self, request: HashKvRequest) -> Line {
        Line::new("HashKV", &request, self.maintenance.hash_kv(request).await)
    }

    /// All events from a revision to the current one, gathered into one answer.
    pub async fn watch(&mut self, start_revision: i64) -> Result<Line, Box<dyn Error>> {
        let create = WatchCreateRequest {
            key: "\0".into(),
            range_end: "\0".into(),
            start_revision,
            prev_kv: true,
            ..WatchCreateRequest::default()
        };
        let head = self.revision().await?;
        let union = RequestUnion::CreateRequest(create.clone());
        let request = WatchRequest { request_union: Some(union) };
        let stream = Once(Some(request));
        let mut answers = self.watch.watch(stream).await?.into_inner();
        let mut gathered = WatchResponse::default();
        while let Some(answer) = answers.message().await? {
            gathered.events.extend(answer.events);
            let last = gathered.events.last().and_then(|event| event.kv.as_ref());
            if last.is_some_and(|kv| kv.mod_revision == head) {
                break;
            }
        }
        Ok(Line::new("Watch", &create, Ok(tonic::Response::new(gathered))))
    }
}

/// A request stream of one message that then stays open.
struct Once(Option<WatchRequest>);

impl tonic::codegen::tokio_stream::Stream for Once {
    type Item = WatchRequest;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<WatchRequest>> {
        match self.0.take() {
            Some(request) => std::task::Poll::Ready(Some(request)),
            None => std::task::Poll::Pending,
        }
    }
}
