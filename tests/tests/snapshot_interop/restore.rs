//! Snapshots between a real etcd with its tools and `cairnutl`, both ways.

use bbolt::etcd_layout::RevisionKey;
use bbolt::{Planner, Writer};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

use tests::binaries::built;
use tests::cluster::{Cluster, Member};
use tests::go;

use super::directory::{Started, contents};

/// What a command line left behind.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    code: i32,
    out: String,
    /// The first line of stderr that names an error.
    error: String,
}

fn outcome(code: i32, out: Vec<u8>, err: &[u8]) -> Outcome {
    let err = String::from_utf8_lossy(err).into_owned();
    let error = err.lines().find(|line| line.starts_with("Error: ")).unwrap_or_default();
    Outcome { code, out: String::from_utf8(out).expect("text"), error: error.to_owned() }
}

fn cairnutl(args: &[&str]) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let all = std::iter::once("cairnutl").chain(args.iter().copied()).map(Into::into);
    let code = cli::utl::run(all, &mut out, &mut err);
    outcome(i32::from(code), out, &err)
}

fn etcdutl(args: &[&str]) -> Outcome {
    let output = Command::new(go::etcdutl()).args(args).output().expect("etcdutl was built");
    outcome(output.status.code().unwrap_or(-1), output.stdout, &output.stderr)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A real member with some history, and a snapshot of it.
fn snapshot_of_a_real_etcd(folder: &Path) -> String {
    let member = Member::new("source", folder);
    let cluster = Cluster::start(&[member]);
    for number in 0..40 {
        let (key, value) = (format!("key-{}", number % 25), format!("value-{number}"));
        cluster.ctl(&["put", &key, &value]);
    }
    cluster.ctl(&["put", "large", &"x".repeat(100_000)]);
    // A range: all that begins with key-1 but the last.
    cluster.ctl(&["del", "key-1", "key-19"]);
    cluster.ctl(&["compact", "30"]);
    cluster.ctl(&["put", "key-3", "after <compaction> & \"all\""]);
    cluster.ctl(&["del", "key-3"]);
    cluster.ctl(&["lease", "grant", "3600"]);
    cluster.ctl(&["user", "add", "root:secret"]);
    cluster.ctl(&["role", "add", "reader"]);
    let path = folder.join("snapshot.db");
    cluster.ctl(&["snapshot", "save", text(&path)]);
    text(&path).to_owned()
}

#[test]
fn figures_of_a_real_snapshot_are_those_of_etcdutl() {
    let folder = TempDir::new().expect("a temporary folder");
    let snapshot = snapshot_of_a_real_etcd(folder.path());
    // etcdutl opens a file for writing to hash it.
    let copy = format!("{snapshot}.copy");
    fs::copy(&snapshot, &copy).expect("the disk takes it");
    for format in ["simple", "fields", "json", "table", "protobuf", "other"] {
        let status = ["snapshot", "status", &snapshot, "--write-out", format];
        assert_eq!(cairnutl(&status), etcdutl(&status), "{format}");
        let ours = cairnutl(&["hashkv", &snapshot, "-w", format]);
        assert_eq!(ours, etcdutl(&["hashkv", &copy, "-w", format]), "{format}");
    }
    for revision in ["1", "29", "30", "31", "35", "44", "45", "46", "1000", "-1"] {
        let ours = cairnutl(&["hashkv", &snapshot, "--rev", revision]);
        assert_eq!(ours, etcdutl(&["hashkv", &copy, "--rev", revision]), "{revision}");
    }
}

#[test]
fn three_real_members_start_from_what_cairnutl_restored() {
    let folder = TempDir::new().expect("a temporary folder");
    let snapshot = snapshot_of_a_real_etcd(folder.path());
    let members = ["a", "b", "c"].map(|name| Member::new(name, folder.path()));
    for member in &members {
        restore(cairnutl, &snapshot, member, &members, &[]);
    }
    let cluster = Cluster::start(&members);
    assert_eq!(cluster.ctl(&["get", "--print-value-only", "key-24"]), "value-24\n");
    assert_eq!(cluster.ctl(&["get", "key-1"]), "", "it was deleted");
    assert_eq!(cluster.ctl(&["user", "list"]), "root\n");
    assert_eq!(cluster.ctl(&["lease", "list"]).lines().count(), 2);
    assert_eq!(cluster.ctl(&["member", "list"]).lines().count(), 3);
    assert_eq!(cluster.ctl(&["put", "key-1", "again"]), "OK\n");
    let hashes = cluster.ctl(&["endpoint", "hashkv", "--cluster", "-w", "json"]);
    let hashes: serde_json::Value = serde_json::from_str(&hashes).expect("JSON");
    let hashes: Vec<_> = hashes.as_array().expect("a list").iter().collect();
    assert_eq!(hashes.len(), 3);
    for hash in &hashes {
        assert_eq!(hash["HashKV"]["hash"], hashes[0]["HashKV"]["hash"], "{hashes:?}");
    }
}

/// A running Cairn with some history, and a snapshot of it that etcdctl took.
fn snapshot_of_cairn(folder: &Path) -> (String, serde_json::Value) {
    let member = Member::new("source", folder);
    let cairn = Cluster::start_cairn(&[member]);
    for number in 0..40 {
        let (key, value) = (format!("key-{}", number % 25), format!("value-{number}"));
        cairn.ctl(&["put", &key, &value]);
    }
    cairn.ctl(&["put", "large", &"x".repeat(100_000)]);
    cairn.ctl(&["del", "key-1", "key-19"]);
    cairn.ctl(&["compact", "30"]);
    cairn.ctl(&["put", "key-3", "after"]);
    cairn.ctl(&["lease", "grant", "3600"]);
    let path = folder.join("snapshot.db");
    cairn.ctl(&["snapshot", "save", text(&path)]);
    let hash = cairn.ctl(&["endpoint", "hashkv", "-w", "json"]);
    let hash = serde_json::from_str(&hash).expect("JSON");
    (text(&path).to_owned(), hash)
}

#[test]
fn a_restored_state_is_not_started_without_its_log() {
    let folder = TempDir::new().expect("a temporary folder");
    let (snapshot, _) = snapshot_of_cairn(folder.path());
    let member = Member::new("m", folder.path());
    let members = std::slice::from_ref(&member);
    let (wal, log) = (folder.path().join("wal"), folder.path().join("refused.log"));
    restore(cairnutl, &snapshot, &member, members, &["--wal-dir", text(&wal)]);
    let marker = member.data_dir.join("cairn.json");
    let now = fs::read_to_string(&marker).expect("it was restored");
    let earlier = now.replace(",\n  \"log-begun\": true", "");
    assert_ne!(now, earlier, "earlier versions did not say that there is a log");
    for text in [now, earlier] {
        fs::write(&marker, text).expect("the disk takes it");
        let before = contents(&member.data_dir);
        let status = Started::start(&built("cairn"), &member, &log).wait(&log);
        let said = fs::read_to_string(&log).expect("it was written");
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("has lost its log") && said.contains("--wal-dir"), "{said}");
        assert!(contents(&member.data_dir) == before, "the directory was changed");
    }
}

