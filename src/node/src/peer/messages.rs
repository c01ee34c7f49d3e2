//! The message stream: each frame an eight-byte length and a raftpb message. A heartbeat from and
//! to nobody keeps the link alive.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message as _;
use proto::raftpb;

use super::error::PeerCodecError;
use super::message::{decode, from_wire, to_wire};
use super::received::Received;

const LENGTH_BYTES: usize = 8;

/// Writes frames.
#[derive(Debug, Default)]
pub struct MessageEncoder;

impl MessageEncoder {
    /// Appends the frame of a message; gives the message's size.
    pub fn encode(&mut self, message: &raft::Message, into: &mut BytesMut) -> usize {
        put_sized(&to_wire(message), into)
    }

    /// Appends a frame that says only that the link lives.
    pub fn encode_link_heartbeat(&mut self, into: &mut BytesMut) {
        put_sized(&link_heartbeat(), into);
    }
}

pub(super) fn put_sized(wire: &raftpb::Message, into: &mut BytesMut) -> usize {
    let length = wire.encoded_len();
    into.reserve(LENGTH_BYTES + length);
    into.put_u64(length as u64);
    let before = into.len();
    wire.encode(into).expect("a buffer that grows takes any message");
    assert_eq!(into.len() - before, length, "a message's length was computed wrongly");
    length
}

fn link_heartbeat() -> raftpb::Message {
    let kind = raftpb::MessageType::MsgHeartbeat as i32;
    raftpb::Message { r#type: Some(kind), ..raftpb::Message::default() }
}

pub(super) fn is_link_heartbeat(wire: &raftpb::Message) -> bool {
    let heartbeat = raftpb::MessageType::MsgHeartbeat as i32;
    wire.r#type == Some(heartbeat) && wire.from() == 0 && wire.to() == 0
}

/// Takes a length off the front once `head` bytes and what it announces are there.
pub(super) fn take_sized(
    buffer: &mut BytesMut,
    head: usize,
    limit: usize,
) -> Result<Option<Bytes>, PeerCodecError> {
    let Some(length) = buffer.get(head..).and_then(|rest| rest.first_chunk::<LENGTH_BYTES>())
    else {
        return Ok(None);
    };
    let length = u64::from_be_bytes(*length);
    let fits = usize::try_from(length).ok().filter(|length| *length <= limit);
    let length = fits.ok_or(PeerCodecError::TooLarge { length, limit })?;
    if buffer.len() < head + LENGTH_BYTES + length {
        return Ok(None);
    }
    buffer.advance(head + LENGTH_BYTES);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Reads frames.
#[derive(Debug)]
pub struct MessageDecoder {
    buffer: BytesMut,
    limit: usize,
}

impl MessageDecoder {
    /// Takes messages of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> MessageDecoder {
        MessageDecoder { buffer: BytesMut::new(), limit }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream cannot be read further.
    pub fn next_frame(&mut self) -> Result<Option<Received>, PeerCodecError> {
        let Some(bytes) = take_sized(&mut self.buffer, 0, self.limit)? else { return Ok(None) };
        let size = bytes.len();
        let wire = decode(bytes)?;
        if is_link_heartbeat(&wire) {
            return Ok(Some(Received::LinkHeartbeat));
        }
        Ok(Some(Received::Message(from_wire(wire)?, size)))
    }
}
