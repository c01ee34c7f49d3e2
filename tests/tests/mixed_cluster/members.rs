//! Members of both kinds, started and stopped one by one.

use std::future::Future;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use proto::etcdserverpb as pb;
use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use tests::cluster::{Member, initial_cluster};
use tests::kind::Kind;
use tonic::transport::{Channel, Endpoint};

use crate::SNAPSHOT_FLAGS;

/// How long a step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct One {
    member: Member,
    kind: Kind,
    child: Option<Child>,
}

/// The members that are in the cluster, running or not.
pub struct Members {
    folder: PathBuf,
    all: Vec<One>,
}

impl Drop for Members {
    fn drop(&mut self) {
        for one in &mut self.all {
            one.kill();
        }
        if std::thread::panicking() {
            for one in &self.all {
                let log = std::fs::read_to_string(one.member.log_path()).unwrap_or_default();
                let lines: Vec<&str> = log.lines().rev().take(20).collect();
                let text = format!("== {}\n{}\n", one.member.name, lines.join("\n"));
                let _ = std::io::stderr().write_all(text.as_bytes());
            }
        }
    }
}

impl One {
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn start(&mut self, state: &str, cluster: &str) {
        let program = self.kind.program();
        let mut flags = vec!["--initial-cluster-state", state, "--initial-cluster", cluster];
        flags.extend(SNAPSHOT_FLAGS);
        self.child = Some(self.member.spawn(&program, &flags));
    }
}

