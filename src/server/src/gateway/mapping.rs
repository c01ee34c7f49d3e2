//! Where messages are mapped: small ones at once, large ones away from the runtime's threads.

use bytes::Bytes;
use node::Code;

use crate::grpc::Status;

/// What is mapped at once; what is larger would hold up a thread of the runtime.
const INLINE_BYTES_MAX: usize = 128 << 10;

/// Maps something of this many bytes.
///
/// # Errors
/// Those of `mapping`.
pub(super) async fn mapped(
    bytes: usize,
    mapping: impl FnOnce() -> Result<Bytes, Status> + Send + 'static,
) -> Result<Bytes, Status> {
    if bytes <= INLINE_BYTES_MAX {
        return mapping();
    }
    let mapped = tokio::task::spawn_blocking(mapping).await;
    mapped.unwrap_or_else(|error| Err(Status::new(Code::Internal, error.to_string())))
}
