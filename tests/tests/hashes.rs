//! Hash and HashKV against a real etcd: one member of each, one after the other on the same ports
//! and so with the same ids, is given the same requests, and must say the same after each, for
//! every revision. That covers keys, leases, members, alarms, versions and downgrades, and the
//! hashes that are kept of compactions.

use std::path::Path;
use std::time::{Duration, Instant};

use proto::etcdserverpb as pb;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::downgrade_request::DowngradeAction;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use tests::binaries::built;
use tests::cluster::{Cluster, Member};
use tests::go;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::transport::Channel;

/// What is asked of a member, in order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(&'static str, &'static str, i64),
    Delete(&'static str, &'static str),
    Swap(&'static str, &'static str),
    Compact(i64),
    Grant(i64),
    Revoke(i64),
    Alarm(AlarmAction),
    Downgrade(DowngradeAction),
}

use Step::{Alarm, Compact, Delete, Downgrade, Grant, Put, Revoke, Swap};

const STEPS: &[Step] = &[
    Put("a", "1", 0),
    Put("b", "2", 0),
    Grant(7),
    Put("l/1", "x", 7),
    Put("a", "3", 7),
    Delete("b", ""),
    Compact(4),
    Swap("a", "c"),
    Put("b", "4", 0),
    Delete("a", "z"),
    // At a tombstone, with nothing alive beneath.
    Compact(9),
    Put("d", "5", 0),
    Alarm(AlarmAction::Activate),
    Put("d", "6", 0),
    Compact(10),
    Alarm(AlarmAction::Deactivate),
    Put("d", "7", 0),
    Delete("d", ""),
    Put("e", "", 0),
    Revoke(7),
    Compact(12),
    Downgrade(DowngradeAction::Enable),
    Compact(14),
    Downgrade(DowngradeAction::Cancel),
    Put("f", "8", 0),
];

/// What a member says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    state: u32,
    /// For the newest and for each revision: its hash, what it covers, and how new the member is.
    history: Vec<Result<(u32, i64, i64, i64), String>>,
    /// What peers are told of some revisions: status and body.
    peers: Vec<(String, String)>,
}

fn op(request: pb::request_op::Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

async fn act(channel: &Channel, step: Step) -> Result<(), tonic::Status> {
    let mut kv = KvClient::new(channel.clone());
    let mut leases = LeaseClient::new(channel.clone());
    let mut maintenance = MaintenanceClient::new(channel.clone());
    let put = |key: &'static str, value: &'static str, lease| pb::PutRequest {
        key: key.into(),
        value: value.into(),
        lease,
        ..Default::default()
    };
    match step {
        Put(key, value, lease) => kv.put(put(key, value, lease)).await.map(drop),
        Delete(key, end) => {
            let (key, range_end) = (key.into(), end.into());
            let request = pb::DeleteRangeRequest { key, range_end, ..Default::default() };
            kv.delete_range(request).await.map(drop)
        }
        Swap(old, new) => {
            use pb::request_op::Request::{RequestDeleteRange, RequestPut};
            let delete = pb::DeleteRangeRequest { key: old.into(), ..Default::default() };
            let success =
                vec![op(RequestPut(put(new, "swapped", 0))), op(RequestDeleteRange(delete))];
            kv.txn(pb::TxnRequest { success, ..Default::default() }).await.map(drop)
        }
        Compact(revision) => {
            kv.compact(pb::CompactionRequest { revision, physical: true }).await.map(drop)
        }
        Grant(id) => leases.lease_grant(pb::LeaseGrantRequest { ttl: 3600, id }).await.map(drop),
        Revoke(id) => leases.lease_revoke(pb::LeaseRevokeRequest { id }).await.map(drop),
        Alarm(action) => {
            let alarm = pb::AlarmType::Nospace.into();
            let request = pb::AlarmRequest { action: action.into(), member_id: 5, alarm };
            maintenance.alarm(request).await.map(drop)
        }
        Downgrade(action) => {
            let request = pb::DowngradeRequest { action: action.into(), version: "3.6".into() };
            maintenance.downgrade(request).await.map(drop)
        }
    }
}

/// What a member answers to another that asks for the hash at a revision.
async fn told_to_peers(member: &Member, revision: i64) -> (String, String) {
    let address = member.peer_url().trim_start_matches("http://").to_owned();
    let body = format!("{{\"revision\":{revision}}}");
    let length = body.len();
    let request = format!(
        "GET /members/hashkv HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut buffer = Vec::new();
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    // A member of etcd may take seconds until it closes the connection.
    loop {
        let read = stream.read_buf(&mut buffer).await.expect("it answers");
        assert!(read > 0, "the answer ended early");
        let text = String::from_utf8_lossy(&buffer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|text| text.parse().ok()).expect("a length");
        if body.len() >= length {
            let status = head.lines().next().unwrap_or_default();
            return (status.to_owned(), body.trim_end().to_owned());
        }
    }
}

async fn said(channel: &Channel, member: &Member) -> Said {
    let mut client = MaintenanceClient::new(channel.clone());
    let state = client.hash(pb::HashRequest {}).await.expect("a hash").into_inner().hash;
    let mut history = Vec::new();
    for revision in 0..18 {
        let answer = client.hash_kv(pb::HashKvRequest { revision }).await;
        let told = answer.map(tonic::Response::into_inner).map(|answer| {
            let revision = answer.header.map_or(0, |header| header.revision);
            (answer.hash, answer.compact_revision, answer.hash_revision, revision)
        });
        history.push(told.map_err(|status| status.message().to_owned()));
    }
    let mut peers = Vec::new();
    for revision in [0, 3, 4, 9, 10, 12, 99] {
        peers.push(told_to_peers(member, revision).await);
    }
    Said { state, history, peers }
}

/// Versions move by themselves, within seconds.
async fn wait_for_version(channel: &Channel, version: &str) {
    let mut client = MaintenanceClient::new(channel.clone());
    let began = Instant::now();
    loop {
        let status = client.status(pb::StatusRequest {}).await.expect("a status").into_inner();
        if status.storage_version == version {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "not {version}: {status:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn feed(server: &Path, member: &Member) -> Vec<Said> {
    let _cluster = Cluster::of(server, std::slice::from_ref(member));
    let channel = Channel::from_shared(member.client_url()).expect("a URL");
    let channel = channel.connect().await.expect("it serves");
    wait_for_version(&channel, "3.7.0").await;
    let mut all = vec![said(&channel, member).await];
    for step in STEPS {
        // What is refused is refused by both, and changes nothing.
        let _refused = act(&channel, *step).await;
        match step {
            Downgrade(DowngradeAction::Enable) => wait_for_version(&channel, "3.6.0").await,
            Downgrade(_) => wait_for_version(&channel, "3.7.0").await,
            _ => {}
        }
        all.push(said(&channel, member).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_are_those_of_etcd_after_every_request() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let member = Member::new("default", folder.path());
    let theirs = feed(go::etcd(), &member).await;
    let mut again = member.clone();
    again.data_dir = folder.path().join("cairn");
    let ours = feed(&built("cairn"), &again).await;
    for (at, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        let after = at.checked_sub(1).map(|at| STEPS[at]);
        assert_eq!(ours, theirs, "after {after:?}, the {at}th");
    }
    assert_eq!(theirs.len(), STEPS.len() + 1);
}
