//! From the pieces of a body to the encoded messages of a call.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use node::Code;
use prost::Message;
use prost_reflect::MessageDescriptor;

use super::json::{Limits, Values, message_from_json};
use crate::grpc::Status;

/// The pieces of a body, until it ends or breaks.
pub(super) type Chunks = BoxStream<'static, Result<Bytes, ()>>;

/// JSON that is mapped at once; what is larger would hold up a thread of the runtime.
const INLINE_BYTES_MAX: usize = 128 << 10;

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
    pending.pass_over_rest(limits.json_bytes).await;
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
    let next = |(mut pending, descriptor): (Pending, MessageDescriptor)| async move {
        let message = match pending.next().await {
            Ok(Some(value)) => encoded(value, &descriptor).await,
            Ok(None) => return None,
            Err(status) => Err(status),
        };
        match message {
            Ok(message) => Some((message, (pending, descriptor))),
            Err(status) => {
                tracing::debug!(reason = %status.text, "a request of a stream cannot be read");
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

    /// Reads on, so that the connection can be used again, unless too much follows or it has not
    /// come yet: the answer does not wait for that.
    async fn pass_over_rest(&mut self, bytes_max: usize) {
        let mut passed = 0;
        while let Some(Some(Ok(chunk))) = self.chunks.next().now_or_never() {
            passed += chunk.len();
            if passed > bytes_max {
                return;
            }
        }
    }
}

async fn encoded(value: Bytes, descriptor: &MessageDescriptor) -> Result<Bytes, Status> {
    if value.len() <= INLINE_BYTES_MAX {
        return map(&value, descriptor);
    }
    let descriptor = descriptor.clone();
    let mapped = tokio::task::spawn_blocking(move || map(&value, &descriptor)).await;
    mapped.unwrap_or_else(|error| Err(Status::new(Code::Internal, error.to_string())))
}

fn map(value: &[u8], descriptor: &MessageDescriptor) -> Result<Bytes, Status> {
    Ok(message_from_json(value, descriptor)?.encode_to_vec().into())
}
