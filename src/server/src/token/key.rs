//! Keys of signed tokens: every algorithm that etcd has, read from PEM as Go reads them.

use ed25519_dalek as ed;
use getrandom::SysRng;
use hmac::{Hmac, KeyInit, Mac};
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey};
use rsa::pkcs8::der::{Decode, Document, Encode};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer, Verifier};
use rsa::{pkcs1v15, pss};
use x509_cert::Certificate;

const MISSING: &str = "auth: missing key data";
const MISMATCH: &str = "auth: public and private keys don't match";
const NO_PEM: &str = "invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key";

/// The length of a hash, which gives RSA and HMAC their variants, and ECDSA its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Bits256,
    Bits384,
    Bits512,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hmac(Size),
    Rsa(Size),
    Pss(Size),
    Ecdsa(Size),
    Ed25519,
}

const ALGORITHMS: [(&str, Algorithm); 13] = [
    ("HS256", Algorithm::Hmac(Size::Bits256)),
    ("HS384", Algorithm::Hmac(Size::Bits384)),
    ("HS512", Algorithm::Hmac(Size::Bits512)),
    ("RS256", Algorithm::Rsa(Size::Bits256)),
    ("RS384", Algorithm::Rsa(Size::Bits384)),
    ("RS512", Algorithm::Rsa(Size::Bits512)),
    ("PS256", Algorithm::Pss(Size::Bits256)),
    ("PS384", Algorithm::Pss(Size::Bits384)),
    ("PS512", Algorithm::Pss(Size::Bits512)),
    ("ES256", Algorithm::Ecdsa(Size::Bits256)),
    ("ES384", Algorithm::Ecdsa(Size::Bits384)),
    ("ES512", Algorithm::Ecdsa(Size::Bits512)),
    ("EdDSA", Algorithm::Ed25519),
];

impl Algorithm {
    pub(super) fn find(name: &str) -> Option<Algorithm> {
        ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    pub(super) fn name(self) -> &'static str {
        let found = ALGORITHMS.iter().find(|(_, algorithm)| *algorithm == self);
        found.map(|(name, _)| *name).expect("the table has every algorithm")
    }
}

/// A pair of keys, of which the private one may be missing.
pub(super) struct Pair<S, V> {
    private: Option<S>,
    public: V,
}

/// The key of one algorithm.
pub(super) enum Key {
    Secret(Vec<u8>),
    Rsa(Box<Pair<rsa::PrivateKey, rsa::PublicKey>>),
    P256(Pair<p256::ecdsa::SigningKey, p256::ecdsa::VerifyingKey>),
    P384(Pair<p384::ecdsa::SigningKey, p384::ecdsa::VerifyingKey>),
    P521(Box<Pair<p521::ecdsa::SigningKey, p521::ecdsa::VerifyingKey>>),
    Ed25519(Pair<ed::SigningKey, ed::VerifyingKey>),
}

/// The bytes within a PEM file.
fn der(pem: &[u8]) -> Result<Document, String> {
    let text = std::str::from_utf8(pem).map_err(|_| NO_PEM)?;
    let (_, document) = Document::from_pem(text).map_err(|_| NO_PEM)?;
    Ok(document)
}

/// The public key of a certificate, which may stand in a public key's place.
fn of_certificate(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(der).ok()?;
    certificate.tbs_certificate().subject_public_key_info().to_der().ok()
}

/// What both files hold, once they are found to belong together.
fn pair<S, V: PartialEq>(
    private: Option<S>,
    public: Option<V>,
    public_of: impl Fn(&S) -> V,
) -> Result<Pair<S, V>, String> {
    match (private, public) {
        (None, None) => Err(MISSING.into()),
        (Some(private), Some(public)) if public_of(&private) != public => Err(MISMATCH.into()),
        (Some(private), _) => {
            let public = public_of(&private);
            Ok(Pair { private: Some(private), public })
        }
        (None, Some(public)) => Ok(Pair { private: None, public }),
    }
}

fn read<T>(
    pem: Option<&[u8]>,
    name: &str,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(pem) = pem.filter(|pem| !pem.is_empty()) else { return Ok(None) };
    let document = der(pem)?;
    let key = parse(document.as_bytes()).ok_or_else(|| format!("key is not a valid {name} key"));
    key.map(Some)
}

