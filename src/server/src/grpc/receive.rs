//! Requests off the wire: one for a unary call, many for a stream.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use node::Code;
use prost::Message;

use super::frame::{FrameError, Frames};
use super::method::{Kind, Rpc};
use super::status::Status;
use crate::metrics::Metrics;

/// What Go's server says of a streaming call without a request, and of one with several.
const NO_REQUEST: &str =
    "cardinality violation: received no request message from non-client-streaming RPC";
const SEVERAL_REQUESTS: &str =
    "cardinality violation: received multiple request messages for non-client-streaming RPC";

/// The requests of one call, in order.
pub(super) struct Requests {
    source: Source,
    metrics: Arc<Metrics>,
    rpc: Rpc,
}

/// Where they come from.
enum Source {
    /// An HTTP/2 request.
    Framed {
        body: Incoming,
        frames: Frames,
        /// A compression that the client uses; none is offered.
        encoding: Option<HeaderValue>,
    },
    /// What they were made of has its own form.
    Mapped { messages: BoxStream<'static, Bytes>, limit: usize },
}

impl Requests {
    pub(super) fn new(
        headers: &HeaderMap,
        body: Incoming,
        limit: usize,
        metrics: &Arc<Metrics>,
        rpc: Rpc,
    ) -> Requests {
        let encoding = headers.get("grpc-encoding").filter(|name| *name != "identity").cloned();
        let source = Source::Framed { body, frames: Frames::new(limit), encoding };
        Requests { source, metrics: Arc::clone(metrics), rpc }
    }

    /// Requests that were not read from frames.
    pub(super) fn mapped(
        messages: BoxStream<'static, Bytes>,
        limit: usize,
        metrics: &Arc<Metrics>,
        rpc: Rpc,
    ) -> Requests {
        let source = Source::Mapped { messages, limit };
        Requests { source, metrics: Arc::clone(metrics), rpc }
    }

    /// The only request of a unary or server-streaming call. As Go's server has it, a second one
    /// is ignored by the former and refused by the latter.
    pub(super) async fn only<M: Message + Default>(&mut self) -> Result<M, Status> {
        let streams = self.rpc.method().kind != Kind::Unary;
        let Some(message) = self.message().await? else {
            return Err(match streams {
                true => Status::new(Code::Internal, NO_REQUEST),
                false => Status::new(Code::Unknown, "EOF"),
            });
        };
        if !self.source.has_ended() && self.message().await?.is_some() && streams {
            return Err(Status::new(Code::Internal, SEVERAL_REQUESTS));
        }
        decode(message, streams)
    }

    /// The next request; `None` when the client has ended its side.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        match self.message().await {
            Ok(None) => Ok(None),
            Ok(Some(message)) => decode(message, true).map(Some),
            Err(status) => {
                self.metrics.grpc.receive_failed(self.rpc);
                Err(status)
            }
        }
    }

    async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        let message = self.source.message().await?;
        if let Some(message) = &message {
            self.metrics.grpc.received(self.rpc, message.len());
        }
        Ok(message)
    }
}

impl Source {
    /// Whether it is known already that nothing follows.
    fn has_ended(&self) -> bool {
        match self {
            Source::Framed { body, frames, .. } => body.is_end_stream() && !frames.is_mid_message(),
            Source::Mapped { .. } => false,
        }
    }

    async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        let (body, frames, encoding) = match self {
            Source::Framed { body, frames, encoding } => (body, frames, encoding),
            Source::Mapped { messages, limit } => {
                let message = messages.next().await;
                return message.map(|message| within(message, *limit)).transpose();
            }
        };
        loop {
            let message = frames.next().map_err(|error| refusal(error, encoding.as_ref()))?;
            if message.is_some() {
                return Ok(message);
            }
            match body.frame().await {
                None if frames.is_mid_message() => return Err(cut_off()),
                None => return Ok(None),
                Some(Err(error)) => return Err(Status::new(Code::Canceled, error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        frames.push(bytes);
                    }
                }
            }
        }
    }
}

fn within(message: Bytes, limit: usize) -> Result<Bytes, Status> {
    match message.len() {
        length if length > limit => Err(FrameError::TooLarge { length, limit }.into()),
        _ => Ok(message),
    }
}

fn refusal(error: FrameError, encoding: Option<&HeaderValue>) -> Status {
    match (error, encoding) {
        (FrameError::Compressed, Some(encoding)) => Status::new(
            Code::Unimplemented,
            format!("grpc: Decompressor is not installed for grpc-encoding {encoding:?}"),
        ),
        (error, _) => error.into(),
    }
}

/// Decodes a request; the errors are in the words of Go's server, which has others for streams.
fn decode<M: Message + Default>(message: Bytes, streams: bool) -> Result<M, Status> {
    M::decode(message).map_err(|error| {
        let what = match streams {
            true => "failed to unmarshal the received message",
            false => "error unmarshalling request",
        };
        let why = match error.to_string().contains("UTF-8") {
            true => "string field contains invalid UTF-8",
            false => "proto: cannot parse invalid wire-format data",
        };
        Status::new(Code::Internal, format!("grpc: {what}: {why}"))
    })
}

fn cut_off() -> Status {
    Status::new(Code::Internal, "grpc: the request ended within a message: unexpected EOF")
}
