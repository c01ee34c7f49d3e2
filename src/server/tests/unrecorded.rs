//! What recordings of one etcd cannot show: the errors of a cluster in trouble, provoked by a
//! client over gRPC, and times to live.

mod support;

use std::time::{Duration, Instant};

use proto::etcdserverpb as pb;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use support::load::leader;
use support::members::{add, client, id, newcomer};
use support::{KvClient, Member, PATIENCE, Process};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

async fn start(members: &[Member]) -> Vec<Process> {
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    processes
}

/// A connection whose calls may wait.
async fn patient(member: &Member) -> Channel {
    let endpoint = Endpoint::from_shared(member.client_url()).expect("a URL");
    endpoint.connect().await.expect("the member serves")
}

fn told<T>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.err().expect("it is refused");
    (status.code(), status.message().to_owned())
}

fn etcd(code: Code, text: &str) -> (Code, String) {
    (code, format!("etcdserver: {text}"))
}

fn range() -> pb::RangeRequest {
    pb::RangeRequest { key: "k".into(), ..Default::default() }
}

fn put() -> pb::PutRequest {
    pb::PutRequest { key: "k".into(), value: "v".into(), ..Default::default() }
}

fn with<T>(message: T, name: &'static str, value: &[u8]) -> Request<T> {
    let mut request = Request::new(message);
    let value = AsciiMetadataValue::try_from(value).expect("bytes that a header may have");
    request.metadata_mut().insert(name, value);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_loses_its_followers_tells_readers_writers_and_who_demands_a_leader() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let processes = start(&members).await;
    let at = leader(&members).await;
    let mut kv = KvClient::new(patient(&members[at]).await);
    kv.put(put()).await.expect("three members write");
    kv.range(with(range(), "hasleader", b"true")).await.expect("there is a leader");
    let others = processes.iter().enumerate().filter(|(other, _)| *other != at);
    others.for_each(|(_, process)| process.signal("STOP"));
    let changed = kv.range(range()).await;
    assert_eq!(told(changed), etcd(Code::Unavailable, "leader changed"));
    let led = kv.range(with(range(), "hasleader", b"true")).await;
    assert_eq!(told(led), etcd(Code::Unavailable, "no leader"));
    let local = pb::RangeRequest { serializable: true, ..range() };
    kv.range(local).await.expect("who asks for no more is served");
    let timed_out = etcd(Code::Unavailable, "request timed out");
    assert_eq!(told(kv.put(put()).await), timed_out);
    assert_eq!(told(kv.range(range()).await), timed_out);
    processes.iter().for_each(|process| process.signal("CONT"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_could_cost_the_quorum_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let mut processes = start(&members).await;
    let at = leader(&members).await;
    let (here, down) = (&members[at], (at + 1) % 3);
    let gone = id(&members[(at + 2) % 3]).await;
    processes[down].kill();
    let began = Instant::now();
    let unhealthy = etcd(Code::Unavailable, "unhealthy cluster");
    let request =
        pb::MemberAddRequest { peer_urls: vec!["http://127.0.0.1:1".into()], is_learner: false };
    // Long enough for those who are there to count as connected.
    while began.elapsed() < Duration::from_secs(6) {
        let refused = client(&here.client_url()).await.member_add(request.clone()).await;
        assert_eq!(told(refused), unhealthy);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let refused = client(&here.client_url()).await;
    let refused = { refused }.member_remove(pb::MemberRemoveRequest { id: gone }).await;
    assert_eq!(told(refused), unhealthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_member_is_not_added_before_the_first_has_started() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 1);
    let _processes = start(&members).await;
    let url = members[0].client_url();
    add(&url, &mut newcomer(dir.path(), "m2"), false).await;
    let peer_urls = vec!["http://127.0.0.1:1".into()];
    let second = pb::MemberAddRequest { peer_urls, is_learner: false };
    let text = "re-configuration failed due to not enough started members";
    assert_eq!(told(client(&url).await.member_add(second).await), etcd(Code::Unknown, text));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_member_twice_is_told_by_its_id_within_a_second_and_by_its_url_later() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 1);
    let _processes = start(&members).await;
    let mut cluster = client(&members[0].client_url()).await;
    let peer_urls = vec!["http://127.0.0.1:1".into()];
    let request = pb::MemberAddRequest { peer_urls, is_learner: true };
    let by_id = etcd(Code::FailedPrecondition, "member ID already exist");
    let by_url = etcd(Code::FailedPrecondition, "Peer URLs already exists");
    let began = Instant::now();
    // An id is made of URLs and the second.
    loop {
        let added = cluster.member_add(request.clone()).await.expect("no learner so far");
        let again = told(cluster.member_add(request.clone()).await);
        if again == by_id {
            break;
        }
        assert_eq!(again, by_url, "the second has passed");
        let id = added.into_inner().member.expect("the added one").id;
        cluster.member_remove(pb::MemberRemoveRequest { id }).await.expect("a learner goes");
        assert!(began.elapsed() < PATIENCE, "never twice within a second");
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(told(cluster.member_add(request).await), by_url);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_version_that_is_no_text_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 1);
    let _processes = start(&members).await;
    let mut kv = KvClient::new(patient(&members[0]).await);
    kv.range(with(range(), "client-api-version", b"3.7")).await.expect("a version");
    let refused = kv.range(with(range(), "client-api-version", b"3.\xff")).await;
    assert_eq!(told(refused), etcd(Code::InvalidArgument, "invalid client api version"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_says_that_it_is_one_and_serves_no_more_than_etcds() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 1);
    let _processes = start(&members).await;
    let url = members[0].client_url();
    let mut learner = newcomer(dir.path(), "m2");
    let learner_id = add(&url, &mut learner, true).await;
    let _learner = learner.start();
    let began = Instant::now();
    let status = loop {
        match support::status(&learner.client_url()).await {
            Some(status) => break status,
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        assert!(began.elapsed() < PATIENCE, "{}", learner.log());
    };
    assert!(status.is_learner, "{status:?}");
    assert!(!support::status(&url).await.expect("it serves").is_learner);
    let channel = patient(&learner).await;
    let mut kv = KvClient::new(channel.clone());
    let text = "rpc not supported for learner";
    let refused = etcd(Code::FailedPrecondition, text);
    assert_eq!(told(kv.range(range()).await), refused);
    assert_eq!(told(kv.put(put()).await), refused);
    kv.range(pb::RangeRequest { serializable: true, ..range() }).await.expect("its own state");
    let mut maintenance = MaintenanceClient::new(channel);
    assert_eq!(told(maintenance.alarm(pb::AlarmRequest::default()).await), refused);
    let snapshot = maintenance.snapshot(pb::SnapshotRequest {}).await;
    let blob = snapshot.expect("for learners too").into_inner().message().await;
    assert!(blob.expect("no error").is_some_and(|answer| !answer.blob.is_empty()));
    let began = Instant::now();
    let mut cluster = client(&url).await;
    let promoted = loop {
        let request = pb::MemberPromoteRequest { id: learner_id };
        match cluster.member_promote(request).await {
            Ok(answer) => break answer.into_inner(),
            Err(status) => assert!(began.elapsed() < PATIENCE, "{status}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let own = support::members::id(&members[0]).await;
    let header = promoted.header.expect("a header");
    assert_eq!((header.member_id, header.revision), (own, 0));
    let ids: Vec<u64> = promoted.members.iter().map(|member| member.id).collect();
    assert!(ids.len() == 2 && ids.contains(&own) && ids.contains(&learner_id), "{promoted:?}");
    assert!(promoted.members.iter().all(|member| !member.is_learner), "{promoted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_lives_as_long_as_it_was_granted_for() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 1);
    let _processes = start(&members).await;
    let mut leases = LeaseClient::new(patient(&members[0]).await);
    // None is below what an election needs.
    const MOST: i64 = 9_000_000_000;
    for (wanted, granted) in [(0, 2), (-5, 2), (1, 2), (2, 2), (60, 60), (MOST, MOST)] {
        let request = pb::LeaseGrantRequest { ttl: wanted, id: 0 };
        let answer = leases.lease_grant(request).await.expect("granted").into_inner();
        assert_eq!(answer.ttl, granted, "{wanted}");
        let ask = pb::LeaseTimeToLiveRequest { id: answer.id, keys: false };
        let left = leases.lease_time_to_live(ask).await.expect("it lives").into_inner();
        assert_eq!(left.granted_ttl, granted, "{wanted}");
        assert!((granted - 1..=granted).contains(&left.ttl), "{wanted}: {left:?}");
    }
    let request = pb::LeaseGrantRequest { ttl: MOST + 1, id: 0 };
    let text = "too large lease TTL";
    assert_eq!(told(leases.lease_grant(request).await), etcd(Code::OutOfRange, text));
}
