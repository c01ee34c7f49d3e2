//! The lock, election and health services of a real etcd and of Cairn: one scenario runs on both,
//! and every answer, error and observed leader must be the same.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use proto::etcdserverpb as pb;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::grpc::health::v1 as health;
use proto::grpc::health::v1::health_client::HealthClient;
use proto::mvccpb::KeyValue;
use proto::v3electionpb as epb;
use proto::v3electionpb::election_client::ElectionClient;
use proto::v3lockpb::lock_client::LockClient;
use proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest};
use tests::cluster::{Cluster, Member};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Response, Status};

const PATIENCE: Duration = Duration::from_secs(60);

/// What happened, line by line, without ids that servers choose.
struct Scenario {
    channel: Channel,
    lines: Vec<String>,
}

fn revision(header: &Option<pb::ResponseHeader>) -> i64 {
    header.as_ref().map_or(0, |header| header.revision)
}

/// Leases of this scenario have small numbers; another one was chosen by the server.
fn lease(id: i64) -> String {
    if id.unsigned_abs() < 0x1000 { format!("{id:x}") } else { "own".into() }
}

fn key(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key).into_owned();
    match text.rsplit_once('/') {
        Some((name, id)) if id.len() > 4 => format!("{name}/own"),
        _ => text,
    }
}

fn pair(kv: &Option<KeyValue>) -> String {
    let Some(kv) = kv else { return "nothing".into() };
    let value = String::from_utf8_lossy(&kv.value);
    let (created, changed) = (kv.create_revision, kv.mod_revision);
    let (key, lease) = (key(&kv.key), lease(kv.lease));
    format!("{key}={value} created {created} changed {changed} v{} lease {lease}", kv.version)
}

fn locked(answer: &LockResponse) -> String {
    format!("{} at {}", key(&answer.key), revision(&answer.header))
}

fn leads(answer: &epb::CampaignResponse) -> String {
    let leader = answer.leader.as_ref().expect("a campaign has a leader");
    let (name, rev) = (String::from_utf8_lossy(&leader.name), leader.rev);
    let (key, lease) = (key(&leader.key), lease(leader.lease));
    format!("{name} {key} since {rev} lease {lease} at {}", revision(&answer.header))
}

