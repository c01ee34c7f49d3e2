//! Answers as JSON: original field names, what is unset left out, 64-bit numbers as strings, enums
//! by name.

use bytes::Bytes;
use node::Code;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::Serialize;
use serde_json::Serializer;

use crate::grpc::Status;

/// An encoded answer as JSON, between the two texts.
///
/// # Errors
/// The answer is not a message of this kind.
pub(in crate::gateway) fn json_from_message(
    message: Bytes,
    descriptor: &MessageDescriptor,
    before: &str,
    after: &str,
) -> Result<Bytes, Status> {
    let mut json = Vec::with_capacity(before.len() + 2 * message.len() + 64 + after.len());
    json.extend_from_slice(before.as_bytes());
    let options = SerializeOptions::new().use_proto_field_name(true);
    let message = DynamicMessage::decode(descriptor.clone(), message)
        .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
    message
        .serialize_with_options(&mut Serializer::new(&mut json), &options)
        .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
    json.extend_from_slice(after.as_bytes());
    Ok(json.into())
}

/// `google.rpc.Status`, whose details etcd never fills.
#[derive(Serialize)]
struct RpcStatus<'a> {
    code: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

/// A status as JSON.
pub(in crate::gateway) fn status_json(status: &Status) -> String {
    let status = RpcStatus { code: status.code, message: &status.text };
    serde_json::to_string(&status).expect("a number and a text can be written")
}

/// The line that ends a stream of answers.
pub(in crate::gateway) fn line_of_error(status: &Status) -> Bytes {
    format!("{{\"error\":{}}}\n", status_json(status)).into()
}
