//! What the flags say about one side, and what must hold between them.

use std::path::PathBuf;

use super::suites::Versions;

/// Whose connections are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Clients, and whoever reads metrics.
    Client,
    /// Other members.
    Peer,
}

impl Side {
    /// As etcd's messages have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Peer => "peer",
        }
    }
}

/// TLS of one side.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Which.
    pub side: Side,
    /// The certificate that this server shows.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// The certificate that it shows as a client; the same one when there is none.
    pub client_cert_file: Option<PathBuf>,
    /// Its key.
    pub client_key_file: Option<PathBuf>,
    /// Whether clients must have a certificate, whose common name is a user.
    pub client_cert_auth: bool,
    /// Who may sign certificates of the other end; alone it demands certificates too.
    pub trusted_ca_file: Option<PathBuf>,
    /// Serials that are refused.
    pub crl_file: Option<PathBuf>,
    /// Common names of which a certificate must carry one; empty for any.
    pub allowed_cns: Vec<String>,
    /// Names or addresses of which a certificate must carry one; empty for any.
    pub allowed_hostnames: Vec<String>,
    /// Whether a client's certificate may belong to another address.
    pub skips_address_check: bool,
    /// Whether a certificate is generated.
    pub auto: bool,
    /// How long a generated certificate is valid.
    pub validity_years: u64,
    /// The addresses that a generated certificate is for.
    pub listen_urls: Vec<String>,
    /// Versions of TLS.
    pub versions: Versions,
    /// Cipher suites of TLS 1.2 by their names in Go; empty for all there are.
    pub cipher_suites: Vec<String>,
}

impl TlsSettings {
    /// Settings of one side without any file.
    #[cfg(test)]
    pub(crate) fn without_files(side: Side) -> TlsSettings {
        TlsSettings {
            side,
            cert_file: None,
            key_file: None,
            client_cert_file: None,
            client_key_file: None,
            client_cert_auth: false,
            trusted_ca_file: None,
            crl_file: None,
            allowed_cns: Vec::new(),
            allowed_hostnames: Vec::new(),
            skips_address_check: false,
            auto: false,
            validity_years: 1,
            listen_urls: vec!["https://127.0.0.1:1".into(), "https://localhost:1".into()],
            versions: Versions::Both,
            cipher_suites: Vec::new(),
        }
    }

    /// Whether no certificate is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cert_file.is_none() && self.key_file.is_none()
    }

    /// Whether the other end must show a certificate.
    pub(super) fn demands_certificates(&self) -> bool {
        self.trusted_ca_file.is_some() || self.client_cert_auth
    }

    /// Refuses what does not fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        let path = |path: &Option<PathBuf>| match path {
            Some(path) => path.display().to_string(),
            None => String::new(),
        };
        if self.cert_file.is_none() || self.key_file.is_none() {
            let (cert, key) = (path(&self.cert_file), path(&self.key_file));
            return Err(format!(
                "KeyFile and CertFile must both be present[key: {key}, cert: {cert}]"
            ));
        }
        if self.client_cert_file.is_none() != self.client_key_file.is_none() {
            let (cert, key) = (path(&self.client_cert_file), path(&self.client_key_file));
            return Err(format!(
                "ClientKeyFile and ClientCertFile must both be present or both absent: \
                 key: {key}, cert: {cert}]"
            ));
        }
        if !self.allowed_cns.is_empty() && !self.allowed_hostnames.is_empty() {
            let (cns, hostnames) = (quoted(&self.allowed_cns), quoted(&self.allowed_hostnames));
            return Err(format!(
                "AllowedCNs and AllowedHostnames are mutually exclusive \
                 (cns={cns}, hostnames={hostnames})"
            ));
        }
        Ok(())
    }
}

/// A list as Go quotes it.
pub(super) fn quoted(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", texts.join(" "))
}

/// Whether a URL asks for TLS.
#[must_use]
pub fn is_secure(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("unixs")
}
