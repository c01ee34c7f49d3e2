//! gRPC's message frames: one byte compression flag, four bytes length, the message.
//!
//! [`Frames`] takes the request body's pieces and gives whole messages. A message that lies within
//! one piece shares its memory; only one that is spread over several is put together in a buffer,
//! which is allocated after its length was checked against the limit.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before each message.
pub const HEAD_BYTES: usize = 5;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The message is larger than the receiver takes.
    TooLarge {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The compression flag is set; no compression is offered.
    Compressed,
    /// The compression flag is neither 0 nor 1.
    Flag(u8),
}

/// The messages of one direction of a call.
#[derive(Debug)]
pub struct Frames {
    limit: usize,
    /// Whole pieces, as they came.
    piece: Bytes,
    /// The start of a frame that its piece did not complete.
    partial: BytesMut,
}

impl Frames {
    /// Takes messages of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Frames {
        Frames { limit, piece: Bytes::new(), partial: BytesMut::new() }
    }

    /// Takes the next piece of the body. Only when [`Frames::next`] gave `None`.
    pub fn push(&mut self, piece: Bytes) {
        assert!(self.piece.is_empty(), "{} bytes of the last piece are left", self.piece.len());
        self.piece = piece;
    }

    /// The next message, `None` when more bytes are needed.
    ///
    /// # Errors
    /// The frame is not acceptable; the call has to end.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.partial.is_empty() {
            if let Some(length) = self.length(&self.piece)?
                && self.piece.len() >= HEAD_BYTES + length
            {
                self.piece.advance(HEAD_BYTES);
                return Ok(Some(self.piece.split_to(length)));
            }
            if self.piece.is_empty() {
                return Ok(None);
            }
        }
        self.complete_partial()
    }

    /// Whether bytes of an incomplete message are held.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        !self.partial.is_empty() || !self.piece.is_empty()
    }

    fn complete_partial(&mut self) -> Result<Option<Bytes>, FrameError> {
        self.take_up_to(HEAD_BYTES);
        let Some(length) = self.length(&self.partial)? else { return Ok(None) };
        self.take_up_to(HEAD_BYTES + length);
        if self.partial.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        let mut whole = core::mem::take(&mut self.partial).freeze();
        whole.advance(HEAD_BYTES);
        assert_eq!(whole.len(), length, "frame was put together wrongly");
        Ok(Some(whole))
    }

    /// Moves bytes of the piece over until `partial` holds `total`.
    fn take_up_to(&mut self, total: usize) {
        let wanted = total.saturating_sub(self.partial.len());
        let count = wanted.min(self.piece.len());
        self.partial.reserve(wanted);
        self.partial.put_slice(&self.piece.split_to(count));
    }

    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        let Some((head, _)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        match head[0] {
            0 => {}
            1 => return Err(FrameError::Compressed),
            flag => return Err(FrameError::Flag(flag)),
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        Ok(Some(length))
    }
}

/// Appends a frame around an encoded message: the one copy that an answer is given.
pub fn frame(message: &[u8], into: &mut BytesMut) {
    let length = u32::try_from(message.len()).expect("an answer is bounded far below 4 GiB");
    into.reserve(HEAD_BYTES + message.len());
    into.put_u8(0);
    into.put_u32(length);
    into.put_slice(message);
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};

    use super::{FrameError, Frames, frame};

    #[test]
    fn messages_survive_every_cut() {
        let messages: [&[u8]; 3] = [b"", b"one", b"another message"];
        let mut all = BytesMut::new();
        messages.iter().for_each(|message| frame(message, &mut all));
        let all = all.freeze();
        for first in 0..=all.len() {
            for second in first..=all.len() {
                let mut frames = Frames::new(15);
                let mut got = Vec::new();
                let pieces = [all.slice(..first), all.slice(first..second), all.slice(second..)];
                for piece in pieces {
                    frames.push(piece);
                    while let Some(message) = frames.next().expect("sound") {
                        got.push(message);
                    }
                }
                assert_eq!(got, messages, "cut at {first} and {second}");
                assert!(!frames.is_mid_message());
            }
        }
    }

    #[test]
    fn a_message_within_a_piece_shares_its_memory() {
        let mut all = BytesMut::new();
        frame(b"payload", &mut all);
        let all = all.freeze();
        let mut frames = Frames::new(100);
        frames.push(all.clone());
        let message = frames.next().expect("sound").expect("whole");
        assert_eq!(message.as_ptr(), all[5..].as_ptr());
    }

    #[test]
    fn bad_heads_are_refused_before_anything_is_allocated() {
        let check = |head: [u8; 5], error| {
            let mut frames = Frames::new(16);
            frames.push(Bytes::copy_from_slice(&head[..3]));
            assert_eq!(frames.next(), Ok(None));
            frames.push(Bytes::copy_from_slice(&head[3..]));
            assert_eq!(frames.next(), Err(error));
        };
        check([0, 0, 0, 0, 17], FrameError::TooLarge { length: 17, limit: 16 });
        check([1, 0, 0, 0, 1], FrameError::Compressed);
        check([7, 0, 0, 0, 1], FrameError::Flag(7));
    }
}
