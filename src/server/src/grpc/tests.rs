//! Calls of a real gRPC client over a real connection, served by a toy member.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use base::MemberId;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use node::{Answer, ApiError, Caller, Overview};
use prost::Message;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::watch_client::WatchClient;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

use super::{Body, GrpcSettings, Router, Service};
use crate::listen::{
    Exchange, ListenAddress, ListenSettings, Listener, Origin, Stop, StopSwitch, serve,
};
use crate::metrics::{Gauges, Metrics, ServerLabels};

/// A member that answers by what the key says.
#[derive(Clone, Default)]
struct Toy {
    leaderless: Arc<AtomicBool>,
    learner: Arc<AtomicBool>,
}

impl Service for Toy {
    async fn range(&self, _: &Caller, request: pb::RangeRequest) -> Answer {
        if request.key == "slow" {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let kvs = vec![proto::mvccpb::KeyValue {
            key: request.key,
            value: vec![b'v'; usize::try_from(request.limit).unwrap_or(0)].into(),
            ..Default::default()
        }];
        Ok(pb::RangeResponse { kvs, count: 1, ..Default::default() }.encode_to_vec().into())
    }

    async fn put(&self, _: &Caller, request: pb::PutRequest) -> Answer {
        match request.key.as_ref() {
            b"" => Err(ApiError::EMPTY_KEY),
            b"slow" => std::future::pending().await,
            _ => Ok(pb::PutResponse::default().encode_to_vec().into()),
        }
    }

    async fn lease_keep_alive(&self, _: &Caller, request: pb::LeaseKeepAliveRequest) -> Answer {
        if request.id < 0 {
            return Err(ApiError::NO_LEADER);
        }
        let response = pb::LeaseKeepAliveResponse { id: request.id, ttl: 5, header: None };
        Ok(response.encode_to_vec().into())
    }

    async fn watch(
        &self,
        _: &Caller,
        mut requests: mpsc::Receiver<pb::WatchRequest>,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut watch_id = 0;
            while requests.recv().await.is_some() {
                watch_id += 1;
                let response = pb::WatchResponse { watch_id, created: true, ..Default::default() };
                if sender.send(Ok(response.encode_to_vec().into())).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    fn overview(&self) -> Overview {
        Overview {
            cluster_version: "3.7.0".into(),
            leader: MemberId(u64::from(!self.leaderless.load(Relaxed))),
            is_learner: self.learner.load(Relaxed),
            ..Overview::default()
        }
    }
}

#[derive(Clone)]
struct Grpc(Router<Toy>);

impl Exchange for Grpc {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, origin: &Arc<Origin>) -> Response<Body> {
        self.0.answer(request, origin).await
    }
}

struct Running {
    toy: Toy,
    metrics: Arc<Metrics>,
    channel: Channel,
    port: u16,
    switch: StopSwitch,
    serving: JoinHandle<()>,
}

async fn start() -> Running {
    let toy = Toy::default();
    let labels =
        ServerLabels { server_version: "3.7.1", cairn_version: "0", commit: "0", extensive: false };
    let metrics = Arc::new(Metrics::new(&labels));
    let switch = StopSwitch::new();
    let stop: Stop = switch.observer();
    let settings = GrpcSettings {
        request_bytes_max: 1024,
        election_timeout: Duration::from_millis(20),
        ..GrpcSettings::default()
    };
    let router = Router::new(toy.clone(), Arc::clone(&metrics), settings, stop.clone());
    let listen = ListenSettings { drain: Duration::from_millis(500), ..ListenSettings::default() };
    let address = ListenAddress::parse("http://127.0.0.1:0").expect("an address");
    let listener = Listener::bind(&address, &listen).await.expect("a free port");
    let port = listener.port().expect("a port");
    let serving = tokio::spawn(serve(vec![listener], Grpc(router), listen, stop));
    let endpoint = format!("http://127.0.0.1:{port}");
    let channel = Channel::from_shared(endpoint).expect("a URL").connect().await.expect("up");
    Running { toy, metrics, channel, port, switch, serving }
}

impl Running {
    fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(16 << 20)
    }

    fn metric(&self, line: &str) -> bool {
        let text = self.metrics.text(&Gauges::default());
        String::from_utf8(text).expect("text").lines().any(|candidate| candidate == line)
    }

    async fn stop(self) {
        self.switch.stop();
        drop(self.channel);
        tokio::time::timeout(Duration::from_secs(5), self.serving)
            .await
            .expect("serving ends after the drain")
            .expect("serving does not panic");
    }
}

fn put(key: &[u8], bytes: usize) -> pb::PutRequest {
    let value = Bytes::from(vec![0; bytes]);
    pb::PutRequest { key: Bytes::copy_from_slice(key), value, ..Default::default() }
}

fn with<T>(message: T, name: &'static str, value: &'static str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert(name, value.parse().expect("metadata"));
    request
}

#[tokio::test]
async fn answers_and_errors_reach_the_client_unchanged() {
    let running = start().await;
    let mut kv = running.kv();
    for bytes in [0, 1, 255, 256, 1023, 1024, 16_384, 70_000, 3_000_000] {
        let request = pb::RangeRequest { limit: bytes, ..Default::default() };
        let answer = kv.range(request).await.expect("answered").into_inner();
        assert_eq!(answer.kvs[0].value.len(), usize::try_from(bytes).expect("positive"));
    }
    let refused = kv.put(put(b"", 0)).await.expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert_eq!(refused.message(), "etcdserver: key is not provided");
    let unbuilt = kv.compact(pb::CompactionRequest::default()).await.expect_err("not built");
    assert_eq!(unbuilt.code(), tonic::Code::Unimplemented);
    let labels = r#"grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1"#;
    let line = format!("grpc_server_handled_total{{grpc_code=\"InvalidArgument\",{labels}");
    assert!(running.metric(&line));
    running.stop().await;
}

#[tokio::test]
async fn an_oversize_request_is_refused_in_grpcs_words() {
    let running = start().await;
    let mut kv = running.kv();
    let limit = 1024 + 524_288;
    // Key, tags and lengths take ten bytes beside the value.
    kv.put(put(b"key", limit - 10)).await.expect("at the limit");
    let refused = kv.put(put(b"key", limit)).await.expect_err("over the limit");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    let text = format!("grpc: received message larger than max ({} vs. {limit})", limit + 9);
    assert_eq!(refused.message(), text);
    running.stop().await;
}

#[tokio::test]
async fn the_gate_asks_in_etcds_order() {
    let running = start().await;
    let mut kv = running.kv();
    running.toy.leaderless.store(true, Relaxed);
    kv.put(put(b"k", 0)).await.expect("no leader demanded");
    let demanding = || with(put(b"k", 0), "hasleader", "true");
    let refused = kv.put(demanding()).await.expect_err("no leader");
    assert_eq!(refused.message(), "etcdserver: no leader");
    running.toy.learner.store(true, Relaxed);
    let refused = kv.put(demanding()).await.expect_err("a learner");
    assert_eq!(refused.message(), "etcdserver: rpc not supported for learner");
    kv.range(pb::RangeRequest::default()).await.expect_err("a linearizable read");
    let local = pb::RangeRequest { serializable: true, ..Default::default() };
    kv.range(with(local, "client-api-version", "3.6")).await.expect("a local read");
    let counted = r#"etcd_server_client_requests_total{client_api_version="3.6",type="unary"} 1"#;
    assert!(running.metric(counted));
    running.stop().await;
}

/// A call over a bare HTTP/2 connection, so that no client library keeps the deadline itself.
/// Gives code and text.
async fn call_with_timeout(port: u16, path: &str, message: &[u8]) -> (String, String) {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(socket),
    )
    .await
    .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut body = bytes::BytesMut::new();
    super::frame(message, &mut body);
    let request = Request::post(format!("http://127.0.0.1:{port}{path}"))
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "50m")
        .body(http_body_util::Full::new(body.freeze()))
        .expect("a request");
    let response = sender.send_request(request).await.expect("a response");
    let text = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    let result = (text("grpc-status"), text("grpc-message"));
    connection.abort();
    result
}

