//! TLS of the ports for clients and metrics, and between members, in both directions.
//!
//! Promises: files that change are taken into use with the next handshake, and until a new version
//! is whole the old one stays in use; a handshake is bounded in time, and their number is bounded;
//! whoever is refused is in the log, with address and reason on one line; whoever is refused for
//! what was sent is told so by an alert or a line of text, all others are only closed: a
//! certificate of another address, a handshake that takes too long or has to make room; a
//! certificate whose serial is on the revocation list is refused in either direction.
//!
//! Knows nothing of what is served: it turns sockets into streams and says who is at the far end.

mod acceptor;
mod dialer;
mod names;
mod pending;
mod provider;
mod reason;
mod revoked;
mod self_signed;
mod settings;
mod store;
pub mod suites;
#[cfg(test)]
mod tests;
mod verifier;
mod watched;

pub use acceptor::{Accepted, Acceptor};
pub(crate) use acceptor::{HANDSHAKE_RECORD, linger};
pub use dialer::Dialer;
pub use settings::{Side, TlsSettings, is_secure};
pub use store::Store;