/// Reads the keys of a curve; the crates of all curves have the same names.
macro_rules! read_curve {
    ($curve:ident, $private:ident, $public:ident) => {{
        let private = read($private, "ECDSA private", |der| {
            let sec1 = $curve::SecretKey::from_sec1_der(der).ok();
            sec1.or_else(|| $curve::SecretKey::from_pkcs8_der(der).ok())
        })?;
        let private = private.map($curve::ecdsa::SigningKey::from);
        let public = read($public, "ECDSA public", |der| {
            let plain = $curve::PublicKey::from_public_key_der(der).ok();
            plain.or_else(|| $curve::PublicKey::from_public_key_der(&of_certificate(der)?).ok())
        })?;
        let public = public.map($curve::ecdsa::VerifyingKey::from);
        pair(private, public, |private| *private.verifying_key())?
    }};
}

impl Key {
    /// Reads the files of an algorithm.
    pub(super) fn read(
        algorithm: Algorithm,
        private: Option<&[u8]>,
        public: Option<&[u8]>,
    ) -> Result<Key, String> {
        Ok(match algorithm {
            Algorithm::Hmac(_) => {
                let secret = private.filter(|secret| !secret.is_empty());
                Key::Secret(secret.ok_or(MISSING)?.to_vec())
            }
            Algorithm::Rsa(_) | Algorithm::Pss(_) => Key::Rsa(Box::new(read_rsa(private, public)?)),
            Algorithm::Ecdsa(Size::Bits256) => Key::P256(read_curve!(p256, private, public)),
            Algorithm::Ecdsa(Size::Bits384) => Key::P384(read_curve!(p384, private, public)),
            Algorithm::Ecdsa(Size::Bits512) => {
                Key::P521(Box::new(read_curve!(p521, private, public)))
            }
            Algorithm::Ed25519 => Key::Ed25519(read_ed(private, public)?),
        })
    }

    /// Whether there is more than a public key.
    pub(super) fn can_sign(&self) -> bool {
        match self {
            Key::Secret(_) => true,
            Key::Rsa(pair) => pair.private.is_some(),
            Key::P256(pair) => pair.private.is_some(),
            Key::P384(pair) => pair.private.is_some(),
            Key::P521(pair) => pair.private.is_some(),
            Key::Ed25519(pair) => pair.private.is_some(),
        }
    }

    pub(super) fn sign(&self, algorithm: Algorithm, text: &[u8]) -> Result<Vec<u8>, String> {
        let signed = match (self, algorithm) {
            (Key::Secret(secret), Algorithm::Hmac(size)) => Some(hmac(secret, size, text)),
            (Key::Rsa(pair), _) => {
                pair.private.as_ref().and_then(|key| sign_rsa(key, algorithm, text))
            }
            (Key::P256(pair), _) => pair.private.as_ref().map(|key| {
                let signature: p256::ecdsa::Signature = key.sign(text);
                signature.to_vec()
            }),
            (Key::P384(pair), _) => pair.private.as_ref().map(|key| {
                let signature: p384::ecdsa::Signature = key.sign(text);
                signature.to_vec()
            }),
            (Key::P521(pair), _) => pair.private.as_ref().map(|key| {
                let signature: p521::ecdsa::Signature = key.sign(text);
                signature.to_vec()
            }),
            (Key::Ed25519(pair), _) => pair.private.as_ref().map(|key| {
                let signature: ed::Signature = key.sign(text);
                signature.to_bytes().to_vec()
            }),
            (Key::Secret(_), _) => None,
        };
        signed.ok_or_else(|| "key is invalid".into())
    }

    pub(super) fn verify(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        match self {
            Key::Secret(secret) => match algorithm {
                Algorithm::Hmac(size) => verify_hmac(secret, size, text, signature),
                _ => false,
            },
            Key::Rsa(pair) => verify_rsa(&pair.public, algorithm, text, signature),
            Key::P256(pair) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| pair.public.verify(text, &signature).is_ok()),
            Key::P384(pair) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| pair.public.verify(text, &signature).is_ok()),
            Key::P521(pair) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| pair.public.verify(text, &signature).is_ok()),
            Key::Ed25519(pair) => ed::Signature::from_slice(signature)
                .is_ok_and(|signature| pair.public.verify(text, &signature).is_ok()),
        }
    }
}

