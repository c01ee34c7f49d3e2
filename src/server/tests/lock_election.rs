//! The lock and election services on real members: one holder at a time in the order of arrival,
//! on whichever member a client waits, and nobody waits for what is gone.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proto::etcdserverpb as pb;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::v3electionpb as epb;
use proto::v3electionpb::election_client::ElectionClient;
use proto::v3lockpb::lock_client::LockClient;
use proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest};
use support::{Member, PATIENCE, Process};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

async fn start(dir: &Path, size: usize) -> (Vec<Member>, Vec<Process>) {
    let members = support::cluster(dir, size);
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    (members, processes)
}

/// A connection whose calls may wait.
async fn patient(member: &Member) -> Channel {
    let endpoint = Channel::from_shared(member.client_url()).expect("a URL");
    endpoint.connect().await.expect("the member serves")
}

async fn grant(member: &Member, ttl: i64) -> i64 {
    let mut leases = LeaseClient::new(patient(member).await);
    let request = pb::LeaseGrantRequest { ttl, id: 0 };
    leases.lease_grant(request).await.expect("granted").into_inner().id
}

async fn revoke(member: &Member, id: i64) {
    let mut leases = LeaseClient::new(patient(member).await);
    leases.lease_revoke(pb::LeaseRevokeRequest { id }).await.expect("revoked");
}

async fn lock(member: &Member, name: &str, lease: i64) -> Result<LockResponse, Status> {
    let request = LockRequest { name: name.to_owned().into(), lease };
    LockClient::new(patient(member).await).lock(request).await.map(tonic::Response::into_inner)
}

async fn unlock(member: &Member, key: impl Into<bytes::Bytes>) {
    let request = UnlockRequest { key: key.into() };
    LockClient::new(patient(member).await).unlock(request).await.expect("unlocked");
}

/// The keys below a name, oldest first.
async fn queue(member: &Member, name: &str) -> Vec<String> {
    let request = pb::RangeRequest {
        key: format!("{name}/").into(),
        range_end: format!("{name}0").into(),
        sort_target: pb::range_request::SortTarget::Create.into(),
        sort_order: pb::range_request::SortOrder::Ascend.into(),
        ..Default::default()
    };
    let answer = KvClient::new(patient(member).await).range(request).await.expect("a range");
    let key = |kv: proto::mvccpb::KeyValue| String::from_utf8(kv.key.to_vec()).expect("text");
    answer.into_inner().kvs.into_iter().map(key).collect()
}

