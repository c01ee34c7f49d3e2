//! The cryptography: ring's and one curve more, with the cipher suites that the settings leave.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

use super::nist_p521;
use super::settings::TlsSettings;
use super::suites;

/// The provider for these settings.
///
/// # Errors
/// No suite is left for the only version that may be spoken.
pub(super) fn provider(settings: &TlsSettings) -> Result<Arc<CryptoProvider>, String> {
    let mut provider = ring::default_provider();
    nist_p521::extend(&mut provider);
    provider.cipher_suites = suites::chosen(&provider.cipher_suites, &settings.cipher_suites);
    let not_offered = suites::not_offered(&settings.cipher_suites);
    let versions = settings.versions.list();
    let usable = |suite: &rustls::SupportedCipherSuite| versions.contains(&suite.version());
    if !provider.cipher_suites.iter().any(usable) {
        let names = not_offered.join(",");
        return Err(format!(
            "none of --cipher-suites can be used with TLS 1.2 ({names}); name one with ECDHE and \
             GCM or CHACHA20, or allow TLS1.3"
        ));
    }
    if !not_offered.is_empty() {
        tracing::warn!(
            "cipher-suites" = not_offered.join(","),
            "cipher suites without forward secrecy or authenticated encryption are not offered"
        );
    }
    Ok(Arc::new(provider))
}
