//! Requests off the wire: one for a unary call, many for a stream.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use node::Code;
use prost::Message;

use super::frame::{FrameError, Frames};
use super::method::Rpc;
use super::status::Status;
use crate::metrics::Metrics;

/// The requests of one call, in order.
pub(super) struct Requests {
    body: Incoming,
    frames: Frames,
    /// A compression that the client uses; none is offered.
    encoding: Option<HeaderValue>,
    metrics: Arc<Metrics>,
    rpc: Rpc,
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
        Requests { body, frames: Frames::new(limit), encoding, metrics: Arc::clone(metrics), rpc }
    }

    /// The only request of a unary or server-streaming call.
    pub(super) async fn only<M: Message + Default>(&mut self) -> Result<M, Status> {
        let Some(message) = self.message().await? else {
            return Err(Status::new(Code::Internal, "grpc: the call ended without a request"));
        };
        let ended = self.body.is_end_stream() && !self.frames.is_mid_message();
        if !ended && self.message().await?.is_some() {
            return Err(Status::new(Code::Internal, "grpc: more than one request for the call"));
        }
        decode(message)
    }

    /// The next request; `None` when the client has ended its side.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        match self.message().await {
            Ok(None) => Ok(None),
            Ok(Some(message)) => decode(message).map(Some),
            Err(status) => {
                self.metrics.grpc.receive_failed(self.rpc);
                Err(status)
            }
        }
    }

    async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            let message = self.frames.next().map_err(|error| self.refusal(error))?;
            if let Some(message) = message {
                self.metrics.grpc.received(self.rpc, message.len());
                return Ok(Some(message));
            }
            match self.body.frame().await {
                None if self.frames.is_mid_message() => return Err(cut_off()),
                None => return Ok(None),
                Some(Err(error)) => return Err(Status::new(Code::Canceled, error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.frames.push(bytes);
                    }
                }
            }
        }
    }

    fn refusal(&self, error: FrameError) -> Status {
        match (error, &self.encoding) {
            (FrameError::Compressed, Some(encoding)) => Status::new(
                Code::Unimplemented,
                format!("grpc: Decompressor is not installed for grpc-encoding {encoding:?}"),
            ),
            (error, _) => error.into(),
        }
    }
}

fn decode<M: Message + Default>(message: Bytes) -> Result<M, Status> {
    M::decode(message).map_err(|error| {
        Status::new(Code::Internal, format!("grpc: error unmarshalling request: {error}"))
    })
}

fn cut_off() -> Status {
    Status::new(Code::Internal, "grpc: the request ended within a message: unexpected EOF")
}
