//! What a stream decoder gives.

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The peer and the link live; nothing for Raft.
    LinkHeartbeat,
    /// A message for Raft, and its size on the wire.
    Message(raft::Message, usize),
}