/// Tries until it succeeds.
pub async fn eventually<T, F>(what: &str, attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    loop {
        let error = match attempt().await {
            Ok(done) => return done,
            Err(error) => error,
        };
        assert!(began.elapsed() < PATIENCE, "{what}: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn channel(url: String) -> Result<Channel, String> {
    let endpoint = Endpoint::from_shared(url).map_err(|error| error.to_string())?;
    let endpoint = endpoint.timeout(Duration::from_secs(10));
    endpoint.connect().await.map_err(|error| error.to_string())
}

fn text(status: tonic::Status) -> String {
    status.message().to_owned()
}

impl Members {
    pub fn new(folder: &Path) -> Members {
        Members { folder: folder.to_owned(), all: Vec::new() }
    }

    fn one(&self, name: &str) -> &One {
        self.all.iter().find(|one| one.member.name == name).expect("a member of this name")
    }

    fn index(&self, name: &str) -> usize {
        self.all.iter().position(|one| one.member.name == name).expect("a member of this name")
    }

    /// All that are in the cluster.
    pub fn listed(&self) -> Vec<Member> {
        self.all.iter().map(|one| one.member.clone()).collect()
    }

    pub fn url(&self, name: &str) -> String {
        self.one(name).member.client_url()
    }

    /// A channel to a member that serves.
    pub async fn channel(&self, name: &str) -> Channel {
        eventually("connecting", || channel(self.url(name))).await
    }

    fn make(&mut self, name: &str, kind: Kind) {
        let member = Member::new(name, &self.folder);
        self.all.push(One { member, kind, child: None });
    }

    /// Starts a new cluster.
    pub async fn start_new(&mut self, members: &[(&str, Kind)]) {
        for (name, kind) in members {
            self.make(name, *kind);
        }
        let cluster = initial_cluster(&self.listed());
        self.all.iter_mut().for_each(|one| one.start("new", &cluster));
        self.wait_ready().await;
    }

    /// Starts a member on what it has.
    pub async fn start(&mut self, name: &str) {
        let cluster = initial_cluster(&self.listed());
        let at = self.index(name);
        self.all[at].start("existing", &cluster);
        self.wait_ready().await;
    }

    pub fn stop(&mut self, name: &str) {
        let at = self.index(name);
        self.all[at].kill();
    }

    /// Adds a member and starts it.
    pub async fn add(&mut self, name: &str, kind: Kind) {
        let through = self.all[0].member.name.clone();
        self.make(name, kind);
        let request = pb::MemberAddRequest {
            peer_urls: vec![self.one(name).member.peer_url()],
            is_learner: false,
        };
        let channel = self.channel(&through).await;
        // Members must have been connected for five seconds.
        eventually("adding a member", || async {
            ClusterClient::new(channel.clone()).member_add(request.clone()).await.map_err(text)
        })
        .await;
        self.start(name).await;
    }

    /// Removes a member for good.
    pub async fn remove(&mut self, name: &str) {
        let id = self.id(name).await;
        let through = self.all.iter().find(|one| one.member.name != name).expect("another");
        let channel = self.channel(&through.member.name.clone()).await;
        eventually("removing a member", || async {
            let request = pb::MemberRemoveRequest { id };
            ClusterClient::new(channel.clone()).member_remove(request).await.map_err(text)
        })
        .await;
        let at = self.index(name);
        self.all[at].kill();
        self.all.remove(at);
    }

    async fn status(&self, name: &str) -> Result<pb::StatusResponse, String> {
        let mut client = MaintenanceClient::new(channel(self.url(name)).await?);
        client.status(pb::StatusRequest {}).await.map(tonic::Response::into_inner).map_err(text)
    }

    async fn id(&self, name: &str) -> u64 {
        let status = eventually("asking who it is", || self.status(name)).await;
        status.header.expect("a header").member_id
    }

    async fn wait_ready(&self) {
        for one in self.all.iter().filter(|one| one.child.is_some()) {
            eventually(&format!("{} does not serve", one.member.name), || async {
                let mut client = KvClient::new(channel(one.member.client_url()).await?);
                let request = pb::RangeRequest { key: "probe".into(), ..Default::default() };
                client.range(request).await.map_err(text)
            })
            .await;
        }
    }

    /// Waits until a member has counted something. A snapshot is counted once its sender knows that
    /// it was taken, which is a moment after its content can be read.
    pub async fn counted(&self, name: &str, metric: &str) {
        eventually(&format!("{name} counts no {metric}: it came by the log"), || async {
            match self.metric(name, metric).await >= 1.0 {
                true => Ok(()),
                false => Err("0".into()),
            }
        })
        .await;
    }

    /// The sum of a metric of a member over its labels.
    pub async fn metric(&self, name: &str, metric: &str) -> f64 {
        let (url, metric) = (self.url(name), metric.to_owned());
        let read = move || {
            let address = url.trim_start_matches("http://");
            let mut stream = std::net::TcpStream::connect(address).expect("it serves");
            let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("it answers");
            let lines = text.lines().filter_map(|line| line.strip_prefix(metric.as_str()));
            lines.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
        };
        tokio::task::spawn_blocking(read).await.expect("metrics are read")
    }

    /// Moves leadership and waits until everybody follows.
    pub async fn move_leader(&self, name: &str) {
        let target_id = self.id(name).await;
        eventually("moving leadership", || async {
            let mut follow = true;
            for one in &self.all {
                let status = self.status(&one.member.name).await?;
                follow &= status.leader == target_id;
                let leads = status.header.is_some_and(|header| header.member_id == status.leader);
                if leads && status.leader != target_id {
                    let channel = channel(one.member.client_url()).await?;
                    let request = pb::MoveLeaderRequest { target_id };
                    let moved = MaintenanceClient::new(channel).move_leader(request).await;
                    moved.map_err(text)?;
                }
            }
            match follow {
                true => Ok(()),
                false => Err(format!("not everybody follows {target_id:x}")),
            }
        })
        .await;
    }

    /// All members have the same history and the same state.
    pub async fn agree(&self, when: &str) {
        eventually(&format!("the members differ {when}"), || async {
            let mut said = Vec::new();
            for one in &self.all {
                said.push((one.member.name.clone(), self.hashes(&one.member.name).await?));
            }
            match said.iter().all(|(_, hashes)| *hashes == said[0].1) {
                true => Ok(()),
                false => Err(format!("{said:?}")),
            }
        })
        .await;
    }

    /// Revision, hash of the history and what it covers, hash of everything.
    async fn hashes(&self, name: &str) -> Result<(i64, u32, i64, i64, u32), String> {
        let mut client = MaintenanceClient::new(channel(self.url(name)).await?);
        let request = pb::HashKvRequest { revision: 0 };
        let history = client.hash_kv(request).await.map_err(text)?.into_inner();
        let state = client.hash(pb::HashRequest {}).await.map_err(text)?.into_inner();
        let revision = history.header.map_or(0, |header| header.revision);
        let (compacted, hashed) = (history.compact_revision, history.hash_revision);
        Ok((revision, history.hash, compacted, hashed, state.hash))
    }
}
