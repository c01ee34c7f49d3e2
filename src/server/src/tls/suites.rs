//! Cipher suites by their names in Go, and versions.
//!
//! Go knows suites that are not offered here, since they have no forward secrecy or no
//! authenticated encryption. Naming one is no error: the others of the list are offered.

use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

/// Versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.2 and 1.3.
    Both,
    /// TLS 1.2.
    Only12,
    /// TLS 1.3.
    Only13,
}

impl Versions {
    pub(super) fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Versions::Both => &BOTH,
            Versions::Only12 => &BOTH[1..],
            Versions::Only13 => &BOTH[..1],
        }
    }
}

/// Suites that Go knows and that are offered here.
const OFFERED: [(&str, CipherSuite); 11] = [
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    // The names that these had in older versions of Go.
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// Suites that Go knows and that are not offered here.
const NOT_OFFERED: [&str; 16] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// Refuses names that Go does not know.
///
/// # Errors
/// etcd's text for the first of them.
pub fn check(names: &[String]) -> Result<(), String> {
    let known = |name: &str| {
        NOT_OFFERED.contains(&name) || OFFERED.iter().any(|(offered, _)| *offered == name)
    };
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(format!("unexpected TLS cipher suite {name:?}")),
        None => Ok(()),
    }
}

/// Refuses names of which none can be used with the only version that may be spoken.
///
/// # Errors
/// Which they are, and what to name instead.
pub fn check_usable(versions: Versions, names: &[String]) -> Result<(), String> {
    let versions = versions.list();
    let usable = |suite: &SupportedCipherSuite| versions.contains(&suite.version());
    match chosen(rustls::crypto::ring::ALL_CIPHER_SUITES, names).iter().any(usable) {
        true => Ok(()),
        false => Err(format!(
            "none of --cipher-suites can be used with TLS 1.2 ({}); name one with ECDHE and GCM \
             or CHACHA20, or allow TLS1.3",
            names.join(",")
        )),
    }
}

/// The named suites that are not offered here.
#[must_use]
pub fn not_offered(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| NOT_OFFERED.contains(&name.as_str())).cloned().collect()
}

/// Those of `all` that are spoken: the list chooses among the suites of TLS 1.2 only.
pub(super) fn chosen(all: &[SupportedCipherSuite], names: &[String]) -> Vec<SupportedCipherSuite> {
    let named: Vec<CipherSuite> = OFFERED
        .iter()
        .filter(|(name, _)| names.iter().any(|given| given == name))
        .map(|(_, suite)| *suite)
        .collect();
    all.iter()
        .filter(|suite| {
            names.is_empty() || suite.tls13().is_some() || named.contains(&suite.suite())
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_name_of_go_is_known_and_no_other() {
        let offered = OFFERED.iter().map(|(name, _)| *name);
        let all: Vec<&str> = offered.chain(NOT_OFFERED).collect();
        assert_eq!(all.len(), 27);
        assert_eq!(check(&names(&all)), Ok(()));
        let error = Err("unexpected TLS cipher suite \"x\"".to_owned());
        assert_eq!(check(&names(&["TLS_AES_128_GCM_SHA256", "x"])), error);
    }

    #[test]
    fn a_list_without_anything_for_the_only_version_is_refused() {
        let useless = names(&["TLS_RSA_WITH_RC4_128_SHA", "TLS_AES_128_GCM_SHA256"]);
        let error = check_usable(Versions::Only12, &useless).expect_err("nothing is left");
        assert!(error.contains("(TLS_RSA_WITH_RC4_128_SHA,TLS_AES_128_GCM_SHA256)"), "{error}");
        assert_eq!(check_usable(Versions::Both, &useless), Ok(()));
        assert_eq!(check_usable(Versions::Only12, &[]), Ok(()));
        let one = names(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
        assert_eq!(check_usable(Versions::Only12, &one), Ok(()));
    }

    #[test]
    fn a_list_chooses_among_the_suites_of_tls_1_2() {
        let all = rustls::crypto::ring::ALL_CIPHER_SUITES;
        let of = |list: &[&str]| -> Vec<CipherSuite> {
            chosen(all, &names(list)).iter().map(SupportedCipherSuite::suite).collect()
        };
        assert_eq!(of(&[]).len(), 9);
        let one = of(&["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_RSA_WITH_RC4_128_SHA"]);
        assert_eq!(one.len(), 4);
        assert_eq!(one[3], CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256);
        assert_eq!(of(&["TLS_RSA_WITH_RC4_128_SHA"]).len(), 3);
        let left = not_offered(&names(&["TLS_RSA_WITH_RC4_128_SHA", "TLS_AES_128_GCM_SHA256"]));
        assert_eq!(left, ["TLS_RSA_WITH_RC4_128_SHA"]);
    }
}
