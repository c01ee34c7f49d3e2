//! The TLS of a member's ports: which files are needed, and which port is served with them.

use std::sync::Arc;

use crate::config::Config;
use crate::listen::ListenSettings;
use crate::tls::{Acceptor, Dialer, Store, is_secure};

/// Handshakes at a time on one kind of port; each holds some ten kilobytes.
const HANDSHAKES_MAX: u32 = 1024;

/// What is listened and dialed with.
pub(super) struct Security {
    client: Option<Arc<Acceptor>>,
    metrics: Option<Arc<Acceptor>>,
    peer: Option<Arc<Acceptor>>,
    /// For connections to other members.
    pub(super) dialer: Dialer,
}

/// Which port it is, as far as TLS differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Client,
    Metrics,
    Peer,
}

impl Security {
    /// Reads the files that the URLs need, and generates those that the settings ask for.
    pub(super) fn open(config: &Config, settings: &ListenSettings) -> Result<Security, String> {
        // A part, so that handshakes alone never take every place for a connection.
        let most = (settings.connections_max / 4).clamp(1, HANDSHAKES_MAX) as usize;
        let peer_store = Store::open(config.peer_tls.clone(), &config.data_dir)?;
        let peer = match secure(&config.listen_peer_urls) {
            Some(url) if !peer_store.can_listen() => {
                let address = url.split_once("://").map_or(url, |(_, address)| address);
                return Err(format!(
                    "cannot listen on TLS for {address}: KeyFile and CertFile are not presented"
                ));
            }
            Some(_) => Some(acceptor(&peer_store, most, Port::Peer)?),
            None => None,
        };
        let (client, metrics) = match open_client(config)? {
            Some(store) => {
                let client = acceptor(&store, most, Port::Client)?;
                (Some(client), Some(acceptor(&store, most, Port::Metrics)?))
            }
            None => (None, None),
        };
        Ok(Security { client, metrics, peer, dialer: Dialer::new(peer_store) })
    }

    /// With what TLS is spoken on such a port; only for ports with a secure URL.
    pub(super) fn acceptor(&self, port: Port) -> Arc<Acceptor> {
        let acceptor = match port {
            Port::Client => &self.client,
            Port::Metrics => &self.metrics,
            Port::Peer => &self.peer,
        };
        Arc::clone(acceptor.as_ref().expect("what secure URLs need was opened"))
    }
}

fn acceptor(store: &Arc<Store>, most: usize, port: Port) -> Result<Arc<Acceptor>, String> {
    store.check_server()?;
    // Clients come from anywhere.
    let checks_address = port != Port::Client;
    Ok(Arc::new(Acceptor::new(Arc::clone(store), most, checks_address)))
}

fn secure(urls: &[String]) -> Option<&str> {
    urls.iter().find(|url| is_secure(url)).map(String::as_str)
}

/// The files for clients; `None` when no port needs them, whatever the flags name.
fn open_client(config: &Config) -> Result<Option<Arc<Store>>, String> {
    let for_clients =
        secure(&config.listen_client_urls).or(secure(&config.listen_client_http_urls));
    let for_metrics = secure(&config.listen_metrics_urls);
    if for_clients.is_none() && for_metrics.is_none() && !config.client_tls.auto {
        return Ok(None);
    }
    let has_none = config.client_tls.is_empty() && !config.client_tls.auto;
    match (for_clients, for_metrics) {
        (Some(url), _) if has_none => Err(format!(
            "TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with \
             HTTPS scheme"
        )),
        (None, Some(_)) if has_none => {
            Err("client TLS key/cert (--cert-file, --key-file) must be provided for metrics \
                 secure url"
                .into())
        }
        _ => Store::open(config.client_tls.clone(), &config.data_dir).map(Some),
    }
}
