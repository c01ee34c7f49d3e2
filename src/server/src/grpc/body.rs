//! Response bodies: of gRPC calls and, so that one port can serve both, of plain HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use super::frame::{HEAD_BYTES, frame};
use super::status::Status;
use super::stream::StreamBody;

/// Answers up to this size are copied behind their frame head, so that both leave in one write;
/// of larger ones only the first part is.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// The body of a response.
pub enum Body {
    /// Nothing.
    Empty,
    /// Plain bytes, for HTTP.
    Plain(Option<Bytes>),
    /// One gRPC message and a successful end.
    Unary {
        /// Frame head and message, or its first part.
        first: Option<Bytes>,
        /// The rest of a large message.
        rest: Option<Bytes>,
        /// Whether the trailers were given.
        ended: bool,
    },
    /// A stream of gRPC messages.
    Stream(Box<StreamBody>),
    /// Pieces of another protocol, as they come.
    Boxed(UnsyncBoxBody<Bytes, Infallible>),
}

impl Body {
    /// The body of a unary answer, from its encoded message.
    #[must_use]
    pub fn unary(message: Bytes) -> Body {
        let (first, rest) = split_frame(message);
        Body::Unary { first: Some(first), rest, ended: false }
    }

    /// A body of pieces that are still to come.
    pub fn boxed<B>(pieces: B) -> Body
    where
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        Body::Boxed(pieces.boxed_unsync())
    }

    /// A body of plain bytes.
    pub fn plain(bytes: impl Into<Bytes>) -> Body {
        Body::Plain(Some(bytes.into()))
    }
}

/// A frame around a message: head and as much as is copied, and the uncopied rest.
pub(super) fn split_frame(mut message: Bytes) -> (Bytes, Option<Bytes>) {
    let length = message.len();
    let rest = (length > COPIED_BYTES_MAX).then(|| message.split_off(COPIED_BYTES_MAX));
    let mut first = BytesMut::with_capacity(HEAD_BYTES + message.len());
    frame(&message, &mut first);
    if rest.is_some() {
        let length = u32::try_from(length).expect("an answer is bounded far below 4 GiB");
        first[1..HEAD_BYTES].copy_from_slice(&length.to_be_bytes());
    }
    (first.freeze(), rest)
}

type Polled = Poll<Option<Result<Frame<Bytes>, Infallible>>>;

fn piece(bytes: Bytes) -> Polled {
    Poll::Ready(Some(Ok(Frame::data(bytes))))
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match self.get_mut() {
            Body::Empty => Poll::Ready(None),
            Body::Plain(bytes) => match bytes.take() {
                Some(bytes) => piece(bytes),
                None => Poll::Ready(None),
            },
            Body::Unary { first, rest, ended } => {
                if let Some(bytes) = first.take().or_else(|| rest.take()) {
                    return piece(bytes);
                }
                if core::mem::replace(ended, true) {
                    return Poll::Ready(None);
                }
                let trailers: HeaderMap = Status::OK.trailers();
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Body::Stream(stream) => stream.poll_next(cx),
            Body::Boxed(pieces) => Pin::new(pieces).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Empty | Body::Plain(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Empty => SizeHint::with_exact(0),
            Body::Plain(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Body::Unary { .. } | Body::Stream(_) | Body::Boxed(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{COPIED_BYTES_MAX, split_frame};
    use crate::grpc::frame::Frames;

    #[test]
    fn a_large_message_is_not_copied_whole() {
        for length in [0, 1, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1, 3 * COPIED_BYTES_MAX] {
            let message = Bytes::from(vec![7u8; length]);
            let (first, rest) = split_frame(message.clone());
            assert_eq!(rest.is_some(), length > COPIED_BYTES_MAX);
            let mut frames = Frames::new(1 << 20);
            frames.push([first, rest.unwrap_or_default()].concat().into());
            assert_eq!(frames.next(), Ok(Some(message)));
        }
    }
}
