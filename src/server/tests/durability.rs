//! Nothing is answered before it is durable. `kill -9` cannot show a missing sync, because the
//! kernel keeps what was written; the order of system calls can.

mod support;

use std::fs;

use support::strace;

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