async fn queue_has(member: &Member, name: &str, length: usize) {
    let began = Instant::now();
    loop {
        let keys = queue(member, name).await;
        if keys.len() == length {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{keys:?} have not become {length}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Moves leadership to another member.
async fn move_leader(members: &[Member]) {
    for member in members {
        let status = support::status(&member.client_url()).await.expect("a status");
        let own = status.header.expect("a header").member_id;
        if own != status.leader {
            continue;
        }
        for other in members {
            let id = support::members::id(other).await;
            if id != own {
                let request = pb::MoveLeaderRequest { target_id: id };
                let mut client = MaintenanceClient::new(patient(member).await);
                client.move_leader(request).await.expect("leadership moves");
                return;
            }
        }
    }
    panic!("nobody leads");
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, text: &str) {
    let status = answer.expect_err("refused");
    assert_eq!((status.code(), status.message()), (Code::Unknown, text));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_held_once_and_goes_round_in_the_order_of_arrival() {
    const CLIENTS: usize = 6;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (members, _processes) = start(dir.path(), 3).await;
    let holder = lock(&members[0], "round", 0).await.expect("free");
    let (order, held) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let mut waiting = Vec::new();
    for client in 0..CLIENTS {
        let (member, order, held) = (members[client % 3].clone(), order.clone(), held.clone());
        waiting.push(tokio::spawn(async move {
            let own = lock(&member, "round", 0).await.expect("granted in turn");
            assert!(!held.swap(true, Ordering::SeqCst), "{client} holds what another one holds");
            order.lock().expect("no holder panicked").push(client);
            tokio::time::sleep(Duration::from_millis(20)).await;
            held.store(false, Ordering::SeqCst);
            unlock(&member, own.key).await;
        }));
        queue_has(&members[0], "round", client + 2).await;
    }
    move_leader(&members).await;
    held.store(false, Ordering::SeqCst);
    unlock(&members[1], holder.key).await;
    for waiting in waiting {
        waiting.await.expect("it had its turn");
    }
    let order = order.lock().expect("no holder panicked").clone();
    assert_eq!(order, (0..CLIENTS).collect::<Vec<_>>());
    assert_eq!(queue(&members[2], "round").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_frees_its_lock_and_a_waiter_without_one_is_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (members, _processes) = start(dir.path(), 3).await;
    let short = grant(&members[0], 2).await;
    let held = lock(&members[0], "lease", short).await.expect("free");
    assert_eq!(held.key, format!("lease/{short:x}"));
    let again = lock(&members[1], "lease", short).await.expect("its own");
    assert_eq!(again.key, held.key, "a lease has one place");
    let (first, second) = (grant(&members[0], 60).await, grant(&members[0], 60).await);
    let waiting = |lease, at: usize| {
        let member = members[at].clone();
        tokio::spawn(async move { lock(&member, "lease", lease).await })
    };
    let next = waiting(first, 1);
    queue_has(&members[0], "lease", 2).await;
    let lost = waiting(second, 2);
    queue_has(&members[0], "lease", 3).await;
    // Nobody keeps the first lease alive.
    let next = next.await.expect("no panic").expect("the next one's turn");
    assert_eq!(next.key, format!("lease/{first:x}"));
    revoke(&members[0], second).await;
    assert_eq!(queue(&members[1], "lease").await, [format!("lease/{first:x}")]);
    unlock(&members[0], next.key).await;
    refused(lost.await.expect("no panic"), "mutex: session is expired");
    refused(lock(&members[0], "lease", 4711).await, "etcdserver: requested lease not found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gives_up_leaves_the_queue() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (members, _processes) = start(dir.path(), 1).await;
    let member = &members[0];
    let held = lock(member, "cancel", 0).await.expect("free");
    let mut client = LockClient::new(patient(member).await);
    let mut request = Request::new(LockRequest { name: "cancel".into(), lease: 0 });
    request.set_timeout(Duration::from_millis(300));
    let late = client.lock(request).await.expect_err("the lock is held");
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late}");
    queue_has(member, "cancel", 1).await;
    let gone = tokio::spawn(async move {
        let request = LockRequest { name: "cancel".into(), lease: 0 };
        client.lock(request).await
    });
    queue_has(member, "cancel", 2).await;
    gone.abort();
    queue_has(member, "cancel", 1).await;
    let mut client = ElectionClient::new(patient(member).await);
    let gone = tokio::spawn(async move {
        let name = "cancel".into();
        let request = epb::CampaignRequest { name, lease: 0, value: "v".into() };
        client.campaign(request).await
    });
    queue_has(member, "cancel", 2).await;
    gone.abort();
    queue_has(member, "cancel", 1).await;
    assert_eq!(queue(member, "cancel").await, [String::from_utf8_lossy(&held.key)]);
    unlock(member, held.key).await;
    lock(member, "cancel", 0).await.expect("nobody is left in the queue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_stops_ends_the_calls_that_wait() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (members, mut processes) = start(dir.path(), 1).await;
    let member = members[0].clone();
    lock(&member, "stop", 0).await.expect("free");
    let waiting = tokio::spawn({
        let member = member.clone();
        async move { lock(&member, "stop", 0).await }
    });
    queue_has(&member, "stop", 2).await;
    processes[0].signal("TERM");
    let ended = tokio::time::timeout(PATIENCE, waiting).await.expect("the call ends");
    let status = ended.expect("no panic").expect_err("nobody holds it now");
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    processes[0].wait(PATIENCE);
}

async fn campaign(
    member: &Member,
    lease: i64,
    value: &str,
) -> Result<epb::CampaignResponse, Status> {
    let request = epb::CampaignRequest { name: "e".into(), lease, value: value.to_owned().into() };
    ElectionClient::new(patient(member).await)
        .campaign(request)
        .await
        .map(tonic::Response::into_inner)
}

fn value(response: &epb::LeaderResponse) -> String {
    let kv = response.kv.as_ref().expect("a leader has a pair");
    String::from_utf8(kv.value.to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_sees_each_leader_and_what_it_proclaims() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (members, _processes) = start(dir.path(), 3).await;
    let request = || epb::LeaderRequest { name: "e".into() };
    let mut here = ElectionClient::new(patient(&members[0]).await);
    refused(here.leader(request()).await, "election: no leader");
    // The headers of a stream come with its first answer.
    let observing = tokio::spawn({
        let mut there = ElectionClient::new(patient(&members[2]).await);
        async move { there.observe(request()).await.expect("it observes").into_inner() }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lease = grant(&members[0], 60).await;
    let won = campaign(&members[0], lease, "a").await.expect("nobody else");
    let leader = won.leader.expect("a leader");
    assert_eq!(leader.key, format!("e/{lease:x}"));
    assert_eq!(leader.rev, won.header.expect("a header").revision);
    assert_eq!((&leader.name[..], leader.lease), (&b"e"[..], lease));
    let elsewhere = here.leader(epb::LeaderRequest { name: "f".into() }).await;
    refused(elsewhere, "election: no leader");
    let mut observed = observing.await.expect("no panic");
    let mut next = async || observed.message().await.expect("it goes on").expect("a leader");
    assert_eq!(value(&next().await), "a");
    let again = campaign(&members[1], lease, "a2").await.expect("its own");
    assert_eq!(again.leader.as_ref().map(|leader| leader.rev), Some(leader.rev));
    assert_eq!(value(&next().await), "a2");
    let second = tokio::spawn({
        let member = members[1].clone();
        async move { campaign(&member, 0, "b").await }
    });
    queue_has(&members[0], "e", 2).await;
    move_leader(&members).await;
    let proclaim = |leader: &epb::LeaderKey, value: &'static str| epb::ProclaimRequest {
        leader: Some(leader.clone()),
        value: value.into(),
    };
    here.proclaim(proclaim(&leader, "a3")).await.expect("it leads");
    assert_eq!(value(&next().await), "a3");
    let resign = epb::ResignRequest { leader: Some(leader.clone()) };
    here.resign(resign.clone()).await.expect("it leads");
    let second = second.await.expect("no panic").expect("the second one's turn");
    let seen = next().await;
    assert_eq!(value(&seen), "b");
    assert_eq!(seen.kv.map(|kv| kv.key), second.leader.map(|leader| leader.key));
    assert_eq!(value(&here.leader(request()).await.expect("a leader").into_inner()), "b");
    here.resign(resign).await.expect("resigning twice is no error");
    refused(here.proclaim(proclaim(&leader, "late")).await, "election: not leader");
    let missing = "\"leader\" field must be provided";
    refused(here.proclaim(epb::ProclaimRequest::default()).await, missing);
    refused(here.resign(epb::ResignRequest::default()).await, missing);
}
