//! Three members, the leader killed with -9 while clients write, again and again: nothing that was
//! acknowledged is lost, every outage ends, and all members hold the same keys afterwards.

mod support;

use std::time::{Duration, Instant};

use proto::etcdserverpb::RangeRequest;
use proto::etcdserverpb::kv_client::KvClient;
use support::load::{Load, check_hashes, leader};
use support::secure::{self, AUTHORITY, Wanted};
use support::users::{User, denied, refusal};
use support::{Member, Process};

/// Clients that write, as the cluster's users do, through any member.
const CLIENTS: usize = 8;
/// Leaders killed.
const ROUNDS: usize = 4;
/// The default election timeout; an outage lasts less than five of them.
const ELECTION: Duration = Duration::from_millis(1000);

/// The longest pause between two acknowledgements from a kill until the member is started again;
/// acknowledgements that were on their way when the leader died do not end the outage.
fn outage(moments: &[Instant], killed: Instant) -> Duration {
    let mut moments = moments.to_vec();
    moments.sort_unstable();
    let pauses = moments.windows(2).filter(|pair| {
        let [before, after] = pair else { return false };
        *after > killed && *before < killed + 4 * ELECTION
    });
    let longest = pauses.map(|pair| pair[1].duration_since(pair[0])).max();
    longest.expect("writes around a kill")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_leaders_are_killed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let processes = started(&members).await;
    kill_leaders(&members, processes, ROUNDS).await;
}

/// The same with TLS and users: clients show certificates, which say who they are, and so do the
/// members to each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_users_wrote_over_tls_is_lost_when_leaders_are_killed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    let files = secure::files(dir.path(), "server", &Wanted::default());
    secure::secure_peers(&mut members, |_| secure::peer_flags(&files));
    for member in &mut members {
        secure::secure_clients(member, &files, true);
    }
    let processes = started(&members).await;
    let admin = User::nobody(&members[0].client_url()).await;
    let user = Wanted::default().common_name;
    admin.add_user(user, "never used").await.expect("a new user");
    admin.grant_role(user, "root").await.expect("it is a user");
    admin.enable().await;
    let _processes = kill_leaders(&members, processes, ROUNDS / 2).await;
    for member in &members {
        let stranger = AUTHORITY.issue(&Wanted { common_name: "stranger", ..Wanted::default() });
        let config = secure::client(&[&AUTHORITY], Some(&stranger), rustls::ALL_VERSIONS);
        let channel = secure::channel(&member.client_url(), config).await.expect("it is trusted");
        let put = support::put(&mut KvClient::new(channel), "client-0-0", "stranger").await;
        assert_eq!(refusal(put), denied(), "after all it went through users still have rights");
    }
}

async fn started(members: &[Member]) -> Vec<Process> {
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    processes
}

/// Gives the processes that run afterwards.
async fn kill_leaders(
    members: &[Member],
    mut processes: Vec<Process>,
    rounds: usize,
) -> Vec<Process> {
    let urls: Vec<String> = members.iter().map(Member::client_url).collect();
    let load = Load::start(&urls, CLIENTS);
    let mut kills = Vec::new();
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at = leader(members).await;
        kills.push(Instant::now());
        processes[at].kill();
        tokio::time::sleep(4 * ELECTION).await;
        processes[at] = members[at].start();
        processes[at].ready().await;
    }
    tokio::time::sleep(ELECTION).await;
    let told = load.end().await;
    check_hashes(members).await;
    told.check(&urls[0]).await;
    let mut client = support::connect(&urls[0]).await.expect("the member serves");
    let everything = RangeRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        count_only: true,
        ..RangeRequest::default()
    };
    let count = client.range(everything).await.expect("reads").into_inner().count;
    assert!(count >= told.values.len() as i64, "{count} keys, {} known", told.values.len());
    let mut outages: Vec<Duration> =
        kills.iter().map(|killed| outage(&told.moments, *killed)).collect();
    outages.sort_unstable();
    // The distribution is part of the result: `--nocapture` shows it.
    #[allow(clippy::print_stdout)]
    {
        println!("{} writes acknowledged; outages: {outages:?}", told.moments.len());
    }
    let longest = outages.last().copied().unwrap_or_default();
    assert!(longest < 5 * ELECTION, "an outage of {longest:?}");
    processes
}
