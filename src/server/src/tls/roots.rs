//! Who may sign certificates.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::material::certificates;

/// Trusted certificates.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) store: Arc<RootCertStore>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Those in a file.
    pub(super) fn parse(files: &[Vec<u8>]) -> Result<Arc<Roots>, String> {
        let file = files.first().map(Vec::as_slice).unwrap_or_default();
        let certificates = certificates(file)?;
        if certificates.is_empty() {
            return Err("no certificate is in the file".into());
        }
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            let added = store.add(certificate.clone());
            added.map_err(|error| format!("x509: malformed certificate ({error})"))?;
        }
        Ok(Arc::new(Roots { store: Arc::new(store), certificates }))
    }

    /// Those of the system, which count where no file is named.
    pub(super) fn of_system() -> Arc<Roots> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        // Some systems ship certificates that nobody can use.
        let _counts = store.add_parsable_certificates(found.certs);
        Arc::new(Roots { store: Arc::new(store), certificates: Vec::new() })
    }

    /// Whether the certificate itself is trusted: small installations use one, which signed
    /// itself, for everything.
    pub(super) fn contain(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|trusted| trusted.as_ref() == certificate.as_ref())
    }
}
