//! The listening side: from an accepted socket to a stream, or to a refusal and a line in the log.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::names::{check_address, common_name};
use super::pending::Pending;
use super::reason;
use super::store::Store;
use super::verifier::WHY;
use crate::listen::Socket;

/// How long a handshake may take, from the accept on.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused client may take to read why.
const LINGER: Duration = Duration::from_secs(1);
/// What a refused client may still send meanwhile.
const LINGER_BYTES_MAX: usize = 256 << 10;
/// The content type of the first record of every handshake.
pub(crate) const HANDSHAKE_RECORD: u8 = 22;

/// What a client reads that speaks HTTP to a port with TLS; Go's server says the same.
const PLAIN_REFUSAL: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Turns accepted sockets into streams.
pub struct Acceptor {
    store: Arc<Store>,
    pending: Arc<Pending>,
    checks_address: bool,
}

/// A stream, and who is at its other end.
pub struct Accepted {
    /// The stream.
    pub stream: Box<TlsStream<Socket>>,
    /// The common name of the client's verified certificate, where it stands for a user.
    pub common_name: Option<Arc<str>>,
}

/// Why a connection is refused.
struct Refusal {
    why: String,
    /// The client may read on it what it was told.
    told: Option<Socket>,
    /// Nothing was ever sent, as by whoever only looks whether the port is open.
    is_probe: bool,
}

impl Refusal {
    fn silent(why: impl Into<String>) -> Refusal {
        Refusal { why: why.into(), told: None, is_probe: false }
    }
}

impl Acceptor {
    /// Accepts with these files, at most `handshakes_max` at a time. Certificates must belong to
    /// the address that they are shown from where `checks_address` is true and the settings do not
    /// turn that off.
    #[must_use]
    pub fn new(store: Arc<Store>, handshakes_max: usize, checks_address: bool) -> Acceptor {
        let checks_address = checks_address && !store.settings.skips_address_check;
        Acceptor { store, pending: Pending::new(handshakes_max), checks_address }
    }

    /// Makes the handshake. `None` when the client was refused, which is in the log then.
    pub(crate) async fn accept(
        &self,
        socket: Socket,
        from: Option<SocketAddr>,
    ) -> Option<Accepted> {
        let mut place = self.pending.enter();
        let refusal = tokio::select! {
            biased;
            made = timeout(HANDSHAKE_TIMEOUT, self.handshake(socket, from)) => match made {
                Ok(Ok(accepted)) => return Some(accepted),
                Ok(Err(refusal)) => refusal,
                Err(_) => Refusal::silent(
                    format!("TLS handshake took longer than {}s", HANDSHAKE_TIMEOUT.as_secs()),
                ),
            },
            () = place.taken_away() => Refusal::silent("too many TLS handshakes at a time"),
        };
        drop(place);
        self.log(&refusal, from);
        if let Some(socket) = refusal.told {
            linger(socket).await;
        }
        None
    }

    fn log(&self, refusal: &Refusal, from: Option<SocketAddr>) {
        let address = from.map_or_else(|| "@".to_owned(), |from| from.to_string());
        let side = self.store.settings.side.name();
        let error = &refusal.why;
        match refusal.is_probe {
            true => tracing::debug!(
                "remote-addr" = address,
                error,
                "closed connection on {side} endpoint"
            ),
            false => tracing::warn!(
                "remote-addr" = address,
                error,
                "rejected connection on {side} endpoint"
            ),
        }
    }

    async fn handshake(
        &self,
        socket: Socket,
        from: Option<SocketAddr>,
    ) -> Result<Accepted, Refusal> {
        let socket = expect_record(socket).await?;
        let version = self.store.fresh().await;
        let config = self.store.server_config(&version).map_err(Refusal::silent)?;
        let accepting = TlsAcceptor::from(config).accept(socket).into_fallible();
        let scope = WHY.scope(RefCell::default(), async {
            let made = accepting.await;
            (made, WHY.with(RefCell::take))
        });
        let (made, explained) = scope.await;
        let stream = made.map_err(|(error, socket)| {
            let why = explained.unwrap_or_else(|| reason::of(&error));
            Refusal { why, told: Some(socket), is_probe: false }
        })?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let leaf: Option<CertificateDer<'static>> = leaf.cloned();
        if let (true, Some(leaf), Some(from)) = (self.checks_address, &leaf, from) {
            check_address(leaf, from.ip()).await.map_err(Refusal::silent)?;
        }
        let name = match &leaf {
            Some(leaf) if self.store.settings.client_cert_auth => {
                common_name(leaf).map_err(Refusal::silent)?
            }
            _ => None,
        };
        let common_name = name.filter(|name| !name.is_empty()).map(Arc::from);
        Ok(Accepted { stream: Box::new(stream.into()), common_name })
    }
}

/// Waits for the first byte, and tells whoever does not speak TLS.
async fn expect_record(mut socket: Socket) -> Result<Socket, Refusal> {
    match socket.peek().await {
        Ok(Some(HANDSHAKE_RECORD)) => Ok(socket),
        Ok(Some(byte)) => {
            // Methods of HTTP/1, and the preface of HTTP/2.
            if byte.is_ascii_uppercase() {
                // Who does not take it is closed all the same.
                let _written = socket.write_all(PLAIN_REFUSAL).await;
            }
            Err(Refusal { why: reason::NOT_TLS.into(), told: Some(socket), is_probe: false })
        }
        Ok(None) => Err(Refusal { why: "EOF".into(), told: None, is_probe: true }),
        Err(error) => Err(Refusal::silent(error.to_string())),
    }
}

/// Keeps a socket until its client has read what it was told: closing it with bytes of the client
/// unread would throw away what is on its way there.
pub(crate) async fn linger(mut socket: Socket) {
    let reading = async {
        if socket.shutdown().await.is_err() {
            return;
        }
        let mut rest = [0u8; 4096];
        let mut total = 0;
        while let Ok(count) = socket.read(&mut rest).await {
            total += count;
            if count == 0 || total > LINGER_BYTES_MAX {
                return;
            }
        }
    };
    // Who does not read it in time does not want to know.
    let _ended = timeout(LINGER, reading).await;
}