#[test]
fn etcds_tools_take_the_snapshot_of_a_running_cairn() {
    let folder = TempDir::new().expect("a temporary folder");
    let (snapshot, hash) = snapshot_of_cairn(folder.path());
    let status = ["snapshot", "status", &snapshot, "-w", "json"];
    let ours = cairnutl(&status);
    assert_eq!(ours.code, 0, "{ours:?}");
    assert_eq!(ours, etcdutl(&status));
    let etcd = Member::new("m", folder.path());
    restore(etcdutl, &snapshot, &etcd, std::slice::from_ref(&etcd), &[]);
    let cluster = Cluster::start(std::slice::from_ref(&etcd));
    assert_eq!(cluster.ctl(&["get", "key-24", "--print-value-only"]), "value-24\n");
    assert_eq!(cluster.ctl(&["get", "key-1"]), "", "it was deleted");
    assert_eq!(cluster.ctl(&["lease", "list"]).lines().count(), 2);
    let theirs = cluster.ctl(&["endpoint", "hashkv", "-w", "json"]);
    let theirs: serde_json::Value = serde_json::from_str(&theirs).expect("JSON");
    assert_eq!(theirs[0]["HashKV"]["hash"], hash[0]["HashKV"]["hash"], "{theirs} {hash}");
}

#[test]
fn three_cairns_start_from_what_cairnutl_restored() {
    let folder = TempDir::new().expect("a temporary folder");
    let (snapshot, _) = snapshot_of_cairn(folder.path());
    let members = ["a", "b", "c"].map(|name| Member::new(name, folder.path()));
    for member in &members {
        restore(cairnutl, &snapshot, member, &members, &[]);
    }
    for round in 0..2 {
        let cairn = Cluster::start_cairn(&members);
        assert_eq!(cairn.ctl(&["get", "key-24", "--print-value-only"]), "value-24\n", "{round}");
        assert_eq!(cairn.ctl(&["lease", "list"]).lines().count(), 2);
        assert_eq!(cairn.ctl(&["member", "list"]).lines().count(), 3);
        assert_eq!(cairn.ctl(&["put", "key-1", "again"]), "OK\n");
        check_hashes(&cairn, 3);
    }
}

