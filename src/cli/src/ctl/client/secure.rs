//! Connections with TLS, by the rules of etcd's client: `https` demands it, `http` does without,
//! and an endpoint without a scheme follows the flags.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tls::{Roots, Servers, files, pem};
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
        let provider = Arc::new(tls::provider());
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(identity(cert, key, &provider)?),
            (None, None) => None,
            (cert, key) => {
                let text = |file: &Option<String>| file.clone().unwrap_or_default();
                let (cert, key) = (text(cert), text(key));
                return Err(format!(
                    "KeyFile and CertFile must both be present[key: {key}, cert: {cert}]"
                ));
            }
        };
        let trusted = match &self.cacert {
            Some(path) => {
                let roots = Roots::parse(&files::read(Path::new(path))?);
                Some(roots.map_err(|error| format!("{path}: {error}"))?)
            }
            None => None,
        };
        let servers = match self.skip_verify {
            true => Servers::anybody(&provider),
            false => trusting(trusted, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(servers));
        let mut config = match identity {
            Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn identity(cert: &str, key: &str, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, String> {
    let (cert, key) = (files::read(Path::new(cert))?, files::read(Path::new(key))?);
    pem::certified_key(&cert, &key, provider)
}

/// Takes servers that these certificates stand for, or that show one of them themselves, as a
/// member does that generated its own; without a file the system's count.
fn trusting(
    trusted: Option<Arc<Roots>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Servers, String> {
    let roots = trusted.unwrap_or_else(Roots::of_system);
    if roots.store().is_empty() {
        return Err("no trusted certificate is known; name one with --cacert".into());
    }
    Servers::trusting(roots, Box::new(()), provider)
}
