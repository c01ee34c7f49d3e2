//! The append stream (msgappv2): appends that continue the last one leave out what both sides
//! know.
//!
//! Frames: `0` the link lives; `1` a count, that many sized entries, and the commit index, when
//! the append follows the last one in the same term; `2` a whole message. Both sides keep the term
//! and index of the last append, so a stream starts afresh with each connection.

use base::{Index, MemberId, Term};
use bytes::{Buf, BufMut, BytesMut};
use prost::Message as _;
use proto::raftpb;
use raft::{Body, Entry, Message};

use super::error::PeerCodecError;
use super::message::{decode, entry_from_wire, entry_to_wire, from_wire, to_wire};
use super::messages::{put_sized, take_sized};
use super::received::Received;

const LINK_HEARTBEAT: u8 = 0;
const ENTRIES: u8 = 1;
const WHOLE: u8 = 2;
const NUMBER_BYTES: usize = 8;

/// Where the last append of a stream ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Last {
    term: Term,
    index: Index,
}

impl Last {
    fn after(message: &Message) -> Last {
        let Body::Append { prev_index, entries, .. } = &message.body else {
            return Last { term: message.term, index: Index::ZERO };
        };
        let last = entries.last().map_or(*prev_index, |entry| entry.index);
        Last { term: message.term, index: last }
    }
}

/// Writes frames.
#[derive(Debug, Default)]
pub struct AppendEncoder {
    last: Last,
}

impl AppendEncoder {
    /// Appends the frame of an append message; gives its size.
    ///
    /// # Panics
    /// When the message is not an append: the caller chooses the stream by it.
    pub fn encode(&mut self, message: &Message, into: &mut BytesMut) -> usize {
        let before = into.len();
        let Body::Append { prev_index, prev_term, entries, commit } = &message.body else {
            panic!("not an append: {message:?}");
        };
        let known = Last { term: *prev_term, index: *prev_index };
        if self.last == known && *prev_term == message.term {
            into.put_u8(ENTRIES);
            into.put_u64(entries.len() as u64);
            entries.iter().for_each(|entry| put_entry(entry, into));
            into.put_u64(commit.get());
        } else {
            into.put_u8(WHOLE);
            put_sized(&to_wire(message), into);
        }
        self.last = Last::after(message);
        into.len() - before
    }

    /// Appends a frame that says only that the link lives.
    pub fn encode_link_heartbeat(&mut self, into: &mut BytesMut) {
        into.put_u8(LINK_HEARTBEAT);
    }
}

fn put_entry(entry: &Entry, into: &mut BytesMut) {
    let wire = entry_to_wire(entry);
    let length = wire.encoded_len();
    into.reserve(NUMBER_BYTES + length);
    into.put_u64(length as u64);
    wire.encode(into).expect("a buffer that grows takes any entry");
}

/// A frame of entries that is being received.
#[derive(Debug)]
struct Partial {
    missing: u64,
    entries: Vec<Entry>,
    bytes: usize,
}

/// Reads frames.
#[derive(Debug)]
pub struct AppendDecoder {
    local: MemberId,
    remote: MemberId,
    limit: usize,
    buffer: BytesMut,
    last: Last,
    partial: Option<Partial>,
}

impl AppendDecoder {
    /// Reads what `remote` sends to `local`, in frames of up to `limit` bytes.
    #[must_use]
    pub fn new(local: MemberId, remote: MemberId, limit: usize) -> AppendDecoder {
        let buffer = BytesMut::new();
        AppendDecoder { local, remote, limit, buffer, last: Last::default(), partial: None }
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
        if self.partial.is_some() {
            return self.continue_entries();
        }
        match self.buffer.first() {
            None => Ok(None),
            Some(&LINK_HEARTBEAT) => {
                self.buffer.advance(1);
                Ok(Some(Received::LinkHeartbeat))
            }
            Some(&ENTRIES) => {
                let Some(count) = self.number(1) else { return Ok(None) };
                self.buffer.advance(1 + NUMBER_BYTES);
                let bytes = 1 + 2 * NUMBER_BYTES;
                self.partial = Some(Partial { missing: count, entries: Vec::new(), bytes });
                self.continue_entries()
            }
            Some(&WHOLE) => self.whole(),
            Some(&other) => Err(PeerCodecError::FrameType(other)),
        }
    }

    fn whole(&mut self) -> Result<Option<Received>, PeerCodecError> {
        let Some(bytes) = take_sized(&mut self.buffer, 1, self.limit)? else { return Ok(None) };
        let size = 1 + NUMBER_BYTES + bytes.len();
        let message = from_wire(decode(bytes)?)?;
        self.last = Last::after(&message);
        Ok(Some(Received::Message(message, size)))
    }

    fn continue_entries(&mut self) -> Result<Option<Received>, PeerCodecError> {
        let Some(mut partial) = self.partial.take() else { return Ok(None) };
        while partial.missing > 0 {
            let room = self.limit.saturating_sub(partial.bytes);
            let Some(bytes) = take_sized(&mut self.buffer, 0, room)? else {
                self.partial = Some(partial);
                return Ok(None);
            };
            partial.bytes += NUMBER_BYTES + bytes.len();
            partial.missing -= 1;
            let wire = raftpb::Entry::decode(bytes)
                .map_err(|error| PeerCodecError::Malformed(error.to_string()))?;
            partial.entries.push(self.following(entry_from_wire(wire)?, partial.entries.len())?);
        }
        let Some(commit) = self.number(0) else {
            self.partial = Some(partial);
            return Ok(None);
        };
        self.buffer.advance(NUMBER_BYTES);
        Ok(Some(self.finish(partial, Index(commit))))
    }

    /// Checks that an entry has the index after the `count` before it.
    fn following(&self, entry: Entry, count: usize) -> Result<Entry, PeerCodecError> {
        let last = self.last.index.get().saturating_add(count as u64);
        let found = entry.index.get();
        if last.checked_add(1) == Some(found) {
            return Ok(entry);
        }
        Err(PeerCodecError::Gap { last, found })
    }

    fn finish(&mut self, partial: Partial, commit: Index) -> Received {
        let Last { term, index } = self.last;
        let body =
            Body::Append { prev_index: index, prev_term: term, entries: partial.entries, commit };
        let message = Message { from: self.remote, to: self.local, term, body };
        self.last = Last::after(&message);
        Received::Message(message, partial.bytes)
    }

    fn number(&self, at: usize) -> Option<u64> {
        let bytes = self.buffer.get(at..)?.first_chunk::<NUMBER_BYTES>()?;
        Some(u64::from_be_bytes(*bytes))
    }
}
