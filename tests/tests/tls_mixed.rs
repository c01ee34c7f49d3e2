//! Two members of a real etcd and one of Cairn in one cluster, with TLS between members and for
//! clients; certificates are demanded on both. Driven by `etcdctl` and `cairnctl`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tests::binaries::built;
use tests::go;
use tests::ports::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

/// A member and its process.
struct Member {
    name: &'static str,
    program: PathBuf,
    client: u16,
    peer: u16,
    running: Option<Child>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Member {
    fn new(name: &'static str, program: &Path) -> Member {
        let (client, peer) = (free_port(), free_port());
        Member { name, program: program.to_owned(), client, peer, running: None }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.client)
    }

    fn peer_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.peer)
    }

    fn start(&mut self, dir: &Path, cluster: &str, security: &[String]) {
        let log = File::options().create(true).append(true).open(self.log(dir)).expect("a log");
        let mut command = Command::new(&self.program);
        command.args(["--name", self.name, "--log-level", "warn", "--initial-cluster", cluster]);
        command.arg("--data-dir").arg(dir.join(self.name));
        for flag in ["--listen-client-urls", "--advertise-client-urls"] {
            command.args([flag, &self.url()]);
        }
        for flag in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
            command.args([flag, &self.peer_url()]);
        }
        command.args(security).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.running = Some(command.spawn().expect("the program was built"));
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // It may have ended by itself.
            let _ended = child.kill();
            let _ended = child.wait();
        }
    }

    fn log(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.log", self.name))
    }
}

/// The flags of clients.
fn client_flags(dir: &Path) -> Vec<String> {
    let flag = |name: &str, file: &str| format!("--{name}={}", dir.join(file).display());
    vec![flag("cacert", "ca.pem"), flag("cert", "cert.pem"), flag("key", "key.pem")]
}

/// One certificate for everybody, and its authority.
fn write_certificates(dir: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "authority");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let issuer = issuer.expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let cert = params.signed_by(&key, &issuer).expect("a certificate");
    fs::write(dir.join("ca.pem"), issuer.pem()).expect("written");
    fs::write(dir.join("cert.pem"), cert.pem()).expect("written");
    fs::write(dir.join("key.pem"), key.serialize_pem()).expect("written");
}

/// The flags of members.
fn member_flags(dir: &Path) -> Vec<String> {
    let flag = |name: &str, file: &str| format!("--{name}={}", dir.join(file).display());
    vec![
        flag("cert-file", "cert.pem"),
        flag("key-file", "key.pem"),
        flag("trusted-ca-file", "ca.pem"),
        "--client-cert-auth".into(),
        flag("peer-cert-file", "cert.pem"),
        flag("peer-key-file", "key.pem"),
        flag("peer-trusted-ca-file", "ca.pem"),
        "--peer-client-cert-auth".into(),
    ]
}

struct Cluster {
    members: Vec<Member>,
    dir: tempfile::TempDir,
    initial: String,
    security: Vec<String>,
}

impl Cluster {
    fn start(security: impl Fn(&Path) -> Vec<String>) -> Cluster {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_certificates(dir.path());
        let members = vec![
            Member::new("e1", go::etcd()),
            Member::new("e2", go::etcd()),
            Member::new("c3", &built("cairn")),
        ];
        let parts = members.iter().map(|one| format!("{}={}", one.name, one.peer_url()));
        let initial = parts.collect::<Vec<_>>().join(",");
        let security = security(dir.path());
        let mut cluster = Cluster { members, dir, initial, security };
        for at in 0..3 {
            cluster.start_member(at);
        }
        cluster
    }

    fn start_member(&mut self, at: usize) {
        self.members[at].start(self.dir.path(), &self.initial, &self.security);
    }

    fn logs(&self) -> String {
        let log = |one: &Member| fs::read_to_string(one.log(self.dir.path())).unwrap_or_default();
        self.members.iter().map(|one| format!("== {}\n{}", one.name, log(one))).collect()
    }

    /// Runs a client against one member until it succeeds.
    fn run(&self, program: &Path, at: usize, args: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let mut command = Command::new(program);
            command.args(client_flags(self.dir.path())).arg("--endpoints");
            command.arg(self.members[at].url()).args(args);
            let output = command.output().expect("the program was built");
            if output.status.success() {
                return String::from_utf8_lossy(&output.stdout).into_owned();
            }
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(began.elapsed() < PATIENCE, "{args:?}: {error}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn etcdctl(&self, at: usize, args: &[&str]) -> String {
        self.run(go::etcdctl(), at, args)
    }

    fn cairnctl(&self, at: usize, args: &[&str]) -> String {
        self.run(&built("cairnctl"), at, args)
    }

    /// The id of a member, as it says itself.
    fn id(&self, at: usize) -> String {
        let status = self.etcdctl(at, &["endpoint", "status"]);
        status.split(", ").nth(1).expect("a status has an id").to_owned()
    }

    /// Waits until each member reads what was written through another.
    fn agree(&self, key: &str) {
        for writer in 0..3 {
            self.etcdctl(writer, &["put", key, &writer.to_string()]);
            for reader in 0..3 {
                let found = self.cairnctl(reader, &["get", "--print-value-only", key]);
                assert_eq!(found.trim_end(), writer.to_string(), "{key} at {reader}");
            }
        }
    }

    /// Waits until the hashes of all members are the same.
    fn same_hashes(&self) {
        let began = Instant::now();
        loop {
            let hash = |at| {
                let line = self.etcdctl(at, &["endpoint", "hashkv"]);
                line.split_once(", ").map(|(_, hash)| hash.trim_end().to_owned())
            };
            let hashes: Vec<_> = (0..3).map(hash).collect();
            if hashes.windows(2).all(|pair| pair[0] == pair[1]) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{hashes:?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn go_through_a_day(mut cluster: Cluster) {
    cluster.agree("first");
    // Cairn leads, and etcd's members follow it; then the other way round.
    for leader in [2, 0] {
        let id = cluster.id(leader);
        for at in 0..3 {
            let own = cluster.id(at);
            let status = cluster.etcdctl(at, &["endpoint", "status"]);
            if status.contains(", true, ") && own != id {
                cluster.etcdctl(at, &["move-leader", &id]);
            }
        }
        cluster.agree(&format!("led-by-{leader}"));
    }
    // Each is killed once and comes back.
    for at in 0..3 {
        cluster.members[at].stop();
        cluster.etcdctl((at + 1) % 3, &["put", "away", &at.to_string()]);
        cluster.start_member(at);
        cluster.agree(&format!("back-{at}"));
    }
    cluster.same_hashes();
}

#[test]
fn etcd_and_cairn_trust_each_other_by_one_authority() {
    go_through_a_day(Cluster::start(member_flags));
}

#[test]
fn etcd_and_cairn_take_the_certificates_that_each_generated() {
    let auto = |dir: &Path| {
        let mut flags = member_flags(dir);
        flags.truncate(4);
        flags.push("--peer-auto-tls".into());
        flags
    };
    go_through_a_day(Cluster::start(auto));
}
