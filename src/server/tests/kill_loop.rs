//! Three members, the leader killed with -9 while clients write, again and again: nothing that was
//! acknowledged is lost, every outage ends, and all members hold the same keys afterwards.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{HashKvRequest, RangeRequest};
use support::{Member, Process};

/// Clients that write, as the cluster's users do, through any member.
const CLIENTS: usize = 8;
/// Leaders killed.
const ROUNDS: usize = 4;
/// The default election timeout; an outage lasts less than five of them.
const ELECTION: Duration = Duration::from_millis(1000);

/// What clients were told: key to value, and when each write was acknowledged.
#[derive(Default)]
struct Acknowledged {
    values: BTreeMap<String, String>,
    moments: Vec<Instant>,
}

/// Writes numbered values to a key of its own until told to end, changing the member on an error.
async fn write(
    client: usize,
    urls: Vec<String>,
    told: Arc<Mutex<Acknowledged>>,
    ending: Arc<AtomicBool>,
) {
    let mut at = client;
    let mut number = 0u64;
    let mut connection = None;
    while !ending.load(Ordering::Relaxed) {
        let Some(kv) = &mut connection else {
            at += 1;
            connection = support::connect(&urls[at % urls.len()]).await.ok();
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        number += 1;
        let key = format!("client-{client}-{}", number % 50);
        let value = number.to_string();
        let put = support::put(kv, &key, &value);
        match tokio::time::timeout(Duration::from_secs(2), put).await {
            Ok(Ok(_)) => {
                let mut told = told.lock().expect("no writer panics");
                told.values.insert(key, value);
                told.moments.push(Instant::now());
            }
            // The outcome is unknown: the key may hold this value or an older one from here on.
            _ => {
                told.lock().expect("no writer panics").values.remove(&key);
                connection = None;
            }
        }
    }
}

/// The member that leads, once all that answer agree.
async fn leader(members: &[Member]) -> usize {
    let began = Instant::now();
    loop {
        for (at, member) in members.iter().enumerate() {
            let Some(status) = support::status(&member.client_url()).await else { continue };
            let own = status.header.map_or(0, |header| header.member_id);
            if own != 0 && status.leader == own {
                return at;
            }
        }
        assert!(began.elapsed() < support::PATIENCE, "no leader in {:?}", support::PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hash(member: &Member, revision: i64) -> (u32, i64) {
    let channel = support::channel(&member.client_url()).await.expect("the member serves");
    let mut maintenance = MaintenanceClient::new(channel);
    let response = maintenance.hash_kv(HashKvRequest { revision }).await.expect("a hash");
    let response = response.into_inner();
    (response.hash, response.header.map_or(0, |header| header.revision))
}

/// Waits until all members have applied the same revision; then their hashes are equal.
async fn check_hashes(members: &[Member]) {
    let began = Instant::now();
    loop {
        let mut hashes = Vec::new();
        for member in members {
            hashes.push(hash(member, 0).await);
        }
        if hashes.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        assert!(began.elapsed() < support::PATIENCE, "members differ: {hashes:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

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
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    let urls: Vec<String> = members.iter().map(Member::client_url).collect();
    let told: Arc<Mutex<Acknowledged>> = Arc::default();
    let ending = Arc::new(AtomicBool::new(false));
    let writer = |client| write(client, urls.clone(), told.clone(), ending.clone());
    let writers: Vec<_> = (0..CLIENTS).map(|client| tokio::spawn(writer(client))).collect();
    let mut kills = Vec::new();
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at = leader(&members).await;
        kills.push(Instant::now());
        processes[at].kill();
        tokio::time::sleep(4 * ELECTION).await;
        processes[at] = members[at].start();
        processes[at].ready().await;
    }
    tokio::time::sleep(ELECTION).await;
    ending.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    check_hashes(&members).await;
    let told = std::mem::take(&mut *told.lock().expect("no writer panics"));
    let mut client = support::connect(&urls[0]).await.expect("the member serves");
    for (key, value) in &told.values {
        let found = support::get(&mut client, key).await.expect("a healthy cluster reads");
        assert_eq!(found.as_deref(), Some(value.as_str()), "{key} was acknowledged");
    }
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
}
