//! A real etcd of one or more members, and `etcdctl` to talk to it. It ends with its value.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::go;

/// How long a member may take to serve on a busy machine.
const READY: Duration = Duration::from_secs(60);

/// Where a member listens.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its data directory.
    pub data_dir: PathBuf,
    client: u16,
    peer: u16,
}

impl Member {
    /// A member on two free ports, whose data directory lies in `folder`.
    pub fn new(name: &str, folder: &Path) -> Member {
        // Held at the same time, so that they differ.
        let held = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [client, peer] = held.map(|held| held.local_addr().expect("it is bound").port());
        Member { name: name.to_owned(), data_dir: folder.join(name), client, peer }
    }

    /// Its URL for peers.
    pub fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer)
    }

    /// Its URL for clients.
    pub fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }
}

/// `name=url,…` for the flag that every member is given.
pub fn initial_cluster(members: &[Member]) -> String {
    let parts: Vec<String> =
        members.iter().map(|member| format!("{}={}", member.name, member.peer_url())).collect();
    parts.join(",")
}

/// Running members.
pub struct Cluster {
    members: Vec<Member>,
    running: Vec<Child>,
}

impl Cluster {
    /// Starts all members and waits until they serve. A data directory that exists is gone on with.
    pub fn start(members: &[Member]) -> Cluster {
        let running = members.iter().map(|member| start(member, members)).collect();
        let mut cluster = Cluster { members: members.to_vec(), running };
        let deadline = Instant::now() + READY;
        while !cluster.serves() {
            assert!(Instant::now() < deadline, "no leader:\n{}", cluster.logs());
            for child in &mut cluster.running {
                let ended = child.try_wait().expect("it is our child");
                if let Some(status) = ended {
                    panic!("a member ended with {status}:\n{}", cluster.logs());
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        cluster
    }

    /// Runs `etcdctl` against the first member and returns what it printed.
    pub fn ctl(&self, args: &[&str]) -> String {
        let url = self.members[0].client_url();
        let mut all = vec!["--endpoints", &url];
        all.extend(args);
        go::run(go::etcdctl(), &all)
    }

    fn serves(&self) -> bool {
        let all_answer = self.members.iter().all(|member| {
            let url = member.client_url();
            let args = ["--endpoints", &url, "--command-timeout", "5s", "endpoint", "health"];
            let output = Command::new(go::etcdctl()).args(args).output();
            output.expect("etcdctl was built").status.success()
        });
        all_answer && !self.members.is_empty()
    }

    fn logs(&self) -> String {
        let read = |member: &Member| std::fs::read_to_string(log_path(member)).unwrap_or_default();
        self.members.iter().map(read).collect()
    }
}

fn log_path(member: &Member) -> PathBuf {
    member.data_dir.with_extension("log")
}

fn start(member: &Member, members: &[Member]) -> Child {
    let log = File::create(log_path(member)).expect("the disk takes it");
    let mut command = Command::new(go::etcd());
    command.args(["--name", &member.name, "--log-level", "warn", "--data-dir"]);
    command.arg(&member.data_dir);
    for flag in ["--listen-client-urls", "--advertise-client-urls"] {
        command.args([flag, &member.client_url()]);
    }
    for flag in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
        command.args([flag, &member.peer_url()]);
    }
    command.args(["--initial-cluster", &initial_cluster(members)]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("etcd was built")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.running {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
