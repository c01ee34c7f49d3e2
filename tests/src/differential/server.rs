//! A lone member, etcd's or ours, in a directory in memory.
//!
//! Both are told to advertise the same URLs, so that member lists are equal; where they listen is
//! theirs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proto::etcdserverpb::RangeRequest;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::call;
use super::step::Call;
use crate::kind::Kind;
use crate::ports::free_port;
use crate::resident::resident_bytes;

/// How long a member may take to serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// The URLs that members advertise; nobody listens there.
pub const PEER_URL: &str = "http://127.0.0.1:2380";
const CLIENT_URL: &str = "http://127.0.0.1:2379";

/// The settings of a member that a stream was drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flavour {
    /// What a member has without flags.
    Usual,
    /// Small limits, so that requests are too large and events come in fragments.
    Small,
}

impl Flavour {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Flavour::Usual => &[],
            Flavour::Small => &["--max-request-bytes", "20000", "--max-txn-ops", "6"],
        }
    }
}

/// A running member, ended when dropped.
pub struct Server {
    kind: Kind,
    client: u16,
    process: Child,
    directory: TempDir,
}

/// Where data lie: in memory, if the system has such a place, since nothing is to outlive a run.
fn directory() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    let made = match in_memory.is_dir() {
        true => tempfile::tempdir_in(in_memory),
        false => tempfile::tempdir(),
    };
    made.expect("a directory can be made")
}

impl Server {
    /// Starts a member and waits until it serves.
    pub async fn start(kind: Kind, flavour: Flavour) -> Server {
        let directory = directory();
        let (client, peer) = (free_port(), free_port());
        let process = spawn(kind, flavour, client, peer, &directory);
        let mut server = Server { kind, client, process, directory };
        server.wait().await;
        server
    }

    /// A connection of its own.
    ///
    /// # Panics
    /// When the URL is none.
    #[must_use]
    pub fn connect(&self) -> Channel {
        let url = format!("http://127.0.0.1:{}", self.client);
        Endpoint::from_shared(url).expect("a URL").connect_lazy()
    }

    /// Where it serves clients.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.client
    }

    /// Whether the process has not ended.
    ///
    /// # Panics
    /// When the system does not know the process.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().expect("it is our child").is_none()
    }

    /// How much of it is in memory; zero once it has ended.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        resident_bytes(self.process.id())
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Ends the process; its files stay until the value is dropped.
    pub fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    async fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let read = RangeRequest { key: Bytes::from_static(b"x"), ..RangeRequest::default() };
        let read = Call::new("/etcdserverpb.KV/Range", &read);
        let channel = self.connect();
        while call::make(&channel, &read, read.messages.clone()).await.1.is_err() {
            let ended = self.process.try_wait().expect("it is our child");
            assert!(ended.is_none(), "{:?} ended with {ended:?}:\n{}", self.kind, self.log());
            assert!(Instant::now() < deadline, "{:?} does not serve:\n{}", self.kind, self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(kind: Kind, flavour: Flavour, client: u16, peer: u16, directory: &TempDir) -> Child {
    let server = kind.program();
    let log = directory.path().join("log");
    let log = File::options().create(true).append(true).open(log).expect("the disk takes it");
    let mut command = Command::new(&server);
    command.args(["--name", "lone", "--log-level", "warn", "--data-dir"]);
    command.arg(directory.path().join("data"));
    command.args(["--listen-client-urls", &format!("http://127.0.0.1:{client}")]);
    command.args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")]);
    command.args(["--advertise-client-urls", CLIENT_URL]);
    command.args(["--initial-advertise-peer-urls", PEER_URL]);
    command.args(["--initial-cluster", &format!("lone={PEER_URL}")]);
    command.args(flavour.flags());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", server.display()))
}
