//! Alarms: what is listed, raised and taken back, and what CORRUPT refuses and lets through.

mod support;

use std::path::Path;

use proto::etcdserverpb as pb;
use proto::etcdserverpb::alarm_request::AlarmAction::{Activate, Deactivate, Get};
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::watch_client::WatchClient;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

const NOSPACE: i32 = pb::AlarmType::Nospace as i32;
const CORRUPT: i32 = pb::AlarmType::Corrupt as i32;

struct Client(MaintenanceClient<Channel>);

impl Client {
    async fn alarm(
        &mut self,
        action: i32,
        member_id: u64,
        alarm: i32,
    ) -> Result<Vec<(u64, i32)>, Status> {
        let answer = self.0.alarm(pb::AlarmRequest { action, member_id, alarm }).await?;
        let alarms = answer.into_inner().alarms;
        Ok(alarms.iter().map(|alarm| (alarm.member_id, alarm.alarm)).collect())
    }

    async fn told(&mut self, action: i32, member_id: u64, alarm: i32) -> Vec<(u64, i32)> {
        self.alarm(action, member_id, alarm).await.expect("etcd answers it")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_listed_raised_and_taken_back_exactly() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    process.ready().await;
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let mut client = Client(MaintenanceClient::new(channel));
    let [get, activate, deactivate] = [Get, Activate, Deactivate].map(|action| action as i32);

    assert!(client.told(activate, 7, 0).await.is_empty(), "NONE is never raised");
    assert_eq!(client.told(activate, 7, CORRUPT).await, [(7, CORRUPT)]);
    assert_eq!(client.told(activate, 7, CORRUPT).await, [(7, CORRUPT)], "again: the same");
    assert_eq!(client.told(activate, 0, NOSPACE).await, [(0, NOSPACE)]);
    assert_eq!(client.told(get, 9, CORRUPT).await, [(7, CORRUPT)], "the member is ignored");
    assert_eq!(client.told(get, 0, 0).await, [(0, NOSPACE), (7, CORRUPT)]);
    let status = support::status(&member.client_url()).await.expect("it serves");
    assert_eq!(status.errors, ["alarm:NOSPACE", "memberID:7 alarm:CORRUPT"]);
    let none = client.told(deactivate, 0, CORRUPT).await;
    assert!(none.is_empty(), "zero is a member like any other");
    assert_eq!(client.told(deactivate, 7, CORRUPT).await, [(7, CORRUPT)]);

    // It ends every member of etcd.
    let unknown = client.alarm(7, 0, NOSPACE).await.expect_err("there is no such action");
    let told = (unknown.code(), unknown.message());
    assert_eq!(told, (Code::Unknown, "etcdserver: unknown method"));
    assert_eq!(client.told(deactivate, 0, NOSPACE).await, [(0, NOSPACE)], "it serves on");
    assert!(process.is_running());
}

/// A lone member, and a channel to it.
async fn serving(dir: &Path) -> (support::Process, Channel) {
    let member = support::cluster(dir, 1).remove(0);
    let mut process = member.start();
    process.ready().await;
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    (process, channel)
}

fn refused<T>(what: &str, answer: Result<Response<T>, Status>) {
    let status = answer.map(|_| ()).expect_err(what);
    let told = (status.code(), status.message());
    assert_eq!(told, (Code::DataLoss, "etcdserver: corrupt cluster"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_refuses_every_write_and_lets_reads_and_watches_go_on() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (_process, channel) = serving(dir.path()).await;
    let mut kv = KvClient::new(channel.clone());
    let mut leases = LeaseClient::new(channel.clone());
    let mut alarms = Client(MaintenanceClient::new(channel.clone()));
    support::put(&mut kv, "key", "value").await.expect("no alarm yet");
    leases.lease_grant(pb::LeaseGrantRequest { ttl: 600, id: 5 }).await.expect("no alarm yet");
    // The culprit may be unknown.
    alarms.told(Activate as i32, 0, CORRUPT).await;

    let put = pb::PutRequest { key: "key".into(), ..Default::default() };
    let range = pb::RangeRequest { key: "key".into(), ..Default::default() };
    let op = |request| pb::RequestOp { request: Some(request) };
    let write = op(pb::request_op::Request::RequestPut(put.clone()));
    let read = op(pb::request_op::Request::RequestRange(range.clone()));
    let delete = pb::DeleteRangeRequest { key: "key".into(), ..Default::default() };
    refused("put", kv.put(put).await);
    refused("delete", kv.delete_range(delete).await);
    let txn = |op| pb::TxnRequest { success: vec![op], ..Default::default() };
    refused("txn", kv.txn(txn(write)).await);
    refused("compact", kv.compact(pb::CompactionRequest { revision: 2, physical: false }).await);
    refused("grant", leases.lease_grant(pb::LeaseGrantRequest { ttl: 600, id: 6 }).await);
    refused("revoke", leases.lease_revoke(pb::LeaseRevokeRequest { id: 5 }).await);

    let found = kv.range(range).await.expect("reads go on").into_inner();
    assert_eq!(found.kvs.len(), 1);
    assert!(kv.txn(txn(read)).await.expect("reads go on").into_inner().succeeded);
    let create =
        pb::WatchCreateRequest { key: "key".into(), start_revision: 2, ..Default::default() };
    let create = pb::watch_request::RequestUnion::CreateRequest(create);
    let requests = tokio_stream::iter([pb::WatchRequest { request_union: Some(create) }]);
    let requests = tokio_stream::StreamExt::chain(requests, tokio_stream::pending());
    let answers = WatchClient::new(channel).watch(requests).await;
    let mut answers = answers.expect("watches go on").into_inner();
    assert!(answers.message().await.expect("an answer").expect("an answer").created);
    let events = answers.message().await.expect("an answer").expect("an answer").events;
    assert_eq!(events.len(), 1);

    alarms.told(Deactivate as i32, 0, CORRUPT).await;
    support::put(&mut kv, "key", "value").await.expect("the alarm is gone");
}

/// In etcd CORRUPT lies around NOSPACE, and both around the caller's rights.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_alarms_corrupt_is_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (_process, channel) = serving(dir.path()).await;
    let mut kv = KvClient::new(channel.clone());
    let mut leases = LeaseClient::new(channel.clone());
    let mut alarms = Client(MaintenanceClient::new(channel));
    let put = pb::PutRequest { key: "key".into(), ..Default::default() };
    let grant = pb::LeaseGrantRequest { ttl: 600, id: 6 };
    for order in [[NOSPACE, CORRUPT], [CORRUPT, NOSPACE]] {
        for alarm in order {
            alarms.told(Activate as i32, 7, alarm).await;
        }
        refused("put", kv.put(put.clone()).await);
        refused("grant", leases.lease_grant(grant).await);
        alarms.told(Deactivate as i32, 7, CORRUPT).await;
        let status = kv.put(put.clone()).await.expect_err("there is no space");
        assert_eq!(status.message(), "etcdserver: mvcc: database space exceeded");
        let value = vec![0; 1_600_000].into();
        let large = pb::PutRequest { key: "key".into(), value, ..Default::default() };
        let status = kv.put(large).await.expect_err("neither is it small");
        assert_eq!(status.message(), "etcdserver: request is too large");
        alarms.told(Deactivate as i32, 7, NOSPACE).await;
    }
}
