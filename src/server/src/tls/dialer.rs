//! The dialing side: from a connected socket to a stream.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::reason;
use super::store::Store;
use super::verifier::WHY;
use crate::listen::Socket;

/// How long the other side may take for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Dials with the files of one side; cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    store: Arc<Store>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("settings", &self.store.settings).finish()
    }
}

impl Dialer {
    /// Dials with these files.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Dialer {
        Dialer { store }
    }

    /// Makes a handshake with a server that must be `host`.
    ///
    /// # Errors
    /// Why it is not, or does not take this client.
    pub(crate) async fn secure(&self, socket: TcpStream, host: &str) -> Result<Socket, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let config = self.store.dialing().await?;
        let connecting = TlsConnector::from(config).connect(name, Socket::Tcp(socket));
        let scope = WHY.scope(RefCell::default(), async {
            let made = timeout(HANDSHAKE_TIMEOUT, connecting).await;
            (made, WHY.with(RefCell::take))
        });
        // Large, and only on this way.
        match Box::pin(scope).await {
            (Err(_), _) => Err("TLS handshake timed out".into()),
            (Ok(Err(error)), why) => Err(why.unwrap_or_else(|| reason::of(&error))),
            (Ok(Ok(stream)), _) => Ok(Socket::Tls(Box::new(stream.into()))),
        }
    }
}