/// Followers apply a moment later than the member that answered the last write.
fn check_hashes(cairn: &Cluster, count: usize) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let hashes = cairn.ctl(&["endpoint", "hashkv", "--cluster", "-w", "json"]);
        let hashes: serde_json::Value = serde_json::from_str(&hashes).expect("JSON");
        let hashes = hashes.as_array().expect("a list");
        assert_eq!(hashes.len(), count);
        let first = &hashes[0]["HashKV"]["hash"];
        if hashes.iter().all(|hash| hash["HashKV"]["hash"] == *first) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "members differ: {hashes:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_bumped_restore_is_compacted_up_to_the_bump() {
    let folder = TempDir::new().expect("a temporary folder");
    let snapshot = snapshot_of_a_real_etcd(folder.path());
    let revision_in = |outcome: &Outcome| -> i64 {
        let json: serde_json::Value = serde_json::from_str(&outcome.out).expect("JSON");
        json["revision"].as_i64().expect("a number")
    };
    let before = revision_in(&cairnutl(&["snapshot", "status", &snapshot, "-w", "json"]));
    let flags = ["--bump-revision", "1000000", "--mark-compacted"];
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    fs::create_dir(&ours).expect("the disk takes it");
    fs::create_dir(&theirs).expect("the disk takes it");
    let member = Member::new("m", &ours);
    let mut twin = member.clone();
    twin.data_dir = theirs.join("m");
    restore(cairnutl, &snapshot, &member, std::slice::from_ref(&member), &flags);
    restore(etcdutl, &snapshot, &twin, std::slice::from_ref(&twin), &flags);
    let hashes = [(&member, cairnutl as fn(&[&str]) -> Outcome), (&twin, etcdutl)]
        .map(|(member, tool)| tool(&["hashkv", text(&member.data_dir.join("member/snap/db"))]));
    assert_eq!(hashes[0], hashes[1], "the history is the same");

    let cluster = Cluster::start(std::slice::from_ref(&member));
    let status = cluster.ctl(&["get", "large", "-w", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["header"]["revision"].as_i64(), Some(before + 1_000_000));
    assert_eq!(status["count"].as_i64(), Some(1));
}

#[test]
fn the_restored_log_holds_what_etcdutls_holds() {
    let folder = TempDir::new().expect("a temporary folder");
    let snapshot = folder.path().join("ours.db");
    fs::write(&snapshot, written_by_us()).expect("the disk takes it");
    let members = ["a", "b", "c"].map(|name| Member::new(name, folder.path()));
    let [ours, theirs] =
        [("ours", cairnutl as fn(&[&str]) -> Outcome), ("theirs", etcdutl)].map(|(name, tool)| {
            let mut member = members[1].clone();
            member.data_dir = folder.path().join(name);
            restore(tool, text(&snapshot), &member, &members, &[]);
            log(&member.data_dir.join("member/wal"))
        });
    assert_eq!(ours, theirs);
    assert!(ours.contains("commit: 3"), "{ours}");
}

/// All that the log of a restored member says.
fn log(directory: &Path) -> String {
    let name = "0000000000000000-0000000000000000.wal";
    let bytes = fs::read(directory.join(name)).expect("the tool wrote it");
    let len = bytes.len() as u64;
    let mut recovery = wal::Recovery::new(&[name.to_owned()]).expect("one sound name");
    let entries = wal::read_entries(&bytes, base::Index(1), base::Index(3));
    recovery.segment(name, bytes.into()).expect("a sound segment");
    let found = recovery.finish(len).expect("a sound log");
    format!(
        "{len} {:?} {:?} {:?} {:?} {entries:?}",
        found.metadata, found.hard_state, found.snapshots, found.mark
    )
}

#[test]
fn etcdutl_and_etcd_take_a_snapshot_that_we_wrote() {
    let folder = TempDir::new().expect("a temporary folder");
    let snapshot = folder.path().join("ours.db");
    fs::write(&snapshot, written_by_us()).expect("the disk takes it");
    let status = ["snapshot", "status", text(&snapshot), "-w", "table"];
    let ours = cairnutl(&status);
    assert_eq!(ours.code, 0, "{ours:?}");
    assert_eq!(ours, etcdutl(&status));

    let member = Member::new("m", folder.path());
    restore(etcdutl, text(&snapshot), &member, std::slice::from_ref(&member), &[]);
    let cluster = Cluster::start(std::slice::from_ref(&member));
    let keys = cluster.ctl(&["get", "", "--from-key", "--count-only", "-w", "fields"]);
    assert!(keys.contains("\"Count\" : 5000\n"), "{keys}");
    assert_eq!(cluster.ctl(&["get", "k/4321", "--print-value-only"]).len(), 4321 % 3000 + 1);
}

