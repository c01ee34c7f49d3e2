//! Outgoing connections: one HTTP/1.1 connection for one exchange, or for a few in order.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use node::env::CallError;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::net::Shared;
use crate::listen::{Coalesced, Socket};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A lease's keys may be many.
pub(super) const ANSWER_BYTES_MAX: usize = 100 << 20;

/// An open connection; closed when dropped.
pub(super) struct Connection<B> {
    sender: SendRequest<B>,
    host: HeaderValue,
    driver: AbortHandle,
}

impl<B> Drop for Connection<B> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl<B> Connection<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Connects to a peer URL.
    pub(super) async fn open(shared: &Shared, url: &str) -> Result<Connection<B>, CallError> {
        let unreachable = |error: String| CallError::Unreachable(error);
        let place = Place::of(url).map_err(unreachable)?;
        let authority = &place.authority;
        let host = HeaderValue::from_str(authority).map_err(|error| unreachable(error.to_string()));
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(authority));
        let socket = match connect.await {
            Err(_) => return Err(unreachable(format!("{authority}: dial timed out"))),
            Ok(Err(error)) => return Err(unreachable(format!("{authority}: {error}"))),
            Ok(Ok(socket)) => socket,
        };
        socket.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let socket = match &place.server_name {
            None => Socket::Tcp(socket),
            Some(name) => {
                let secured = shared.settings.dialer.secure(socket, name).await;
                secured.map_err(|error| unreachable(format!("{authority}: {error}")))?
            }
        };
        let stream = TokioIo::new(Coalesced::new(socket, Bytes::new()));
        let (sender, connection) =
            http1::handshake(stream).await.map_err(|error| unreachable(error.to_string()))?;
        let driver = tokio::spawn(async move {
            // The exchange on the connection learns of its failure itself.
            let _ = connection.await;
        });
        Ok(Connection { sender, host: host?, driver: driver.abort_handle() })
    }

    /// Whether the other side, or a failure, has ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// One exchange; waits for the response's head.
    pub(super) async fn exchange(
        &mut self,
        mut request: Request<B>,
    ) -> hyper::Result<Response<Incoming>> {
        request.headers_mut().insert(header::HOST, self.host.clone());
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }
}

/// Where a peer URL leads.
struct Place {
    /// Host and port.
    authority: String,
    /// With TLS, the name that the other side's certificate must have.
    server_name: Option<String>,
}

impl Place {
    fn of(url: &str) -> Result<Place, String> {
        let parsed = url::Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        if !["http", "https"].contains(&parsed.scheme()) {
            return Err(format!("{url}: only http and https are implemented between members"));
        }
        let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default()) else {
            return Err(format!("{url}: no host"));
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server_name = (parsed.scheme() == "https").then_some(bare);
        Ok(Place { authority: format!("{host}:{port}"), server_name })
    }
}

/// The cause of a failed exchange, which hyper's own text does not have.
pub(super) fn cause(error: &hyper::Error) -> String {
    let inner = std::error::Error::source(error);
    inner.map_or_else(|| error.to_string(), |inner| format!("{error}: {inner}"))
}

/// The whole body of a response, bounded.
pub(super) async fn whole(body: Incoming) -> Result<Bytes, String> {
    let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    Ok(collected.map_err(|error| error.to_string())?.to_bytes())
}

impl Shared {
    /// A request with the headers by which peers know each other.
    pub(super) fn request<B>(&self, method: &str, path: &str, body: B) -> Request<B> {
        let (member, cluster) = (self.member().to_string(), self.cluster().to_string());
        let urls = self.settings.advertised_urls.join(",");
        Request::builder()
            .method(method)
            .uri(path)
            .header("X-Server-From", member)
            .header("X-Server-Version", node::version::SERVER)
            .header("X-Min-Cluster-Version", node::version::MIN_CLUSTER)
            .header("X-Etcd-Cluster-ID", cluster)
            .header("X-PeerURLs", urls)
            .body(body)
            .expect("ids, versions and URLs are header values")
    }
}
