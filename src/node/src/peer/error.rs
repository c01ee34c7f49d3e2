//! What can be wrong with a peer's bytes. Each ends the connection they came over.

/// Why bytes of a peer are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerCodecError {
    /// A length beyond the limit.
    #[error("a frame of {length} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// The length that the frame gives.
        length: u64,
        /// The limit.
        limit: usize,
    },
    /// Not protobuf, or not of the expected message.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// A message type that is no message between members.
    #[error("message type {0} does not travel between members")]
    MessageType(i32),
    /// An unknown kind of entry.
    #[error("entry kind {0} is unknown")]
    EntryKind(i32),
    /// A snapshot message without a snapshot, or a read without a context.
    #[error("a message of type {0} lacks its content")]
    Incomplete(i32),
    /// The first byte of a frame of the append stream.
    #[error("frame type {0} is unknown")]
    FrameType(u8),
    /// Entries that do not follow the ones before them.
    #[error("entry {found} follows entry {last}")]
    Gap {
        /// The last index before.
        last: u64,
        /// The index that came.
        found: u64,
    },
}
