//! Whether a server that is dialed is accepted.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::roots::{Purpose, Roots};

/// What is asked of a certificate beyond its chain and its name.
pub trait Demand: Debug + Send + Sync {
    /// Looks at a certificate, and at what came with it.
    ///
    /// # Errors
    /// Why it is refused.
    fn check(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Result<(), Error>;
}

/// Nothing is asked.
impl Demand for () {
    fn check(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>]) -> Result<(), Error> {
        Ok(())
    }
}

/// Verifies servers that are dialed.
#[derive(Debug)]
pub struct Servers {
    algorithms: WebPkiSupportedAlgorithms,
    /// Without one any certificate is taken.
    judge: Option<Judge>,
}

#[derive(Debug)]
struct Judge {
    chains: Arc<WebPkiServerVerifier>,
    roots: Arc<Roots>,
    demand: Box<dyn Demand>,
}

impl Servers {
    /// Takes those whom the trusted certificates stand for, or who show one of these themselves,
    /// and who fulfil the demand.
    ///
    /// # Errors
    /// Nobody is trusted.
    pub fn trusting(
        roots: Arc<Roots>,
        demand: Box<dyn Demand>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Servers, String> {
        let chains =
            WebPkiServerVerifier::builder_with_provider(roots.store(), Arc::clone(provider));
        let chains = chains.build().map_err(|error| error.to_string())?;
        let algorithms = provider.signature_verification_algorithms;
        Ok(Servers { algorithms, judge: Some(Judge { chains, roots, demand }) })
    }

    /// Takes any certificate, of which only its holder can have made the handshake.
    #[must_use]
    pub fn anybody(provider: &CryptoProvider) -> Servers {
        Servers { algorithms: provider.signature_verification_algorithms, judge: None }
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
        let Some(judge) = &self.judge else { return Ok(ServerCertVerified::assertion()) };
        let chain = judge.chains.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if let Err(error) = chain {
            judge.roots.vouch(error, end_entity, now, Purpose::Server)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        judge.demand.check(end_entity, intermediates)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;

    /// A certificate for `a.test` that signed itself.
    fn own(change: impl Fn(&mut CertificateParams)) -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        change(&mut params);
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate")
    }

    fn trusting(certificate: &rcgen::Certificate) -> Servers {
        let roots = Roots::parse(certificate.pem().as_bytes()).expect("it is one");
        let provider = Arc::new(crate::provider());
        Servers::trusting(roots, Box::new(()), &provider).expect("somebody is trusted")
    }

    fn seen(servers: &Servers, certificate: &rcgen::Certificate, name: &str) -> Option<String> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        // In the year 2025.
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_750_000_000));
        let verified = servers.verify_server_cert(certificate.der(), &[], &name, &[], now);
        verified.err().map(|error| error.to_string())
    }

    #[test]
    fn a_certificate_that_is_itself_trusted_needs_dates_purpose_and_name() {
        let authority = |params: &mut CertificateParams| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        };
        for kind in [&authority as &dyn Fn(&mut CertificateParams), &|_| {}] {
            let case = |change: &dyn Fn(&mut CertificateParams), name: &str| {
                let certificate = own(|params| {
                    kind(params);
                    change(params);
                });
                seen(&trusting(&certificate), &certificate, name).unwrap_or_default()
            };
            assert_eq!(case(&|_| {}, "a.test"), "");
            let error = case(&|_| {}, "b.test");
            assert!(error.contains("not valid for name"), "{error}");
            let error = case(&|params| params.not_after = date_time_ymd(2024, 1, 1), "a.test");
            assert!(error.contains("expired"), "{error}");
            let error = case(&|params| params.not_before = date_time_ymd(2026, 1, 1), "a.test");
            assert!(error.contains("not valid yet"), "{error}");
            let purpose = |params: &mut CertificateParams| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            };
            assert_ne!(case(&purpose, "a.test"), "");
        }
    }

    #[test]
    fn nobody_else_is_trusted() {
        let (one, other) = (own(|_| {}), own(|_| {}));
        let error = seen(&trusting(&one), &other, "a.test").expect("refused");
        assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
        let anybody = Servers::anybody(&crate::provider());
        assert_eq!(seen(&anybody, &other, "b.test"), None);
    }
}
