//! The connections between members: etcd's peer protocol over HTTP/1.1, as a [`node::env::Net`].
//!
//! For each other member there are two long-lived streams in each direction. The receiver opens
//! them: it GETs a stream and the sender answers with a body that never ends. Appends travel on
//! one, everything else on the other, so that a large append never delays a vote. Until a stream
//! is open, idempotent messages leave as single posts.
//!
//! Promises: `send` never waits; queues are bounded in items and bytes, and what does not fit is
//! dropped whole and reported as unreachable; a proposal leaves only over an open stream, at most
//! once; what waits when a stream is cut is dropped with it; a refusal is logged when it changes.
//!
//! Knows nothing of Raft's rules, and checks of a peer only what etcd checks: version, cluster,
//! membership, addressee.

mod ask;
mod body;
mod dial;
mod net;
mod outgoing;
mod pipeline;
mod port;
mod probe;
mod queue;
mod reader;
mod remote;
mod snapshot;
#[cfg(test)]
mod tests;

pub use net::{PeerSettings, TcpNet};
pub use port::PeerPort;
pub use snapshot::TcpSnapshot;
