//! TLS between members: streams, posts, snapshots and calls in both directions, refusals, and
//! certificates that change while the cluster runs.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::load::{Load, check_hashes, leader};
use support::secure::{self, Authority, CLIENT, Wanted};
use support::{Member, PATIENCE, Process, members};

/// Three members that know each other by certificates of one authority, and clients by others.
fn cluster(dir: &Path) -> Vec<Member> {
    let mut members = support::cluster(dir, 3);
    secure::secure_peers(&mut members, |member| {
        let name = format!("{}-peer", member.name);
        let wanted = Wanted { common_name: "member", ..Wanted::default() };
        let mut flags = secure::peer_flags(&secure::files(dir, &name, &wanted));
        flags.push("--peer-cert-allowed-cn=member".into());
        flags
    });
    let files = secure::files(dir, "server", &Wanted::default());
    for member in &mut members {
        secure::secure_clients(member, &files, true);
    }
    members
}

async fn started(members: &[Member]) -> Vec<Process> {
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    processes
}

/// Waits for a line of the log with all of these.
async fn logged(member: &Member, parts: &[&str]) {
    let began = Instant::now();
    while !member.log().lines().any(|line| parts.iter().all(|part| line.contains(part))) {
        assert!(began.elapsed() < PATIENCE, "{parts:?} is not in:\n{}", member.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_find_each_other_and_come_back_after_a_kill_while_certificates_change() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = cluster(dir.path());
    let mut processes = started(&members).await;
    let urls: Vec<String> = members.iter().map(Member::client_url).collect();
    let load = Load::start(&urls, 4);
    load.goes_on(50).await;
    let at = leader(&members).await;
    processes[at].kill();
    // New certificates for all while one is away: each is taken where it is needed.
    for member in &members {
        let name = format!("{}-peer", member.name);
        let wanted = Wanted { common_name: "member", ..Wanted::default() };
        secure::files(dir.path(), &name, &wanted);
    }
    load.goes_on(50).await;
    processes[at] = members[at].start();
    processes[at].ready().await;
    load.goes_on(50).await;
    let told = load.end().await;
    check_hashes(&members).await;
    told.check(&urls[0]).await;
    assert!(!told.moments.is_empty());
    // A member that joins asks over TLS who is there, and gets a snapshot or the log over it.
    let mut newcomer = members::newcomer(dir.path(), "m4");
    let wanted = Wanted { common_name: "member", ..Wanted::default() };
    let peer = secure::files(dir.path(), "m4-peer", &wanted);
    let url = format!("https://127.0.0.1:{}", newcomer.peer_port);
    newcomer.arguments.push(format!("--listen-peer-urls={url}"));
    newcomer.arguments.push(format!("--initial-advertise-peer-urls={url}"));
    newcomer.arguments.extend(secure::peer_flags(&peer));
    let files = secure::files(dir.path(), "server", &Wanted::default());
    secure::secure_clients(&mut newcomer, &files, true);
    members::add(&urls[0], &mut newcomer, false).await;
    let mut process = newcomer.start();
    process.ready().await;
    let mut all = members.clone();
    all.push(newcomer);
    check_hashes(&all).await;
    // Whatever a member asks another, and round trips.
    for member in &members {
        let port = member.client_port;
        let metrics = secure::get(port, &CLIENT, "/metrics").await.expect("an answer");
        let counts =
            |line: &&str| line.starts_with("etcd_network_peer_round_trip_time_seconds_count");
        assert!(metrics.lines().filter(counts).count() >= 2, "{metrics}");
    }
}

/// Starts a cluster, and one member again after a change with which it does not fit any more; the
/// two others go on.
async fn misfit(change: impl Fn(&Path, &mut Member), whys: &[(usize, &[&str])]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = cluster(dir.path());
    let mut processes = started(&members).await;
    processes[2].kill();
    change(dir.path(), &mut members[2]);
    members[2].log_path = dir.path().join("again.log");
    processes[2] = members[2].start();
    logged(&members[0], &["rejected connection on peer endpoint", "127.0.0.1:"]).await;
    logged(&members[2], &["cannot reach peer"]).await;
    for (at, parts) in whys {
        logged(&members[*at], parts).await;
    }
    let mut client = support::connect(&members[0].client_url()).await.expect("it serves");
    // What was handed to a leader just before it was killed is not answered; the next one is.
    let began = std::time::Instant::now();
    while let Err(status) = support::put(&mut client, "without", "it").await {
        assert!(began.elapsed() < support::PATIENCE, "the two others do not go on: {status}");
    }
    assert!(!members[2].log().contains("ready to serve"), "{}", members[2].log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_another_authority_stays_outside() {
    let change = |dir: &Path, _: &mut Member| {
        let wanted = Wanted { common_name: "member", ..Wanted::default() };
        Authority::new("stranger").issue(&wanted).write(dir, "m3-peer");
    };
    let whys: [(usize, &[&str]); 2] = [
        (0, &["rejected connection on peer endpoint", "UnknownIssuer"]),
        (2, &["cannot reach peer", "UnknownCA"]),
    ];
    misfit(change, &whys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_another_name_or_without_tls_stays_outside() {
    let rejected = "rejected connection on peer endpoint";
    let change = |dir: &Path, _: &mut Member| {
        let wanted = Wanted { common_name: "other", ..Wanted::default() };
        secure::files(dir, "m3-peer", &wanted);
    };
    let whys: [(usize, &[&str]); 2] = [
        (0, &[rejected, "client certificate authentication failed"]),
        (2, &["cannot reach peer", "AccessDenied"]),
    ];
    misfit(change, &whys).await;
    // Its own port is plain now; it still dials the others as its log has them.
    let change = |_: &Path, member: &mut Member| {
        member.arguments.retain(|argument| !argument.contains("peer"));
    };
    let whys: [(usize, &[&str]); 2] = [
        (0, &["cannot reach peer", "first record does not look like a TLS handshake"]),
        (2, &["rejected connection", "TLS handshake to a port without TLS"]),
    ];
    misfit(change, &whys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_with_certificates_of_their_own_making_form_a_cluster() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    secure::secure_peers(&mut members, |_| vec!["--peer-auto-tls".into()]);
    let mut processes = started(&members).await;
    for round in 0..2 {
        let mut client = support::connect(&members[0].client_url()).await.expect("it serves");
        support::put(&mut client, "round", &round.to_string()).await.expect("it writes");
        check_hashes(&members).await;
        for member in &members {
            assert!(member.dir.join("fixtures/peer/key.pem").exists());
        }
        processes[1].kill();
        processes[1] = members[1].start();
        processes[1].ready().await;
    }
}
