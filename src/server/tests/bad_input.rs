//! Starts that cannot be: each ends with exit code 1 and a text that names cause and remedy, and
//! leaves what it found as it was.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use support::{Member, PATIENCE};

/// Starts a member that must refuse; gives what it logged.
fn refusal(member: &Member) -> String {
    let mut process = member.start();
    let status = process.wait(PATIENCE);
    let log = member.log();
    assert_eq!(status.code(), Some(1), "{log}");
    log
}

fn check(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

fn new_member(dir: &Path) -> Member {
    support::cluster(dir, 1).remove(0)
}

/// Every file below a directory with its content, and when it was last changed.
fn contents(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("it is there") {
        let path = entry.expect("it is listed").path();
        let metadata = fs::metadata(&path).expect("it is there");
        let changed = metadata.modified().expect("the file system knows");
        match metadata.is_dir() {
            true => {
                found.extend(contents(&path));
                found.insert(path, (Vec::new(), changed));
            }
            false => {
                let content = fs::read(&path).expect("it is readable");
                found.insert(path, (content, changed));
            }
        }
    }
    found
}

/// Starts a member, puts a key and kills it.
async fn used(member: &Member) {
    let mut process = member.start();
    let mut client = process.ready().await;
    for at in 0..20 {
        support::put(&mut client, &format!("key-{at}"), "value").await.expect("it writes");
    }
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port();
    let mut member = new_member(dir.path());
    member.client_port = port;
    let text = refusal(&member);
    let url = format!("cannot listen on http://127.0.0.1:{port}");
    check(&text, &[&url, "in use", "other process", "--listen-client-urls"]);
    let mut member = new_member(dir.path());
    member.peer_port = port;
    member.initial_cluster = format!("{}=http://127.0.0.1:{port}", member.name);
    check(&refusal(&member), &[&url, "in use", "--listen-peer-urls"]);
}

#[test]
fn urls_and_flags_that_cannot_be_are_named() {
    let cases = [
        ("--listen-client-urls=127.0.0.1:1", 2, "first path segment in URL cannot contain colon"),
        ("--listen-client-urls=http://127.0.0.1", 2, "does not have the form \"host:port\""),
        ("--listen-peer-urls=http://a b", 2, "-listen-peer-urls"),
        ("--no-such-flag", 2, "flag provided but not defined: -no-such-flag"),
        ("--heartbeat-interval=5000", 1, "should be at least as 5 times"),
        ("--initial-cluster-state=maybe", 2, "maybe"),
    ];
    for (argument, code, text) in cases {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut member = new_member(dir.path());
        member.arguments = vec![argument.into()];
        let status = member.start().wait(PATIENCE);
        assert_eq!(status.code(), Some(code), "{argument}: {}", member.log());
        check(&member.log(), &[text]);
        assert!(!member.dir.exists(), "{argument}: a directory was made");
    }
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("file");
    fs::write(&file, "in the way").expect("written");
    let mut member = new_member(dir.path());
    member.dir = file.join("data");
    member.log_path = dir.path().join("log");
    check(&refusal(&member), &["create directory", "file/data", "--data-dir"]);
    assert_eq!(fs::read(&file).expect("it is there"), b"in the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_another_cluster_or_a_newer_format_is_refused_unchanged() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = new_member(dir.path());
    used(&member).await;
    let before = contents(&member.dir);
    let mut stranger = member.clone();
    stranger.arguments = vec!["--initial-cluster-token=another".into()];
    check(&refusal(&stranger), &["belongs to member", "of cluster", "--initial-cluster-token"]);
    assert!(contents(&member.dir) == before, "the directory was changed");
    let marker = member.dir.join("cairn.json");
    let text = fs::read_to_string(&marker).expect("it is there");
    fs::write(&marker, text.replace("\"format\": 1", "\"format\": 99")).expect("written");
    let before = contents(&member.dir);
    check(&refusal(&member), &["format 99", "reads up to 1", "a newer one"]);
    assert!(contents(&member.dir) == before, "the directory was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_its_log_is_refused_unchanged() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = new_member(dir.path());
    let elsewhere = dir.path().join("log-elsewhere");
    let kept = member.arguments.clone();
    member.arguments.push(format!("--wal-dir={}", elsewhere.display()));
    used(&member).await;
    let before = contents(&member.dir);
    member.arguments = kept;
    check(&refusal(&member), &["has lost its log", "--wal-dir", "restore a snapshot"]);
    assert!(contents(&member.dir) == before, "the directory was changed");
}

#[test]
fn a_directory_that_etcd_made_is_refused_unchanged_with_the_way_to_import_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = new_member(dir.path());
    for part in ["member/snap/db", "member/wal/0000000000000000-0000000000000000.wal"] {
        let path = member.dir.join(part);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, part).expect("written");
    }
    let before = contents(&member.dir);
    let parts =
        ["made by etcd", "left unchanged", "etcdctl snapshot save", "cairnutl snapshot restore"];
    check(&refusal(&member), &parts);
    assert!(contents(&member.dir) == before, "the directory was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_record_is_named_and_nothing_is_changed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = new_member(dir.path());
    used(&member).await;
    let segment = "0000000000000000-0000000000000000.wal";
    let path = member.dir.join("member/wal").join(segment);
    let mut bytes = fs::read(&path).expect("it is there");
    let at = bytes.windows(5).position(|window| window == b"key-3").expect("it was written");
    bytes[at] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let before = contents(&member.dir.join("member/wal"));
    let text = refusal(&member);
    check(
        &text,
        &[segment, "is damaged at byte", "a later batch is intact", "nothing was changed"],
    );
    let offset = text
        .split("is damaged at byte ")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok());
    let offset = offset.expect("it names the byte");
    assert!(offset <= at && at - offset < 200, "byte {at} was damaged, {offset} is named");
    assert!(contents(&member.dir.join("member/wal")) == before, "the log was changed");
}
