//! The gateway over WebSocket: each message of the client is a piece of the request's body, each
//! line of the answer is a message to it. For browsers, which cannot stream a request's body.
//!
//! A browser cannot set headers either: the token comes as a subprotocol, `Bearer, <token>`, or as
//! the cookie `token`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::Gateway;
use super::departure::Departure;
use crate::grpc::{Body, Service};
use crate::http::error;
use crate::listen::{Origin, Stop};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

const BEARER: &str = "Bearer";
/// The cookie that holds a token.
const TOKEN_COOKIE: &str = "token=";
/// Messages of a client that wait for the call, each as large as a request may be.
const MESSAGES_WAITING_MAX: usize = 1;
/// How long a call may still answer at a stop; streams say in their last line why they end.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// How long saying goodbye may take.
const CLOSE: Duration = Duration::from_secs(1);

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut tokens = values.flat_map(|value| value.split(','));
        tokens.any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}

/// Answers the request for a WebSocket and serves it as a task of its own.
pub(super) fn upgrade<S: Service>(
    gateway: Gateway<S>,
    mut request: Request<Incoming>,
    origin: &Arc<Origin>,
) -> Response<Body> {
    let Ok(mut response) = create_response_with_body(&request, || Body::Empty) else {
        let mut response = error(StatusCode::BAD_REQUEST, "Bad Request");
        let version = HeaderValue::from_static("13");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, version);
        return response;
    };
    let protocol = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    if protocol.is_some_and(|protocol| protocol.as_bytes().starts_with(BEARER.as_bytes())) {
        let bearer = HeaderValue::from_static(BEARER);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, bearer);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    let call = Call {
        path: request.uri().path().to_owned(),
        headers: call_headers(request.headers()),
        origin: Arc::clone(origin),
    };
    tokio::spawn(serve(gateway, upgraded, call));
    response
}

/// What is called over a socket.
struct Call {
    path: String,
    headers: HeaderMap,
    /// Its place among the connections is that of the socket.
    origin: Arc<Origin>,
}

/// The headers of the call: only the token has a meaning.
fn call_headers(headers: &HeaderMap) -> HeaderMap {
    let mut call = HeaderMap::new();
    if let Some(Ok(token)) = token(headers).map(HeaderValue::try_from) {
        call.insert(header::AUTHORIZATION, token);
    }
    call
}

fn token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(|value| value.split(';'));
    let cookie = cookies.find_map(|cookie| cookie.trim().strip_prefix(TOKEN_COOKIE));
    if let Some(token) = cookie {
        return Some(format!("{BEARER} {token}"));
    }
    let protocol = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    // Not every browser puts a space behind the comma.
    let (_, token) = protocol.split_once("Bearer,")?;
    Some(format!("{BEARER} {}", token.trim_matches(' ')))
}

async fn serve<S: Service>(gateway: Gateway<S>, upgraded: OnUpgrade, call: Call) {
    let Ok(upgraded) = upgraded.await else { return };
    let bytes_max = gateway.core.limits.json_bytes;
    let config = WebSocketConfig::default()
        .max_message_size(Some(bytes_max))
        .max_frame_size(Some(bytes_max));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut sink, source) = socket.split();
    let (pieces, chunks) = mpsc::channel(MESSAGES_WAITING_MAX);
    let stop = gateway.core.stop.clone();
    tokio::select! {
        biased;
        result = answer(&gateway, &call, chunks, &mut sink) => {
            if let Err(error) = result {
                tracing::debug!(%error, path = call.path, "a WebSocket client cannot be answered");
            }
        }
        () = forward(source, pieces) => {}
        () = patience_ends(stop) => {}
    }
    // The client may be gone, or not read.
    let _ = timeout(CLOSE, sink.close()).await;
}

/// Returns when a call has had its time to answer after the stop.
async fn patience_ends(stop: Stop) {
    stop.stopped().await;
    sleep(LAST_ANSWER).await;
}

/// Passes the client's messages on until it goes away.
async fn forward(
    mut source: impl Stream<Item = Result<Message, Error>> + Unpin,
    pieces: mpsc::Sender<Result<Bytes, ()>>,
) {
    while let Some(Ok(message)) = source.next().await {
        let piece = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            _ => continue,
        };
        for piece in [piece, Bytes::from_static(b"\n")] {
            // A call that reads no more may still answer.
            let _ = pieces.send(Ok(piece)).await;
        }
    }
}

async fn answer<S: Service>(
    gateway: &Gateway<S>,
    call: &Call,
    chunks: mpsc::Receiver<Result<Bytes, ()>>,
    sink: &mut futures_util::stream::SplitSink<Socket, Message>,
) -> Result<(), Error> {
    // Whoever forwards the client's messages notices that it leaves.
    let sent = (ReceiverStream::new(chunks).boxed(), Departure::unseen());
    let Call { path, headers, origin } = call;
    let response = gateway.call(&Method::POST, path, headers, sent, origin).await;
    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let line = data.strip_suffix(b"\n").map_or(data.clone(), |line| data.slice_ref(line));
        let Ok(text) = Utf8Bytes::try_from(line) else { continue };
        sink.send(Message::Text(text)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
