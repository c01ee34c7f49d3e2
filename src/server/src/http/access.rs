//! Who may ask over plain HTTP, decided before any path is looked at: etcd's rules against DNS
//! rebinding, for certificates that the gateway would not honour, and for browsers.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};

use super::error;
use crate::gateway;
use crate::grpc::Body;
use crate::listen::Origin;

/// Stands for everything in a list.
const ALL: &str = "*";
/// What the gateway's paths began with before etcd 3.4.
const OLD_PREFIX: &str = "/v3beta/";
const CORS_METHODS: HeaderValue = HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE");
const CORS_HEADERS: HeaderValue = HeaderValue::from_static("accept, content-type, authorization");
const NAMED_CLIENT: &str = "CommonName of client sending a request against gateway will be \
                            ignored and not used as expected";

/// What is allowed. Empty lists allow everything.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// `--cors`.
    pub origins: BTreeSet<String>,
    /// `--host-whitelist`.
    pub hosts: BTreeSet<String>,
}

impl Access {
    /// Refuses a request, or gives the headers that its answer has to have.
    ///
    /// # Errors
    /// The answer.
    pub(super) fn admit<B>(
        &self,
        request: &Request<B>,
        origin: &Origin,
        auth_enabled: bool,
    ) -> Result<HeaderMap, Box<Response<Body>>> {
        let host = host_name(request);
        if !origin.secure && !allows(&self.hosts, host) {
            tracing::warn!(host, "rejecting HTTP request to prevent DNS rebinding attacks");
            let refusal = error(StatusCode::MISDIRECTED_REQUEST, &unknown_host_text(host));
            return Err(Box::new(refusal));
        }
        let named = origin.common_name.as_deref().is_some_and(|name| !name.is_empty());
        if named && auth_enabled && request.uri().path().starts_with(gateway::PREFIX) {
            return Err(Box::new(error(StatusCode::BAD_REQUEST, NAMED_CLIENT)));
        }
        Ok(self.cors_headers(request.headers()))
    }

    fn cors_headers(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let asked = request.get(header::ORIGIN);
        let name = asked.and_then(|origin| origin.to_str().ok()).unwrap_or("");
        let allowed = match asked {
            _ if allows(&self.origins, ALL) => HeaderValue::from_static(ALL),
            Some(origin) if allows(&self.origins, name) => origin.clone(),
            _ => return headers,
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, CORS_HEADERS);
        headers
    }
}

fn allows(list: &BTreeSet<String>, name: &str) -> bool {
    list.is_empty() || list.contains(ALL) || list.contains(name)
}

/// The host that was asked for, without its port.
fn host_name<B>(request: &Request<B>) -> &str {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = authority.or(header).unwrap_or("");
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return address;
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains([':', '[', ']']) => name,
        _ => host,
    }
}

fn unknown_host_text(host: &str) -> String {
    format!(
        "\netcd received your request, but the Host header was unrecognized.\n\
         \n\
         To fix this, choose one of the following options:\n\
         - Enable TLS, then any HTTPS request will be allowed.\n\
         - Add the hostname you want to use to the whitelist in settings.\n  \
           - e.g. etcd --host-whitelist {host:?}\n\
         \n\
         This requirement has been added to help prevent \"DNS Rebinding\" attacks \
         (CVE-2018-5702).\n"
    )
}

/// The path as it is now, where the old prefix is used.
pub(super) fn renew_path(uri: &mut Uri) {
    let Some(rest) = uri.path().strip_prefix(OLD_PREFIX) else { return };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}{rest}{query}", gateway::PREFIX);
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = path.parse().ok();
    *uri = Uri::from_parts(parts).expect("a part of a path that was valid is valid");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Request, Uri};

    use super::{Access, host_name, renew_path};
    use crate::listen::Origin;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request")
    }

    fn access(origins: &[&str], hosts: &[&str]) -> Access {
        let list = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Access { origins: list(origins), hosts: list(hosts) }
    }

    #[test]
    fn host_names_are_without_their_ports() {
        for (host, name) in [
            ("a.example:2379", "a.example"),
            ("a.example", "a.example"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:2379", "::1"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(host_name(&request("/", &[("host", host)])), name);
        }
        assert_eq!(host_name(&request("/", &[])), "");
    }

    #[test]
    fn unknown_hosts_are_refused_without_encryption() {
        let access = access(&[], &["good.example"]);
        let status = |host, secure| {
            let origin = Origin { secure, ..Origin::default() };
            let refusal = access.admit(&request("/version", &[("host", host)]), &origin, false);
            refusal.map(|_| ()).map_err(|refusal| refusal.status().as_u16())
        };
        assert_eq!(status("good.example:80", false), Ok(()));
        assert_eq!(status("evil.example", false), Err(421));
        assert_eq!(status("evil.example", true), Ok(()));
    }

    #[test]
    fn a_named_client_is_refused_at_the_gateway_once_auth_is_on() {
        let status = |path, name: &str, auth| {
            let common_name = Some(Arc::from(name));
            let origin = Origin { secure: true, common_name, ..Origin::default() };
            let refusal = Access::default().admit(&request(path, &[]), &origin, auth);
            refusal.map(|_| ()).map_err(|refusal| refusal.status().as_u16())
        };
        assert_eq!(status("/v3/kv/range", "root", true), Err(400));
        assert_eq!(status("/v3/kv/range", "root", false), Ok(()));
        assert_eq!(status("/v3/kv/range", "", true), Ok(()));
        assert_eq!(status("/version", "root", true), Ok(()));
    }

    #[test]
    fn browsers_are_told_what_they_may_do() {
        let told = |access: &Access, headers: &[(&str, &str)]| {
            let answer = access.admit(&request("/", headers), &Origin::default(), false);
            let answer = answer.unwrap_or_else(|_| panic!("allowed"));
            let origin = answer.get("access-control-allow-origin");
            origin.map(|origin| origin.to_str().expect("text").to_owned())
        };
        let from = |origin| [("origin", origin)];
        for all in [access(&[], &[]), access(&["*"], &[])] {
            assert_eq!(told(&all, &[]).as_deref(), Some("*"));
            assert_eq!(told(&all, &from("http://a")).as_deref(), Some("*"));
        }
        let some = access(&["http://a", "http://b"], &[]);
        assert_eq!(told(&some, &from("http://b")).as_deref(), Some("http://b"));
        assert_eq!(told(&some, &from("http://c")), None);
        assert_eq!(told(&some, &[]), None);
    }

    #[test]
    fn the_old_prefix_is_the_new_one() {
        for (old, new) in [
            ("/v3beta/kv/range?a=b", "/v3/kv/range?a=b"),
            ("http://h/v3beta/v3beta/", "http://h/v3/v3beta/"),
            ("/v3alpha/kv/range", "/v3alpha/kv/range"),
            ("/v3beta", "/v3beta"),
        ] {
            let mut uri: Uri = old.parse().expect("a URI");
            renew_path(&mut uri);
            assert_eq!(uri.to_string(), new);
        }
    }
}
