//! What clients do: puts, transactions, leases, compactions, through any member.

use proto::etcdserverpb as pb;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::request_op::Request;
use tonic::transport::Channel;

use crate::members::{Members, eventually};

/// Puts that are under way at a time.
const TOGETHER: usize = 50;

fn put(key: String, value: &str, lease: i64) -> pb::PutRequest {
    let value = value.to_owned().into();
    pb::PutRequest { key: key.into(), value, lease, ..Default::default() }
}

async fn put_one(channel: &Channel, request: &pb::PutRequest) -> Result<(), String> {
    let mut client = KvClient::new(channel.clone());
    let answer = client.put(request.clone()).await;
    answer.map(drop).map_err(|status| status.message().to_owned())
}

/// Puts many keys; each is tried again until it is taken.
pub async fn puts(members: &Members, via: &str, prefix: &str, count: usize) {
    let channel = members.channel(via).await;
    for first in (0..count).step_by(TOGETHER) {
        let mut running = tokio::task::JoinSet::new();
        for number in first..count.min(first + TOGETHER) {
            let request = put(format!("{prefix}/{}", number % 200), &format!("v{number}"), 0);
            let channel = channel.clone();
            running.spawn(async move {
                eventually("a put", || put_one(&channel, &request)).await;
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.expect("puts succeed");
        }
    }
}

/// Some of everything through one member.
pub async fn all_kinds(members: &Members, via: &str, prefix: &str) {
    puts(members, via, prefix, 50).await;
    let channel = members.channel(via).await;
    transactions(&channel, prefix).await;
    leases(&channel, prefix).await;
    let mut kv = KvClient::new(channel);
    let (key, range_end) = (format!("{prefix}/1"), format!("{prefix}/2"));
    let delete = pb::DeleteRangeRequest {
        key: key.into(),
        range_end: range_end.into(),
        ..Default::default()
    };
    let deleted = kv.delete_range(delete).await.expect("a deletion").into_inner().deleted;
    assert_eq!(deleted, 11, "1 and 10 to 19");
}

async fn transactions(channel: &Channel, prefix: &str) {
    let mut kv = KvClient::new(channel.clone());
    let op = |request| pb::RequestOp { request: Some(request) };
    for round in 0..5 {
        let compare = pb::Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Value.into(),
            key: format!("{prefix}/0").into(),
            target_union: Some(TargetUnion::Value("v0".into())),
            ..Default::default()
        };
        let delete = pb::DeleteRangeRequest {
            key: format!("{prefix}/4{round}").into(),
            ..Default::default()
        };
        let nested = pb::TxnRequest {
            success: vec![op(Request::RequestPut(put(format!("{prefix}/nested"), "x", 0)))],
            ..Default::default()
        };
        let request = pb::TxnRequest {
            compare: vec![compare],
            success: vec![
                op(Request::RequestPut(put(format!("{prefix}/txn{round}"), "t", 0))),
                op(Request::RequestDeleteRange(delete)),
                op(Request::RequestTxn(nested)),
            ],
            failure: Vec::new(),
        };
        let answer = kv.txn(request).await.expect("a transaction").into_inner();
        assert!(answer.succeeded && answer.responses.len() == 3, "{answer:?}");
    }
}

async fn leases(channel: &Channel, prefix: &str) {
    let mut leases = LeaseClient::new(channel.clone());
    let mut granted = Vec::new();
    for number in 0..3 {
        let grant = pb::LeaseGrantRequest { ttl: 600, id: 0 };
        let id = leases.lease_grant(grant).await.expect("a lease").into_inner().id;
        let leased = put(format!("{prefix}/leased{number}"), "l", id);
        put_one(channel, &leased).await.expect("a put");
        granted.push(id);
    }
    // Through a follower these go to the leader, whoever's it is.
    for id in &granted {
        let requests = tokio_stream::iter([pb::LeaseKeepAliveRequest { id: *id }]);
        let mut answers = leases.lease_keep_alive(requests).await.expect("a stream").into_inner();
        let answer = answers.message().await.expect("an answer").expect("an answer");
        assert_eq!((answer.id, answer.ttl), (*id, 600));
        let ask = pb::LeaseTimeToLiveRequest { id: *id, keys: true };
        let left = leases.lease_time_to_live(ask).await.expect("an answer").into_inner();
        assert!((590..=600).contains(&left.ttl) && left.granted_ttl == 600, "{left:?}");
        assert_eq!(left.keys.len(), 1, "{left:?}");
    }
    let revoke = pb::LeaseRevokeRequest { id: granted[0] };
    leases.lease_revoke(revoke).await.expect("it exists");
    let missing = leases.lease_revoke(revoke).await.expect_err("it is gone");
    assert_eq!(missing.message(), "etcdserver: requested lease not found");
}

/// Compacts at the newest revision but a few.
pub async fn compaction(members: &Members, via: &str) {
    let mut kv = KvClient::new(members.channel(via).await);
    let probe = pb::RangeRequest { key: "probe".into(), ..Default::default() };
    let header = kv.range(probe).await.expect("a read").into_inner().header;
    let revision = header.expect("a header").revision - 5;
    let request = pb::CompactionRequest { revision, physical: true };
    kv.compact(request).await.expect("a compaction");
}
