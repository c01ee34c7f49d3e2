//! Who may sign certificates, and certificates that are trusted themselves.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pem::certificates;

/// Trusted certificates.
#[derive(Debug)]
pub struct Roots {
    store: Arc<RootCertStore>,
    certificates: Vec<CertificateDer<'static>>,
}

/// For what a certificate is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is a client's.
    Client,
    /// It is a server's.
    Server,
}

impl Roots {
    /// Those in a file.
    ///
    /// # Errors
    /// There is none, or one of them is broken.
    pub fn parse(file: &[u8]) -> Result<Arc<Roots>, String> {
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

    /// Those of the system, which count where no file is named. Reading them takes a while.
    #[must_use]
    pub fn of_system() -> Arc<Roots> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        // Some systems ship certificates that nobody can use.
        let _counts = store.add_parsable_certificates(found.certs);
        Arc::new(Roots { store: Arc::new(store), certificates: Vec::new() })
    }

    /// Those who sign.
    #[must_use]
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }

    /// Vouches for a certificate that is itself trusted, as small installations use one, which
    /// signed itself, for everything: it needs no chain, but its dates and its purpose must fit.
    ///
    /// # Errors
    /// `why` its chain was refused, where that is not only for want of somebody who signed it.
    pub fn vouch(
        &self,
        why: Error,
        leaf: &CertificateDer<'_>,
        now: UnixTime,
        purpose: Purpose,
    ) -> Result<(), Error> {
        // The second is what is said of a certificate that may sign others.
        let has_no_chain = matches!(
            why,
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
        );
        let is_trusted = self.certificates.iter().any(|one| one.as_ref() == leaf.as_ref());
        match has_no_chain && is_trusted && is_usable(leaf, now, purpose) {
            true => Ok(()),
            false => Err(why),
        }
    }
}

/// Whether dates and purpose fit; what one of the two parsers does not understand fits nothing.
fn is_usable(leaf: &CertificateDer<'_>, now: UnixTime, purpose: Purpose) -> bool {
    if ParsedCertificate::try_from(leaf).is_err() {
        return false;
    }
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else { return false };
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    let is_valid =
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&seconds);
    let may = match parsed.extended_key_usage() {
        Ok(Some(usage)) => {
            let usage = usage.value;
            usage.any
                || match purpose {
                    Purpose::Client => usage.client_auth,
                    Purpose::Server => usage.server_auth,
                }
        }
        Ok(None) => true,
        Err(_) => false,
    };
    is_valid && may
}
