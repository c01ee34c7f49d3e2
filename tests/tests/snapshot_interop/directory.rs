//! Data directories of a real etcd and of ours: neither starts on the other's, neither loses
//! anything by it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::binaries::built;
use tests::cluster::{Cluster, Member, initial_cluster};
use tests::go;

/// How long a start may take to end or to serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with the test.
pub(super) struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Started {
    /// Starts a server, ours or etcd's, as this member; its lines go to `log`.
    pub(super) fn start(program: &Path, member: &Member, log: &Path) -> Started {
        let mut command = Command::new(program);
        command.args(["--name", &member.name, "--data-dir"]).arg(&member.data_dir);
        for flag in ["--listen-client-urls", "--advertise-client-urls"] {
            command.args([flag, &member.client_url()]);
        }
        for flag in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
            command.args([flag, &member.peer_url()]);
        }
        command.args(["--initial-cluster", &initial_cluster(std::slice::from_ref(member))]);
        let log = File::create(log).expect("the disk takes it");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Started(command.spawn().expect("it was built"))
    }

    pub(super) fn wait(&mut self, log: &Path) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("it is our child") {
                return status;
            }
            let text = || fs::read_to_string(log).unwrap_or_default();
            assert!(Instant::now() < deadline, "it does not end:\n{}", text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Every file below a directory, to the byte.
pub(super) fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("it is there") {
        let path = entry.expect("it is listed").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => drop(found.insert(path.clone(), fs::read(&path).expect("it is readable"))),
        }
    }
    found
}

#[test]
fn a_directory_of_a_real_etcd_is_refused_and_stays_what_it_was() {
    let folder = TempDir::new().expect("a temporary folder");
    let member = Member::new("theirs", folder.path());
    let members = std::slice::from_ref(&member);
    let cluster = Cluster::start(members);
    cluster.ctl(&["put", "key", "value"]);
    drop(cluster);
    let before = contents(&member.data_dir);
    let log = folder.path().join("ours.log");
    let status = Started::start(&built("cairn"), &member, &log).wait(&log);
    let text = fs::read_to_string(&log).expect("it was written");
    assert_eq!(status.code(), Some(1), "{text}");
    for part in ["made by etcd", "cairnutl snapshot restore"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(contents(&member.data_dir) == before, "the directory was changed");
    let cluster = Cluster::start(members);
    assert_eq!(cluster.ctl(&["get", "key", "--print-value-only"]), "value\n");
}

#[test]
fn a_real_etcd_does_not_start_on_ours() {
    let folder = TempDir::new().expect("a temporary folder");
    let member = Member::new("ours", folder.path());
    let members = std::slice::from_ref(&member);
    let cluster = Cluster::start_cairn(members);
    cluster.ctl(&["put", "key", "value"]);
    drop(cluster);
    let before = contents(&member.data_dir);
    let etcd_log = folder.path().join("etcd.log");
    let status = Started::start(go::etcd(), &member, &etcd_log).wait(&etcd_log);
    let text = fs::read_to_string(&etcd_log).expect("it was written");
    assert!(!status.success(), "etcd started on our directory:\n{text}");
    assert!(text.contains("cannot access data directory"), "{text}");
    assert!(contents(&member.data_dir) == before, "etcd changed our directory");
    let cluster = Cluster::start_cairn(members);
    assert_eq!(cluster.ctl(&["get", "key", "--print-value-only"]), "value\n");
}
