//! The peer port: streams that peers read, posts, snapshots, and what members ask each other.

use std::sync::Arc;
use std::time::Duration;

use base::MemberId;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use node::env::{Net, PeerAddress, PeerCall, PeerRequest};
use node::peer::{
    ENVELOPE_BYTES_MAX, EnvelopeDecoder, FRAME_BYTES_MAX, PeerHeaders, Rejection, WireResponse,
    check_headers, check_stream, decode_message, decode_request, encode_response, parse_id,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::body::PeerBody;
use super::net::{Shared, TcpNet};
use super::outgoing::OutgoingStream;
use super::probe;
use super::remote::StreamKind;
use super::snapshot::TcpSnapshot;
use crate::listen::{Exchange, Origin};

/// Carries the API's text of a refused call between our own members.
pub(super) const ERROR_HEADER: HeaderName = HeaderName::from_static("x-cairn-error");
pub(super) const CLUSTER_HEADER: HeaderName = HeaderName::from_static("x-etcd-cluster-id");
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-server-version");
/// A call's request carries an id and little else.
const CALL_BYTES_MAX: usize = 64 << 10;

/// Answers peers on behalf of a [`TcpNet`].
#[derive(Clone)]
pub struct PeerPort {
    net: TcpNet,
    shared: Arc<Shared>,
}

impl PeerPort {
    /// The listening side of a network.
    #[must_use]
    pub fn new(net: &TcpNet) -> PeerPort {
        PeerPort { net: net.clone(), shared: Arc::clone(&net.shared) }
    }
}

impl Exchange for PeerPort {
    type Body = PeerBody;

    /// A peer that is cut off must not keep a stream that looks open.
    const WRITE_TIMEOUT: Option<Duration> = Some(Duration::from_secs(5));

    async fn answer(&self, request: Request<Incoming>, _: &Arc<Origin>) -> Response<PeerBody> {
        let mut response = self.route(request).await;
        let cluster = self.shared.cluster().to_string();
        let cluster = HeaderValue::from_str(&cluster).expect("an id is a header value");
        response.headers_mut().insert(CLUSTER_HEADER, cluster);
        response
    }
}

fn text(status: u16, text: &str) -> Response<PeerBody> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Bytes::from(format!("{text}\n"));
    let mut response = Response::new(PeerBody::Plain(Some(body)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn rejected(rejection: Rejection) -> Response<PeerBody> {
    text(rejection.status(), rejection.text())
}

fn no_content() -> Response<PeerBody> {
    let mut response = Response::new(PeerBody::Plain(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn wrong_method(allowed: &'static str) -> Response<PeerBody> {
    let mut response = text(405, "Method Not Allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn json(body: String) -> Response<PeerBody> {
    let mut response = Response::new(PeerBody::Plain(Some(body.into())));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn peer_headers(headers: &HeaderMap) -> PeerHeaders<'_> {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    PeerHeaders {
        server_version: get("x-server-version"),
        min_cluster_version: get("x-min-cluster-version"),
        cluster: get("x-etcd-cluster-id"),
        to: get("x-raft-to"),
    }
}

impl PeerPort {
    async fn route(&self, request: Request<Incoming>) -> Response<PeerBody> {
        if !self.shared.is_open() {
            // Any other refusal says something about the cluster, and a peer may act on it.
            return text(503, "the member is not ready");
        }
        let path = request.uri().path();
        match path {
            "/raft" => self.post(request).await,
            "/raft/snapshot" => self.snapshot(request).await,
            "/raft/probing" => json(probe::answer()),
            _ if path.starts_with("/raft/stream/") => self.stream(&request),
            _ => self.call(request).await,
        }
    }

    fn stream(&self, request: &Request<Incoming>) -> Response<PeerBody> {
        if request.method() != "GET" {
            return wrong_method("GET");
        }
        let mut response = self.open_stream(request);
        let version = HeaderValue::from_static(node::version::SERVER);
        response.headers_mut().insert(VERSION_HEADER, version);
        response
    }

    fn open_stream(&self, request: &Request<Incoming>) -> Response<PeerBody> {
        let headers = peer_headers(request.headers());
        if let Err(rejection) = check_headers(&headers, self.shared.cluster()) {
            return rejected(rejection);
        }
        let rest = request.uri().path().trim_start_matches("/raft/stream/");
        let Some((stream, from)) = rest.split_once('/') else { return text(404, "invalid path") };
        let kinds = [StreamKind::Message, StreamKind::Append];
        let Some(kind) = kinds.into_iter().find(|kind| kind.path() == stream) else {
            return text(404, "invalid path");
        };
        let Some(from) = parse_id(from).map(MemberId) else { return text(404, "invalid from") };
        if self.shared.is_removed(from) {
            return rejected(Rejection::Removed);
        }
        let Some(remote) = self.shared.remote(from) else {
            self.meet(from, request.headers());
            return rejected(Rejection::UnknownSender);
        };
        if let Err(rejection) = check_stream(&headers, self.shared.member()) {
            return rejected(rejection);
        }
        tracing::info!(peer = %from, ?kind, "peer opened a stream");
        let stream = OutgoingStream::attach(remote, kind);
        Response::new(PeerBody::Stream(Box::new(stream)))
    }

    /// This member may lag behind the change that added the sender, and must be able to answer it.
    fn meet(&self, id: MemberId, headers: &HeaderMap) {
        let urls = headers.get("x-peerurls").and_then(|urls| urls.to_str().ok()).unwrap_or("");
        let urls: Vec<String> =
            urls.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect();
        if !id.is_zero() && !urls.is_empty() && self.shared.remote(id).is_none() {
            self.net.introduce(vec![PeerAddress { id, urls }]);
        }
    }

    async fn post(&self, request: Request<Incoming>) -> Response<PeerBody> {
        if request.method() != "POST" {
            return wrong_method("POST");
        }
        let headers = peer_headers(request.headers());
        if let Err(rejection) = check_headers(&headers, self.shared.cluster()) {
            return rejected(rejection);
        }
        let (head, body) = request.into_parts();
        let body = Limited::new(body, FRAME_BYTES_MAX).collect().await;
        let Ok(body) = body else { return text(400, "error reading raft message") };
        let body = body.to_bytes();
        let length = body.len() as u64;
        let Ok(message) = decode_message(body) else {
            return text(400, "error unmarshalling raft message");
        };
        let from = message.from.to_string();
        let received = &self.shared.metrics.peers.received_bytes;
        received.with_label_values(&[&from]).inc_by(length);
        if let Some(refusal) = self.misaddressed(&message) {
            return refusal;
        }
        self.meet(message.from, &head.headers);
        self.shared.deliver(message).await;
        no_content()
    }

    /// Who may not speak to whom, in the words that end a removed member.
    fn misaddressed(&self, message: &raft::Message) -> Option<Response<PeerBody>> {
        let what = if self.shared.is_removed(message.from) {
            "from removed"
        } else if message.to != self.shared.member() {
            "to mismatch"
        } else {
            return None;
        };
        let mut response =
            json(format!("{{\"message\":\"cannot process message {what} member\"}}"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        Some(response)
    }

    async fn snapshot(&self, request: Request<Incoming>) -> Response<PeerBody> {
        if request.method() != "POST" {
            return wrong_method("POST");
        }
        let headers = peer_headers(request.headers());
        if let Err(rejection) = check_headers(&headers, self.shared.cluster()) {
            return rejected(rejection);
        }
        let mut body = request.into_body();
        let (message, first) = match read_envelope(&mut body).await {
            Ok(read) => read,
            Err(error) => return text(400, &format!("failed to decode raft message ({error})")),
        };
        if let Some(refusal) = self.misaddressed(&message) {
            return refusal;
        }
        let from = message.from.to_string();
        let metrics = &self.shared.metrics.peers;
        let receiving = metrics.snapshots_receiving.with_label_values(&[&from]);
        receiving.inc();
        let received_bytes = metrics.received_bytes.with_label_values(&[&from]);
        let (result, finished) = oneshot::channel();
        let snapshot = TcpSnapshot { message, first, body, result, received_bytes };
        let outcome = match self.shared.snapshots.try_send(snapshot) {
            Ok(()) => finished.await.unwrap_or_else(|_| Err("snapshot was not taken".into())),
            Err(_) => Err("too many snapshots at a time".into()),
        };
        receiving.dec();
        match outcome {
            Ok(()) => {
                metrics.snapshots_received.with_label_values(&[&from]).inc();
                no_content()
            }
            Err(error) => {
                metrics.snapshot_receive_failures.with_label_values(&[&from]).inc();
                text(500, &format!("failed to save KV snapshot ({error})"))
            }
        }
    }

    async fn call(&self, request: Request<Incoming>) -> Response<PeerBody> {
        let (head, body) = request.into_parts();
        let from = head.headers.get("x-server-from").and_then(|value| value.to_str().ok());
        let from = MemberId(from.and_then(parse_id).unwrap_or(0));
        let body = match Limited::new(body, CALL_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return text(413, "request body too large");
            }
            Err(_) => return text(400, "error reading body"),
        };
        let path = head.uri.path();
        let token = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match decode_request(head.method.as_str(), path, &body, token) {
            None => text(404, "404 page not found"),
            Some(Err(refusal)) if refusal.status == 405 => {
                wrong_method(if head.method == "GET" { "POST" } else { "GET" })
            }
            Some(Err(refusal)) => of_wire(refusal),
            Some(Ok(request)) => of_wire(self.ask_node(from, request).await),
        }
    }

    async fn ask_node(&self, from: MemberId, request: PeerRequest) -> WireResponse {
        let (answer, answered) = oneshot::channel();
        let call = PeerCall { from, request: request.clone(), answer };
        let refused = |text: &str| encode_response(&request, Err(text.to_owned()));
        if self.shared.calls.try_send(call).is_err() {
            return refused("etcdserver: too many requests");
        }
        match timeout(self.shared.settings.request_timeout, answered).await {
            Ok(Ok(answer)) => encode_response(&request, answer),
            Ok(Err(_)) => refused("etcdserver: server stopped"),
            Err(_) => refused("etcdserver: request timed out"),
        }
    }
}

fn of_wire(wire: WireResponse) -> Response<PeerBody> {
    let mut response = Response::new(PeerBody::Plain(Some(wire.body.into())));
    *response.status_mut() =
        StatusCode::from_u16(wire.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(wire.content_type));
    if let Some(error) = wire.error.and_then(|error| HeaderValue::from_str(&error).ok()) {
        headers.insert(ERROR_HEADER, error);
    }
    response
}

async fn read_envelope(body: &mut Incoming) -> Result<(raft::Message, Bytes), String> {
    let mut decoder = EnvelopeDecoder::new(ENVELOPE_BYTES_MAX);
    loop {
        let frame = body.frame().await.ok_or("unexpected EOF")?;
        let frame = frame.map_err(|error| error.to_string())?;
        let Ok(bytes) = frame.into_data() else { continue };
        if let Some(read) = decoder.push(&bytes).map_err(|error| error.to_string())? {
            return Ok(read);
        }
    }
}
