//! The cryptography: ring's, and one curve more.

use rustls::crypto::{CryptoProvider, ring};

use crate::nist_p521;

/// All that is spoken here.
#[must_use]
pub fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    nist_p521::extend(&mut provider);
    provider
}
