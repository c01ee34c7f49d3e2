//! A member that was away while the others went on past what their logs keep catches up by a
//! snapshot, and a client's snapshot is the whole state in a sound file.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bbolt::etcd_layout;
use proto::authpb::permission::Type;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{HashRequest, PutRequest, RangeRequest, SnapshotRequest};
use sha2::{Digest, Sha256};
use support::load::{check_hashes, leader};
use support::users::{User, denied, nobody, refusal};
use support::{KvClient, Member, PATIENCE, Process};

/// Bytes of a value: a few dozen fill a segment of the log.
const LARGE_BYTES: usize = 1 << 20;
/// Writes of that size: more than one segment.
const LARGE_WRITES: usize = 70;
/// Small writes behind them, past several checkpoints.
const SMALL_WRITES: usize = 100;

/// The value of a metric of one member, over all labels; zero while it is not there.
fn metric(member: &Member, name: &str) -> f64 {
    let mut socket = TcpStream::connect(("127.0.0.1", member.client_port)).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket takes it");
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("it answers");
    let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| {
        let (_, value) = line.rsplit_once(' ')?;
        value.parse::<f64>().ok()
    });
    values.sum()
}

fn has_first_segment(member: &Member) -> bool {
    let names = fs::read_dir(member.dir.join("member/wal")).expect("the member has a log");
    names
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().starts_with("0000000000000000-"))
}

async fn fill(url: &str, key: &str, bytes: usize, times: usize) {
    fill_as(&User::nobody(url).await, key, bytes, times).await;
}

