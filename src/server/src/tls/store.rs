//! The files of one side, and what TLS is configured with while they hold what they hold.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};
use tls::{Roots, Servers, pem};

use super::provider::provider;
use super::revoked::Revoked;
use super::self_signed;
use super::settings::TlsSettings;
use super::verifier::{Clients, Demands};
use super::watched::Watched;

/// What clients may speak within TLS.
const APPLICATION_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Certificates, keys, authorities and revocations of one side.
pub struct Store {
    pub(super) settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    system_roots: OnceLock<Arc<Roots>>,
    current: RwLock<Arc<Version>>,
    /// One reads while the others wait for what it finds.
    reading: tokio::sync::Mutex<()>,
}

/// What the files held at one time, and what was made of it.
pub(super) struct Version {
    files: Files,
    server: OnceLock<Result<Arc<ServerConfig>, String>>,
    client: OnceLock<Result<Arc<ClientConfig>, String>>,
}

struct Files {
    server: Option<Watched<Arc<CertifiedKey>>>,
    client: Option<Watched<Arc<CertifiedKey>>>,
    roots: Option<Watched<Arc<Roots>>>,
    revoked: Option<Watched<Arc<Revoked>>>,
}

impl Files {
    fn is_current(&self) -> bool {
        self.server.as_ref().is_none_or(Watched::is_current)
            && self.client.as_ref().is_none_or(Watched::is_current)
            && self.roots.as_ref().is_none_or(Watched::is_current)
            && self.revoked.as_ref().is_none_or(Watched::is_current)
    }
}

