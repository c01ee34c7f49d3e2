//! From flags to the TLS of clients and of peers.

use std::path::PathBuf;

use super::values::{CLIENT_ALLOWED_CN, CLIENT_SKIP_SAN, Values};
use super::warning::Warning;
use crate::tls::{Side, TlsSettings, suites};

/// TLS of the ports for clients and metrics.
pub(super) fn client(values: &Values) -> TlsSettings {
    let cns = values.without_flag(CLIENT_ALLOWED_CN);
    let mut listen_urls = values.list("listen-client-urls");
    listen_urls.extend(values.list("listen-client-http-urls"));
    TlsSettings {
        crl_file: path(values, "client-crl-file"),
        allowed_cns: cns.split(',').filter(|cn| !cn.is_empty()).map(str::to_owned).collect(),
        allowed_hostnames: values.list("client-cert-allowed-hostname"),
        skips_address_check: values.without_flag(CLIENT_SKIP_SAN) == "true",
        ..side(values, Side::Client, "", listen_urls)
    }
}

/// TLS between members.
pub(super) fn peer(values: &Values) -> TlsSettings {
    TlsSettings {
        crl_file: path(values, "peer-crl-file"),
        allowed_cns: values.list("peer-cert-allowed-cn"),
        allowed_hostnames: values.list("peer-cert-allowed-hostname"),
        skips_address_check: values.bool("peer-skip-client-san-verification"),
        ..side(values, Side::Peer, "peer-", values.list("listen-peer-urls"))
    }
}

/// What both sides have under names that differ by a prefix only.
fn side(values: &Values, side: Side, prefix: &str, listen_urls: Vec<String>) -> TlsSettings {
    let named = |name: &str| format!("{prefix}{name}");
    TlsSettings {
        side,
        cert_file: path(values, &named("cert-file")),
        key_file: path(values, &named("key-file")),
        client_cert_file: path(values, &named("client-cert-file")),
        client_key_file: path(values, &named("client-key-file")),
        client_cert_auth: values.bool(&named("client-cert-auth")),
        trusted_ca_file: path(values, &named("trusted-ca-file")),
        crl_file: None,
        allowed_cns: Vec::new(),
        allowed_hostnames: Vec::new(),
        skips_address_check: false,
        auto: values.bool(&named("auto-tls")),
        validity_years: values.uint("self-signed-cert-validity"),
        listen_urls,
        versions: versions(values),
        cipher_suites: values.list("cipher-suites"),
    }
}

fn path(values: &Values, name: &str) -> Option<PathBuf> {
    Some(values.text(name)).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The versions of TLS that the flags leave.
pub(super) fn versions(values: &Values) -> suites::Versions {
    match (values.text("tls-min-version").as_str(), values.text("tls-max-version").as_str()) {
        ("TLS1.3", _) => suites::Versions::Only13,
        (_, "TLS1.2") => suites::Versions::Only12,
        _ => suites::Versions::Both,
    }
}

/// Certificates that are given for an address that is served without TLS may be a mistake.
pub(super) fn warn_of_plain_urls(values: &Values, warnings: &mut Vec<Warning>) {
    let client = ["listen-client-urls", "listen-client-http-urls"];
    warn_of_plain(values, &client, "", ("http or unix", &["http:", "unix:"]), warnings);
    warn_of_plain(values, &["listen-peer-urls"], "peer-", ("HTTP", &["http:"]), warnings);
}

/// The same for the URLs of some flags; the names of its flags begin with `prefix`.
fn warn_of_plain(
    values: &Values,
    flags: &[&str],
    prefix: &str,
    (plain, schemes): (&str, &[&str]),
    warnings: &mut Vec<Warning>,
) {
    let is_plain = |url: &String| schemes.iter().any(|scheme| url.starts_with(scheme));
    let urls = flags.iter().flat_map(|name| values.list(name)).filter(is_plain);
    let client_auth = format!("{prefix}client-cert-auth");
    for url in urls {
        let scheme = format!("scheme is {plain} while");
        if has_files(values, prefix) {
            let text =
                format!("{scheme} key and cert files are present; ignoring key and cert files");
            warnings.push(Warning::new(&text, url.as_str()));
        }
        if values.bool(&client_auth) {
            let text = format!(
                "{scheme} --{client_auth} is enabled; ignoring client cert auth for this URL"
            );
            warnings.push(Warning::new(&text, url.as_str()));
        }
    }
}

/// Whether there are certificates, or will be.
fn has_files(values: &Values, prefix: &str) -> bool {
    let given = |name: &str| !values.text(&format!("{prefix}{name}")).is_empty();
    given("cert-file") || given("key-file") || values.bool(&format!("{prefix}auto-tls"))
}