async fn fill_as(user: &User, key: &str, bytes: usize, times: usize) {
    let mut client = KvClient::new(user.channel.clone());
    for number in 0..times {
        let put = PutRequest {
            key: key.to_string().into(),
            value: vec![b'a' + (number % 26) as u8; bytes].into(),
            ..PutRequest::default()
        };
        client.put(user.request(put)).await.expect("a healthy cluster writes");
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Starts members that keep little of their logs, and kills a follower: all processes, which one is
/// away, and which are there.
async fn without_one(members: &mut [Member], flags: &[&str]) -> (Vec<Process>, usize, Vec<usize>) {
    let flags = ["--snapshot-count=20", "--snapshot-catchup-entries=5"].iter().chain(flags);
    for member in &mut *members {
        member.arguments = flags.clone().map(|flag| (*flag).to_owned()).collect();
    }
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    let away = (leader(members).await + 1) % members.len();
    processes[away].kill();
    let others = (0..members.len()).filter(|at| *at != away).collect();
    (processes, away, others)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_away_past_the_release_catches_up_by_a_snapshot() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    let (mut processes, away, others) = without_one(&mut members, &[]).await;
    let url = members[others[0]].client_url();
    fill(&url, "large", LARGE_BYTES, LARGE_WRITES).await;
    fill(&url, "small", 10, SMALL_WRITES).await;
    for &at in &others {
        until("the first segment is released", || !has_first_segment(&members[at])).await;
    }
    for round in 0..2 {
        processes[away] = members[away].start();
        let mut client = processes[away].ready().await;
        let found = support::get(&mut client, "small").await.expect("it serves");
        assert_eq!(found.map(|value| value.len()), Some(10), "round {round}");
        check_hashes(&members).await;
        let arrived = metric(&members[away], "etcd_network_snapshot_receive_success");
        // The second time it has everything, its log's mark included.
        assert_eq!(arrived, if round == 0 { 1.0 } else { 0.0 }, "round {round}");
        let left = fs::read_dir(members[away].dir.join("member/snap"));
        let left: Vec<_> = left.into_iter().flatten().filter_map(Result::ok).collect();
        assert!(left.is_empty(), "round {round}: {left:?}");
        fill(&url, "small", 10, 3).await;
        processes[away].kill();
    }
}

async fn read(user: &User, key: &str) -> Result<usize, tonic::Status> {
    let request = RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() };
    let answer = KvClient::new(user.channel.clone()).range(user.request(request)).await?;
    Ok(answer.into_inner().kvs.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_come_with_a_snapshot_and_tokens_from_before_it_do_not() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    let (mut processes, away, others) = without_one(&mut members, &["--bcrypt-cost=4"]).await;
    let root = User::nobody(&members[others[0]].client_url()).await.enable().await;
    root.add_user("u", "p").await.expect("new");
    root.add_role("r").await.expect("new");
    root.grant("r", Type::Read, "small", "").await.expect("a key");
    root.grant_role("u", "r").await.expect("both exist");
    let user = root.login("u", "p").await.expect("his password");
    fill_as(&root, "large", LARGE_BYTES, LARGE_WRITES).await;
    fill_as(&root, "small", 10, SMALL_WRITES).await;
    for &at in &others {
        until("the first segment is released", || !has_first_segment(&members[at])).await;
    }
    processes[away] = members[away].start();
    let url = members[away].client_url();
    let began = Instant::now();
    let there = loop {
        // It serves once it has caught up.
        if support::channel(&url).await.is_ok() {
            break User::nobody(&url).await;
        }
        assert!(began.elapsed() < PATIENCE, "{}", members[away].log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(refusal(read(&there, "small").await), nobody());
    let fresh = there.login("u", "p").await.expect("he came with the snapshot");
    assert_eq!(read(&fresh, "small").await.expect("his right came too"), 1);
    assert_eq!(refusal(read(&fresh, "large").await), denied());
    let arrived = metric(&members[away], "etcd_network_snapshot_receive_success");
    assert_eq!(arrived, 1.0, "it did not come by a snapshot");
    let void = (tonic::Code::Unauthenticated, "etcdserver: invalid auth token".to_owned());
    assert_eq!(refusal(read(&user.at(&url).await, "small").await), void);
    assert_eq!(read(&user, "small").await.expect("who gave the token knows it"), 1);
    let elsewhere = user.login("u", "p").await.expect("his password").at(&url).await;
    assert_eq!(read(&elsewhere, "small").await.expect("a token from after it"), 1);
}

/// Takes a snapshot of a member: the file without its SHA-256, which is checked.
async fn snapshot(member: &Member) -> Vec<u8> {
    let channel = support::channel(&member.client_url()).await.expect("the member serves");
    let mut client = MaintenanceClient::new(channel);
    let answers = client.snapshot(SnapshotRequest {}).await.expect("it has a snapshot");
    let mut answers = answers.into_inner();
    let (mut file, mut remaining) = (Vec::new(), None);
    while let Some(answer) = answers.message().await.expect("it is sent to the end") {
        assert!(answer.blob.len() <= 32 << 10, "a blob of {}", answer.blob.len());
        if let Some(before) = remaining.filter(|before| *before > 0) {
            assert_eq!(before - answer.blob.len() as u64, answer.remaining_bytes);
        }
        assert_eq!(answer.version, "3.7.0");
        remaining = Some(answer.remaining_bytes);
        file.extend_from_slice(&answer.blob);
    }
    let hash = file.split_off(file.len() - 32);
    assert_eq!(Sha256::digest(&file)[..], hash[..], "the last blob is the file's SHA-256");
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_snapshot_is_a_sound_file_with_the_whole_state() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    let mut client = process.ready().await;
    for number in 0..500 {
        let (key, value) = (format!("key-{}", number % 300), "v".repeat(number * 3));
        support::put(&mut client, &key, &value).await.expect("it writes");
    }
    until("the cluster's version is decided", || metric(&member, "etcd_cluster_version") > 0.0)
        .await;
    let file = snapshot(&member).await;
    let database = bbolt::Database::open(bytes::Bytes::from(file)).expect("a database");
    let flaws = bbolt::check(&database).expect("in memory");
    assert!(flaws.is_empty(), "{flaws:?}");
    let figures = etcd_layout::status(&database, |_| {}).expect("etcd's layout");
    assert_eq!((figures.revision, figures.total_keys), (501, 300));
    let (expected, _) = support::load::hash(&member, 0).await;
    let found = etcd_layout::hash_kv(&database, 0).expect("a hash");
    assert_eq!(found.hash, expected, "HashKV of the file is that of the member");
    assert_eq!(state_hash(&database), hash(&member).await, "Hash covers what the file holds");
}

async fn hash(member: &Member) -> u32 {
    let channel = support::channel(&member.client_url()).await.expect("the member serves");
    let answer = MaintenanceClient::new(channel).hash(HashRequest {}).await.expect("a hash");
    answer.into_inner().hash
}

fn state_hash(database: &bbolt::Database<bytes::Bytes>) -> u32 {
    let mut hash = etcd_layout::ContentHash::of_state();
    let root = database.root();
    for named in root.entries() {
        let name = named.expect("sound").key;
        hash.bucket(&name);
        let bucket = root.bucket(&name).expect("sound").expect("a bucket");
        for entry in bucket.entries() {
            let entry = entry.expect("sound");
            hash.entry(&entry.key, &entry.value);
        }
    }
    hash.finish()
}
