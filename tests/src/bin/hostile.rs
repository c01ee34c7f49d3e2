//! Sends broken requests and metadata to a member of Cairn, and looks whether it bears them.
//!
//! `hostile --seconds 3600 --seed 1`
//!
//! Half of the time goes to a member without users, whose clients must be served all the while;
//! the other half to one on which nobody but root may do anything, and which must be unchanged
//! afterwards. The last line counts requests; the code is 1 after a failure, which is told with the
//! seed and the number of the last request.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::auth_client::AuthClient;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::request_op::Request as Op;
use proto::etcdserverpb::response_op::Response as Answered;
use tests::differential::{Flavour, Server};
use tests::hostile::{Answer, Requests, Sender, send};
use tests::kind::Kind;
use tests::users::root_alone;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

/// Clients that mean no good, each with a connection and a seed of its own.
const CLIENTS: u64 = 8;
/// The time between two looks at the member.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// Memory that a member may take at most. An idle one takes some 20 MiB.
const RESIDENT_BYTES_MAX: u64 = 512 << 20;
/// How often an honest client begins anew after an alarm.
const ATTEMPTS: usize = 100;

#[derive(Debug, Parser)]
#[command(about = "Sends broken requests to a member and looks whether it bears them")]
struct Options {
    /// How long, both members together.
    #[arg(long, default_value = "60")]
    seconds: u64,
    /// The seed of the requests.
    #[arg(long, default_value = "1")]
    seed: u64,
}

/// What the clients know of each other.
#[derive(Clone, Default)]
struct Seen {
    /// Answers by kind.
    answers: Arc<Mutex<BTreeMap<String, u64>>>,
    /// A revision that the member has.
    revision: Arc<AtomicI64>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn alive(server: &mut Server) -> Result<(), String> {
    if !server.runs() {
        return Err("the member has ended".into());
    }
    let resident = server.resident_bytes();
    match resident <= RESIDENT_BYTES_MAX {
        true => Ok(()),
        false => Err(format!("the member takes {} MiB", resident >> 20)),
    }
}

/// Takes back what alarms there are: whoever may do anything may raise one.
async fn disarm(channel: &Channel) -> Result<(), tonic::Status> {
    let mut maintenance = MaintenanceClient::new(channel.clone());
    let raised = maintenance.alarm(pb::AlarmRequest::default()).await?.into_inner().alarms;
    for pb::AlarmMember { member_id, alarm } in raised {
        let action = pb::alarm_request::AlarmAction::Deactivate as i32;
        maintenance.alarm(pb::AlarmRequest { action, member_id, alarm }).await?;
    }
    Ok(())
}

/// A member without users serves an honest client; gives its revision.
async fn serves(channel: &Channel, number: u64) -> Result<i64, String> {
    let (key, value) = ("canary", number.to_string());
    // Together, since others may delete the key.
    let put = pb::PutRequest { key: key.into(), value: value.clone().into(), ..Default::default() };
    let read = pb::RangeRequest { key: key.into(), ..Default::default() };
    let ops = [Op::RequestPut(put), Op::RequestRange(read)];
    let success = ops.map(|op| pb::RequestOp { request: Some(op) }).to_vec();
    let both = pb::TxnRequest { success, ..Default::default() };
    let mut kv = KvClient::new(channel.clone());
    for _ in 0..ATTEMPTS {
        disarm(channel).await.map_err(|error| format!("alarms cannot be taken back: {error}"))?;
        let answer = match kv.txn(both.clone()).await {
            Ok(answer) => answer.into_inner(),
            // The next alarm was raised meanwhile.
            Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::DataLoss) => {
                continue;
            }
            Err(status) => return Err(format!("an honest client is refused: {status}")),
        };
        let found = answer.responses.into_iter().find_map(|response| match response.response {
            Some(Answered::ResponseRange(read)) => read.kvs.into_iter().next(),
            _ => None,
        });
        return match found {
            Some(kv) if kv.value == value.as_bytes() => Ok(kv.mod_revision),
            found => Err(format!("what was put as {value} is read as {found:?}")),
        };
    }
    Err(format!("there is no moment without an alarm in {ATTEMPTS}"))
}