#[test]
fn mistakes_are_answered_as_etcdutl_answers_them() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let (file, cut, spoiled) = (path("sound"), path("cut"), path("spoiled"));
    let (missing, full, fresh) = (path("missing"), path("full"), path("fresh"));
    let mut bytes = written_by_us();
    fs::write(&file, &bytes).expect("the disk takes it");
    fs::write(&cut, &bytes[..bytes.len() - 32]).expect("the disk takes it");
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    fs::write(&spoiled, &bytes).expect("the disk takes it");
    fs::create_dir_all(format!("{full}/something")).expect("the disk takes it");
    let restore = ["snapshot", "restore", "--data-dir", &fresh];
    let with = |more: &[&'static str]| -> Vec<String> {
        restore.iter().chain([&file.as_str()]).chain(more).map(|&arg| arg.to_owned()).collect()
    };
    let cases = [
        vec!["snapshot".into(), "status".into()],
        vec!["snapshot".into(), "status".into(), file.clone(), file.clone()],
        vec!["snapshot".into(), "status".into(), missing.clone()],
        vec!["snapshot".into(), "restore".into()],
        vec!["snapshot".into(), "restore".into(), missing, "--data-dir".into(), fresh.clone()],
        vec!["snapshot".into(), "restore".into(), cut, "--data-dir".into(), fresh.clone()],
        vec!["snapshot".into(), "restore".into(), spoiled, "--data-dir".into(), fresh.clone()],
        vec!["snapshot".into(), "restore".into(), file.clone(), "--data-dir".into(), full.clone()],
        with(&["--bump-revision", "5"]),
        with(&["--mark-compacted"]),
        with(&["--name", "other"]),
        with(&["--initial-cluster", "default=http://localhost"]),
        with(&["--initial-cluster", "default=http://localhost:2380/path"]),
        with(&["--initial-cluster", "default=tcp://localhost:2380"]),
        with(&["--initial-cluster", ""]),
        with(&["--wal-dir", "/tmp"]),
    ];
    for case in &cases {
        let args: Vec<&str> = case.iter().map(String::as_str).collect();
        let ours = cairnutl(&args);
        assert_ne!(ours.code, 0, "{case:?}");
        assert!(!Path::new(&fresh).join("member").exists(), "{case:?} left something behind");
        let theirs = etcdutl(&args);
        assert_eq!(ours, theirs, "{case:?}");
        // etcdutl leaves its unfinished directory.
        let _ = fs::remove_dir_all(&fresh);
    }
}

fn restore(
    tool: fn(&[&str]) -> Outcome,
    snapshot: &str,
    member: &Member,
    members: &[Member],
    more: &[&str],
) {
    let args = member.restored(Path::new(snapshot), members);
    let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let outcome = tool(&args);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

/// A snapshot of 5,000 keys from our own writer, hash included.
fn written_by_us() -> Vec<u8> {
    use prost::Message as _;
    use sha2::Digest as _;
    let revisions: Vec<(Vec<u8>, Vec<u8>)> = (0..5000_i64)
        .map(|number| {
            let (key, len) = RevisionKey::new(number + 2, 0).encode();
            let value = proto::mvccpb::KeyValue {
                key: format!("k/{number}").into(),
                create_revision: number + 2,
                mod_revision: number + 2,
                version: 1,
                value: vec![b'v'; number as usize % 3000].into(),
                lease: 0,
            };
            (key[..len].to_vec(), value.encode_to_vec())
        })
        .collect();
    let meta: Vec<(Vec<u8>, Vec<u8>)> = [
        ("consistent_index", 7_u64.to_be_bytes().to_vec()),
        ("storageVersion", b"3.7.0".to_vec()),
        ("term", 2_u64.to_be_bytes().to_vec()),
    ]
    .map(|(key, value)| (key.into(), value))
    .to_vec();
    let buckets = bbolt::etcd_layout::bucket::ALL.map(|name| {
        let entries = match name {
            b"key" => revisions.clone(),
            b"meta" => meta.clone(),
            b"cluster" => vec![(b"clusterVersion".to_vec(), b"3.7.0".to_vec())],
            _ => Vec::new(),
        };
        (name, entries)
    });
    let mut planner = Planner::new();
    for (name, entries) in &buckets {
        planner.bucket(name.len()).expect("sound");
        for (key, value) in entries {
            planner.entry(key.len(), value.len()).expect("sound");
        }
    }
    let mut writer = Writer::new(planner.finish());
    for (name, entries) in &buckets {
        writer.bucket(name).expect("sound");
        for (key, value) in entries {
            writer.entry(key, value).expect("sound");
        }
    }
    writer.finish().expect("as planned");
    let mut file: Vec<u8> = std::iter::from_fn(|| writer.chunk()).flatten().collect();
    let hash = sha2::Sha256::digest(&file);
    file.extend_from_slice(&hash);
    file
}
