//! What the server and the command-line tools share of TLS: the cryptography, what is in the files,
//! and whom a certificate is believed.
//!
//! Promises: whatever cannot be read or understood is refused; who is verified by nobody still
//! proves that it holds the key of the certificate that it shows.
//!
//! Knows no sockets, no settings and nobody's log.

pub mod files;
mod nist_p521;
pub mod pem;
mod provider;
mod roots;
mod servers;

pub use provider::provider;
pub use roots::{Purpose, Roots};
pub use servers::{Demand, Servers};
