//! Bodies of the peer port's responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::outgoing::OutgoingStream;

/// Bytes, or a stream without end.
pub enum PeerBody {
    /// Bytes, once.
    Plain(Option<Bytes>),
    /// A stream that the peer reads.
    Stream(Box<OutgoingStream>),
}

impl http_body::Body for PeerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            PeerBody::Plain(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            PeerBody::Stream(stream) => stream.poll_piece(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, PeerBody::Plain(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            PeerBody::Plain(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            PeerBody::Stream(_) => SizeHint::default(),
        }
    }
}
