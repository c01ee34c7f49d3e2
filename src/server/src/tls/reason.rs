//! Why a handshake failed, in words for the log.

use std::io;

/// What Go says of bytes that are no TLS.
pub(super) const NOT_TLS: &str = "tls: first record does not look like a TLS handshake";

/// The reason behind an error of a handshake.
pub(super) fn of(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => NOT_TLS.into(),
        Some(rustls::Error::NoCertificatesPresented) => {
            "tls: client didn't provide a certificate".into()
        }
        Some(error) => format!("tls: {error}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "EOF".into(),
        None => error.to_string(),
    }
}
