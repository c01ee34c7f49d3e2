//! One connection: find out its protocol, serve requests, drain when the server stops.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedSemaphorePermit;

use super::limits::ListenSettings;
use super::sniff::{Protocol, sniff};
use super::socket::{Coalesced, Socket};
use super::stop::Stop;
use crate::tls::{Acceptor, HANDSHAKE_RECORD, linger};

/// An HTTP/1 request head larger than this is refused.
const HTTP1_BUFFER_BYTES_MAX: usize = 64 << 10;

/// What a client reads that speaks TLS to a port without it.
const TLS_REFUSAL: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent a TLS handshake to an HTTP server.\n";

/// Who is at the other end of a connection; shared by all its requests.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The address; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// The common name of the verified client certificate, when it stands for a user.
    pub common_name: Option<Arc<str>>,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// The place that the connection takes among all: free again when nobody shares this any
    /// more, which may be later than hyper is done, as with a WebSocket. `None` where none are
    /// counted.
    pub place: Option<Arc<OwnedSemaphorePermit>>,
}

/// What answers requests; cheap to clone.
pub trait Exchange: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error = Infallible> + Send + 'static;

    /// How long sent bytes may stay unacknowledged before the connection is cut. None where a
    /// client may stop reading for as long as it likes.
    const WRITE_TIMEOUT: Option<Duration> = None;

    /// Answers one request.
    fn answer(
        &self,
        request: Request<Incoming>,
        origin: &Arc<Origin>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// What every connection of a listener is served with.
#[derive(Clone)]
pub(super) struct Connection<X> {
    pub(super) exchange: X,
    pub(super) settings: Arc<ListenSettings>,
    pub(super) stop: Stop,
}

impl<X: Exchange> Connection<X> {
    /// Makes the handshake, and serves what is spoken within.
    pub(super) async fn run_secured(self, tls: &Acceptor, socket: Socket, mut origin: Origin) {
        let accepted = tokio::select! {
            biased;
            () = self.stop.stopped() => return,
            accepted = tls.accept(socket, origin.address) => accepted,
        };
        let Some(accepted) = accepted else { return };
        origin.common_name = accepted.common_name;
        origin.secure = true;
        self.run(Socket::Tls(accepted.stream), origin).await;
    }

    /// Serves what the client begins with: TLS or plain HTTP.
    pub(super) async fn run_either(self, tls: &Acceptor, socket: Socket, origin: Origin) {
        let first = tokio::select! {
            biased;
            () = self.stop.stopped() => return,
            first = socket.peek() => first,
        };
        match first {
            Ok(Some(HANDSHAKE_RECORD)) => self.run_secured(tls, socket, origin).await,
            Ok(Some(_)) => self.run(socket, origin).await,
            Ok(None) | Err(_) => {}
        }
    }

    /// Serves until the client closes or the server has stopped and drained.
    pub(super) async fn run(self, mut socket: Socket, origin: Origin) {
        let sniffed = tokio::select! {
            biased;
            () = self.stop.stopped() => return,
            sniffed = sniff(&mut socket) => sniffed,
        };
        let Ok(Some((protocol, bytes))) = sniffed else { return };
        if protocol == Protocol::Tls {
            return Box::pin(refuse_tls(socket, &origin)).await;
        }
        let origin = Arc::new(origin);
        let stream = TokioIo::new(Coalesced::new(socket, bytes));
        match protocol {
            Protocol::Tls => {}
            // Boxed apart, so that neither pays for the other's state.
            Protocol::Http1 => Box::pin(self.serve_http1(stream, origin)).await,
            Protocol::Http2 => Box::pin(self.serve_http2(stream, origin)).await,
        }
    }

    async fn serve_http1(self, stream: TokioIo<Coalesced<Socket>>, origin: Arc<Origin>) {
        let exchange = self.exchange.clone();
        let service = service_fn(move |request| {
            let (exchange, origin) = (exchange.clone(), Arc::clone(&origin));
            async move { Ok::<_, Infallible>(exchange.answer(request, &origin).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(HTTP1_BUFFER_BYTES_MAX)
            .serve_connection(stream, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = self.stop.stopped() => connection.as_mut().graceful_shutdown(),
        }
        self.drain(connection).await;
    }

    async fn serve_http2(self, stream: TokioIo<Coalesced<Socket>>, origin: Arc<Origin>) {
        let exchange = self.exchange.clone();
        let service = service_fn(move |request| {
            let (exchange, origin) = (exchange.clone(), Arc::clone(&origin));
            async move { Ok::<_, Infallible>(exchange.answer(request, &origin).await) }
        });
        let settings = &self.settings;
        let keepalive = Some(settings.keepalive_interval).filter(|interval| !interval.is_zero());
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(settings.streams_max)
            .keep_alive_interval(keepalive)
            .keep_alive_timeout(settings.keepalive_timeout)
            .initial_stream_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            .max_header_list_size(settings.header_bytes_max)
            .serve_connection(stream, service);
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = self.stop.stopped() => connection.as_mut().graceful_shutdown(),
        }
        self.drain(connection).await;
    }

    /// Lets calls under way end, for a bounded time; dropping the connection closes the socket.
    async fn drain<T>(&self, connection: Pin<&mut impl Future<Output = T>>) {
        let _ = tokio::time::timeout(self.settings.drain, connection).await;
    }
}

/// Tells a client that speaks TLS that it should not. Go's and curl's clients show it.
async fn refuse_tls(mut socket: Socket, origin: &Origin) {
    let address = origin.address.map_or_else(|| "@".to_owned(), |address| address.to_string());
    tracing::warn!(
        "remote-addr" = address,
        error = "client sent a TLS handshake to a port without TLS",
        "rejected connection"
    );
    if socket.write_all(TLS_REFUSAL).await.is_ok() {
        linger(socket).await;
    }
}
