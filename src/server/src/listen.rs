//! The listening sockets: one accept loop of our own; HTTP/1, HTTP/2 and, where both are asked for,
//! TLS and plain text told apart by their first bytes on the same port.
//!
//! Promises: the number of open connections is bounded; an idle connection costs a few kilobytes;
//! a failed accept (out of descriptors) is retried and never ends the loop; a stop signal drains
//! what is open and then closes it, whatever the clients do.
//!
//! Knows nothing about gRPC, paths or members: it hands requests to an [`Exchange`].

mod accept;
mod address;
mod connection;
mod limits;
mod sniff;
mod socket;
mod stop;

pub use accept::{Listener, serve};
pub use address::{AddressError, ListenAddress};
pub use connection::{Exchange, Origin};
pub use limits::{ListenSettings, connection_limit};
pub use sniff::{Protocol, sniff};
pub use socket::{Coalesced, Socket};
pub use stop::{Stop, StopSwitch};
