//! JSON Web Tokens in their compact form, with the claims that etcd puts in: `exp`, `revision`,
//! `username`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use node::auth::{Claims, Signer};
use serde::{Deserialize, Serialize};

use super::key::{Algorithm, Key};

/// Signs and reads tokens of one algorithm.
pub(super) struct Jwt {
    algorithm: Algorithm,
    key: Key,
    ttl_seconds: i64,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
}

#[derive(Serialize)]
struct Written<'a> {
    exp: i64,
    revision: u64,
    username: &'a str,
}

/// Numbers are numbers of JavaScript, as everywhere in tokens.
#[derive(Deserialize)]
struct Read {
    exp: Option<f64>,
    nbf: Option<f64>,
    revision: f64,
    username: String,
}

impl Jwt {
    pub(super) fn new(algorithm: Algorithm, key: Key, ttl_seconds: i64) -> Jwt {
        Jwt { algorithm, key, ttl_seconds }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.debug_struct("Jwt").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn part(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("plain data"))
}

impl Signer for Jwt {
    fn sign(&self, claims: &Claims, unix_seconds: u64) -> Result<String, String> {
        let now = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
        let header = Header { alg: self.algorithm.name(), typ: "JWT" };
        let body = Written {
            exp: now.saturating_add(self.ttl_seconds),
            revision: claims.revision,
            username: &claims.user,
        };
        let signed = format!("{}.{}", part(&header), part(&body));
        let signature = self.key.sign(self.algorithm, signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn verify(&self, token: &str, unix_seconds: u64) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, body) = signed.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let header: ReadHeader = serde_json::from_slice(&decode(header)?).ok()?;
        // Whoever made the token must not choose how it is checked.
        if header.alg != self.algorithm.name() {
            return None;
        }
        if !self.key.verify(self.algorithm, signed.as_bytes(), &decode(signature)?) {
            return None;
        }
        let claims: Read = serde_json::from_slice(&decode(body)?).ok()?;
        let now = unix_seconds as f64;
        let is_valid = claims.exp.is_none_or(|exp| now < exp.trunc())
            && claims.nbf.is_none_or(|nbf| now >= nbf.trunc());
        is_valid.then_some(Claims { user: claims.username, revision: claims.revision as u64 })
    }

    fn can_sign(&self) -> bool {
        self.key.can_sign()
    }
}
