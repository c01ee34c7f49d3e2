//! What travels between two members: the bytes of etcd's peer protocol, as the product's codecs
//! write and read them.
//!
//! In each direction there are two connections, one for appends and one for all other messages,
//! each with an encoder and a decoder that live as long as the connection. What keeps its place
//! travels on them. What is lost was dropped before it was written, or its connection was reset;
//! what overtakes others or arrives again came as a post of its own, which needs no state. A
//! connection joins two incarnations: the bytes of an old one never reach a new process.

use base::MemberId;
use bytes::{Bytes, BytesMut};
use node::peer::{
    AppendDecoder, AppendEncoder, FRAME_BYTES_MAX, MessageDecoder, MessageEncoder, PeerCodecError,
    Received, decode_message, encode_message,
};
use raft::{Body, Message};

/// Which of the two connections of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Everything but appends.
    Messages,
    /// Appends.
    Appends,
}

impl Stream {
    /// The connection that a message takes.
    pub(super) fn of(message: &Message) -> Stream {
        match message.body {
            Body::Append { .. } => Stream::Appends,
            _ => Stream::Messages,
        }
    }
}

/// Bytes on their way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    bytes: Bytes,
    /// What they must be read as.
    written: Box<Message>,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Post,
    Stream { stream: Stream, connection: u64, receiver: u64 },
}

/// What came of a parcel.
#[derive(Debug)]
pub(super) enum Opened {
    /// The message that it held.
    Message(Message),
    /// Its connection was reset meanwhile.
    Gone,
    /// The bytes are not what was written.
    Wrong(String),
}

/// A message as a post of its own.
pub(super) fn post(message: &Message) -> Parcel {
    let bytes = encode_message(message).into();
    Parcel { bytes, written: Box::new(message.clone()), way: Way::Post }
}

/// The two connections of one direction, both ends of each.
#[derive(Debug)]
pub(super) struct Wire {
    messages: Connection<MessageEncoder, MessageDecoder>,
    appends: Connection<AppendEncoder, AppendDecoder>,
    from: MemberId,
    to: MemberId,
}

#[derive(Debug)]
struct Connection<E, D> {
    /// Rises with each new connection.
    number: u64,
    /// The incarnations that it joins.
    ends: (u64, u64),
    /// Connections before this one were reset with what was on its way.
    reset: u64,
    encoder: E,
    /// The connection that the receiver reads.
    reads: u64,
    decoder: D,
}

impl<E: Default, D> Connection<E, D> {
    fn new(decoder: D) -> Connection<E, D> {
        Connection { number: 0, ends: (0, 0), reset: 0, encoder: E::default(), reads: 0, decoder }
    }

    /// The encoder of the connection between these incarnations; a new one if they are new.
    fn between(&mut self, ends: (u64, u64)) -> &mut E {
        if self.ends != ends {
            self.ends = ends;
            self.renew();
        }
        &mut self.encoder
    }

    fn renew(&mut self) {
        self.number += 1;
        self.encoder = E::default();
    }

    /// The decoder of a connection; `None` when the connection was reset. Connections arrive in
    /// order, so a newer one ends the older.
    fn decoder(&mut self, connection: u64, fresh: impl FnOnce() -> D) -> Option<&mut D> {
        if connection < self.reset || connection < self.reads {
            return None;
        }
        if connection > self.reads {
            self.reads = connection;
            self.decoder = fresh();
        }
        Some(&mut self.decoder)
    }
}

impl Wire {
    /// Connections from one member to another, which open with the first message.
    pub(super) fn new(from: MemberId, to: MemberId) -> Wire {
        Wire {
            messages: Connection::new(MessageDecoder::new(FRAME_BYTES_MAX)),
            appends: Connection::new(AppendDecoder::new(to, from, FRAME_BYTES_MAX)),
            from,
            to,
        }
    }

    /// A member has learned its id; nothing was sent before.
    pub(super) fn name(&mut self, from: MemberId, to: MemberId) {
        if (self.from, self.to) != (from, to) {
            *self = Wire::new(from, to);
        }
    }

    /// Writes a message to its connection between two incarnations.
    pub(super) fn write(&mut self, ends: (u64, u64), message: &Message) -> Parcel {
        let mut bytes = BytesMut::new();
        let stream = Stream::of(message);
        let connection = match stream {
            Stream::Messages => {
                self.messages.between(ends).encode(message, &mut bytes);
                self.messages.number
            }
            Stream::Appends => {
                self.appends.between(ends).encode(message, &mut bytes);
                self.appends.number
            }
        };
        let way = Way::Stream { stream, connection, receiver: ends.1 };
        Parcel { bytes: bytes.freeze(), written: Box::new(message.clone()), way }
    }

    /// Resets both connections; what is on its way is lost with them, or arrives before the new
    /// ones do.
    pub(super) fn reset(&mut self, with_losses: bool) {
        self.messages.renew();
        self.appends.renew();
        if with_losses {
            self.messages.reset = self.messages.number;
            self.appends.reset = self.appends.number;
        }
    }