#[tokio::test]
async fn a_deadline_ends_the_call_and_names_what_is_known() {
    let running = start().await;
    let message = put(b"slow", 0).encode_to_vec();
    let late = call_with_timeout(running.port, "/etcdserverpb.KV/Put", &message).await;
    assert_eq!(late, ("14".into(), "etcdserver: request timed out".into()));
    let late = call_with_timeout(running.port, "/etcdserverpb.KV/Range", &message).await;
    assert_eq!(late, ("4".into(), "context deadline exceeded".into()));
    running.stop().await;
}

#[tokio::test]
async fn a_cancelled_call_is_counted_as_canceled() {
    let running = start().await;
    let mut kv = running.kv();
    let call = kv.put(put(b"slow", 0));
    let cancelled = tokio::time::timeout(Duration::from_millis(100), call).await;
    cancelled.expect_err("the call never ends by itself");
    let labels = r#"grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1"#;
    let line = format!("grpc_server_handled_total{{grpc_code=\"Canceled\",{labels}");
    for _ in 0..100 {
        if running.metric(&line) {
            return running.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the cancelled call was not counted");
}

#[tokio::test]
async fn a_watch_stream_carries_both_directions_and_ends_with_the_client() {
    let running = start().await;
    let (requests, stream) = mpsc::channel(4);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut watch = WatchClient::new(running.channel.clone());
    let mut answers = watch.watch(stream).await.expect("open").into_inner();
    for watch_id in 1..=100 {
        requests.send(pb::WatchRequest::default()).await.expect("sent");
        let answer = answers.message().await.expect("sound").expect("open");
        assert_eq!(answer.watch_id, watch_id);
    }
    drop(requests);
    assert!(answers.message().await.expect("a good end").is_none());
    drop(answers);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_without_leader_ends_when_it_asked_for_one() {
    let running = start().await;
    let (requests, stream) = mpsc::channel::<pb::WatchRequest>(4);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut watch = WatchClient::new(running.channel.clone());
    let call = watch.watch(with(stream, "hasleader", "true"));
    let mut answers = call.await.expect("open").into_inner();
    requests.send(pb::WatchRequest::default()).await.expect("sent");
    answers.message().await.expect("sound").expect("created");
    running.toy.leaderless.store(true, Relaxed);
    let ended = answers.message().await.expect_err("no leader");
    assert_eq!(ended.message(), "etcdserver: no leader");
    running.stop().await;
}

#[tokio::test]
async fn a_stop_ends_streams_with_its_own_error() {
    let running = start().await;
    let (requests, stream) = mpsc::channel::<pb::LeaseKeepAliveRequest>(4);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut lease = LeaseClient::new(running.channel.clone());
    let mut answers = lease.lease_keep_alive(stream).await.expect("open").into_inner();
    for id in [7, 8] {
        requests.send(pb::LeaseKeepAliveRequest { id }).await.expect("sent");
        assert_eq!(answers.message().await.expect("sound").expect("open").id, id);
    }
    running.switch.stop();
    let ended = answers.message().await.expect_err("stopped");
    assert_eq!(ended.message(), "etcdserver: server stopped");
    assert_eq!(ended.code(), tonic::Code::Unavailable);
    running.stop().await;
}

#[tokio::test]
async fn a_failed_renewal_ends_the_keepalive_stream() {
    let running = start().await;
    let requests = vec![pb::LeaseKeepAliveRequest { id: -1 }];
    let mut lease = LeaseClient::new(running.channel.clone());
    let call = lease.lease_keep_alive(tokio_stream::iter(requests)).await;
    let error = match call {
        Err(error) => error,
        Ok(answers) => answers.into_inner().message().await.expect_err("failed"),
    };
    assert_eq!(error.message(), "etcdserver: no leader");
    running.stop().await;
}

/// Bytes of the future that a call runs as.
fn future_size<F>(_: impl Fn(Router<Real>, Request<Incoming>, Arc<Origin>) -> F) -> usize {
    size_of::<F>()
}

type Real = node::Api<crate::env::TokioEnv<crate::env::LonelyNet>>;

#[test]
fn a_call_is_small() {
    // Each call is moved several times on its way into a task of its own.
    let size =
        future_size(|router, request, origin| async move { router.answer(request, &origin).await });
    assert!(size <= 3 << 10, "a call takes {size} B");
}
