//! Connections with TLS, by the rules of etcd's client: `https` and `unixs` demand it, `http` does
//! without, and an endpoint without a scheme follows the flags.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What the flags say of TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFlags {
    /// `--cert`.
    pub cert: Option<String>,
    /// `--key`.
    pub key: Option<String>,
    /// `--cacert`.
    pub cacert: Option<String>,
    /// `--insecure-transport`; false speaks TLS without any other flag.
    pub insecure_transport: bool,
    /// `--insecure-skip-tls-verify`.
    pub skip_verify: bool,
}

impl TlsFlags {
    /// Whether an endpoint without a scheme is spoken to with TLS.
    fn is_wanted(&self) -> bool {
        let named = [&self.cert, &self.key, &self.cacert];
        named.iter().any(|file| file.is_some()) || !self.insecure_transport
    }
}

/// How endpoints are connected to.
#[derive(Clone)]
pub struct Security {
    flags: TlsFlags,
    /// Made when it is needed: reading the system's certificates takes longer than a command.
    config: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security").field("flags", &self.flags).finish_non_exhaustive()
    }
}

impl Security {
    /// Reads the files that the flags name.
    ///
    /// # Errors
    /// A file cannot be read or holds something else.
    pub fn open(flags: TlsFlags) -> Result<Security, String> {
        let security = Security { flags, config: Arc::default() };
        if security.flags.is_wanted() {
            security.config()?;
        }
        Ok(security)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| self.flags.config().map(Arc::new)).clone()
    }

    /// Whether TLS is spoken with an endpoint, and its address without a scheme.
    ///
    /// # Errors
    /// The scheme is not one that can be connected to.
    pub fn of<'a>(&self, endpoint: &'a str) -> Result<(bool, &'a str), String> {
        match endpoint.split_once("://") {
            None => Ok((self.flags.is_wanted(), endpoint)),
            Some(("http", address)) => Ok((false, address)),
            Some(("https", address)) => Ok((true, address)),
            Some((scheme, _)) => Err(format!("not supported yet: endpoints with {scheme}")),
        }
    }

    /// Connects to an address and makes a handshake with whoever must be its host.
    ///
    /// # Errors
    /// The connection is refused, or one side does not accept the other's certificate.
    pub async fn connect(&self, address: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.config().map_err(std::io::Error::other)?;
        let address = address.trim_end_matches('/');
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        TlsConnector::from(config).connect(name, socket).await
    }
}

impl TlsFlags {
    fn config(&self) -> Result<ClientConfig, String> {
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(identity(cert, key)?),
            (None, None) => None,
            (cert, key) => {
                let text = |file: &Option<String>| file.clone().unwrap_or_default();
                let (cert, key) = (text(cert), text(key));
                return Err(format!(
                    "KeyFile and CertFile must both be present[key: {key}, cert: {cert}]"
                ));
            }
        };
        let provider = Arc::new(ring::default_provider());
        let trusted = match &self.cacert {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let verifier: Arc<dyn ServerCertVerifier> = match self.skip_verify {
            true => Arc::new(Anybody(Arc::clone(&provider))),
            false => Arc::new(Trusted::new(trusted, self.cacert.is_some(), &provider)?),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("tls: {error}"))?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(Path::new(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        std::io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        _ => format!("open {path}: {error}"),
    })
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    found.map_err(|error| format!("{path}: {error}"))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(cert: &str, key: &str) -> Result<Identity, String> {
    let chain = certificates(cert)?;
    if chain.is_empty() {
        return Err("tls: failed to find any PEM data in certificate input".into());
    }
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| format!("tls: failed to find any PEM data in key input ({error})"))?;
    Ok((chain, key))
}

/// Takes servers that the trusted certificates stand for, or that show one of these themselves, as
/// a member does that generated its own.
#[derive(Debug)]
struct Trusted {
    chains: Arc<WebPkiServerVerifier>,
    themselves: Vec<CertificateDer<'static>>,
}

impl Trusted {
    fn new(
        trusted: Vec<CertificateDer<'static>>,
        are_given: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Trusted, String> {
        let mut roots = RootCertStore::empty();
        match are_given {
            true => _ = roots.add_parsable_certificates(trusted.iter().cloned()),
            false => {
                let system = rustls_native_certs::load_native_certs();
                _ = roots.add_parsable_certificates(system.certs);
            }
        }
        // A verifier without roots cannot be made; one that nobody can fit says the same.
        if roots.is_empty() {
            return Err("no trusted certificate is known; name one with --cacert".into());
        }
        let chains =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let chains = chains.build().map_err(|error| error.to_string())?;
        Ok(Trusted { chains, themselves: trusted })
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_trusted =
            self.themselves.iter().any(|trusted| trusted.as_ref() == end_entity.as_ref());
        if is_trusted {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Takes any server: `--insecure-skip-tls-verify`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

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
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
