//! A real full disk: a small file system that somebody else fills. Writes are refused with etcd's
//! text and taken again by themselves; what was acknowledged is there at any time; a batch that was
//! accepted and finds no room ends the process.

mod support;

use std::time::{Duration, Instant};

use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::{AlarmType, DeleteRangeRequest};
use support::load::{Acknowledged, leader};
use support::small_disk::SmallDisk;
use support::{Member, NO_SPACE, PATIENCE, Process, alarms};
use tonic::Code;
use tonic::transport::Channel;

/// Two log segments, the reserve, the low mark, and what the backend takes.
const DISK_MEBIBYTES: u64 = 400;

/// Puts until one is refused for want of space.
async fn put_until_refused(client: &mut KvClient<Channel>, told: &mut Acknowledged) {
    let began = Instant::now();
    loop {
        let (key, value) =
            (format!("key-{}", told.values.len()), format!("value-{}", told.values.len()));
        match support::put(client, &key, &value).await {
            Ok(_) => drop(told.values.insert(key, value)),
            Err(status) if status.code() == Code::ResourceExhausted => {
                assert_eq!(status.message(), NO_SPACE);
                return;
            }
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
        }
        assert!(began.elapsed() < PATIENCE, "writes are taken although the disk is full");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn put_until_taken(client: &mut KvClient<Channel>) {
    let began = Instant::now();
    while let Err(status) = support::put(client, "again", "there is room").await {
        assert!(began.elapsed() < PATIENCE, "writes do not resume: {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_refuses_writes_while_its_disk_is_full_and_resumes_by_itself() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let Some(disk) = SmallDisk::mount(&member.dir, DISK_MEBIBYTES) else { return };
    let mut process = member.start();
    let mut client = process.ready().await;
    let mut told = Acknowledged::default();
    for at in 0..50 {
        let (key, value) = (format!("key-{at}"), format!("value-{at}"));
        support::put(&mut client, &key, &value).await.expect("there is room");
        told.values.insert(key, value);
    }
    disk.fill(64 << 10);
    put_until_refused(&mut client, &mut told).await;
    told.check(&member.client_url()).await;
    let raised = alarms(&member).await;
    assert!(raised.iter().all(|alarm| alarm.alarm == AlarmType::Nospace as i32), "{raised:?}");
    let delete = DeleteRangeRequest { key: "key-0".into(), ..Default::default() };
    client.delete_range(delete).await.expect("what gains no space is taken");
    told.values.remove("key-0");
    process.kill();
    let mut process = member.start();
    let mut client = process.ready().await;
    told.check(&member.client_url()).await;
    put_until_refused(&mut client, &mut told).await;
    disk.free();
    put_until_taken(&mut client).await;
    told.check(&member.client_url()).await;
    let began = Instant::now();
    while !alarms(&member).await.is_empty() {
        assert!(began.elapsed() < PATIENCE, "the alarm stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(process.is_running(), "{}", member.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_room_hands_over_and_the_cluster_resumes_by_itself() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let mounted = members.iter().map(|member| SmallDisk::mount(&member.dir, DISK_MEBIBYTES));
    let Some(disks) = mounted.collect::<Option<Vec<SmallDisk>>>() else { return };
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    let mut clients = Vec::new();
    for process in &mut processes {
        clients.push(process.ready().await);
    }
    let mut told = Acknowledged::default();
    let full = leader(&members).await;
    disks[full].fill(64 << 10);
    for client in &mut clients {
        put_until_refused(client, &mut told).await;
    }
    let began = Instant::now();
    while leader(&members).await == full {
        assert!(began.elapsed() < PATIENCE, "a leader without room leads on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    disks[full].free();
    for (client, member) in clients.iter_mut().zip(&members) {
        put_until_taken(client).await;
        told.check(&member.client_url()).await;
    }
    let running = processes.iter_mut().all(Process::is_running);
    assert!(running, "a member ended: {}", members[full].log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_finds_no_room_ends_the_process_and_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    // Below the file system's promise to keep what was reserved, nothing but this shows it.
    let inject = ["strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e"];
    let mut wrapper: Vec<String> = inject.iter().map(ToString::to_string).collect();
    wrapper.push("inject=pwrite64:error=ENOSPC:when=60+".into());
    let mut process = member.start_under(&wrapper);
    let mut client = process.ready().await;
    let mut told = Acknowledged::default();
    for at in 0..1000 {
        let (key, value) = (format!("key-{at}"), format!("value-{at}"));
        match support::put(&mut client, &key, &value).await {
            Ok(_) => drop(told.values.insert(key, value)),
            Err(_) => break,
        }
    }
    let status = process.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "{}", member.log());
    let log = member.log();
    assert!(log.contains("the log cannot be written") && log.contains("free space"), "{log}");
    assert!(
        !told.values.is_empty() && told.values.len() < 1000,
        "{} acknowledged",
        told.values.len()
    );
    let mut process = member.start();
    process.ready().await;
    told.check(&member.client_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_a_log_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let Some(disk) = SmallDisk::mount(&member.dir, DISK_MEBIBYTES) else { return };
    disk.fill(40 << 20);
    let status = member.start().wait(PATIENCE);
    let log = member.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("No space left") && log.contains("free some space"), "{log}");
    disk.free();
    let mut process = member.start();
    let mut client = process.ready().await;
    support::put(&mut client, "key", "value").await.expect("what was begun does not hinder it");
}
