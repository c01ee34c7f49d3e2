//! A client of the JSON gateway: HTTP/1 requests with JSON bodies, answers whole or line by line.

use std::convert::Infallible;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// How long a line may take.
const LINE_PATIENCE: Duration = Duration::from_secs(20);

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// A client of one port.
#[derive(Clone)]
pub struct Json {
    client: Client<HttpConnector, Body>,
    url: String,
}

impl Json {
    pub fn new(url: &str) -> Json {
        // None is used again: a server that refuses a body closes the connection meanwhile.
        let mut builder = Client::builder(TokioExecutor::new());
        let client = builder.pool_max_idle_per_host(0).build_http();
        Json { client, url: url.to_owned() }
    }

    pub async fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        self.send("POST", path, &[], body).await
    }

    /// The answer to a POST that has to succeed.
    pub async fn ok(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, body.to_string()).await;
        assert_eq!(answer.status, 200, "{path} {body}: {answer:?}");
        answer.json()
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Answer {
        let body = Full::new(Bytes::from(body.into())).boxed_unsync();
        let response = self.begin(method, path, headers, body).await;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole answer").to_bytes();
        let text = String::from_utf8(bytes.into()).expect("text");
        Answer { status: head.status.as_u16(), headers: head.headers, text }
    }

    /// Begins a request with this body and reads its answer line by line.
    pub async fn lines(&self, path: &str, body: impl Into<String>) -> Lines {
        let body = Full::new(Bytes::from(body.into())).boxed_unsync();
        Lines::of(self.begin("POST", path, &[], body).await)
    }

    /// Begins a request whose body goes on, and reads its answer line by line.
    pub async fn duplex(&self, path: &str, first: &str) -> (mpsc::Sender<String>, Lines) {
        let (sender, pieces) = mpsc::channel::<String>(16);
        sender.send(first.to_owned()).await.expect("it waits");
        let frames = ReceiverStream::new(pieces).map(|piece| Ok(Frame::data(piece.into())));
        let body = StreamBody::new(frames).boxed_unsync();
        (sender, Lines::of(self.begin("POST", path, &[], body).await))
    }

    async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("a request");
        self.client.request(request).await.expect("it answers")
    }
}

/// The lines of an answer that goes on.
pub struct Lines {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    held: BytesMut,
}

impl Lines {
    fn of(response: Response<Incoming>) -> Lines {
        let (head, body) = response.into_parts();
        let (status, headers) = (head.status.as_u16(), head.headers);
        Lines { status, headers, body, held: BytesMut::new() }
    }

    /// The next line; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line = self.held.split_to(end + 1);
                return Some(serde_json::from_slice(&line).expect("a line is JSON"));
            }
            let frame = tokio::time::timeout(LINE_PATIENCE, self.body.frame());
            let Some(frame) = frame.await.expect("a line comes") else {
                assert!(self.held.is_empty(), "the last line has no end: {:?}", self.held);
                return None;
            };
            if let Ok(data) = frame.expect("the answer is not cut off").into_data() {
                self.held.extend_from_slice(&data);
            }
        }
    }
}
