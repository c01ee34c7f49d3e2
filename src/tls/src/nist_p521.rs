//! Signatures on the curve P-521, which ring does not have: etcd signs the certificates that it
//! generates with such keys, so a cluster with members of etcd cannot do without.

use std::fmt;
use std::sync::{Arc, LazyLock};

use p521::SecretKey;
use p521::ecdsa::signature::{Signer as _, Verifier};
use p521::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use p521::pkcs8::DecodePrivateKey;
use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_NISTP521_SHA512;

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// Adds the curve to a provider.
pub(crate) fn extend(provider: &mut CryptoProvider) {
    // Made once: they must live as long as the process.
    static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> = LazyLock::new(|| {
        let ring = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let mut all: Vec<Algorithm> = ring.all.to_vec();
        all.push(&Verification);
        let mut mapping = ring.mapping.to_vec();
        let own: &'static [Algorithm] = &[&Verification];
        mapping.push((SCHEME, own));
        WebPkiSupportedAlgorithms { all: all.leak(), mapping: mapping.leak() }
    });
    provider.signature_verification_algorithms = *ALGORITHMS;
    provider.key_provider = &Keys;
}

#[derive(Debug)]
struct Verification;

impl SignatureVerificationAlgorithm for Verification {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA512
    }
}

/// Loads keys of this curve, and leaves all others to ring.
#[derive(Debug)]
struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(
        &self,
        der: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn rustls::sign::SigningKey>, Error> {
        let own = match &der {
            PrivateKeyDer::Sec1(der) => SecretKey::from_sec1_der(der.secret_sec1_der()).ok(),
            PrivateKeyDer::Pkcs8(der) => SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
            _ => None,
        };
        match own {
            Some(secret) => Ok(Arc::new(Key(Arc::new(secret.into())))),
            None => rustls::crypto::ring::sign::any_supported_type(&der),
        }
    }
}

#[derive(Clone)]
struct Key(Arc<SigningKey>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl rustls::sign::SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SCHEME).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let point = self.0.verifying_key().to_sec1_point(false);
        Some(public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: Signature = self.0.sign(message);
        let der: DerSignature = signature.to_der();
        Ok(der.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SCHEME
    }
}

#[cfg(test)]
mod tests {
    use p521::elliptic_curve::Generate;

    use super::*;

    #[test]
    fn what_is_signed_here_is_verified_here() {
        let secret = SecretKey::generate().to_sec1_der().expect("it has an encoding");
        let key = PrivateKeyDer::Sec1(secret.to_vec().into());
        let key = Keys.load_private_key(key).expect("of this curve");
        assert!(key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).is_none());
        let signer = key.choose_scheme(&[SCHEME]).expect("its scheme");
        let signature = signer.sign(b"message").expect("signed");
        let spki = key.public_key().expect("it has one");
        // The point is at the end of the encoding: a mark and two coordinates.
        let point = &spki[spki.len() - 133..];
        assert!(Verification.verify_signature(point, b"message", &signature).is_ok());
        assert!(Verification.verify_signature(point, b"massage", &signature).is_err());
    }
}
