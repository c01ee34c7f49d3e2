//! Cairn answers every recorded request as etcd 3.7.1 did, over gRPC.
//!
//! `differential --record` made the recordings. Each runs on a fresh member; a step's outcome must
//! be equal but for what the table of differences explains. Fields whose values are accidental are
//! at least set wherever etcd set them.

use tests::differential::{Difference, Explanations, Recording, Server, Side};
use tests::kind::Kind;

/// Requests that must be there in all.
const REQUESTS_MIN: usize = 5_000;

/// A field that Cairn leaves out where it is empty: the key of an entry of a map. etcd writes it,
/// and both are read alike.
const OMITTED: &str = "grpc.health.v1.HealthListResponse.StatusesEntry.key";

/// Replays a recording; the differences that nothing explains.
async fn replay(name: &str, recording: &Recording) -> Vec<String> {
    let server = Server::start(Kind::Cairn, recording.flavour).await;
    let mut side = Side::new(server, recording.clients);
    let mut explanations = Explanations::of_repository();
    let mut found = Vec::new();
    for (number, line) in recording.lines.iter().enumerate() {
        let got = side.step(&line.step).await;
        if let Some(difference) = Difference::of(number, &line.step, &line.outcome, &got)
            && !explanations.explain(&difference)
        {
            found.push(format!("{name} {difference}"));
        }
    }
    let set = side.fields_seen();
    let unset = recording.fields.iter().filter(|field| !set.contains(*field) && *field != OMITTED);
    found.extend(unset.map(|field| format!("{name}: {field} is never set")));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cairn_answers_what_etcd_answered() {
    let recordings = Recording::all();
    let requests: usize = recordings.iter().map(|(_, recording)| recording.lines.len()).sum();
    assert!(requests >= REQUESTS_MIN, "only {requests} requests are recorded");
    let mut running = tokio::task::JoinSet::new();
    for (name, recording) in recordings {
        running.spawn(async move { replay(&name, &recording).await });
    }
    let mut found = Vec::new();
    while let Some(differences) = running.join_next().await {
        found.extend(differences.expect("a replay does not panic"));
    }
    let shown: Vec<_> = found.iter().take(20).map(String::as_str).collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), shown.join("\n"));
}

/// The comparison can fail: one flipped bit in one recorded answer is found, at its step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_answer_is_found() {
    let (name, mut recording) = Recording::all().swap_remove(0);
    recording.lines.truncate(120);
    let is_put = |line: &&mut tests::differential::Line| {
        matches!(&line.step.action, tests::differential::Action::Call(call)
            if call.path.ends_with("/Put") && line.outcome.error.is_none())
    };
    let line = recording.lines.iter_mut().find(is_put).expect("a put went well");
    let told = line.outcome.answers.first_mut().expect("it was answered");
    let mut message = told.message.to_vec();
    *message.last_mut().expect("it has a header") ^= 1;
    told.message = message.into();
    recording.fields.clear();
    let found = replay(&name, &recording).await;
    assert_eq!(found.len(), 1, "{found:?}");
}
