//! The dialing side: from a connected socket to a stream.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reason;
use super::store::Store;
use super::verifier::WHY;

/// How long the other side may take for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Dials with the files of one side, or without any; cheap to clone.
#[derive(Clone, Default)]
pub struct Dialer {
    store: Option<Arc<Store>>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.store.as_ref().map(|store| &store.settings);
        f.debug_struct("Dialer").field("settings", &settings).finish()
    }
}

impl Dialer {
    /// Dials with these files.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Dialer {
        Dialer { store: Some(store) }
    }

    /// Makes a handshake with a server that must be `host`.
    ///
    /// # Errors
    /// Why it is not, or does not take this client.
    pub(crate) async fn secure(&self, socket: TcpStream, host: &str) -> Result<Dialed, String> {
        let store = self.store.as_ref().ok_or("TLS is not configured")?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let version = store.fresh().await;
        let config = store.client_config(&version)?;
        let connecting = TlsConnector::from(config).connect(name, socket);
        let scope = WHY.scope(RefCell::default(), async {
            let made = timeout(HANDSHAKE_TIMEOUT, connecting).await;
            (made, WHY.with(RefCell::take))
        });
        // Large, and only on this way.
        match Box::pin(scope).await {
            (Err(_), _) => Err("TLS handshake timed out".into()),
            (Ok(Err(error)), why) => Err(why.unwrap_or_else(|| reason::of(&error))),
            (Ok(Ok(stream)), _) => Ok(Dialed::Tls(Box::new(stream))),
        }
    }
}

/// A connection to a server, with or without TLS.
#[derive(Debug)]
pub enum Dialed {
    /// Without.
    Plain(TcpStream),
    /// With.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Dialed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Dialed::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Dialed::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Dialed::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Dialed::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Dialed::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Dialed::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Dialed::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Dialed::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
