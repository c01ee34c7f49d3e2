//! Reading a peer's streams: GET, check the answer, decode until the stream is cut, and again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use node::peer::{
    AppendDecoder, FRAME_BYTES_MAX, MessageDecoder, PeerCodecError, Received, Rejection,
};
use prometheus::IntCounter;
use tokio::time::timeout;

use super::dial::{Connection, cause, whole};
use super::remote::{Remote, StreamKind};

/// A stream that is silent for this long is cut: heartbeats come three times as often.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// First and longest wait before a stream is opened again.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

enum Decoder {
    Messages(MessageDecoder),
    Appends(AppendDecoder),
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) {
        match self {
            Decoder::Messages(decoder) => decoder.push(bytes),
            Decoder::Appends(decoder) => decoder.push(bytes),
        }
    }

    fn next_frame(&mut self) -> Result<Option<Received>, PeerCodecError> {
        match self {
            Decoder::Messages(decoder) => decoder.next_frame(),
            Decoder::Appends(decoder) => decoder.next_frame(),
        }
    }
}

/// Reads one stream of a peer for as long as it is a member.
pub(super) async fn read_forever(remote: Arc<Remote>, kind: StreamKind) {
    let mut retry = RETRY_MIN;
    for attempt in 0_usize.. {
        match open(&remote, kind, attempt).await {
            Ok((connection, body)) => {
                retry = RETRY_MIN;
                let link = Link::up(&remote);
                let cut = read(&remote, kind, body).await;
                drop((link, connection));
                tracing::info!(peer = %remote.id, ?kind, cut, "lost stream of peer");
            }
            Err(trouble) => {
                remote.troubled(trouble);
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
        tokio::time::sleep(retry).await;
    }
}

/// Counts as a link while it lives, even when its task is aborted.
struct Link<'a>(&'a Remote);

impl Link<'_> {
    fn up(remote: &Remote) -> Link<'_> {
        remote.link_up();
        Link(remote)
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        self.0.link_down();
    }
}

type Opened = (Connection<Empty<Bytes>>, Incoming);

async fn open(remote: &Remote, kind: StreamKind, attempt: usize) -> Result<Opened, String> {
    let shared = &remote.shared;
    let url = remote.url(attempt).ok_or("no peer URL is known")?;
    let mut connection = Connection::open(shared, &url).await.map_err(|error| error.to_string())?;
    let path = format!("/raft/stream/{}/{}", kind.path(), shared.member());
    let mut request = shared.request("GET", &path, Empty::new());
    let to = remote.id.to_string().parse().expect("an id is a header value");
    request.headers_mut().insert("X-Raft-To", to);
    let response = timeout(READ_TIMEOUT, connection.exchange(request))
        .await
        .map_err(|_| "no answer to a stream request".to_owned())?
        .map_err(|error| cause(&error))?;
    let status = response.status();
    if status == StatusCode::OK {
        return Ok((connection, response.into_body()));
    }
    let body = timeout(READ_TIMEOUT, whole(response.into_body())).await;
    let body = body.map_err(|_| "no end of a refusal".to_owned())??;
    let text = String::from_utf8_lossy(&body);
    match Rejection::of_answer(status.as_u16(), &text) {
        Some(Rejection::Removed) if status == StatusCode::GONE => {
            shared.hear_removed(remote.id);
            Err("this member was removed from the cluster".into())
        }
        Some(rejection) => Err(format!("refused: {rejection}")),
        None => Err(format!("answered {status}: {}", text.trim_end())),
    }
}

/// Reads until the stream is cut; says why.
async fn read(remote: &Remote, kind: StreamKind, mut body: Incoming) -> String {
    let shared = &remote.shared;
    let metrics = &shared.metrics.peers;
    let from = remote.id.to_string();
    let received: IntCounter = metrics.received_bytes.with_label_values(&[&from]);
    let mut decoder = match kind {
        StreamKind::Message => Decoder::Messages(MessageDecoder::new(FRAME_BYTES_MAX)),
        StreamKind::Append => {
            let local = shared.member();
            Decoder::Appends(AppendDecoder::new(local, remote.id, FRAME_BYTES_MAX))
        }
    };
    loop {
        let piece = match timeout(READ_TIMEOUT, body.frame()).await {
            Err(_) => return "silent for too long".into(),
            Ok(None) => return "closed by the peer".into(),
            Ok(Some(Err(error))) => return error.to_string(),
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        received.inc_by(piece.len() as u64);
        decoder.push(&piece);
        loop {
            match decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(Received::LinkHeartbeat)) => {}
                // Waiting here is the back pressure on the peer: nothing is lost within a stream.
                Ok(Some(Received::Message(message, _))) => shared.deliver(message).await,
                Err(error) => {
                    metrics.received_failures.with_label_values(&[&from]).inc();
                    return error.to_string();
                }
            }
        }
    }
}
