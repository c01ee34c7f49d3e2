//! The head of a snapshot's body: an eight-byte length and the message that announces it. What
//! follows is the snapshot itself.

use bytes::{Bytes, BytesMut};
use raft::Body;

use super::error::PeerCodecError;
use super::message::{decode_message, to_wire};
use super::messages::{put_sized, take_sized};

/// The head before a snapshot's bytes.
#[must_use]
pub fn encode_envelope(message: &raft::Message) -> Bytes {
    let mut head = BytesMut::new();
    put_sized(&to_wire(message), &mut head);
    head.freeze()
}

/// Reads the head, piece by piece.
#[derive(Debug)]
pub struct EnvelopeDecoder {
    buffer: BytesMut,
    limit: usize,
}

impl EnvelopeDecoder {
    /// Takes a message of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> EnvelopeDecoder {
        EnvelopeDecoder { buffer: BytesMut::new(), limit }
    }

    /// Takes the next piece; gives the message, and the snapshot's bytes that came with it, once
    /// the message is whole.
    ///
    /// # Errors
    /// It is not a message that announces a snapshot.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<(raft::Message, Bytes)>, PeerCodecError> {
        self.buffer.extend_from_slice(bytes);
        let Some(bytes) = take_sized(&mut self.buffer, 0, self.limit)? else { return Ok(None) };
        let message = decode_message(bytes)?;
        match message.body {
            Body::Snapshot { .. } => Ok(Some((message, self.buffer.split().freeze()))),
            _ => Err(PeerCodecError::Malformed("wrong raft message type".into())),
        }
    }
}
