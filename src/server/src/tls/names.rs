//! Names in certificates: the common name, and whether a certificate belongs to the address that
//! it is shown from.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::settings::quoted;

fn malformed(error: impl Display) -> String {
    format!("x509: malformed certificate ({error})")
}

/// The common name of a certificate's subject: the last one, as Go has it.
///
/// # Errors
/// The certificate, or the name, cannot be read.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> Result<Option<String>, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(malformed)?;
    let name = parsed.subject().iter_common_name().last();
    name.map(|name| name.as_str().map(str::to_owned)).transpose().map_err(malformed)
}

/// The alternative names of a certificate.
#[derive(Debug, Default, PartialEq, Eq)]
struct AlternativeNames {
    addresses: Vec<IpAddr>,
    dns: Vec<String>,
}

impl AlternativeNames {
    fn of(certificate: &CertificateDer<'_>) -> Result<AlternativeNames, String> {
        let mut names = AlternativeNames::default();
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(malformed)?;
        let extension = parsed.subject_alternative_name().map_err(malformed)?;
        for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => {
                    let address = address(bytes).ok_or_else(|| malformed("IP address"))?;
                    names.addresses.push(address);
                }
                GeneralName::Invalid(..) => return Err(malformed("alternative name")),
                _ => {}
            }
        }
        Ok(names)
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_canonical()),
    }
}

/// Whether a certificate may be shown from an address: it has no alternative names, or the address
/// is one of them, or one of its names stands for the address.
///
/// # Errors
/// Why it may not.
pub(super) async fn check_address(
    certificate: &CertificateDer<'_>,
    from: IpAddr,
) -> Result<(), String> {
    let names = AlternativeNames::of(certificate)?;
    let from = from.to_canonical();
    if (names.addresses.is_empty() && names.dns.is_empty()) || names.addresses.contains(&from) {
        return Ok(());
    }
    if names.dns.is_empty() {
        let valid: Vec<String> = names.addresses.iter().map(IpAddr::to_string).collect();
        let valid = valid.join(", ");
        return Err(format!("x509: certificate is valid for {valid}, not {from}"));
    }
    let mut failures = Vec::new();
    for name in names.dns.iter().filter(|name| !name.starts_with("*.")) {
        match tokio::net::lookup_host((name.as_str(), 0)).await {
            Ok(mut found) => {
                if found.any(|found| found.ip().to_canonical() == from) {
                    return Ok(());
                }
            }
            Err(error) => failures.push(format!("lookup {name}: {error}")),
        }
    }
    let reverse = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&from)).await;
    match reverse {
        Ok(Ok(host)) if names.dns.iter().any(|name| stands_for(name, &host)) => return Ok(()),
        Ok(Err(error)) => failures.push(format!("lookup {from}: {error}")),
        _ => {}
    }
    let mut text = format!("tls: \"{from}\" does not match any of DNSNames {}", quoted(&names.dns));
    if let Some(failure) = failures.last() {
        text.push_str(&format!(" ({failure})"));
    }
    Err(text)
}

/// Whether a name of a certificate is a host's: the same, or a wildcard for what it ends with.
fn stands_for(name: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match name.strip_prefix('*') {
        Some(suffix) if suffix.starts_with('.') => host.ends_with(suffix),
        _ => name == host,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    async fn checked(names: &[&str], from: &str) -> Result<(), String> {
        check_address(&certificate(names), from.parse().expect("an address")).await
    }

    #[tokio::test]
    async fn a_certificate_belongs_to_its_addresses() {
        assert_eq!(checked(&[], "127.0.0.1").await, Ok(()));
        assert_eq!(checked(&["127.0.0.1"], "127.0.0.1").await, Ok(()));
        assert_eq!(checked(&["127.0.0.1"], "::ffff:127.0.0.1").await, Ok(()));
        assert_eq!(checked(&["127.0.0.2", "localhost"], "127.0.0.1").await, Ok(()));
        let error = "x509: certificate is valid for 127.0.0.2, ::1, not 127.0.0.1";
        assert_eq!(checked(&["127.0.0.2", "::1"], "127.0.0.1").await, Err(error.into()));
        let error = checked(&["a.invalid"], "127.0.0.1").await.expect_err("nobody's name");
        let start = "tls: \"127.0.0.1\" does not match any of DNSNames [\"a.invalid\"] (lookup ";
        assert!(error.starts_with(start), "{error}");
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_read_belongs_to_no_address() {
        let broken = CertificateDer::from(vec![0x30, 0]);
        let error = check_address(&broken, IpAddr::from([127, 0, 0, 1])).await;
        let error = error.expect_err("it says nothing");
        assert!(error.starts_with("x509: malformed certificate ("), "{error}");
        assert!(common_name(&broken).is_err());
    }

    #[test]
    fn wildcards_stand_for_what_ends_with_them() {
        assert!(stands_for("*.example.com", "a.example.com."));
        assert!(stands_for("a.example.com", "a.example.com"));
        assert!(!stands_for("*.example.com", "example.com"));
        assert!(!stands_for("*example.com", "a.example.com"));
    }
}
