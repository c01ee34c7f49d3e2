//! The peer protocol of etcd as codecs: bytes in, messages out, and back, without I/O.
//!
//! A transport owns the connections; here is what flows over them: Raft messages as raftpb has
//! them, the frames of the two long-lived streams, the head of a snapshot, what members ask each
//! other over HTTP, and the checks of headers with their rejections.
//!
//! Promises: no input panics, memory is bounded by the limit each decoder is given and by what was
//! received, and whatever an encoder writes its decoder reads back.

mod acquaintances;
mod appends;
mod call;
mod envelope;
mod error;
#[cfg(test)]
mod etcd_bytes;
mod headers;
mod member_json;
mod message;
mod messages;
mod received;
#[cfg(test)]
mod tests;

pub use acquaintances::Acquaintances;
pub use appends::{AppendDecoder, AppendEncoder};
pub use call::{
    WireRequest, WireResponse, decode_request, decode_response, encode_request, encode_response,
};
pub use envelope::{EnvelopeDecoder, encode_envelope};
pub use error::PeerCodecError;
pub use headers::{PeerHeaders, Rejection, check_headers, check_stream, parse_id};
pub use member_json::{members_from_json, members_to_json};
pub use message::{decode_message, encode_message, from_wire, to_wire};
pub use messages::{MessageDecoder, MessageEncoder};
pub use received::Received;

/// Bytes of one frame of a stream.
pub const FRAME_BYTES_MAX: usize = 512 << 20;
/// Bytes of the message that announces a snapshot.
pub const ENVELOPE_BYTES_MAX: usize = 64 << 20;
