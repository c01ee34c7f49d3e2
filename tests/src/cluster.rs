//! Members as real processes, etcd's or ours: both are started with the same flags. They end with
//! the value that holds them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::binaries::built;
use crate::go;
use crate::ports::free_port;

/// How long members may take to serve on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a member listens.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its data directory.
    pub data_dir: PathBuf,
    client: u16,
    peer: u16,
    flags: Vec<String>,
}

impl Member {
    /// A member on two free ports, whose data directory lies in `folder`.
    #[must_use]
    pub fn new(name: &str, folder: &Path) -> Member {
        let data_dir = folder.join(name);
        let (client, peer) = (free_port(), free_port());
        Member { name: name.to_owned(), data_dir, client, peer, flags: Vec::new() }
    }

    /// The same with one more flag of etcd's.
    #[must_use]
    pub fn with_flag(mut self, flag: &str) -> Member {
        self.flags.push(flag.to_owned());
        self
    }

    /// Its URL for peers.
    #[must_use]
    pub fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer)
    }

    /// Its URL for clients.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }

    /// Where it writes its log lines.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }

    /// What `snapshot restore` of either tool is given to make its data directory, as one of these
    /// members.
    ///
    /// # Panics
    /// When a path is not UTF-8.
    #[must_use]
    pub fn restored(&self, snapshot: &Path, members: &[Member]) -> Vec<String> {
        let text = |path: &Path| path.to_str().expect("temporary paths are UTF-8").to_owned();
        let mut args = ["snapshot", "restore"].map(str::to_owned).to_vec();
        args.extend([text(snapshot), "--name".into(), self.name.clone()]);
        args.extend(["--data-dir".into(), text(&self.data_dir)]);
        args.extend(["--initial-cluster".into(), initial_cluster(members)]);
        args.extend(["--initial-advertise-peer-urls".into(), self.peer_url()]);
        args
    }

    fn start(&self, server: &Path, members: &[Member]) -> Child {
        self.spawn(server, &["--initial-cluster", &initial_cluster(members)])
    }

    /// Starts it with etcd's flags and these; its log lines are added to what it logged before.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(&self, server: &Path, flags: &[&str]) -> Child {
        let log = File::options().create(true).append(true).open(self.log_path());
        let log = log.expect("the disk takes it");
        let mut command = Command::new(server);
        command.args(["--name", &self.name, "--log-level", "warn", "--data-dir"]);
        command.arg(&self.data_dir);
        for flag in ["--listen-client-urls", "--advertise-client-urls"] {
            command.args([flag, &self.client_url()]);
        }
        for flag in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
            command.args([flag, &self.peer_url()]);
        }
        command.args(flags).args(&self.flags);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn();
        child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", server.display()))
    }
}

/// `name=url,…` for the flag that every member is given.
#[must_use]
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
    /// Starts members of a real etcd and waits until they serve. A data directory that exists is
    /// gone on with.
    #[must_use]
    pub fn start(members: &[Member]) -> Cluster {
        Cluster::of(go::etcd(), members)
    }

    /// The same with members of Cairn.
    #[must_use]
    pub fn start_cairn(members: &[Member]) -> Cluster {
        Cluster::of(&built("cairn"), members)
    }

    /// The same with any server that has etcd's flags.
    ///
    /// # Panics
    /// When a member ends or does not serve.
    #[must_use]
    pub fn of(server: &Path, members: &[Member]) -> Cluster {
        let servers: Vec<(PathBuf, Member)> =
            members.iter().map(|member| (server.to_owned(), member.clone())).collect();
        Cluster::some(&servers, members)
    }

    /// Starts some of the members of a cluster, each with its own server, and waits until they
    /// serve.
    ///
    /// # Panics
    /// When a member ends or does not serve.
    #[must_use]
    pub fn some(servers: &[(PathBuf, Member)], all: &[Member]) -> Cluster {
        let running = servers.iter().map(|(server, member)| member.start(server, all)).collect();
        let members = servers.iter().map(|(_, member)| member.clone()).collect();
        let mut cluster = Cluster { members, running };
        let deadline = Instant::now() + PATIENCE;
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

    /// The members, in the order in which they were given.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Runs `etcdctl` against the first member and returns what it printed.
    pub fn ctl(&self, args: &[&str]) -> String {
        let url = self.members[0].client_url();
        let mut all = vec!["--endpoints", &url];
        all.extend(args);
        go::run(go::etcdctl(), &all)
    }

    /// Whether every member answers a linearizable read.
    fn serves(&self) -> bool {
        let all_answer = self.members.iter().all(|member| {
            let url = member.client_url();
            let args = ["cairnctl", "--endpoints", &url, "--command-timeout=5s", "get", "health"];
            let args = args.map(Into::into);
            // A thread of its own, so that a cluster can be started from within a runtime.
            let ask = move || cli::ctl::run(args, &mut Vec::new(), &mut Vec::new());
            std::thread::spawn(ask).join().is_ok_and(|code| code == 0)
        });
        all_answer && !self.members.is_empty()
    }

    /// What all members have logged.
    #[must_use]
    pub fn logs(&self) -> String {
        let read = |member: &Member| {
            let text = std::fs::read_to_string(member.log_path()).unwrap_or_default();
            format!("== {}\n{text}", member.name)
        };
        self.members.iter().map(read).collect()
    }
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
