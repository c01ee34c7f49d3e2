//! Whether the certificate at the other end is accepted: its chain, its dates, its purpose and
//! names, then the revocation list and the names that the settings allow.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::names::common_name;
use super::revoked::Revoked;
use super::roots::Roots;

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

/// For what a certificate is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Client,
    Server,
}

impl Demands {
    fn check(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Result<(), Error> {
        if let Some(revoked) = &self.revoked
            && let Err(why) = revoked.check(std::iter::once(leaf).chain(rest))
        {
            return Err(explained(CertificateError::Revoked, why));
        }
        match self.allows(leaf)? {
            true => Ok(()),
            false => Err(explained(
                CertificateError::ApplicationVerificationFailure,
                "client certificate authentication failed".into(),
            )),
        }
    }

    fn allows(&self, leaf: &CertificateDer<'_>) -> Result<bool, Error> {
        if !self.allowed_cns.is_empty() {
            let name = common_name(leaf).unwrap_or_default();
            return Ok(self.allowed_cns.contains(&name));
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

    /// A certificate that is itself trusted needs no chain, but all the rest.
    fn trusts_itself(&self, leaf: &CertificateDer<'_>, now: UnixTime, purpose: Purpose) -> bool {
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
        is_valid && may && self.roots.contain(leaf)
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
        let roots = Arc::clone(&demands.roots.store);
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
        if let Err(error) = self.inner.verify_client_cert(end_entity, intermediates, now)
            && !self.demands.trusts_itself(end_entity, now, Purpose::Client)
        {
            return Err(error);
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

/// Verifies servers that are dialed.
#[derive(Debug)]
pub(super) struct Servers {
    inner: Arc<WebPkiServerVerifier>,
    demands: Demands,
}

impl Servers {
    pub(super) fn new(demands: Demands, provider: &Arc<CryptoProvider>) -> Result<Servers, String> {
        let roots = Arc::clone(&demands.roots.store);
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
        let inner = inner.build().map_err(|error| error.to_string())?;
        Ok(Servers { inner, demands })
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if let Err(error) = chain {
            if !self.demands.trusts_itself(end_entity, now, Purpose::Server) {
                return Err(error);
            }
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        self.demands.check(end_entity, intermediates)?;
        Ok(ServerCertVerified::assertion())
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

/// Takes any certificate, of which only its holder can have made the handshake: members whose
/// certificates each generated for itself have nobody in common whom they trust.
#[derive(Debug)]
pub(super) struct Anybody(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
