//! gRPC over an HTTP/2 connection, as little as a load needs: unary calls of encoded requests and
//! streams of messages. Every call's gRPC status is checked; HTTP 200 alone is no success.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Version};
use tokio::net::TcpStream;

/// Bytes that a server may send ahead: large, so that the client never holds a server up.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;

/// Bytes before each message.
const HEAD_BYTES: usize = 5;

/// A connection; clones share it.
#[derive(Clone)]
pub struct Connection {
    send: SendRequest<Bytes>,
    authority: String,
}

/// An open call with many messages.
pub struct Stream {
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// What arrived and was not yet taken.
    arrived: BytesMut,
}

type Result<T> = std::result::Result<T, String>;

impl Connection {
    /// Connects; the connection is driven by a task of the current runtime.
    ///
    /// # Errors
    /// Those of the socket and the handshake.
    pub async fn open(to: SocketAddr) -> Result<Connection> {
        let socket = TcpStream::connect(to).await.map_err(|error| format!("{to}: {error}"))?;
        socket.set_nodelay(true).map_err(|error| format!("{to}: {error}"))?;
        let mut builder = Builder::new();
        builder.initial_window_size(STREAM_WINDOW_BYTES);
        builder.initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let (send, connection) = builder.handshake(socket).await.map_err(|e| failure(&e))?;
        tokio::spawn(async move {
            // A broken connection shows in the calls on it.
            let _ended = connection.await;
        });
        Ok(Connection { send, authority: to.to_string() })
    }

    /// The head of a call, to be cloned for each.
    ///
    /// # Panics
    /// Never: the parts are valid.
    #[must_use]
    pub fn head(&self, path: &str) -> Request<()> {
        Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(format!("http://{}{path}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", "cairn-bench")
            .body(())
            .expect("the parts are valid")
    }

    /// One unary call with a framed request; gives the bytes of the answer's messages, frames
    /// included.
    ///
    /// # Errors
    /// A broken connection, or a status other than OK.
    pub async fn call(&mut self, head: Request<()>, framed: Bytes) -> Result<usize> {
        self.ready().await?;
        let (response, mut send) = self.send.send_request(head, false).map_err(|e| failure(&e))?;
        send.send_data(framed, true).map_err(|error| failure(&error))?;
        let response = response.await.map_err(|error| failure(&error))?;
        check_head(&response)?;
        let mut receive = response.into_body();
        let mut bytes = 0;
        while let Some(data) = receive.data().await {
            let length = data.map_err(|error| failure(&error))?.len();
            bytes += length;
            receive.flow_control().release_capacity(length).map_err(|error| failure(&error))?;
        }
        let trailers = receive.trailers().await.map_err(|error| failure(&error))?;
        check_status(&trailers.unwrap_or_default())?;
        Ok(bytes)
    }

    /// Opens a call with many messages and sends the first; servers may answer only then.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn stream(&mut self, path: &str, first: Bytes) -> Result<Stream> {
        self.ready().await?;
        let head = self.head(path);
        let (response, mut send) = self.send.send_request(head, false).map_err(|e| failure(&e))?;
        send.send_data(first, false).map_err(|error| failure(&error))?;
        let response = response.await.map_err(|error| failure(&error))?;
        check_head(&response)?;
        Ok(Stream { send, receive: response.into_body(), arrived: BytesMut::new() })
    }

    async fn ready(&mut self) -> Result<()> {
        std::future::poll_fn(|cx| self.send.poll_ready(cx)).await.map_err(|error| failure(&error))
    }
}

impl Stream {
    /// Sends a framed message.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn send(&mut self, framed: Bytes) -> Result<()> {
        self.send.send_data(framed, false).map_err(|error| failure(&error))
    }

    /// The next message.
    ///
    /// # Errors
    /// The stream ended, with its status.
    pub async fn next(&mut self) -> Result<Bytes> {
        loop {
            if let Some(message) = self.take() {
                return Ok(message);
            }
            let Some(data) = self.receive.data().await else {
                let trailers = self.receive.trailers().await.map_err(|error| failure(&error))?;
                check_status(&trailers.unwrap_or_default())?;
                return Err("the stream ended".into());
            };
            let data = data.map_err(|error| failure(&error))?;
            let release = self.receive.flow_control().release_capacity(data.len());
            release.map_err(|error| failure(&error))?;
            self.arrived.extend_from_slice(&data);
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let (head, _) = self.arrived.split_first_chunk::<HEAD_BYTES>()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if self.arrived.len() < HEAD_BYTES + length {
            return None;
        }
        self.arrived.advance(HEAD_BYTES);
        Some(self.arrived.split_to(length).freeze())
    }
}

/// A message with its head.
#[must_use]
pub fn framed(message: &impl prost::Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(HEAD_BYTES + length);
    let short = u32::try_from(length).expect("requests of a benchmark are small");
    bytes.extend_from_slice(&[0]);
    bytes.extend_from_slice(&short.to_be_bytes());
    message.encode(&mut bytes).expect("the buffer has room");
    bytes.freeze()
}

fn check_head<B>(response: &http::Response<B>) -> Result<()> {
    if response.status() != http::StatusCode::OK {
        return Err(format!("HTTP status {}", response.status()));
    }
    match response.headers().contains_key("grpc-status") {
        true => check_status(response.headers()),
        false => Ok(()),
    }
}

fn check_status(headers: &HeaderMap) -> Result<()> {
    match headers.get("grpc-status") {
        Some(code) if code == "0" => Ok(()),
        Some(code) => Err(format!("gRPC status {code:?}: {:?}", headers.get("grpc-message"))),
        None => Err("the call ended without a gRPC status".into()),
    }
}

fn failure(error: &h2::Error) -> String {
    format!("HTTP/2: {error}")
}
