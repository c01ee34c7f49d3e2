//! The orderly stop: streams end with etcd's words, the process is gone within five seconds however
//! many watches are open, with the signal as its status; a second signal ends it at once.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use proto::etcdserverpb::watch_client::WatchClient;
use proto::etcdserverpb::{
    WatchCreateRequest, WatchRequest, WatchResponse, watch_request::RequestUnion,
};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

const CONNECTIONS: usize = 10;
const WATCHES: usize = 10_000;
/// What the stop may take.
const STOP_MAX: Duration = Duration::from_secs(5);
const SIGTERM: i32 = 15;

fn create(key: &str) -> WatchRequest {
    let create = WatchCreateRequest { key: key.to_string().into(), ..Default::default() };
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

/// Opens a stream with one watch and waits until it is created.
async fn watch(channel: Channel, key: &str) -> Streaming<WatchResponse> {
    let requests = stream::iter([create(key)]).chain(stream::pending());
    let opened = WatchClient::new(channel).watch(requests).await.expect("a watch opens");
    let mut responses = opened.into_inner();
    let first = responses.message().await.expect("a first response").expect("the stream is open");
    assert!(first.created, "{first:?}");
    responses
}

/// The status that a stream ends with.
async fn end(mut responses: Streaming<WatchResponse>) -> Status {
    loop {
        match responses.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return Status::ok(""),
            Err(status) => return status,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_watches_do_not_hold_up_a_stop() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    process.ready().await;
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        // Without a deadline: a watch lives as long as it likes.
        let endpoint = tonic::transport::Endpoint::from_shared(member.client_url());
        let channel = endpoint.expect("a URL").connect().await.expect("it serves");
        let keys = (0..WATCHES / CONNECTIONS).map(|at| format!("key-{at}"));
        let opened = keys.map(|key| {
            let channel = channel.clone();
            async move { watch(channel, &key).await }
        });
        streams.extend(join_all(opened).await);
    }
    assert_eq!(streams.len(), WATCHES);
    let ends = tokio::spawn(join_all(streams.into_iter().map(end)));
    process.signal("TERM");
    let status = process.wait(STOP_MAX);
    assert_eq!(status.signal(), Some(SIGTERM), "{}", member.log());
    let ends = ends.await.expect("no stream panics");
    let stopped = |status: &&Status| {
        status.code() == Code::Unavailable && status.message() == "etcdserver: server stopped"
    };
    let other = ends.iter().find(|status| !stopped(status));
    assert!(
        other.is_none(),
        "{} of them so, another {other:?}",
        ends.iter().filter(stopped).count()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_process_at_once() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    let mut client = process.ready().await;
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let unread = watch(channel, "key").await;
    // More than the stream's window takes: its end has to wait for a reader that does not read.
    let value = "v".repeat(256 << 10);
    for _ in 0..8 {
        support::put(&mut client, "key", &value).await.expect("it writes");
    }
    process.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(process.is_running(), "nothing held the stop up: {}", member.log());
    process.signal("INT");
    let status = process.wait(STOP_MAX);
    assert_eq!(status.signal(), Some(2), "{}", member.log());
    assert!(member.log().contains("ending at once"), "{}", member.log());
    drop(unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stops_hands_over_first() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    for member in &mut members {
        // An election by timeout would take longer than this test waits.
        member.arguments =
            vec!["--election-timeout=40000".into(), "--heartbeat-interval=500".into()];
    }
    // A new cluster has to elect by timeout once; the first member is told not to wait for it.
    members[0].arguments =
        vec!["--election-timeout=3000".into(), "--heartbeat-interval=500".into()];
    let mut processes: Vec<_> = members.iter().map(support::Member::start).collect();
    let mut clients = Vec::new();
    for process in &mut processes {
        clients.push(process.ready().await);
    }
    let status = support::status(&members[0].client_url()).await.expect("it serves");
    let own = status.header.map_or(0, |header| header.member_id);
    assert_eq!(status.leader, own, "the impatient member leads");
    processes[0].signal("TERM");
    let ended = processes[0].wait(STOP_MAX);
    assert_eq!(ended.signal(), Some(SIGTERM), "{}", members[0].log());
    let status = support::status(&members[1].client_url()).await.expect("it serves");
    assert!(status.leader != 0 && status.leader != own, "nobody took over: {status:?}");
    support::put(&mut clients[1], "key", "value").await.expect("there is a leader at once");
}
