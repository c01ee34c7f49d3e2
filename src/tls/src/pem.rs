//! What is in the files: a certificate chain with its key.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// The certificates in a PEM file, whatever else is in it.
///
/// # Errors
/// One of them is broken.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.map_err(|error| format!("tls: failed to read PEM data: {error}"))
}

/// A chain, and the key that belongs to its first certificate.
///
/// # Errors
/// One of the two files does not hold what it must, or they do not belong together.
pub fn certified_key(
    cert: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, String> {
    let chain = certificates(cert)?;
    if chain.is_empty() {
        return Err("tls: failed to find any PEM data in certificate input".into());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| format!("tls: failed to find any PEM data in key input ({error})"))?;
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| format!("tls: failed to parse private key ({error})"))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) => Ok(Arc::new(pair)),
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err("tls: private key does not match public key".into())
        }
        Err(error) => Err(format!("tls: {error}")),
    }
}
