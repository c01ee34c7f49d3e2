//! A list of revoked certificates. As in etcd only the serials count: who may write the file may
//! say what is revoked, so neither issuer nor signature nor dates are looked at.

use std::collections::BTreeSet;
use std::fmt::Write;

use rustls::CertificateError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// Serials, without leading zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revoked(BTreeSet<Vec<u8>>);

impl Revoked {
    /// Reads a file in DER, or in PEM with one or more lists.
    pub(super) fn parse(files: &[Vec<u8>]) -> Result<Revoked, String> {
        let file = files.first().map(Vec::as_slice).unwrap_or_default();
        let mut revoked = Revoked::default();
        if !file.starts_with(b"-----BEGIN") {
            revoked.add(file)?;
            return Ok(revoked);
        }
        let mut is_empty = true;
        for list in CertificateRevocationListDer::pem_slice_iter(file) {
            revoked.add(&list.map_err(|error| format!("x509: malformed crl ({error})"))?)?;
            is_empty = false;
        }
        match is_empty {
            true => Err("x509: malformed crl (there is none in the file)".into()),
            false => Ok(revoked),
        }
    }

    fn add(&mut self, der: &[u8]) -> Result<(), String> {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|error| format!("x509: malformed crl ({error})"))?;
        let serials = list.iter_revoked_certificates().map(|entry| bare(entry.raw_serial()));
        self.0.extend(serials);
        Ok(())
    }

    /// Refuses a chain of which one certificate is on the list, or has no serial that can be read:
    /// what to tell the other side, and the log.
    pub(super) fn check<'a>(
        &self,
        chain: impl Iterator<Item = &'a CertificateDer<'a>>,
    ) -> Result<(), (CertificateError, String)> {
        for certificate in chain {
            let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| {
                (CertificateError::BadEncoding, format!("x509: malformed certificate ({error})"))
            })?;
            let serial = bare(parsed.raw_serial());
            if self.0.contains(&serial) {
                let why = format!("transport: certificate serial {} revoked", hex(&serial));
                return Err((CertificateError::Revoked, why));
            }
        }
        Ok(())
    }
}

fn bare(serial: &[u8]) -> Vec<u8> {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial[zeros..].to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn a_file_without_a_list_is_none() {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
        let none = "x509: malformed crl (there is none in the file)";
        let parsed = |file: &[u8]| Revoked::parse(&[file.to_vec()]);
        assert_eq!(parsed(certificate.pem().as_bytes()), Err(none.into()));
        assert_eq!(parsed(b"-----BEGIN"), Err(none.into()));
        for file in [b"".as_slice(), b"text", certificate.der()] {
            let error = parsed(file).expect_err("no list");
            assert!(error.starts_with("x509: malformed crl ("), "{error}");
        }
    }

    #[test]
    fn a_certificate_without_a_serial_that_can_be_read_is_refused() {
        let broken = CertificateDer::from(vec![0x30, 0]);
        let refused = Revoked::default().check(std::iter::once(&broken));
        assert!(matches!(refused, Err((CertificateError::BadEncoding, _))), "{refused:?}");
    }
}
