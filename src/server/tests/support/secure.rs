//! Certificates for tests, and clients that speak TLS.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tls::Servers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use super::Member;

const DAY: Duration = Duration::from_secs(86_400);

/// Who signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    serial: AtomicU64,
}

/// A certificate with its key.
pub struct Identity {
    pub cert: String,
    pub key: String,
    pub serial: u64,
}

/// What is particular about a certificate.
pub struct Wanted<'a> {
    pub common_name: &'a str,
    pub names: &'a [&'a str],
    /// Days from now.
    pub from: i32,
    pub until: i32,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Wanted { common_name: "tester", names: &["127.0.0.1", "localhost"], from: -1, until: 30 }
    }
}

fn day(offset: i32) -> SystemTime {
    let distance = DAY * offset.unsigned_abs();
    match offset < 0 {
        true => SystemTime::now() - distance,
        false => SystemTime::now() + distance,
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if !common_name.is_empty() {
        name.push(DnType::CommonName, common_name);
    }
    name
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Authority { issuer, serial: AtomicU64::new(1) }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn issue(&self, wanted: &Wanted<'_>) -> Identity {
        let names: Vec<String> = wanted.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        let serial = 0x1000 + self.serial.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name = named(wanted.common_name);
        params.not_before = day(wanted.from).into();
        params.not_after = day(wanted.until).into();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { cert: cert.pem(), key: key.serialize_pem(), serial }
    }

    /// A revocation list in DER, as etcd reads it.
    pub fn revoke(&self, serials: &[u64]) -> Vec<u8> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: day(-1).into(),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: day(-1).into(),
            next_update: day(1).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").der().to_vec()
    }
}

impl Identity {
    /// Writes both files below a directory under a name; gives their paths.
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (dir.join(format!("{name}.pem")), dir.join(format!("{name}-key.pem")));
        std::fs::write(&paths.0, &self.cert).expect("the directory is writable");
        std::fs::write(&paths.1, &self.key).expect("the directory is writable");
        paths
    }
}

/// The authority of this process: of every certificate whose authority does not matter.
pub static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("authority"));

/// A client that the authority knows, with both versions.
pub static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let identity = AUTHORITY.issue(&Wanted::default());
    client(&[&AUTHORITY], Some(&identity), rustls::ALL_VERSIONS)
});

/// A client's side of TLS.
pub fn client(
    trusted: &[&Authority],
    identity: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    client_with(Arc::new(ring::default_provider()), trusted, identity, versions)
}

/// The same with other cryptography.
pub fn client_with(
    provider: Arc<CryptoProvider>,
    trusted: &[&Authority],
    identity: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in trusted {
        let pem = authority.pem();
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        roots.add(der).expect("a certificate");
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(identity.cert.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain.expect("a chain"), key).expect("they fit")
        }
    };
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

/// A client that does not look at the server's certificate.
pub fn blind() -> Arc<ClientConfig> {
    let provider = Arc::new(tls::provider());
    let anybody = Servers::anybody(&provider);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    Arc::new(config)
}

/// Connects and makes a handshake; asks for these protocols.
pub async fn connect(
    port: u16,
    config: &Arc<ClientConfig>,
    protocols: &[&str],
) -> Result<TlsStream<TcpStream>, String> {
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(("127.0.0.1", port)).await.map_err(|e| e.to_string())?;
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, socket).await.map_err(|error| error.to_string())
}

/// One request over HTTP/1.1: the whole answer, or why there is none. A server of TLS 1.3 says only
/// after the handshake that it does not take a client's certificate.
pub async fn get(port: u16, config: &Arc<ClientConfig>, path: &str) -> Result<String, String> {
    let mut stream = connect(port, config, &["http/1.1"]).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
    match answer.is_empty() {
        true => Err("closed without an answer".into()),
        false => Ok(answer),
    }
}

/// A channel over TLS.
pub async fn channel(
    url: &str,
    config: Arc<ClientConfig>,
) -> Result<Channel, tonic::transport::Error> {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
    let connector = tower::service_fn(move |_: http::Uri| {
        let config = Arc::clone(&config);
        async move {
            let stream = connect(port, &config, &["h2"]).await;
            stream.map(TokioIo::new).map_err(std::io::Error::other)
        }
    });
    // The connector speaks TLS itself.
    let endpoint = Endpoint::from_shared(url.replacen("https", "http", 1))?;
    let endpoint =
        endpoint.connect_timeout(Duration::from_secs(2)).timeout(Duration::from_secs(10));
    endpoint.connect_with_connector(connector).await
}

/// Where the flags of a member say that it has its certificates.
pub struct Files {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

/// Writes a certificate of the authority, and the authority's own.
pub fn files(dir: &Path, name: &str, wanted: &Wanted<'_>) -> Files {
    let (cert, key) = AUTHORITY.issue(wanted).write(dir, name);
    let ca = dir.join("ca.pem");
    std::fs::write(&ca, AUTHORITY.pem()).expect("the directory is writable");
    Files { cert, key, ca }
}

/// Gives a member a port for clients with TLS; with certificates of clients when `mutual`.
pub fn secure_clients(member: &mut Member, files: &Files, mutual: bool) {
    let url = format!("https://127.0.0.1:{}", member.client_port);
    member.arguments.extend([
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--cert-file={}", files.cert.display()),
        format!("--key-file={}", files.key.display()),
    ]);
    if mutual {
        member.arguments.push("--client-cert-auth".into());
        member.arguments.push(format!("--trusted-ca-file={}", files.ca.display()));
    }
}

/// Lets all members of a cluster speak TLS with each other; each gives its own flags.
pub fn secure_peers(members: &mut [Member], flags: impl Fn(&Member) -> Vec<String>) {
    for member in members {
        let url = format!("https://127.0.0.1:{}", member.peer_port);
        member.initial_cluster = member.initial_cluster.replace("http:", "https:");
        member.arguments.push(format!("--listen-peer-urls={url}"));
        member.arguments.push(format!("--initial-advertise-peer-urls={url}"));
        let own = flags(member);
        member.arguments.extend(own);
    }
}

/// The flags of mutual TLS between members.
pub fn peer_flags(files: &Files) -> Vec<String> {
    vec![
        format!("--peer-cert-file={}", files.cert.display()),
        format!("--peer-key-file={}", files.key.display()),
        format!("--peer-trusted-ca-file={}", files.ca.display()),
        "--peer-client-cert-auth".into(),
    ]
}
