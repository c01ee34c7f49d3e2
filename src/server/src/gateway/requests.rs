//! From the pieces of a body to the encoded messages of a call.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use node::Code;
use prost::Message;
use prost_reflect::MessageDescriptor;

use super::json::{Limits, Values, message_from_json};
use super::mapping::mapped;
use crate::grpc::Status;

/// The pieces of a body, until it ends or breaks.
pub(super) type Chunks = BoxStream<'static, Result<Bytes, ()>>;

/// The request of a call that has one: the first value of the body, or an empty message if there
/// is none. What follows is not looked at.
///
/// # Errors
/// There is no such value, or it is no such message.
pub(super) async fn only(
    chunks: Chunks,
    descriptor: &MessageDescriptor,
    limits: Limits,
) -> Result<Bytes, Status> {
    let mut pending = Pending::new(chunks, limits);
    let Some(value) = pending.next().await? else { return Ok(Bytes::new()) };
    let message = encoded(value, descriptor).await?;
    pending.pass_over_rest(limits);
    Ok(message)
}

/// The requests of a call that has many. One that cannot be read ends them, as if the client had:
/// what was asked for before goes on.
pub(super) fn all(
    chunks: Chunks,
    descriptor: MessageDescriptor,
    limits: Limits,
) -> BoxStream<'static, Bytes> {
    let state = (Pending::new(chunks, limits), descriptor);
    let next = move |(mut pending, descriptor): (Pending, MessageDescriptor)| async move {
        let message = match pending.next().await {
            Ok(Some(value)) => encoded(value, &descriptor).await,
            Ok(None) => return None,
            Err(status) => Err(status),
        };
        match message {
            Ok(message) => Some((message, (pending, descriptor))),
            Err(status) => {
                // Its text may quote what the client sent.
                tracing::debug!(code = status.code, "a request of a stream cannot be read");
                pending.pass_over_rest(limits);
                None
            }
        }
    };
    stream::unfold(state, next).boxed()
}

/// What of a body is still to be read.
struct Pending {
    chunks: Chunks,
    values: Values,
    ended: bool,
}

impl Pending {
    fn new(chunks: Chunks, limits: Limits) -> Pending {
        Pending { chunks, values: Values::new(limits.json_bytes), ended: false }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(value) = self.values.next()? {
                return Ok(Some(value));
            }
            if self.ended {
                return Ok(None);
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.values.push(&chunk),
                None => {
                    self.ended = true;
                    return self.values.finish();
                }
                Some(Err(())) => {
                    self.ended = true;
                    return Err(Status::new(Code::InvalidArgument, "unexpected EOF"));
                }
            }
        }
    }

    /// Reads on, unless too much follows, so that the connection can be used again and a client
    /// that leaves is noticed. What has not come yet is read by a task of its own: the answer does
    /// not wait for it.
    fn pass_over_rest(self, limits: Limits) {
        let mut passing = pass_over(self.chunks, limits.json_bytes).boxed();
        if passing.as_mut().now_or_never().is_none() {
            tokio::spawn(passing);
        }
    }
}

/// Reads to the end, but not beyond the first piece that makes it more than this.
async fn pass_over(mut chunks: Chunks, bytes_max: usize) {
    let mut passed = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        passed += chunk.len();
        if passed > bytes_max {
            return;
        }
    }
}

async fn encoded(value: Bytes, descriptor: &MessageDescriptor) -> Result<Bytes, Status> {
    let length = value.len();
    let descriptor = descriptor.clone();
    let mapping = move || Ok(message_from_json(&value, &descriptor)?.encode_to_vec().into());
    mapped(length, mapping).await
}