fn certified_key(
    files: &[Vec<u8>],
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, String> {
    let [cert, key] = files else { return Err("a certificate needs two files".into()) };
    pem::certified_key(cert, key, provider)
}

fn roots(files: &[Vec<u8>]) -> Result<Arc<Roots>, String> {
    Roots::parse(files.first().map(Vec::as_slice).unwrap_or_default())
}

fn revoked(files: &[Vec<u8>]) -> Result<Arc<Revoked>, String> {
    Revoked::parse(files).map(Arc::new)
}

/// The same after another look, and whether it is another one.
fn renewed<T: Clone>(
    old: Option<&Watched<T>>,
    make: impl Fn(&[Vec<u8>]) -> Result<T, String>,
) -> (Option<Watched<T>>, bool) {
    match old.map(|old| old.renewed(make)) {
        Some((new, changed)) => (Some(new), changed),
        None => (None, false),
    }
}

impl Store {
    /// Reads the files; generates a certificate where the settings ask for one.
    ///
    /// # Errors
    /// What is wrong with the settings or the files, in etcd's words where it has any.
    pub fn open(settings: TlsSettings, data_dir: &Path) -> Result<Arc<Store>, String> {
        let settings = self_signed::complete(settings, data_dir)?;
        if !settings.is_empty() {
            settings.check()?;
        }
        let provider = provider(&settings);
        let pair = |cert: &Option<PathBuf>, key: &Option<PathBuf>| match (cert, key) {
            (Some(cert), Some(key)) => {
                let files = vec![cert.clone(), key.clone()];
                Watched::open(files, |files| certified_key(files, &provider)).map(Some)
            }
            _ => Ok(None),
        };
        let files = Files {
            server: pair(&settings.cert_file, &settings.key_file)?,
            client: pair(&settings.client_cert_file, &settings.client_key_file)?,
            roots: match &settings.trusted_ca_file {
                Some(path) => Some(Watched::open(vec![path.clone()], roots)?),
                None => None,
            },
            revoked: match &settings.crl_file {
                Some(path) => Some(Watched::open(vec![path.clone()], revoked)?),
                None => None,
            },
        };
        Ok(Arc::new(Store {
            settings,
            provider,
            system_roots: OnceLock::new(),
            current: RwLock::new(Arc::new(Version::new(files))),
            reading: tokio::sync::Mutex::default(),
        }))
    }

    /// Whether there is a certificate to listen with.
    #[must_use]
    pub fn can_listen(&self) -> bool {
        !self.settings.is_empty()
    }

    /// Checks that a server can be made of what was read.
    ///
    /// # Errors
    /// Why not.
    pub fn check_server(&self) -> Result<(), String> {
        self.server_config(&self.version()).map(drop)
    }

    fn version(&self) -> Arc<Version> {
        Arc::clone(&self.current.read().expect("nobody panics while holding it"))
    }

    /// What the files hold now. Reads them, off the caller's thread, only when they changed; who
    /// comes meanwhile waits for that.
    pub(super) async fn fresh(self: &Arc<Store>) -> Arc<Version> {
        let version = self.version();
        if version.files.is_current() {
            return version;
        }
        let _one = self.reading.lock().await;
        let version = self.version();
        if version.files.is_current() {
            return version;
        }
        let store = Arc::clone(self);
        let old = Arc::clone(&version);
        let read = tokio::task::spawn_blocking(move || store.read_again(&old)).await;
        // Only a runtime that is shutting down does not run it.
        read.unwrap_or(version)
    }

    fn read_again(&self, old: &Version) -> Arc<Version> {
        let pair = |files: &[Vec<u8>]| certified_key(files, &self.provider);
        let (server, server_changed) = renewed(old.files.server.as_ref(), pair);
        let (client, client_changed) = renewed(old.files.client.as_ref(), pair);
        let (roots, roots_changed) = renewed(old.files.roots.as_ref(), roots);
        let (revoked, revoked_changed) = renewed(old.files.revoked.as_ref(), revoked);
        let mut version = Version::new(Files { server, client, roots, revoked });
        if !(server_changed || client_changed || roots_changed || revoked_changed) {
            version.server = old.server.clone();
            version.client = old.client.clone();
        }
        let version = Arc::new(version);
        *self.current.write().expect("nobody panics while holding it") = Arc::clone(&version);
        version
    }

    fn demands(&self, version: &Version) -> Demands {
        let system = || Arc::clone(self.system_roots.get_or_init(Roots::of_system));
        let roots = version.files.roots.as_ref();
        Demands {
            roots: roots.map_or_else(system, |roots| Arc::clone(roots.value())),
            revoked: version.files.revoked.as_ref().map(|list| Arc::clone(list.value())),
            allowed_cns: self.settings.allowed_cns.clone(),
            allowed_hostnames: self.settings.allowed_hostnames.clone(),
        }
    }

    /// What a server speaks TLS with.
    pub(super) fn server_config(&self, version: &Version) -> Result<Arc<ServerConfig>, String> {
        version.server.get_or_init(|| self.make_server_config(version).map(Arc::new)).clone()
    }

    fn make_server_config(&self, version: &Version) -> Result<ServerConfig, String> {
        let pair = version.files.server.as_ref().ok_or("there is no certificate")?;
        let demands_certificates = self.settings.demands_certificates();
        let verifier: Arc<dyn ClientCertVerifier> = match demands_certificates {
            true => Arc::new(Clients::new(self.demands(version), &self.provider)?),
            false => Arc::new(NoClientAuth),
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.settings.versions.list())
            .map_err(|error| error.to_string())?;
        let resolver = Arc::new(SingleCertAndKey::from(Arc::clone(pair.value())));
        let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
        config.alpn_protocols = APPLICATION_PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        if demands_certificates {
            // A resumed session would not show its certificate again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// What a client speaks TLS with now. Made off the caller's thread: where no file says who is
    /// trusted, the system's certificates are read, which takes a while.
    pub(super) async fn dialing(self: &Arc<Store>) -> Result<Arc<ClientConfig>, String> {
        let version = self.fresh().await;
        if let Some(made) = version.client.get() {
            return made.clone();
        }
        let store = Arc::clone(self);
        let making = tokio::task::spawn_blocking(move || store.client_config(&version));
        making.await.unwrap_or_else(|_| Err("the runtime is shutting down".into()))
    }

    fn client_config(&self, version: &Version) -> Result<Arc<ClientConfig>, String> {
        version.client.get_or_init(|| self.make_client_config(version).map(Arc::new)).clone()
    }

    fn make_client_config(&self, version: &Version) -> Result<ClientConfig, String> {
        let servers = match self.settings.auto {
            // Members whose certificates each generated for itself have nobody in common whom they
            // trust.
            true => Servers::anybody(&self.provider),
            false => {
                let demands = self.demands(version);
                let roots = Arc::clone(&demands.roots);
                Servers::trusting(roots, Box::new(demands), &self.provider)?
            }
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.settings.versions.list())
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(servers));
        let own = version.files.client.as_ref().or(version.files.server.as_ref());
        let mut config = match own {
            Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(
                Arc::clone(pair.value()),
            ))),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl Version {
    fn new(files: Files) -> Version {
        Version { files, server: OnceLock::new(), client: OnceLock::new() }
    }
}
