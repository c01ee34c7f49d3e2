//! Flags of TLS, of access from browsers, and of authentication.

use super::flags;
use crate::config::flag::Flag;
use crate::config::flag::Kind::{Bool, Origins, Text, Texts, Uint, UniqueTexts};

pub(super) const FLAGS: &[Flag] = flags! { Security:
    "cert-file" Text, "", Built,
        "Path to the client server's TLS certificate.";
    "key-file" Text, "", Built,
        "Path to the client server's TLS key.";
    "client-cert-auth" Bool, "false", Built,
        "Require client certificates, whose common names are users.";
    "client-cert-file" Text, "", Built,
        "Path to the certificate that this server shows as a client.";
    "client-key-file" Text, "", Built,
        "Path to the key of that certificate.";
    "client-crl-file" Text, "", Built,
        "Path to the revocation list of client certificates, in DER or PEM.";
    "client-cert-allowed-hostname" Texts, "", Built,
        "Names that client certificates may carry, with commas between them.";
    "trusted-ca-file" Text, "", Built,
        "Path to the certificate authorities of clients; demands certificates of them.";
    "auto-tls" Bool, "false", Built,
        "Client TLS with generated certificates.";
    "peer-cert-file" Text, "", Built,
        "Path to the peer server's TLS certificate.";
    "peer-key-file" Text, "", Built,
        "Path to the peer server's TLS key.";
    "peer-client-cert-auth" Bool, "false", Built,
        "Require certificates of peers.";
    "peer-client-cert-file" Text, "", Built,
        "Path to the certificate shown to peers.";
    "peer-client-key-file" Text, "", Built,
        "Path to the key of that certificate.";
    "peer-trusted-ca-file" Text, "", Built,
        "Path to the certificate authorities of peers; demands certificates of them.";
    "peer-cert-allowed-cn" Texts, "", Built,
        "Common names that peer certificates may carry, with commas between them.";
    "peer-cert-allowed-hostname" Texts, "", Built,
        "Names that peer certificates may carry, with commas between them.";
    "peer-auto-tls" Bool, "false", Built,
        "Peer TLS with generated certificates.";
    "peer-crl-file" Text, "", Built,
        "Path to the revocation list of peer certificates, in DER or PEM.";
    "peer-skip-client-san-verification" Bool, "false", Built,
        "Do not match the names in peer certificates with the peer's address.";
    "self-signed-cert-validity" Uint, "1", Built,
        "Years that generated certificates are valid.";
    "cipher-suites" Texts, "", Built,
        "Cipher suites of TLS 1.2 by their names in Go, with commas between them.";
    "tls-min-version" Text, "TLS1.2", Built,
        "Lowest TLS version: TLS1.2 or TLS1.3.";
    "tls-max-version" Text, "", Built,
        "Highest TLS version: TLS1.2, TLS1.3, or empty for the highest there is.";
    "cors" Origins, "*", Built,
        "Origins that browsers may call from, with commas between them (empty or * for all).";
    "host-whitelist" UniqueTexts, "*", Built,
        "Host names that HTTP requests may carry without TLS (empty or * for all).";
};

pub(super) const AUTH: &[Flag] = flags! { Auth:
    "auth-token" Text, "simple", Built,
        "Kind of token: 'simple' or 'jwt,option=value,...'.";
    "bcrypt-cost" Uint, "10", Built,
        "Cost of hashing a password, from 4 to 31.";
    "auth-token-ttl" Uint, "300", Built,
        "Seconds that a simple token lives.";
};
