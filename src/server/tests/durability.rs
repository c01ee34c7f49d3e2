//! Nothing is answered before it is durable. `kill -9` cannot show a missing sync, because the
//! kernel keeps what was written; the order of system calls can.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use support::replication::{self, Trace};
use support::{Process, strace};

const PUTS: usize = 20;

fn marks() -> Vec<String> {
    (0..PUTS).map(|at| format!("durability-mark-{at:04}-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_answers_a_put_only_after_its_sync() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let trace = dir.path().join("trace");
    let mut process = member.start_under(&strace::wrapper(&trace));
    let mut client = process.ready().await;
    for mark in marks() {
        support::put(&mut client, "key", &mark).await.expect("a healthy member takes puts");
    }
    process.kill();
    let calls = strace::parse(&fs::read_to_string(&trace).expect("strace wrote its trace"));
    strace::check_synced_before_next(&calls, &marks()).expect("every put is synced first");
    strace::check_directories_synced(&calls).expect("every new name is durable");
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    u64::try_from(since.as_micros()).expect("it is not yet the year 500,000")
}

/// Three members under strace; puts through the first one. Gives their traces as text and when each
/// put was answered.
async fn trace_cluster(dir: &Path, arguments: &[&str]) -> (Vec<String>, Vec<(String, u64)>) {
    let mut members = support::cluster(dir, 3);
    let paths: Vec<PathBuf> = (0..3).map(|at| dir.join(format!("trace-{at}"))).collect();
    // Under strace a member is slow, and this is not about elections.
    let times = ["--election-timeout=5000", "--heartbeat-interval=500"];
    let mut processes: Vec<Process> = Vec::new();
    for (member, path) in members.iter_mut().zip(&paths) {
        member.arguments = times.iter().chain(arguments).map(ToString::to_string).collect();
        processes.push(member.start_under(&strace::wrapper(path)));
    }
    let mut client = processes[0].ready().await;
    let mut answers = Vec::new();
    for mark in marks() {
        support::put(&mut client, "key", &mark).await.expect("a healthy cluster takes puts");
        answers.push((mark, now_us()));
    }
    drop(processes);
    let read = |path: &PathBuf| fs::read_to_string(path).expect("strace wrote its trace");
    (paths.iter().map(read).collect(), answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_acknowledge_and_answer_only_after_their_syncs() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (texts, answers) = trace_cluster(dir.path(), &[]).await;
    let traces: Vec<Trace> = texts.iter().map(|text| Trace::read(text)).collect();
    let mut counts = Vec::new();
    for (text, trace) in texts.iter().zip(&traces) {
        counts.push(trace.check_acknowledgements().expect("a sync comes before its word"));
        strace::check_directories_synced(&strace::parse(text)).expect("every name is durable");
    }
    // The two that follow acknowledge every put, alone or with the one before.
    assert!(counts.iter().sum::<usize>() >= PUTS, "{counts:?} acknowledgements were seen");
    replication::check_answers(&traces, 0, &answers).expect("a quorum has what is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_notice_members_that_do_not_sync() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (texts, answers) = trace_cluster(dir.path(), &["--unsafe-no-fsync"]).await;
    let traces: Vec<Trace> = texts.iter().map(|text| Trace::read(text)).collect();
    let early = traces.iter().filter(|trace| trace.check_acknowledgements().is_err()).count();
    assert!(early >= 2, "{early} members were seen to acknowledge what they had not synced");
    let verdict = replication::check_answers(&traces, 0, &answers);
    assert!(verdict.is_err(), "answers without a sync went unnoticed");
}

#[test]
fn the_check_notices_a_missing_sync() {
    let lines = [
        "1 recvfrom(9<TCP:[1]>, \"mark-a\", 9, 0, NULL, NULL) = 6",
        "2 pwrite64(5</d/member/wal/0-0.wal>, \"mark-a\", 6, 0) = 6",
        "2 fdatasync(5</d/member/wal/0-0.wal> <unfinished ...>",
        "1 recvfrom(9<TCP:[1]>, \"mark-b\", 9, 0, NULL, NULL) = 6",
        "2 <... fdatasync resumed>) = 0",
    ];
    let marks = ["mark-a".to_string(), "mark-b".to_string()];
    let early = strace::parse(&lines.join("\n"));
    assert!(strace::check_synced_before_next(&early, &marks).is_err());
    let ordered = [lines[0], lines[1], lines[2], lines[4], lines[3]].join("\n");
    assert_eq!(strace::check_synced_before_next(&strace::parse(&ordered), &marks), Ok(()));
}
