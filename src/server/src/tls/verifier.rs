//! Whether the certificate at the other end is accepted: its chain, its dates, its purpose and
//! names, then the revocation list and the names that the settings allow.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use tls::{Demand, Purpose, Roots};

use super::names::common_name;
use super::revoked::Revoked;

tokio::task_local! {
    /// What the alert cannot say, for the log of this handshake.
    pub(super) static WHY: RefCell<Option<String>>;
}

/// What is asked of a certificate beyond its chain.
#[derive(Debug)]
pub(super) struct Demands {
    pub(super) roots: Arc<Roots>,
    pub(super) revoked: Option<Arc<Revoked>>,
    pub(super) allowed_cns: Vec<String>,
    pub(super) allowed_hostnames: Vec<String>,
}

impl Demand for Demands {
    fn check(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Result<(), Error> {
        if let Some(revoked) = &self.revoked
            && let Err((error, why)) = revoked.check(std::iter::once(leaf).chain(rest))
        {
            return Err(explained(error, why));
        }
        match self.allows(leaf)? {
            true => Ok(()),
            false => Err(explained(
                CertificateError::ApplicationVerificationFailure,
                "client certificate authentication failed".into(),
            )),
        }
    }
}

impl Demands {
    fn allows(&self, leaf: &CertificateDer<'_>) -> Result<bool, Error> {
        if !self.allowed_cns.is_empty() {
            let name =
                common_name(leaf).map_err(|why| explained(CertificateError::BadEncoding, why))?;
            return Ok(name.is_some_and(|name| self.allowed_cns.contains(&name)));
        }
        if self.allowed_hostnames.is_empty() {
            return Ok(true);
        }
        let leaf = ParsedCertificate::try_from(leaf)?;
        let fits = |name: &String| {
            let name = ServerName::try_from(name.as_str());
            name.is_ok_and(|name| verify_server_name(&leaf, &name).is_ok())
        };
        Ok(self.allowed_hostnames.iter().any(fits))
    }
}

/// An error whose text for the log is another one than the alert has.
fn explained(error: CertificateError, why: String) -> Error {
    // Outside of a handshake of ours nobody reads it.
    let _unread = WHY.try_with(|slot| *slot.borrow_mut() = Some(why));
    Error::InvalidCertificate(error)
}

/// Verifies clients.
#[derive(Debug)]
pub(super) struct Clients {
    inner: Arc<dyn ClientCertVerifier>,
    demands: Demands,
}

impl Clients {
    pub(super) fn new(demands: Demands, provider: &Arc<CryptoProvider>) -> Result<Clients, String> {
        let roots = demands.roots.store();
        let inner = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
        let inner = inner.build().map_err(|error| error.to_string())?;
        Ok(Clients { inner, demands })
    }
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Err(error) = self.inner.verify_client_cert(end_entity, intermediates, now) {
            self.demands.roots.vouch(error, end_entity, now, Purpose::Client)?;
        }
        self.demands.check(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
