//! The body of a stream that a peer reads: everything that waits, encoded in one piece per wakeup,
//! and a heartbeat when nothing did.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use node::peer::{AppendEncoder, MessageEncoder};
use prometheus::IntCounter;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::remote::{Remote, StreamKind};

/// The other side cuts a stream that is silent for five seconds.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(5000 / 3);
/// One piece holds about this much; a single message may be larger.
const PIECE_BYTES_MAX: usize = 64 << 10;

enum Encoder {
    Messages(MessageEncoder),
    Appends(AppendEncoder),
}

impl Encoder {
    fn encode(&mut self, message: &raft::Message, into: &mut BytesMut) {
        match self {
            Encoder::Messages(encoder) => encoder.encode(message, into),
            Encoder::Appends(encoder) => encoder.encode(message, into),
        };
    }

    fn encode_link_heartbeat(&mut self, into: &mut BytesMut) {
        match self {
            Encoder::Messages(encoder) => encoder.encode_link_heartbeat(into),
            Encoder::Appends(encoder) => encoder.encode_link_heartbeat(into),
        }
    }
}

/// One open stream to one peer.
pub struct OutgoingStream {
    remote: Arc<Remote>,
    kind: StreamKind,
    connection: u64,
    encoder: Encoder,
    heartbeat: Interval,
    sent_bytes: IntCounter,
    buffer: BytesMut,
}

impl OutgoingStream {
    /// Takes the place of the stream's connection before.
    pub(super) fn attach(remote: Arc<Remote>, kind: StreamKind) -> OutgoingStream {
        let connection = remote.queue(kind).attach();
        let encoder = match kind {
            StreamKind::Message => Encoder::Messages(MessageEncoder),
            StreamKind::Append => Encoder::Appends(AppendEncoder::default()),
        };
        // The first heartbeat at once: it carries the response's head to the reader.
        let mut heartbeat = interval_at(Instant::now(), HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let sent_bytes = remote.sent_bytes();
        let buffer = BytesMut::new();
        OutgoingStream { remote, kind, connection, encoder, heartbeat, sent_bytes, buffer }
    }

    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (encoder, buffer) = (&mut self.encoder, &mut self.buffer);
        let taken = self.remote.queue(self.kind).poll_take(self.connection, cx, |message| {
            encoder.encode(message, buffer);
            buffer.len() >= PIECE_BYTES_MAX
        });
        match taken {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(())) => self.heartbeat.reset(),
            Poll::Pending => match self.heartbeat.poll_tick(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => self.encoder.encode_link_heartbeat(&mut self.buffer),
            },
        }
        self.sent_bytes.inc_by(self.buffer.len() as u64);
        // What was used is given away; a burst's capacity is not kept.
        let piece = std::mem::take(&mut self.buffer).freeze();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Drop for OutgoingStream {
    fn drop(&mut self) {
        let lost = self.remote.queue(self.kind).detach(self.connection);
        if lost {
            self.remote.report_unreachable();
        }
    }
}

impl http_body::Body for OutgoingStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().poll_piece(cx)
    }
}