    /// Reads a parcel that reaches an incarnation, `cut` of its bytes first and the others then.
    pub(super) fn read(&mut self, parcel: Parcel, incarnation: u64, cut: usize) -> Opened {
        let Parcel { bytes, written, way } = parcel;
        let read = match way {
            Way::Post => decode_message(bytes).map(Some),
            Way::Stream { receiver, .. } if receiver != incarnation => return Opened::Gone,
            Way::Stream { stream, connection, .. } => {
                match self.read_frame(stream, connection, &bytes, cut) {
                    Some(read) => read,
                    None => return Opened::Gone,
                }
            }
        };
        match read {
            Ok(Some(message)) if is_same(&message, &written) => Opened::Message(message),
            other => Opened::Wrong(format!("{written:?} is read as {other:?}")),
        }
    }

    fn read_frame(
        &mut self,
        stream: Stream,
        connection: u64,
        bytes: &[u8],
        cut: usize,
    ) -> Option<Result<Option<Message>, PeerCodecError>> {
        let (head, rest) = bytes.split_at(cut.min(bytes.len()));
        let (from, to) = (self.from, self.to);
        Some(match stream {
            Stream::Messages => {
                let fresh = || MessageDecoder::new(FRAME_BYTES_MAX);
                let decoder = self.messages.decoder(connection, fresh)?;
                in_two(decoder, head, rest, MessageDecoder::push, MessageDecoder::next_frame)
            }
            Stream::Appends => {
                let fresh = || AppendDecoder::new(to, from, FRAME_BYTES_MAX);
                let decoder = self.appends.decoder(connection, fresh)?;
                in_two(decoder, head, rest, AppendDecoder::push, AppendDecoder::next_frame)
            }
        })
    }
}

/// Reads one frame that arrives in two pieces; there is nothing to be had before the second.
fn in_two<D>(
    decoder: &mut D,
    head: &[u8],
    rest: &[u8],
    push: impl Fn(&mut D, &[u8]),
    next: impl Fn(&mut D) -> Result<Option<Received>, PeerCodecError>,
) -> Result<Option<Message>, PeerCodecError> {
    if !head.is_empty() && !rest.is_empty() {
        push(decoder, head);
        if let Some(early) = next(decoder)? {
            return Err(PeerCodecError::Malformed(format!("{early:?} before its last bytes")));
        }
        push(decoder, rest);
    } else {
        push(decoder, head);
        push(decoder, rest);
    }
    match next(decoder)? {
        Some(Received::Message(message, _)) => Ok(Some(message)),
        Some(Received::LinkHeartbeat) | None => Ok(None),
    }
}

/// A transfer names its target as its sender on the wire; everything else arrives unchanged.
fn is_same(read: &Message, written: &Message) -> bool {
    match written.body {
        Body::TransferLeader { .. } => read.body == written.body && read.term == written.term,
        _ => read == written,
    }
}

#[cfg(test)]
mod tests {
    use base::{Index, Term};
    use raft::{Entry, EntryKind};

    use super::*;

    fn append(prev: u64) -> Message {
        let entry = Entry {
            index: Index(prev + 1),
            term: Term(3),
            kind: EntryKind::Normal,
            data: Bytes::from_static(b"payload"),
        };
        let body = Body::Append {
            prev_index: Index(prev),
            prev_term: Term(3),
            entries: vec![entry],
            commit: Index(prev),
        };
        Message { from: MemberId(1), to: MemberId(2), term: Term(3), body }
    }

    #[test]
    fn appends_that_follow_each_other_are_read_whatever_is_lost_with_a_connection() {
        let mut wire = Wire::new(MemberId(1), MemberId(2));
        let one = wire.write((1, 2), &append(1));
        let two = wire.write((1, 2), &append(2));
        assert!(matches!(wire.read(one, 2, 5), Opened::Message(m) if m == append(1)));
        wire.reset(true);
        let three = wire.write((1, 2), &append(3));
        assert!(matches!(wire.read(two, 2, 0), Opened::Gone), "reset while on its way");
        assert!(matches!(wire.read(three, 2, 9), Opened::Message(m) if m == append(3)));
        let four = wire.write((1, 2), &append(4));
        assert!(matches!(wire.read(four, 7, 0), Opened::Gone), "another process");
        let five = wire.write((1, 7), &append(5));
        assert!(matches!(wire.read(five, 7, 3), Opened::Message(m) if m == append(5)));
    }

    #[test]
    fn a_stream_that_lost_a_frame_is_found_out() {
        let mut wire = Wire::new(MemberId(1), MemberId(2));
        let one = wire.write((1, 2), &append(1));
        let _lost = wire.write((1, 2), &append(2));
        let three = wire.write((1, 2), &append(3));
        assert!(matches!(wire.read(one, 2, 0), Opened::Message(_)));
        assert!(matches!(wire.read(three, 2, 0), Opened::Wrong(_)));
        let post = post(&append(9));
        assert!(matches!(wire.read(post, 2, 0), Opened::Message(m) if m == append(9)));
    }
}
