//! Binds the addresses of a member.
//!
//! An address of clients is bound once, however often its flag names it; named with `http` and with
//! `https` it takes both, told apart by a connection's first byte. Those of peers and of metrics
//! are bound for each URL, so that one that is named twice ends the start. etcd does the same.

use std::io::ErrorKind;

use super::listen_settings;
use super::security::{Port, Security};
use crate::config::Config;
use crate::listen::{ListenAddress, ListenSettings, Listener};
use crate::tls::is_secure;

/// Bound sockets by what is served on them.
pub(super) struct Ports {
    pub(super) peer: Vec<Listener>,
    pub(super) client: Vec<Listener>,
    pub(super) client_http: Vec<Listener>,
    pub(super) metrics: Vec<Listener>,
}

/// An address of clients, with what is spoken there.
struct Shared<'a> {
    address: ListenAddress,
    /// The URL of each kind that the flag names for it.
    plain: Option<&'a str>,
    secure: Option<&'a str>,
}

impl Shared<'_> {
    /// The URL that stands for the address in messages.
    fn url(&self) -> &str {
        self.plain.or(self.secure).expect("a URL names each address")
    }
}

impl Ports {
    pub(super) async fn bind(config: &Config, security: &Security) -> Result<Ports, String> {
        let settings = listen_settings(config);
        let binder = Binder { security, settings: &settings };
        let (client, http) = (&config.listen_client_urls, &config.listen_client_http_urls);
        let (shared, shared_http) = (shared(client)?, shared(http)?);
        let is_shared = |http: &&Shared<'_>| shared.iter().any(|it| it.address == http.address);
        if let Some(http) = shared_http.iter().find(is_shared) {
            let url = http.url();
            return Err(format!(
                "cannot bind both --listen-client-urls and --listen-client-http-urls on the same \
                 url {url}"
            ));
        }
        Ok(Ports {
            peer: binder.each(&config.listen_peer_urls, "listen-peer-urls", Port::Peer).await?,
            client: binder.all(shared, "listen-client-urls").await?,
            client_http: binder.all(shared_http, "listen-client-http-urls").await?,
            metrics: binder
                .each(&config.listen_metrics_urls, "listen-metrics-urls", Port::Metrics)
                .await?,
        })
    }
}

fn parse(url: &str) -> Result<ListenAddress, String> {
    ListenAddress::parse(url).map_err(|error| error.to_string())
}

/// The addresses of a flag, each once, in the order in which it names them first.
fn shared(urls: &[String]) -> Result<Vec<Shared<'_>>, String> {
    let mut found: Vec<Shared<'_>> = Vec::new();
    for url in urls {
        let address = parse(url)?;
        let known = found.iter().position(|one| one.address == address);
        let at = known.unwrap_or_else(|| {
            found.push(Shared { address, plain: None, secure: None });
            found.len() - 1
        });
        let kind = match is_secure(url) {
            true => &mut found[at].secure,
            false => &mut found[at].plain,
        };
        kind.get_or_insert(url);
    }
    Ok(found)
}

struct Binder<'a> {
    security: &'a Security,
    settings: &'a ListenSettings,
}

impl Binder<'_> {
    /// One listener for each address of clients.
    async fn all(&self, shared: Vec<Shared<'_>>, flag: &str) -> Result<Vec<Listener>, String> {
        let mut listeners = Vec::new();
        for one in shared {
            let listener = self.bind(&one.address, one.url(), flag).await?;
            listeners.push(match (one.plain, one.secure) {
                (_, None) => listener,
                (None, Some(_)) => listener.secured(self.security.acceptor(Port::Client)),
                (Some(_), Some(_)) => listener.mixed(self.security.acceptor(Port::Client)),
            });
        }
        Ok(listeners)
    }

    /// One listener for each URL.
    async fn each(&self, urls: &[String], flag: &str, port: Port) -> Result<Vec<Listener>, String> {
        let mut listeners = Vec::new();
        for url in urls {
            let listener = self.bind(&parse(url)?, url, flag).await?;
            listeners.push(match is_secure(url) {
                true => listener.secured(self.security.acceptor(port)),
                false => listener,
            });
        }
        Ok(listeners)
    }

    async fn bind(
        &self,
        address: &ListenAddress,
        url: &str,
        flag: &str,
    ) -> Result<Listener, String> {
        let failed = |error: std::io::Error| {
            let remedy = unbound_remedy(error.kind());
            format!("cannot listen on {url}: {error}; {remedy}, or choose another --{flag}")
        };
        Listener::bind(address, self.settings).await.map_err(failed)
    }
}

/// What an operator can do about an address that cannot be bound.
fn unbound_remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => "stop the other process that listens there",
        ErrorKind::AddrNotAvailable => "give this machine that address",
        ErrorKind::PermissionDenied => "let this user bind it",
        _ => "mend the address",
    }
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn an_address_is_bound_once_whatever_is_spoken_there() {
        let urls = ["http://a:1", "https://a:1", "https://b:2", "http://a:1", "unix://c"];
        let urls = urls.map(str::to_owned);
        let found = shared(&urls).expect("URLs");
        let kinds: Vec<_> = found.iter().map(|one| (one.plain, one.secure)).collect();
        assert_eq!(
            kinds,
            [
                (Some("http://a:1"), Some("https://a:1")),
                (None, Some("https://b:2")),
                (Some("unix://c"), None),
            ]
        );
    }
}
