//! `--auth-token`: which tokens the member gives and takes, with etcd's texts for what is wrong
//! with it. Keys are read once, at the start.

mod jwt;
mod key;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use node::auth::TokenKind;

use crate::config::duration;

const INVALID: &str = "auth: invalid auth options";
const TTL_DEFAULT: Duration = Duration::from_secs(300);
const KNOWN: [&str; 4] = ["sign-method", "pub-key", "priv-key", "ttl"];

/// What is said, and the options that mean nothing.
pub struct Chosen {
    /// The tokens.
    pub tokens: TokenKind,
    /// Options that etcd ignores with a warning.
    pub unknown: Vec<String>,
}

/// Reads the flag. Simple tokens live `ttl_seconds` without use, zero for the default.
///
/// # Errors
/// etcd's texts.
pub fn choose(flag: &str, ttl_seconds: u64) -> Result<Chosen, String> {
    let mut parts = flag.split(',');
    let kind = parts.next().unwrap_or_default();
    let options = options(parts)?;
    let known = |tokens| Ok(Chosen { tokens, unknown: Vec::new() });
    match kind {
        "simple" => {
            let ttl = Some(ttl_seconds).filter(|seconds| *seconds > 0);
            known(TokenKind::Simple { ttl: ttl.map_or(TTL_DEFAULT, Duration::from_secs) })
        }
        "" => known(TokenKind::Off),
        "jwt" => {
            let tokens = TokenKind::Signed(Arc::new(signed(&options)?));
            let is_unknown = |name: &&String| !KNOWN.contains(&name.as_str());
            let unknown = options.keys().filter(is_unknown).cloned().collect();
            Ok(Chosen { tokens, unknown })
        }
        _ => Err(INVALID.into()),
    }
}

fn options<'a>(parts: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, String>, String> {
    let mut options = BTreeMap::new();
    for part in parts {
        let pair = part.split_once('=').filter(|(_, value)| !value.contains('='));
        let (name, value) = pair.ok_or(INVALID)?;
        if options.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(INVALID.into());
        }
    }
    Ok(options)
}

fn signed(options: &BTreeMap<String, String>) -> Result<jwt::Jwt, String> {
    let option = |name: &str| options.get(name).filter(|value| !value.is_empty());
    let file = |name: &str| match option(name) {
        Some(path) => std::fs::read(path).map(Some).map_err(|_| INVALID.to_owned()),
        None => Ok(None),
    };
    let ttl = match option("ttl") {
        Some(text) => duration::parse(text).map_err(|_| INVALID)?,
        None => i64::try_from(TTL_DEFAULT.as_nanos()).unwrap_or(i64::MAX),
    };
    let (public, private) = (file("pub-key")?, file("priv-key")?);
    let method = option("sign-method").map_or("", String::as_str);
    if method == "none" {
        return Err("unsupported signing method: *jwt.signingMethodNone".into());
    }
    let algorithm = key::Algorithm::find(method).ok_or(INVALID)?;
    let key = key::Key::read(algorithm, private.as_deref(), public.as_deref())?;
    Ok(jwt::Jwt::new(algorithm, key, ttl / 1_000_000_000))
}

#[cfg(test)]
mod tests;
