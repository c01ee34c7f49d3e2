//! URLs of members and listeners, with etcd's checks and texts.

use std::net::IpAddr;

/// Reads a list with commas between the URLs; empty for none.
///
/// # Errors
/// etcd's text for the first URL that is none.
pub fn parse_list(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(|part| check(part.trim())).collect()
}

fn check(text: &str) -> Result<String, String> {
    let scheme = scheme(text)?;
    let rest = text[scheme.len()..].strip_prefix(':').unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        "unix" | "unixs" => return Ok(text.to_owned()),
        _ => return Err(format!("URL scheme must be http, https, unix, or unixs: {text}")),
    }
    let authority = rest.strip_prefix("//").unwrap_or_default();
    let (authority, path) = match authority.find('/') {
        Some(start) => authority.split_at(start),
        None => (authority, ""),
    };
    if split_host_port(authority).is_none() {
        return Err(format!("URL address does not have the form \"host:port\": {text}"));
    }
    match path {
        "" => Ok(text.to_owned()),
        _ => Err(format!("URL must not contain a path: {text}")),
    }
}

/// What Go's URL parser takes for the scheme; empty when there is none.
fn scheme(text: &str) -> Result<&str, String> {
    let name_end =
        text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(text.len());
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    match (text[name_end..].starts_with(':'), name_end, starts_with_letter) {
        (true, 0, _) => Err(format!("parse {text:?}: missing protocol scheme")),
        (true, _, true) => Ok(&text[..name_end]),
        (true, _, false) => {
            Err(format!("parse {text:?}: first path segment in URL cannot contain colon"))
        }
        (false, ..) => Ok(""),
    }
}

/// Host without brackets, and port.
fn split_host_port(authority: &str) -> Option<(&str, &str)> {
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':')?;
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').map(|inner| (inner, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

/// Host and port of a checked URL; `None` for a Unix socket.
#[must_use]
pub fn host_port(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    split_host_port(rest)
}

/// Refuses what cannot be listened on: names other than `localhost`.
pub(super) fn check_bind(urls: &[String]) -> Result<(), String> {
    for url in urls {
        let Some((host, _)) = host_port(url) else { continue };
        if host != "localhost" && host.parse::<IpAddr>().is_err() {
            return Err(format!("expected IP in URL for binding ({url})"));
        }
    }
    Ok(())
}

/// Refuses what nobody could connect to: an empty host.
pub(super) fn check_host(urls: &[String]) -> Result<(), String> {
    match urls.iter().find(|url| host_port(url).is_some_and(|(host, _)| host.is_empty())) {
        Some(url) => Err(format!("unexpected empty host ({url})")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_as_etcd_checks_them() {
        let good =
            ["http://localhost:2379", "https://[::1]:1", "unix://a.sock", "unixs:x", "http://:1"];
        for text in good {
            assert_eq!(parse_list(text), Ok(vec![text.to_owned()]));
        }
        let bad = [
            (
                "127.0.0.1:2379",
                "parse \"127.0.0.1:2379\": first path segment in URL cannot contain \
              colon",
            ),
            ("://127.0.0.1:2379", "parse \"://127.0.0.1:2379\": missing protocol scheme"),
            ("localhost:1234", "URL scheme must be http, https, unix, or unixs: localhost:1234"),
            ("mailto://a:1", "URL scheme must be http, https, unix, or unixs: mailto://a:1"),
            (
                "http://127.0.0.1",
                "URL address does not have the form \"host:port\": \
              http://127.0.0.1",
            ),
            ("http://a:b", "URL address does not have the form \"host:port\": http://a:b"),
            ("http://a:1/", "URL must not contain a path: http://a:1/"),
            ("http://a:1,", "URL scheme must be http, https, unix, or unixs: "),
        ];
        for (text, error) in bad {
            assert_eq!(parse_list(text), Err(error.into()), "{text}");
        }
    }

    #[test]
    fn listeners_bind_to_addresses_and_advertisements_have_hosts() {
        let urls = |text: &str| vec![text.to_owned()];
        for good in ["http://localhost:1", "http://0.0.0.0:1", "http://[::]:1", "unix://x"] {
            assert_eq!(check_bind(&urls(good)), Ok(()));
        }
        let error = Err("expected IP in URL for binding (http://example.com:1)".into());
        assert_eq!(check_bind(&urls("http://example.com:1")), error);
        assert_eq!(check_host(&urls("http://example.com:1")), Ok(()));
        assert_eq!(check_host(&urls("http://:1")), Err("unexpected empty host (http://:1)".into()));
    }
}