fn told<T>(answer: Result<Response<T>, Status>, shown: impl Fn(&T) -> String) -> String {
    match answer {
        Ok(answer) => shown(&answer.into_inner()),
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}

impl Scenario {
    fn note(&mut self, what: &str, told: impl Debug) {
        self.lines.push(format!("{what}: {told:?}"));
    }

    fn locks(&self) -> LockClient<Channel> {
        LockClient::new(self.channel.clone())
    }

    fn elections(&self) -> ElectionClient<Channel> {
        ElectionClient::new(self.channel.clone())
    }

    async fn grant(&mut self, id: i64) {
        let request = pb::LeaseGrantRequest { ttl: 600, id };
        let granted = LeaseClient::new(self.channel.clone()).lease_grant(request).await;
        granted.expect("a lease of that number");
    }

    async fn revoke(&mut self, id: i64) {
        let request = pb::LeaseRevokeRequest { id };
        let revoked = LeaseClient::new(self.channel.clone()).lease_revoke(request).await;
        self.note("revoke", told(revoked, |answer| revision(&answer.header).to_string()));
    }

    async fn all(&self, prefix: &str) -> Vec<String> {
        let from = if prefix.is_empty() { "\0" } else { prefix };
        let request = pb::RangeRequest {
            key: from.to_owned().into(),
            range_end: "~".into(),
            ..Default::default()
        };
        let answer = KvClient::new(self.channel.clone()).range(request).await.expect("a range");
        let pairs = answer.into_inner().kvs.into_iter();
        pairs
            .map(Some)
            .filter(|kv| key(&kv.as_ref().expect("some").key).starts_with(prefix))
            .map(|kv| pair(&kv))
            .collect()
    }

    async fn queue_has(&self, name: &str, length: usize) {
        let began = Instant::now();
        while self.all(name).await.len() != length {
            assert!(began.elapsed() < PATIENCE, "{name} has not {length} keys");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn lock(&mut self, name: &'static str, lease: i64) {
        let answer = self.locks().lock(LockRequest { name: name.into(), lease }).await;
        self.note("lock", told(answer, locked));
    }

    /// A lock that has to wait.
    async fn wait(&self, name: &'static str, lease: i64, length: usize) -> JoinHandle<String> {
        let mut locks = self.locks();
        let waiting = tokio::spawn(async move {
            told(locks.lock(LockRequest { name: name.into(), lease }).await, locked)
        });
        self.queue_has(name, length).await;
        waiting
    }

    async fn unlock(&mut self, key: &'static str) {
        let answer = self.locks().unlock(UnlockRequest { key: key.into() }).await;
        self.note("unlock", told(answer, |answer| revision(&answer.header).to_string()));
    }

    async fn run_locks(&mut self) {
        for id in [0x10, 0x11, 0x12] {
            self.grant(id).await;
        }
        self.lock("a", 0x10).await;
        self.lock("a", 0x10).await;
        self.lock("a", 0x999).await;
        self.lock("a", -5).await;
        self.unlock("").await;
        // Another name, so there is nothing to wait for.
        self.lock("a/", 0x11).await;
        self.unlock("a//11").await;
        let second = self.wait("a", 0x11, 2).await;
        self.unlock("a/10").await;
        self.note("second", second.await.expect("no panic"));
        self.unlock("a/10").await;
        let lost = self.wait("a", 0x10, 2).await;
        let third = self.wait("a", 0x12, 3).await;
        self.revoke(0x10).await;
        self.unlock("a/11").await;
        self.note("third", third.await.expect("no panic"));
        self.note("lost", lost.await.expect("no panic"));
        let gone = self.wait("a", 0, 2).await;
        gone.abort();
        self.queue_has("a", 1).await;
        self.lock("", 0x11).await;
        self.lock("own", 0).await;
        let mut leases = LeaseClient::new(self.channel.clone());
        let ids = leases.lease_leases(pb::LeaseLeasesRequest {}).await.expect("a list");
        for id in ids.into_inner().leases.iter().filter(|one| lease(one.id) == "own") {
            let question = pb::LeaseTimeToLiveRequest { id: id.id, keys: true };
            let answer = leases.lease_time_to_live(question).await.expect("it lives").into_inner();
            let keys: Vec<String> = answer.keys.iter().map(|each| key(each)).collect();
            self.note("own lease", (answer.granted_ttl, keys));
        }
        let unsorted = self.lines.len();
        self.lines[unsorted - 2..].sort();
    }

    async fn campaign(&mut self, lease: i64, value: &'static str) {
        let request = epb::CampaignRequest { name: "e".into(), lease, value: value.into() };
        let answer = self.elections().campaign(request).await;
        self.note("campaign", told(answer, leads));
    }

    async fn proclaim(&mut self, leader: Option<epb::LeaderKey>, value: &'static str) {
        let request = epb::ProclaimRequest { leader, value: value.into() };
        let answer = self.elections().proclaim(request).await;
        self.note("proclaim", told(answer, |answer| revision(&answer.header).to_string()));
    }

    async fn resign(&mut self, leader: Option<epb::LeaderKey>) {
        let answer = self.elections().resign(epb::ResignRequest { leader }).await;
        self.note("resign", told(answer, |answer| revision(&answer.header).to_string()));
    }

    async fn leader(&mut self) {
        let answer = self.elections().leader(epb::LeaderRequest { name: "e".into() }).await;
        self.note("leader", told(answer, shown));
    }

    /// What an observer is told, from now on.
    fn observe(&self) -> mpsc::Receiver<String> {
        let (mut elections, (lines, observed)) = (self.elections(), mpsc::channel(16));
        tokio::spawn(async move {
            let request = epb::LeaderRequest { name: "e".into() };
            let mut leaders = elections.observe(request).await.expect("it observes").into_inner();
            while let Ok(Some(leader)) = leaders.message().await {
                if lines.send(shown(&leader)).await.is_err() {
                    return;
                }
            }
        });
        observed
    }

    async fn run_elections(&mut self) {
        for id in [0x13, 0x14] {
            self.grant(id).await;
        }
        self.leader().await;
        self.proclaim(None, "x").await;
        self.resign(None).await;
        let mut observed = self.observe();
        // It waits for the first leader then.
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.campaign(0x13, "a").await;
        self.see(&mut observed).await;
        self.campaign(0x13, "a").await;
        self.campaign(0x13, "b").await;
        self.see(&mut observed).await;
        self.leader().await;
        let rev = self.created("e/13").await;
        let first = epb::LeaderKey { name: "e".into(), key: "e/13".into(), rev, lease: 0x13 };
        self.proclaim(Some(first.clone()), "c").await;
        self.see(&mut observed).await;
        self.proclaim(Some(epb::LeaderKey { lease: 0x999, ..first.clone() }), "d").await;
        self.proclaim(Some(epb::LeaderKey { key: "".into(), ..first.clone() }), "d").await;
        self.proclaim(Some(epb::LeaderKey { rev: rev + 1, ..first.clone() }), "d").await;
        self.campaign(0x999, "x").await;
        let mut elections = self.elections();
        let waiting = tokio::spawn(async move {
            let request = epb::CampaignRequest { name: "e".into(), lease: 0x14, value: "z".into() };
            told(elections.campaign(request).await, leads)
        });
        self.queue_has("e", 2).await;
        self.resign(Some(epb::LeaderKey { rev: rev + 1, ..first.clone() })).await;
        self.resign(Some(first.clone())).await;
        self.note("won", waiting.await.expect("no panic"));
        self.see(&mut observed).await;
        let mut late = self.observe();
        self.see(&mut late).await;
        self.resign(Some(first.clone())).await;
        self.resign(Some(epb::LeaderKey { key: "".into(), ..first.clone() })).await;
        self.proclaim(Some(first), "late").await;
        let rev = self.created("e/14").await;
        let second = epb::LeaderKey { name: "any".into(), key: "e/14".into(), rev, lease: 0 };
        self.proclaim(Some(second.clone()), "without a lease").await;
        self.see(&mut observed).await;
        self.see(&mut late).await;
        self.resign(Some(second)).await;
        self.leader().await;
    }

    async fn see(&mut self, observed: &mut mpsc::Receiver<String>) {
        let seen = tokio::time::timeout(PATIENCE, observed.recv()).await;
        self.note("observed", seen.expect("a leader in time"));
    }

    async fn created(&self, key: &'static str) -> i64 {
        let request = pb::RangeRequest { key: key.into(), ..Default::default() };
        let answer = KvClient::new(self.channel.clone()).range(request).await.expect("a range");
        answer.into_inner().kvs[0].create_revision
    }

    async fn run_health(&mut self) {
        let mut client = HealthClient::new(self.channel.clone());
        for service in ["", "etcdserverpb.KV"] {
            let request = health::HealthCheckRequest { service: service.into() };
            let checked = client.check(request.clone()).await;
            self.note("health", told(checked, |answer| format!("{:?}", answer.status())));
            let mut watched = client.watch(request).await.expect("it watches").into_inner();
            let first = watched.message().await.expect("no error").expect("a status");
            self.note("health watch", first.status());
        }
        let listed = client.list(health::HealthListRequest {}).await;
        self.note("health list", told(listed, |answer| format!("{:?}", answer.statuses)));
    }
}

fn shown(answer: &epb::LeaderResponse) -> String {
    format!("{} at {}", pair(&answer.kv), revision(&answer.header))
}

fn lines_of(cluster: &Cluster) -> Vec<String> {
    let url = cluster.members()[0].client_url();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let channel = Channel::from_shared(url).expect("a URL").connect().await.expect("served");
        let mut scenario = Scenario { channel, lines: Vec::new() };
        scenario.run_locks().await;
        scenario.run_elections().await;
        scenario.run_health().await;
        let left = scenario.all("").await;
        scenario.note("left", left);
        scenario.lines
    })
}

#[test]
fn locks_elections_and_health_are_those_of_etcd() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let theirs = lines_of(&Cluster::start(&[Member::new("theirs", folder.path())]));
    let ours = lines_of(&Cluster::start_cairn(&[Member::new("ours", folder.path())]));
    assert!(theirs.len() > 40, "{theirs:#?}");
    for (number, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        assert_eq!(ours, theirs, "line {number}");
    }
    assert_eq!(theirs.len(), ours.len());
}