/// What nobody but root can change: revisions of keys and of users, alarms, and leases.
async fn state(channel: &Channel, token: &str) -> Result<[i64; 4], String> {
    let token: tonic::metadata::MetadataValue<_> = token.parse().map_err(text)?;
    let interceptor = move |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("token", token.clone());
        Ok(request)
    };
    let mut kv = KvClient::with_interceptor(channel.clone(), interceptor.clone());
    let everything =
        pb::RangeRequest { key: "\0".into(), range_end: "\0".into(), ..Default::default() };
    let keys = kv.range(everything).await.map_err(text)?.into_inner();
    let mut auth = AuthClient::with_interceptor(channel.clone(), interceptor.clone());
    let users = auth.auth_status(pb::AuthStatusRequest {}).await.map_err(text)?.into_inner();
    let mut leases =
        pb::lease_client::LeaseClient::with_interceptor(channel.clone(), interceptor.clone());
    let leases = leases.lease_leases(pb::LeaseLeasesRequest {}).await.map_err(text)?.into_inner();
    let mut maintenance = MaintenanceClient::with_interceptor(channel.clone(), interceptor);
    let alarms = maintenance.alarm(pb::AlarmRequest::default()).await.map_err(text)?.into_inner();
    let revision = keys.header.map_or(0, |header| header.revision);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Ok([
        revision,
        i64::try_from(users.auth_revision).unwrap_or(i64::MAX),
        count(leases.leases.len()),
        count(alarms.alarms.len()),
    ])
}

/// One client that means no good.
async fn besiege(port: u16, until: Instant, seed: u64, seen: Seen) -> Result<(), String> {
    let mut requests = Requests::new(seed);
    let mut sender = Sender::connect(port).await?;
    for number in 1_u64.. {
        if Instant::now() >= until {
            break;
        }
        requests.observe(seen.revision.load(Ordering::Relaxed));
        let request = requests.draw();
        let at = |error| format!("request {number} of seed {seed}: {error}\n{request:?}");
        let answer = send(&sender, &request).await.map_err(at)?;
        if answer == Answer::Ended {
            sender = Sender::connect(port).await?;
        }
        let mut answers = seen.answers.lock().expect("no client panics");
        *answers.entry(format!("{answer:?}")).or_default() += 1;
    }
    Ok(())
}

/// Looks at the member again and again; `token` is root's, where there is a root.
async fn watch_over(
    server: &mut Server,
    token: Option<&str>,
    until: Instant,
    seen: &Seen,
) -> Result<(), String> {
    let channel = server.connect();
    let before = match token {
        Some(token) => Some(state(&channel, token).await?),
        None => None,
    };
    for number in 0.. {
        alive(server)?;
        match token {
            Some(token) => {
                let now = state(&channel, token).await?;
                if Some(now) != before {
                    return Err(format!("{before:?} became {now:?}"));
                }
            }
            None => seen.revision.store(serves(&channel, number).await?, Ordering::Relaxed),
        }
        if Instant::now() >= until {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Ok(())
}

async fn siege(is_locked: bool, options: &Options) -> Result<u64, String> {
    let mut server = Server::start(Kind::Cairn, Flavour::Usual).await;
    let token = match is_locked {
        true => Some(root_alone(&server.connect()).await.map_err(text)?),
        false => None,
    };
    let until = Instant::now() + Duration::from_secs(options.seconds) / 2;
    let seen = Seen::default();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let seed = options.seed.wrapping_mul(CLIENTS).wrapping_add(client);
        clients.spawn(besiege(server.port(), until, seed, seen.clone()));
    }
    let mut failures: Vec<String> =
        watch_over(&mut server, token.as_deref(), until, &seen).await.err().into_iter().collect();
    while let Some(client) = clients.join_next().await {
        failures.extend(client.map_err(text)?.err());
    }
    failures.extend(alive(&mut server).err());
    let log = server.log();
    failures.extend(log.lines().find(|line| line.contains("panicked")).map(str::to_owned));
    let answers = seen.answers.lock().expect("no client panics");
    let who = if is_locked { "for root alone" } else { "without users" };
    println!("{who}: {answers:?}, {} MiB at the end", server.resident_bytes() >> 20);
    match failures.is_empty() {
        true => Ok(answers.values().sum()),
        false => Err(failures.join("\n")),
    }
}

async fn run(options: &Options) -> Result<String, String> {
    let open = siege(false, options).await?;
    let locked = siege(true, options).await?;
    Ok(format!("{} requests, {locked} of them to a member for root alone", open + locked))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(line) => {
            println!("{line}: all borne");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
