//! Members come and go: real processes, joined and removed as an operator does it.

mod support;

use std::fs;
use std::time::Duration;

use proto::etcdserverpb as pb;
use support::load::{Load, check_hashes, leader};
use support::members::{add, client, id, list, newcomer, remove};
use support::{Member, PATIENCE, Process};

const CLIENTS: usize = 4;

async fn start_all(members: &[Member]) -> Vec<Process> {
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    processes
}

fn urls(members: &[Member]) -> Vec<String> {
    members.iter().map(Member::client_url).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_grows_to_three_and_all_restart_on_what_they_have() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 1);
    let mut processes = start_all(&members).await;
    let first = members[0].client_url();
    let mut kv = support::connect(&first).await.expect("it serves");
    support::put(&mut kv, "before", "1").await.expect("one member writes");
    for name in ["m2", "m3"] {
        let mut member = newcomer(dir.path(), name);
        add(&first, &mut member, false).await;
        let mut process = member.start();
        process.ready().await;
        processes.push(process);
        members.push(member);
        support::put(&mut kv, name, "joined").await.expect("a grown cluster writes");
    }
    check_hashes(&members).await;
    let listed = list(&first).await;
    let mut names: Vec<&str> = listed.iter().map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["m1", "m2", "m3"]);
    for process in &mut processes {
        process.kill();
    }
    // As with etcd, the initial cluster and its state do not matter to a directory with data.
    members[1].arguments = vec!["--initial-cluster-state=new".into()];
    members[0].initial_cluster = members[2].initial_cluster.clone();
    let _processes = start_all(&members).await;
    check_hashes(&members).await;
    let mut kv = support::connect(&members[2].client_url()).await.expect("it serves");
    assert_eq!(support::get(&mut kv, "before").await.expect("reads").as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_member_comes_back_under_a_new_id_and_only_so() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    let mut processes = start_all(&members).await;
    let load = Load::start(&urls(&members), CLIENTS);
    load.goes_on(200).await;
    let victim = (leader(&members).await + 1) % 3;
    let old = id(&members[victim]).await;
    processes[victim].kill();
    fs::remove_dir_all(&members[victim].dir).expect("it has a directory");
    for (state, words) in [("new", "has already been bootstrapped"), ("existing", "has run before")]
    {
        members[victim].arguments = vec![format!("--initial-cluster-state={state}")];
        let status = members[victim].start().wait(PATIENCE);
        assert_eq!(status.code(), Some(1), "with {state}");
        let log = members[victim].log();
        assert!(log.contains(words) && log.contains("member remove"), "{log}");
        assert!(!members[victim].dir.join("cairn.json").exists(), "a refusal leaves no data");
    }
    let survivor = members[(victim + 1) % 3].client_url();
    remove(&survivor, old).await;
    members[victim].arguments = vec!["--initial-cluster-state=existing".into()];
    let new = add(&survivor, &mut members[victim], false).await;
    assert_ne!(new, old);
    processes[victim] = members[victim].start();
    processes[victim].ready().await;
    assert_eq!(id(&members[victim]).await, new);
    load.goes_on(200).await;
    let told = load.end().await;
    check_hashes(&members).await;
    for member in &members {
        told.check(&member.client_url()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_lost_its_log_and_kept_its_marker_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let mut processes = start_all(&members).await;
    let victim = &members[1];
    let own = id(victim).await;
    processes[1].kill();
    fs::remove_dir_all(victim.dir.join("member")).expect("its log and backend");
    let marker = fs::read(victim.dir.join("cairn.json")).expect("the marker stays");
    let before = victim.log().len();
    assert_eq!(victim.start().wait(PATIENCE).code(), Some(1), "{}", victim.log());
    let log = victim.log().split_off(before);
    let words = format!("the data directory of member {own:x} has lost its log");
    assert!(log.contains(&words) && log.contains("remove this member"), "{log}");
    assert_eq!(fs::read(victim.dir.join("cairn.json")).expect("it is there"), marker);
    assert!(!victim.dir.join("member/wal").exists(), "a refusal begins no log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_is_added_refused_too_early_and_promoted_through_any_member() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    let mut processes = start_all(&members).await;
    let first = members[0].client_url();
    let mut kv = support::connect(&first).await.expect("it serves");
    for at in 0..50 {
        support::put(&mut kv, &format!("key-{at}"), "value").await.expect("writes");
    }
    let mut learner = newcomer(dir.path(), "m4");
    let learner_id = add(&first, &mut learner, true).await;
    let follower = members[(leader(&members).await + 1) % 3].client_url();
    let promote = pb::MemberPromoteRequest { id: learner_id };
    let early = client(&follower).await.member_promote(promote).await.expect_err("not started");
    assert_eq!(
        early.message(),
        "etcdserver: can only promote a learner member which is in sync with leader"
    );
    let second =
        pb::MemberAddRequest { peer_urls: vec!["http://127.0.0.1:1".into()], is_learner: true };
    let second = client(&first).await.member_add(second).await.expect_err("one learner at a time");
    assert_eq!(second.message(), "etcdserver: too many learner members in cluster");
    processes.push(learner.start());
    let began = std::time::Instant::now();
    while let Err(status) = client(&follower).await.member_promote(promote).await {
        assert!(began.elapsed() < PATIENCE, "{status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let voter = client(&follower).await.member_promote(promote).await.expect_err("a voter");
    assert_eq!(voter.message(), "etcdserver: can only promote a learner member");
    let last = processes.len() - 1;
    processes[last].ready().await;
    members.push(learner);
    assert!(list(&first).await.iter().all(|member| !member.is_learner));
    support::put(&mut kv, "after", "1").await.expect("four members write");
    check_hashes(&members).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_members_stop_and_the_rest_writes_on() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    let mut processes = start_all(&members).await;
    let load = Load::start(&urls(&members), CLIENTS);
    load.goes_on(100).await;
    // The leader first, told by itself; then, of the two that are left, the one that leads.
    for through_itself in [true, false] {
        let at = leader(&members).await;
        let (leading, other) = (&members[at], &members[(at + 1) % members.len()]);
        let through = if through_itself { leading } else { other };
        let gone = id(leading).await;
        remove(&through.client_url(), gone).await;
        let status = processes[at].wait(Duration::from_secs(15));
        assert_eq!(status.code(), Some(0), "a removed member ends in order");
        let log = members[at].log();
        assert!(log.contains("this member was removed from its cluster and stops"), "{log}");
        let again = members[at].start().wait(PATIENCE);
        let log = members[at].log().split_off(log.len());
        assert_eq!(again.code(), Some(1), "a removed member does not run on: {log}");
        let words = format!("member {gone:x} was removed from its cluster and cannot start again");
        assert!(log.contains(&words) && log.contains("member add"), "{log}");
        members.remove(at);
        processes.remove(at);
        load.goes_on(100).await;
        assert!(list(&members[0].client_url()).await.iter().all(|member| member.id != gone));
    }
    let told = load.end().await;
    told.check(&members[0].client_url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_removed_while_it_was_down_is_turned_away() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let mut processes = start_all(&members).await;
    let victim = (leader(&members).await + 1) % 3;
    let gone = id(&members[victim]).await;
    processes[victim].kill();
    let others: Vec<Member> =
        members.iter().filter(|member| member.name != members[victim].name).cloned().collect();
    remove(&others[0].client_url(), gone).await;
    // A peer that has restarted since still knows whom it turns away.
    for (process, member) in processes.iter_mut().zip(&members) {
        if member.name != members[victim].name {
            process.kill();
            *process = member.start();
            process.ready().await;
        }
    }
    let mut back = members[victim].start();
    assert_eq!(back.wait(PATIENCE).code(), Some(0), "{}", members[victim].log());
    let log = members[victim].log();
    assert!(log.contains("this member was removed from its cluster and stops"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_the_running_cluster_is_refused_with_a_remedy() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 1);
    let processes = start_all(&members).await;
    let mut member = newcomer(dir.path(), "m2");
    let first = &members[0].initial_cluster;
    let own = format!("m2=http://127.0.0.1:{}", member.peer_port);
    let cases = [
        (first.clone(), "couldn't find local name \\\"m2\\\""),
        (own.clone(), "names only this member"),
        (format!("{first},{own}"), "member count is unequal"),
        (format!("m1=http://127.0.0.1:1,{own}"), "could not retrieve cluster information"),
    ];
    for (initial_cluster, words) in cases {
        member.initial_cluster = initial_cluster;
        let status = member.start().wait(PATIENCE);
        assert_eq!(status.code(), Some(1), "{}", member.initial_cluster);
        assert!(member.log().contains(words), "{words} is not in\n{}", member.log());
        assert!(!member.dir.join("cairn.json").exists(), "a refusal leaves no data");
    }
    drop(processes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_peers_says_for_whom_now_and_then() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let _alone = members[0].start();
    let lines = || members[0].log().lines().filter(|l| l.contains("waiting for peers")).count();
    let began = std::time::Instant::now();
    while lines() < 2 {
        assert!(began.elapsed() < PATIENCE, "{}", members[0].log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = members[0].log();
    for other in &members[1..] {
        let named = format!("{}=http://127.0.0.1:{}", other.name, other.peer_port);
        assert!(log.contains(&named), "{named} is not in\n{log}");
    }
    let seconds = began.elapsed().as_secs() as usize + 5;
    assert!(lines() <= seconds, "{} lines in {seconds} s", lines());
}
