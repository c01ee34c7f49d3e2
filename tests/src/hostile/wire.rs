//! One request over HTTP/2, and whether the answer is one.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::requests::Request;

/// How long a client waits: what is a stream, or waits for something, does not end by itself.
const PATIENCE: Duration = Duration::from_millis(300);

/// Sends requests over one connection.
pub struct Sender(SendRequest<Bytes>);

impl Sender {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there, or does not speak HTTP/2.
    pub async fn connect(port: u16) -> Result<Sender, String> {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.map_err(|e| e.to_string())?;
        let (sender, connection) =
            h2::client::handshake(socket).await.map_err(|error| error.to_string())?;
        // It ends with the connection, which tells the sender why.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Sender(sender))
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A gRPC status.
    Status(u8),
    /// An answer of HTTP alone.
    Http(u16),
    /// The server ended the stream or the connection.
    Ended,
    /// Nothing final while the client waited.
    Open,
}

/// Sends a request and waits for the answer; what is open then is reset.
///
/// # Errors
/// What is no answer that gRPC or HTTP allows.
pub async fn send(sender: &Sender, request: &Request) -> Result<Answer, String> {
    match timeout(PATIENCE, exchange(sender, request)).await {
        Ok(answer) => answer,
        Err(_) => Ok(Answer::Open),
    }
}

async fn exchange(sender: &Sender, request: &Request) -> Result<Answer, String> {
    let Ok(mut ready) = sender.0.clone().ready().await else { return Ok(Answer::Ended) };
    let mut head = http::Request::post(format!("http://localhost{}", request.path))
        .body(())
        .map_err(|error| error.to_string())?;
    for (name, value) in &request.headers {
        let value = HeaderValue::from_bytes(value).map_err(|error| error.to_string())?;
        head.headers_mut().append(HeaderName::from_static(name), value);
    }
    let Ok((response, mut body)) = ready.send_request(head, false) else {
        return Ok(Answer::Ended);
    };
    // The server may have answered before it has read.
    let _sent = body.send_data(request.body.clone(), request.ends);
    let Ok(response) = response.await else { return Ok(Answer::Ended) };
    let (head, mut answers) = response.into_parts();
    if head.status != http::StatusCode::OK {
        let status = head.status.as_u16();
        return match (400..500).contains(&status) {
            true => Ok(Answer::Http(status)),
            false => Err(format!("HTTP status {status}")),
        };
    }
    if let Some(status) = status(&head.headers)? {
        return Ok(Answer::Status(status));
    }
    while let Some(data) = answers.data().await {
        let Ok(data) = data else { return Ok(Answer::Ended) };
        let _released = answers.flow_control().release_capacity(data.len());
    }
    match answers.trailers().await {
        Ok(Some(trailers)) => match status(&trailers)? {
            Some(status) => Ok(Answer::Status(status)),
            None => Err("trailers without a status".into()),
        },
        Ok(None) => Err("an answer without a status".into()),
        Err(_) => Ok(Answer::Ended),
    }
}

fn status(headers: &HeaderMap) -> Result<Option<u8>, String> {
    let Some(value) = headers.get("grpc-status") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    match text.parse() {
        Ok(status @ 0..=16) => Ok(Some(status)),
        _ => Err(format!("the status {value:?}")),
    }
}
