//! Clients that cost more than they should: thousands of idle connections, a reader that does not
//! read, requests beyond all limits. Memory stays bounded and everybody else is served.

mod support;

use std::io::Write;
use std::net::TcpStream;

use futures_util::{StreamExt, stream};
use proto::etcdserverpb::watch_client::WatchClient;
use proto::etcdserverpb::{WatchCreateRequest, WatchRequest, watch_request::RequestUnion};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tonic::Code;
use tonic::transport::Channel;

const CONNECTIONS: u64 = 10_000;
/// What an idle connection may cost, kernel buffers apart.
const CONNECTION_BYTES_MAX: u64 = 32 << 10;

/// The client's part of the opening of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// As many connections as this process may have, up to [`CONNECTIONS`]; the member it starts may
/// have as many.
fn connections() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised to the hard one");
    let most = limit.maximum.unwrap_or(u64::MAX).saturating_sub(500).min(CONNECTIONS);
    if most < CONNECTIONS {
        #[allow(clippy::print_stdout)]
        {
            println!("only {most} connections: this process may not have more descriptors");
        }
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_cost_little_and_hold_up_nobody() {
    let count = connections();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    let mut client = process.ready().await;
    support::put(&mut client, "key", "value").await.expect("it writes");
    let before = process.resident_bytes();
    let mut idle = Vec::new();
    for at in 0..count {
        let mut socket = TcpStream::connect(("127.0.0.1", member.client_port)).expect("it accepts");
        // Half of them say nothing at all, half open HTTP/2 and then fall silent.
        if at % 2 == 0 {
            socket.write_all(PREFACE).expect("it reads");
        }
        idle.push(socket);
    }
    let mut fresh = support::connect(&member.client_url()).await.expect("it accepts one more");
    support::put(&mut fresh, "key", "new").await.expect("it writes");
    assert_eq!(support::get(&mut client, "key").await.expect("it reads").as_deref(), Some("new"));
    let grown = process.resident_bytes().saturating_sub(before);
    let bound = count * CONNECTION_BYTES_MAX;
    assert!(grown < bound, "{grown} bytes for {count} idle connections; {bound} are allowed");
    drop(idle);
    support::put(&mut client, "key", "newer").await.expect("it writes");
}

const VALUE_BYTES: usize = 512 << 10;
const PUTS: usize = 800;
/// Far below the 400 MiB that pass by, far above what the store itself holds of them in memory.
const GROWTH_BYTES_MAX: u64 = 200 << 20;

async fn watch(channel: Channel) -> tonic::Streaming<proto::etcdserverpb::WatchResponse> {
    let create = WatchCreateRequest { key: "key".into(), ..Default::default() };
    let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = stream::iter([create]).chain(stream::pending());
    let mut client = WatchClient::new(channel).max_decoding_message_size(64 << 20);
    client.watch(requests).await.expect("a watch opens").into_inner()
}

async fn patient_channel(url: &str) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(url.to_string()).expect("a URL");
    endpoint.connect().await.expect("it serves")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_never_read_costs_a_bounded_amount_of_memory() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    let mut client = process.ready().await;
    let unread = watch(patient_channel(&member.client_url()).await).await;
    let mut read = watch(patient_channel(&member.client_url()).await).await;
    let reader = tokio::spawn(async move {
        let mut events = 0;
        while events < PUTS {
            let response = read.message().await.expect("the stream is open").expect("a response");
            events += response.events.len();
        }
        events
    });
    let value = "v".repeat(VALUE_BYTES);
    support::put(&mut client, "other", &value).await.expect("it writes");
    let before = process.resident_bytes();
    for _ in 0..PUTS {
        support::put(&mut client, "key", &value).await.expect("it writes");
    }
    assert_eq!(reader.await.expect("it does not panic"), PUTS, "another watch gets everything");
    let grown = process.resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes for a watch that nobody reads");
    drop(unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limits_are_refused_with_etcd_s_texts() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    let mut client = process.ready().await;
    let large = "v".repeat(1_572_864);
    let status = support::put(&mut client, "key", &large).await.expect_err("it is too large");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "etcdserver: request is too large");
    let larger = "v".repeat(3 << 20);
    let status = support::put(&mut client, "key", &larger).await.expect_err("it is too large");
    assert_eq!(status.code(), Code::ResourceExhausted);
    let text = status.message();
    let (found, limit) = text
        .strip_prefix("grpc: received message larger than max (")
        .and_then(|rest| rest.strip_suffix(')')?.split_once(" vs. "))
        .unwrap_or_else(|| panic!("{text}"));
    assert_eq!(limit, "2097152");
    assert!(found.parse::<usize>().expect("a number") > 3 << 20, "{found}");
    let status = support::put(&mut client, "", "v").await.expect_err("it has no key");
    assert_eq!(status.message(), "etcdserver: key is not provided");
    support::put(&mut client, "key", "v").await.expect("the connection lives");
}
