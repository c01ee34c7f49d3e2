//! TLS of the ports for clients and metrics, and between members, in both directions.
//!
//! Promises: files that change are taken into use with the next handshake, and until a new version
//! is whole the old one stays in use; a handshake is bounded in time, and their number is bounded;
//! who is refused is told so by an alert or a line of text, and the log has one line with address
//! and reason; a certificate whose serial is on the revocation list is refused in either direction.
//!
//! Knows nothing of what is served: it turns sockets into streams and says who is at the far end.

mod acceptor;
mod dialer;
mod material;
mod names;
mod nist_p521;
mod pending;
mod provider;
mod reason;
mod revoked;
mod roots;
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
pub use dialer::{Dialed, Dialer};
pub use settings::{Side, TlsSettings, is_secure};
pub use store::Store;