fn read_rsa(
    private: Option<&[u8]>,
    public: Option<&[u8]>,
) -> Result<Pair<rsa::PrivateKey, rsa::PublicKey>, String> {
    let private = read(private, "RSA private", |der| {
        let pkcs1 = rsa::PrivateKey::from_pkcs1_der(der).ok();
        pkcs1.or_else(|| rsa::PrivateKey::from_pkcs8_der(der).ok())
    })?;
    let public = read(public, "RSA public", |der| {
        let plain = rsa::PublicKey::from_public_key_der(der).ok();
        let pkcs1 = || rsa::PublicKey::from_pkcs1_der(der).ok();
        let certified = || rsa::PublicKey::from_public_key_der(&of_certificate(der)?).ok();
        plain.or_else(certified).or_else(pkcs1)
    })?;
    pair(private, public, rsa::PrivateKey::to_public_key)
}

fn read_ed(
    private: Option<&[u8]>,
    public: Option<&[u8]>,
) -> Result<Pair<ed::SigningKey, ed::VerifyingKey>, String> {
    let private = read(private, "Ed25519 private", |der| ed::SigningKey::from_pkcs8_der(der).ok())?;
    let public =
        read(public, "Ed25519 public", |der| ed::VerifyingKey::from_public_key_der(der).ok())?;
    pair(private, public, ed::SigningKey::verifying_key)
}

/// Runs something with the hash of a size.
macro_rules! with_hash {
    ($size:expr, $hash:ident => $run:expr) => {
        match $size {
            Size::Bits256 => {
                type $hash = Sha256;
                $run
            }
            Size::Bits384 => {
                type $hash = Sha384;
                $run
            }
            Size::Bits512 => {
                type $hash = Sha512;
                $run
            }
        }
    };
}

fn hmac(secret: &[u8], size: Size, text: &[u8]) -> Vec<u8> {
    with_hash!(size, Hash => {
        let mac = Hmac::<Hash>::new_from_slice(secret).expect("a secret may have any length");
        mac.chain_update(text).finalize().into_bytes().to_vec()
    })
}

fn verify_hmac(secret: &[u8], size: Size, text: &[u8], signature: &[u8]) -> bool {
    with_hash!(size, Hash => {
        let mac = Hmac::<Hash>::new_from_slice(secret).expect("a secret may have any length");
        mac.chain_update(text).verify_slice(signature).is_ok()
    })
}

/// Blinded with fresh randomness, so that its time tells nothing about the key.
fn sign_rsa(key: &rsa::PrivateKey, algorithm: Algorithm, text: &[u8]) -> Option<Vec<u8>> {
    let key = key.clone();
    match algorithm {
        Algorithm::Rsa(size) => with_hash!(size, Hash => {
            let key = pkcs1v15::SigningKey::<Hash>::new(key);
            let signature: pkcs1v15::Signature = key.try_sign_with_rng(&mut SysRng, text).ok()?;
            Some(signature.to_vec())
        }),
        Algorithm::Pss(size) => with_hash!(size, Hash => {
            let key = pss::SigningKey::<Hash>::new(key);
            let signature: pss::Signature = key.try_sign_with_rng(&mut SysRng, text).ok()?;
            Some(signature.to_vec())
        }),
        _ => None,
    }
}

fn verify_rsa(key: &rsa::PublicKey, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
    let key = key.clone();
    match algorithm {
        Algorithm::Rsa(size) => with_hash!(size, Hash => {
            let key = pkcs1v15::VerifyingKey::<Hash>::new(key);
            pkcs1v15::Signature::try_from(signature).is_ok_and(|s| key.verify(text, &s).is_ok())
        }),
        // Go signs with as much salt as there is room for.
        Algorithm::Pss(size) => with_hash!(size, Hash => {
            let key = pss::VerifyingKey::<Hash>::new_with_auto_salt_len(key);
            pss::Signature::try_from(signature).is_ok_and(|s| key.verify(text, &s).is_ok())
        }),
        _ => false,
    }
}
