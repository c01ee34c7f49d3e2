//! Binding and accepting: a bounded number of connections, each in a task of its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use super::address::ListenAddress;
use super::connection::{Connection, Exchange, Origin};
use super::limits::ListenSettings;
use super::socket::Socket;
use super::stop::Stop;
use crate::tls::Acceptor;

/// Connections that the kernel keeps waiting for an accept.
const BACKLOG: i32 = 1024;
/// A peer that vanished without a word is noticed after a few of these.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// First and longest wait after a failed accept.
const RETRY_MIN: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A bound listening socket.
pub struct Listener {
    socket: Bound,
    speech: Speech,
}

/// What is spoken on a listener.
#[derive(Clone)]
enum Speech {
    Plain,
    Tls(Arc<Acceptor>),
    /// What the client begins with.
    Either(Arc<Acceptor>),
}

enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// Those of name resolution and of the socket calls.
    pub async fn bind(address: &ListenAddress, settings: &ListenSettings) -> io::Result<Listener> {
        match address {
            ListenAddress::Unix(path) => Ok(Listener::new(Bound::Unix(bind_unix(path)?))),
            ListenAddress::Tcp { host, port } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "host has no address");
                for candidate in tokio::net::lookup_host((host.as_str(), *port)).await? {
                    match bind_tcp(candidate.into(), settings) {
                        Ok(listener) => return Ok(Listener::new(Bound::Tcp(listener))),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    fn new(socket: Bound) -> Listener {
        Listener { socket, speech: Speech::Plain }
    }

    /// The same with TLS.
    #[must_use]
    pub fn secured(self, tls: Arc<Acceptor>) -> Listener {
        Listener { speech: Speech::Tls(tls), ..self }
    }

    /// The same with TLS for whoever begins with a handshake, and without for others.
    #[must_use]
    pub fn mixed(self, tls: Arc<Acceptor>) -> Listener {
        Listener { speech: Speech::Either(tls), ..self }
    }

    /// The port that a TCP listener got; zero for a Unix socket.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn port(&self) -> io::Result<u16> {
        match &self.socket {
            Bound::Tcp(listener) => Ok(listener.local_addr()?.port()),
            Bound::Unix(_) => Ok(0),
        }
    }

    async fn accept(&self, write_timeout: Option<Duration>) -> io::Result<(Socket, Origin)> {
        match &self.socket {
            Bound::Tcp(listener) => {
                let (socket, address) = listener.accept().await?;
                socket.set_nodelay(true)?;
                let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE);
                let raw = SockRef::from(&socket);
                raw.set_tcp_keepalive(&keepalive)?;
                if write_timeout.is_some() {
                    raw.set_tcp_user_timeout(write_timeout)?;
                }
                Ok((Socket::Tcp(socket), Origin { address: Some(address), ..Origin::default() }))
            }
            Bound::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                Ok((Socket::Unix(socket), Origin::default()))
            }
        }
    }
}

fn bind_tcp(address: SockAddr, settings: &ListenSettings) -> io::Result<TcpListener> {
    let socket = RawSocket::new(Domain::from(i32::from(address.family())), Type::STREAM, None)?;
    // A restarted server must not wait for the old one's closed connections.
    socket.set_reuse_address(true)?;
    if settings.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bind_unix(path: &str) -> io::Result<UnixListener> {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    UnixListener::bind(path)
}

/// Serves the listeners until the stop signal, then drains what is open. Returns when the last
/// connection is closed.
pub async fn serve<X: Exchange>(
    listeners: Vec<Listener>,
    exchange: X,
    settings: ListenSettings,
    stop: Stop,
) {
    let places = Arc::new(Semaphore::new(settings.connections_max as usize));
    let settings = Arc::new(settings);
    let mut loops = tokio::task::JoinSet::new();
    for listener in listeners {
        let connection = Connection {
            exchange: exchange.clone(),
            settings: Arc::clone(&settings),
            stop: stop.clone(),
        };
        loops.spawn(accept_all(listener, connection, Arc::clone(&places)));
    }
    while loops.join_next().await.is_some() {}
    // Each connection holds a place and bounds its own drain, and so does what it was upgraded to;
    // all places free means all closed.
    let all = places.acquire_many(settings.connections_max).await;
    drop(all);
}

async fn accept_all<X: Exchange>(
    listener: Listener,
    connection: Connection<X>,
    places: Arc<Semaphore>,
) {
    let stop = connection.stop.clone();
    let mut retry = RETRY_MIN;
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept(X::WRITE_TIMEOUT).await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.stopped() => return,
            next = next => next,
        };
        match accepted {
            Ok((socket, mut origin)) => {
                retry = RETRY_MIN;
                origin.place = place.ok().map(Arc::new);
                let (connection, speech) = (connection.clone(), listener.speech.clone());
                tokio::spawn(async move {
                    match speech {
                        Speech::Plain => connection.run(socket, origin).await,
                        // Boxed apart, so that plain connections do not pay for a handshake.
                        Speech::Tls(tls) => {
                            Box::pin(connection.run_secured(&tls, socket, origin)).await;
                        }
                        Speech::Either(tls) => {
                            Box::pin(connection.run_either(&tls, socket, origin)).await;
                        }
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}
