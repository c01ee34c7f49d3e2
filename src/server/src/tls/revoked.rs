//! A list of revoked certificates. As in etcd only the serials count: who may write the file may
//! say what is revoked, so neither issuer nor signature nor dates are looked at.

use std::collections::BTreeSet;
use std::fmt::Write;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
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
        for list in CertificateRevocationListDer::pem_slice_iter(file) {
            revoked.add(&list.map_err(|error| format!("x509: malformed crl ({error})"))?)?;
        }
        Ok(revoked)
    }

    fn add(&mut self, der: &[u8]) -> Result<(), String> {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|error| format!("x509: malformed crl ({error})"))?;
        let serials = list.iter_revoked_certificates().map(|entry| bare(entry.raw_serial()));
        self.0.extend(serials);
        Ok(())
    }

    /// Refuses a chain of which one certificate is on the list.
    pub(super) fn check<'a>(
        &self,
        chain: impl Iterator<Item = &'a CertificateDer<'a>>,
    ) -> Result<(), String> {
        for certificate in chain {
            let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { continue };
            let serial = bare(parsed.raw_serial());
            if self.0.contains(&serial) {
                return Err(format!("transport: certificate serial {} revoked", hex(&serial)));
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
