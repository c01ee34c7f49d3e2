//! Real processes for the tests: members on free ports with temporary directories, which end with
//! the test that started them.

// Each test binary uses a part of this.
#![allow(dead_code)]

pub mod json;
pub mod load;
pub mod members;
#[path = "../../../../tests/src/ports.rs"]
pub mod ports;
pub mod replication;
pub mod secure;
pub mod small_disk;
pub mod strace;
pub mod users;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{
    AlarmMember, AlarmRequest, PutRequest, RangeRequest, StatusRequest, StatusResponse,
};
use tonic::transport::{Channel, Endpoint};

pub use ports::free_port;

/// How long a member may take to do what it is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// With what a write is refused while there is no room.
pub const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";

/// Says that a test does not run here, and why: on the process's own errors, since the harness
/// keeps to itself what a test that passes has printed.
///
/// # Panics
/// When `CAIRN_SKIP_NOTHING` is set, as `.ci/run` does where it can.
pub fn skipped(why: &str) {
    let strict = std::env::var_os("CAIRN_SKIP_NOTHING").is_some_and(|value| !value.is_empty());
    assert!(!strict, "CAIRN_SKIP_NOTHING is set, and this test cannot run here: {why}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("skipped: {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("errors can be written");
}

/// One member as it is started, again and again, on the same directory and ports.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub client_port: u16,
    pub peer_port: u16,
    pub dir: PathBuf,
    pub initial_cluster: String,
    pub arguments: Vec<String>,
    pub log_path: PathBuf,
}

/// The members of a new cluster below a directory.
pub fn cluster(dir: &Path, size: usize) -> Vec<Member> {
    let ports: Vec<(u16, u16)> = (0..size).map(|_| (free_port(), free_port())).collect();
    let name = |at: usize| format!("m{}", at + 1);
    let urls = ports.iter().enumerate();
    let urls = urls.map(|(at, (_, peer))| format!("{}=http://127.0.0.1:{peer}", name(at)));
    let initial_cluster = urls.collect::<Vec<_>>().join(",");
    let member = |(at, (client_port, peer_port)): (usize, &(u16, u16))| Member {
        name: name(at),
        client_port: *client_port,
        peer_port: *peer_port,
        dir: dir.join(name(at)),
        initial_cluster: initial_cluster.clone(),
        arguments: Vec::new(),
        log_path: dir.join(format!("{}.log", name(at))),
    };
    ports.iter().enumerate().map(member).collect()
}

impl Member {
    pub fn client_url(&self) -> String {
        let is_secure = |argument: &String| argument.starts_with("--listen-client-urls=https");
        let scheme = if self.arguments.iter().any(is_secure) { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.client_port)
    }

    /// Its command line, without the program.
    pub fn flags(&self) -> Vec<String> {
        let client = self.client_url();
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let mut flags = vec![
            format!("--name={}", self.name),
            format!("--data-dir={}", self.dir.display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster={}", self.initial_cluster),
        ];
        flags.extend(self.arguments.iter().cloned());
        flags
    }

    /// Starts the member; `wrapper` is a program and its arguments in front of it.
    pub fn start_under(&self, wrapper: &[String]) -> Process {
        let binary = env!("CARGO_BIN_EXE_cairn").to_string();
        let mut words = wrapper.to_vec();
        words.push(binary);
        words.extend(self.flags());
        let log = File::options().create(true).append(true).open(&self.log_path);
        let log = log.expect("the temporary directory is writable");
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", words[0]));
        Process { child, member: self.clone() }
    }

    /// Starts the member.
    pub fn start(&self) -> Process {
        self.start_under(&[])
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.log_path) {
            file.read_to_string(&mut text).expect("logs are text");
        }
        text
    }
}

/// A running member; killed when dropped.
pub struct Process {
    child: Child,
    pub member: Member,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and waits for the end. What runs under a wrapper goes first: a tracer that is
    /// killed lets go of what it traces, which would live on.
    pub fn kill(&mut self) {
        let pid = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            // It may have ended by itself.
            let _ended = Command::new("kill").args(["-KILL", child]).status();
        }
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill is there").success(), "kill -{name} failed");
    }

    /// Waits for the end.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status;
            }
            let log = || self.member.log();
            assert!(began.elapsed() < patience, "did not end in {patience:?}:\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_none()
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("the kernel says how much is resident") * 1024
    }

    /// Waits until it says that it serves.
    pub async fn ready(&mut self) -> KvClient<Channel> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                panic!("ended with {status} before it served:\n{}", self.member.log());
            }
            if let Ok(mut client) = connect(&self.member.client_url()).await {
                let probe = RangeRequest { key: "probe".into(), ..RangeRequest::default() };
                if client.range(probe).await.is_ok() {
                    return client;
                }
            }
            let log = || self.member.log();
            assert!(began.elapsed() < PATIENCE, "not ready in {PATIENCE:?}:\n{}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A channel to one member; with TLS as a client that the tests' authority knows.
pub async fn channel(url: &str) -> Result<Channel, tonic::transport::Error> {
    if url.starts_with("https") {
        return secure::channel(url, secure::CLIENT.clone()).await;
    }
    let endpoint = Endpoint::from_shared(url.to_string())?;
    endpoint
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(10))
        .connect()
        .await
}

/// A key-value client of one member.
pub async fn connect(url: &str) -> Result<KvClient<Channel>, tonic::transport::Error> {
    channel(url).await.map(KvClient::new)
}

/// The status of one member.
pub async fn status(url: &str) -> Option<StatusResponse> {
    let mut client = MaintenanceClient::new(channel(url).await.ok()?);
    client.status(StatusRequest {}).await.ok().map(tonic::Response::into_inner)
}

/// Puts a key.
pub async fn put(
    client: &mut KvClient<Channel>,
    key: &str,
    value: &str,
) -> Result<i64, tonic::Status> {
    let request = PutRequest {
        key: key.to_string().into(),
        value: value.to_string().into(),
        ..PutRequest::default()
    };
    let response = client.put(request).await?.into_inner();
    Ok(response.header.map_or(0, |header| header.revision))
}

/// Reads a key.
pub async fn get(
    client: &mut KvClient<Channel>,
    key: &str,
) -> Result<Option<String>, tonic::Status> {
    let request = RangeRequest { key: key.to_string().into(), ..RangeRequest::default() };
    let response = client.range(request).await?.into_inner();
    let value = response.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned());
    Ok(value)
}

/// The alarms that stand.
pub async fn alarms(member: &Member) -> Vec<AlarmMember> {
    let channel = channel(&member.client_url()).await.expect("it serves");
    let answer = MaintenanceClient::new(channel).alarm(AlarmRequest::default()).await;
    answer.expect("alarms are listed").into_inner().alarms
}
