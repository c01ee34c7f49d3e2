//! The response side of a streaming call: encoded answers out of a bounded queue, framed, several
//! to a piece when they wait, until the queue ends or something outside ends the call.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use node::Answer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::body::split_frame;
use super::call::Meter;
use super::frame::frame;
use super::status::Status;

/// Waiting answers are put into one piece up to this size.
const PIECE_BYTES_MAX: usize = 16 << 10;

/// A task that ends with its owner.
pub(super) struct Pump(pub(super) JoinHandle<()>);

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The answers of one streaming call.
pub struct StreamBody {
    answers: mpsc::Receiver<Answer>,
    ends: Pin<Box<dyn Future<Output = Status> + Send>>,
    meter: Meter,
    /// Forwards requests; ends with the call.
    _pump: Option<Pump>,
    /// What is left of a large answer.
    rest: Option<Bytes>,
    /// How the call ends, once that is known, after what `rest` holds.
    end: Option<Status>,
    ended: bool,
}

type Polled = Poll<Option<Result<Frame<Bytes>, Infallible>>>;

impl StreamBody {
    pub(super) fn new(
        answers: mpsc::Receiver<Answer>,
        ends: Pin<Box<dyn Future<Output = Status> + Send>>,
        meter: Meter,
        pump: Option<Pump>,
    ) -> StreamBody {
        StreamBody { answers, ends, meter, _pump: pump, rest: None, end: None, ended: false }
    }

    /// The next piece, or the trailers.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        if self.end.is_none()
            && let Poll::Ready(status) = self.ends.as_mut().poll(cx)
        {
            self.end = Some(status);
        }
        if self.end.is_none() {
            match self.poll_piece(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Poll::Ready(None) => {}
            }
        }
        let status = self.end.take().unwrap_or(Status::OK);
        self.ended = true;
        self.meter.end(status.code);
        Poll::Ready(Some(Ok(Frame::trailers(status.trailers()))))
    }

    /// The next bytes of answers; `None` when `end` is set or the queue has ended.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let first = match self.answers.poll_recv(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                self.end = Some(error.into());
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(message))) => message,
        };
        self.meter.sent(first.len());
        if first.len() >= PIECE_BYTES_MAX {
            let (piece, rest) = split_frame(first);
            self.rest = rest;
            return Poll::Ready(Some(piece));
        }
        Poll::Ready(Some(self.gather(&first)))
    }

    /// Frames an answer and those that wait behind it.
    fn gather(&mut self, first: &Bytes) -> Bytes {
        let mut piece = BytesMut::new();
        frame(first, &mut piece);
        while piece.len() < PIECE_BYTES_MAX {
            match self.answers.try_recv() {
                Ok(Ok(message)) => {
                    self.meter.sent(message.len());
                    frame(&message, &mut piece);
                }
                Ok(Err(error)) => {
                    self.end = Some(error.into());
                    break;
                }
                Err(_) => break,
            }
        }
        piece.freeze()
    }
}
