//! Snapshots between members: one post, the message first, then the file's bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use node::env::{CallError, SnapshotStream};
use node::peer::encode_envelope;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::dial::{Connection, whole};
use super::remote::Remote;

/// What a transfer may take besides its bytes: the receiver makes them durable before it answers.
const TRANSFER_TIMEOUT_MIN: Duration = Duration::from_secs(120);
/// The slowest transfer that is waited for, in bytes a second.
const TRANSFER_RATE_MIN: u64 = 256 << 10;
/// A sender that is silent for this long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A snapshot on its way out: the envelope, then chunks. Ends in an error when the chunks are not
/// what was announced, so that the receiver never takes a part for the whole.
struct Outgoing {
    envelope: Option<Bytes>,
    chunks: mpsc::Receiver<Bytes>,
    missing: u64,
    length: u64,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(envelope) = this.envelope.take() {
            return Poll::Ready(Some(Ok(Frame::data(envelope))));
        }
        let broken = |text: &str| Poll::Ready(Some(Err(io::Error::other(text))));
        match this.chunks.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) if this.missing == 0 => Poll::Ready(None),
            Poll::Ready(None) => broken("the snapshot ended early"),
            Poll::Ready(Some(chunk)) => match this.missing.checked_sub(chunk.len() as u64) {
                None => broken("the snapshot is longer than announced"),
                Some(missing) => {
                    this.missing = missing;
                    Poll::Ready(Some(Ok(Frame::data(chunk))))
                }
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// Sends a snapshot and waits until it is durable at the other side.
pub(super) async fn send_snapshot(
    remote: &Remote,
    message: &raft::Message,
    chunks: mpsc::Receiver<Bytes>,
    bytes: u64,
) -> Result<(), CallError> {
    let metrics = &remote.shared.metrics.peers;
    let to = remote.id.to_string();
    let sending = metrics.snapshots_sending.with_label_values(&[&to]);
    sending.inc();
    let patience = TRANSFER_TIMEOUT_MIN + Duration::from_secs(bytes / TRANSFER_RATE_MIN);
    let sent = timeout(patience, transfer(remote, message, chunks, bytes)).await;
    sending.dec();
    let sent = sent.unwrap_or(Err(CallError::TimedOut));
    if sent.is_ok() {
        metrics.snapshots_sent.with_label_values(&[&to]).inc();
        remote.sent_bytes().inc_by(bytes);
    } else {
        metrics.snapshot_send_failures.with_label_values(&[&to]).inc();
        remote.report_unreachable();
    }
    sent
}

async fn transfer(
    remote: &Remote,
    message: &raft::Message,
    chunks: mpsc::Receiver<Bytes>,
    bytes: u64,
) -> Result<(), CallError> {
    let url = remote.url(0).ok_or_else(|| CallError::Unreachable("no peer URL".into()))?;
    let mut connection = Connection::open(&remote.shared, &url).await?;
    let envelope = encode_envelope(message);
    let length = envelope.len() as u64 + bytes;
    let body = Outgoing { envelope: Some(envelope), chunks, missing: bytes, length };
    let mut request = remote.shared.request("POST", "/raft/snapshot", body);
    let kind = HeaderValue::from_static("application/octet-stream");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    let response = connection.exchange(request).await.map_err(|_| CallError::TimedOut)?;
    let status = response.status();
    let body = whole(response.into_body()).await.map_err(|_| CallError::TimedOut)?;
    match status {
        StatusCode::NO_CONTENT => Ok(()),
        _ => Err(CallError::Refused(String::from_utf8_lossy(&body).trim_end().to_owned())),
    }
}

/// A snapshot that arrives.
pub struct TcpSnapshot {
    pub(super) message: raft::Message,
    /// What came together with the message.
    pub(super) first: Bytes,
    pub(super) body: Incoming,
    pub(super) result: oneshot::Sender<Result<(), String>>,
    pub(super) received_bytes: prometheus::IntCounter,
}

impl SnapshotStream for TcpSnapshot {
    fn message(&self) -> &raft::Message {
        &self.message
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        if !self.first.is_empty() {
            return Ok(Some(std::mem::take(&mut self.first)));
        }
        loop {
            let frame = timeout(SILENCE_MAX, self.body.frame()).await;
            match frame.map_err(|_| "the sender was silent for too long".to_owned())? {
                None => return Ok(None),
                Some(Err(error)) => return Err(error.to_string()),
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    self.received_bytes.inc_by(bytes.len() as u64);
                    if !bytes.is_empty() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    async fn finish(self, result: Result<(), String>) {
        // The sender may have hung up meanwhile; it will ask again.
        let _ = self.result.send(result);
    }
}
