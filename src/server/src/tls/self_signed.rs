//! Certificates that a member makes for itself, kept in its directory and used again.

use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

use super::settings::TlsSettings;
use crate::config::url::host_port;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The last year that a certificate can name has four digits.
const YEARS_MAX: u64 = 7000;

/// The settings with a certificate of the member's own, where they ask for one.
///
/// # Errors
/// It cannot be made or written.
pub(super) fn complete(settings: TlsSettings, data_dir: &Path) -> Result<TlsSettings, String> {
    let side = settings.side.name();
    if !settings.auto {
        return Ok(settings);
    }
    if !settings.is_empty() {
        tracing::warn!("ignoring {side} auto TLS since certs given");
        return Ok(TlsSettings { auto: false, ..settings });
    }
    let failed = |error: String| format!("failed to get {side} self-signed certs: {error}");
    let dir = data_dir.join("fixtures").join(side);
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    if settings.validity_years == 0 {
        return Err(failed("selfSignedCertValidity is invalid,it should be greater than 0".into()));
    }
    if !cert.exists() || !key.exists() {
        write(&settings, &dir, &cert, &key).map_err(failed)?;
    }
    // Whatever else was said about certificates does not hold for these.
    Ok(TlsSettings {
        cert_file: Some(cert.clone()),
        key_file: Some(key.clone()),
        client_cert_file: Some(cert),
        client_key_file: Some(key),
        client_cert_auth: false,
        trusted_ca_file: None,
        crl_file: None,
        allowed_cns: Vec::new(),
        allowed_hostnames: Vec::new(),
        skips_address_check: false,
        ..settings
    })
}

fn write(settings: &TlsSettings, dir: &Path, cert: &Path, key: &Path) -> Result<(), String> {
    let (cert_text, key_text) = generate(settings)?;
    let in_dir = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(dir).map_err(in_dir)?;
    // One of the two alone is replaced at the next start, so an old one must not stay beside a new.
    match std::fs::remove_file(cert) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(in_dir(error)),
        _ => {}
    }
    write_file(key, &key_text, 0o600).map_err(in_dir)?;
    write_file(cert, &cert_text, 0o644).map_err(in_dir)?;
    tracing::warn!(
        "cert-file" = %cert.display(),
        years = settings.validity_years,
        "automatically generated a certificate"
    );
    Ok(())
}

fn write_file(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut new = path.to_path_buf().into_os_string();
    new.push(".tmp");
    let new = PathBuf::from(new);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&new)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

/// A certificate and its key as PEM.
fn generate(settings: &TlsSettings) -> Result<(String, String), String> {
    let mut params = CertificateParams::default();
    let now = SystemTime::now();
    let years = settings.validity_years.min(YEARS_MAX);
    params.not_before = now.into();
    params.not_after = (now + YEAR * u32::try_from(years).unwrap_or(u32::MAX)).into();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "etcd");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::CrlSign,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for url in &settings.listen_urls {
        let Some((host, _)) = host_port(url).filter(|(host, _)| !host.is_empty()) else {
            continue;
        };
        let name = match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.try_into().map_err(|error| format!("{error}"))?),
        };
        params.subject_alt_names.push(name);
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384);
    let key = key.map_err(|error| error.to_string())?;
    let cert = params.self_signed(&key).map_err(|error| error.to_string())?;
    Ok((cert.pem(), key.serialize_pem()))
}
