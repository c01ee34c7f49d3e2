//! One of three members holds something else than the others, because it was restored from another
//! snapshot of the same length: each of etcd's ways to notice it does so, among members of Cairn,
//! and between Cairn and a real etcd whichever of them is wrong.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::cluster::{Cluster, Member, initial_cluster};
use tests::go;
use tests::kind::Kind;

/// How long a comparison may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A snapshot with one key whose last value is this one, and a few revisions before it.
fn snapshot(folder: &Path, value: &str) -> PathBuf {
    let cluster = Cluster::start_cairn(&[Member::new(value, folder)]);
    for value in ["one", "two", value] {
        cluster.ctl(&["put", "key", value]);
    }
    let path = folder.join(format!("{value}.db"));
    cluster.ctl(&["snapshot", "save", path.to_str().expect("temporary paths are UTF-8")]);
    path
}

fn restore(snapshot: &Path, member: &Member, members: &[Member]) {
    let args = member.restored(snapshot, members);
    let all = std::iter::once("cairnutl".to_owned()).chain(args).map(Into::into);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::utl::run(all, &mut out, &mut err);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
}

/// Members of one cluster, the last of which holds something else.
struct Divided {
    _folder: TempDir,
    members: Vec<Member>,
    sound: PathBuf,
}

impl Divided {
    fn new(flags: &[&str]) -> Divided {
        let folder = TempDir::new().expect("a temporary folder");
        let [sound, other] = ["sound", "other"].map(|value| snapshot(folder.path(), value));
        let member = |name| {
            flags.iter().fold(Member::new(name, folder.path()), |one, flag| one.with_flag(flag))
        };
        let members: Vec<Member> = ["a", "b", "c"].map(member).into();
        for (member, snapshot) in members.iter().zip([&sound, &sound, &other]) {
            restore(snapshot, member, &members);
        }
        Divided { _folder: folder, members, sound }
    }

    fn start(&self, kinds: [Kind; 3]) -> Cluster {
        let servers = kinds.iter().map(|kind| kind.program()).zip(self.members.iter().cloned());
        Cluster::some(&servers.collect::<Vec<_>>(), &self.members)
    }
}

fn alarms(cluster: &Cluster) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let alarms = cluster.ctl(&["alarm", "list"]);
        if !alarms.is_empty() {
            return alarms;
        }
        assert!(Instant::now() < deadline, "nobody notices:\n{}", cluster.logs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn refused_put(cluster: &Cluster) -> String {
    let url = cluster.members()[0].client_url();
    let put = std::process::Command::new(go::etcdctl())
        .args(["--endpoints", &url, "put", "key", "more"])
        .output();
    let put = put.expect("etcdctl was built");
    assert!(!put.status.success(), "a write was taken");
    String::from_utf8_lossy(&put.stderr).into_owned()
}

/// The id of a member, as the member list shows it.
fn id_of(cluster: &Cluster, name: &str) -> String {
    let list = cluster.ctl(&["member", "list"]);
    let line = list.lines().find(|line| line.contains(&format!(", {name}, ")));
    let id = line.and_then(|line| line.split(',').next());
    id.expect("it is listed").to_owned()
}

/// `alarm list` writes ids as decimal numbers.
fn of_member(id: &str) -> String {
    let id = u64::from_str_radix(id, 16).expect("ids are hexadecimal");
    format!("memberID:{id} alarm:CORRUPT")
}

#[test]
fn what_differs_by_everything_ends_all_writes() {
    let divided = Divided::new(&["--corrupt-check-time=1s"]);
    let cluster = divided.start([Kind::Cairn; 3]);
    assert!(alarms(&cluster).contains("alarm:CORRUPT"));
    assert!(refused_put(&cluster).contains("etcdserver: corrupt cluster"));
}

fn accuses_the_last(kinds: [Kind; 3]) {
    let divided =
        Divided::new(&["--feature-gates=CompactHashCheck=true", "--compact-hash-check-time=1s"]);
    let cluster = divided.start(kinds);
    cluster.ctl(&["compact", "4"]);
    let (alarms, last) = (alarms(&cluster), id_of(&cluster, "c"));
    assert_eq!(alarms.trim(), of_member(&last), "most are right");
    assert!(refused_put(&cluster).contains("etcdserver: corrupt cluster"));
}

#[test]
fn who_differs_at_a_compaction_is_accused() {
    accuses_the_last([Kind::Cairn; 3]);
}

#[test]
fn a_real_etcd_that_differs_is_accused() {
    accuses_the_last([Kind::Cairn, Kind::Cairn, Kind::Etcd]);
}

#[test]
fn real_etcds_and_cairn_accuse_a_cairn_that_differs() {
    accuses_the_last([Kind::Etcd, Kind::Etcd, Kind::Cairn]);
}

#[test]
fn who_differs_does_not_start() {
    let divided = Divided::new(&["--feature-gates=InitialCorruptCheck=true"]);
    let members = &divided.members;
    let cairn = Kind::Cairn.program();
    // A cluster that starts as a whole finds nobody to compare with.
    let servers: Vec<_> = members[..2].iter().map(|one| (cairn.clone(), one.clone())).collect();
    let cluster = Cluster::some(&servers, members);
    let last = &members[2];
    let flags = ["--initial-cluster", &initial_cluster(members)];
    let ended = ends(last, &flags);
    let log = std::fs::read_to_string(last.log_path()).expect("it logs");
    assert_eq!(ended, Some(1), "{log}");
    assert!(log.contains("found data inconsistency with peers"), "{log}");
    // With the same keys as the others it does.
    std::fs::remove_dir_all(&last.data_dir).expect("nobody uses it");
    restore(&divided.sound, last, members);
    let back = Cluster::some(&[(cairn, last.clone())], members);
    assert_eq!(back.ctl(&["get", "key", "--print-value-only"]), "sound\n");
    drop(cluster);
}

/// The code with which a member ends by itself.
fn ends(member: &Member, flags: &[&str]) -> Option<i32> {
    let mut child = member.spawn(&Kind::Cairn.program(), flags);
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        match child.try_wait().expect("it is our child") {
            Some(status) => break status.code(),
            None if Instant::now() > deadline => break None,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    // Without effect on one that has ended.
    let _ = child.kill();
    let _ = child.wait();
    ended
}
