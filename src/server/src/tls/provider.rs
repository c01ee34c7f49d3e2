//! The cryptography, with the cipher suites that the settings leave.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::settings::TlsSettings;
use super::suites;

/// The provider for these settings.
pub(super) fn provider(settings: &TlsSettings) -> Arc<CryptoProvider> {
    let mut provider = tls::provider();
    provider.cipher_suites = suites::chosen(&provider.cipher_suites, &settings.cipher_suites);
    Arc::new(provider)
}
