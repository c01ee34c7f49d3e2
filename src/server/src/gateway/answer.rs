//! Answers over HTTP: one message, lines of them, or an error.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use node::Code;
use prost_reflect::MessageDescriptor;

use super::json::{json_from_message, line_of_error, status_json};
use super::mapping::mapped;
use super::reply::Reply;
use crate::grpc::{Body, Status};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What of gRPC's own headers the gateway passes on.
const GRPC_CONTENT_TYPE: HeaderName = HeaderName::from_static("grpc-metadata-content-type");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// An error as the whole answer.
pub(super) fn refusal(status: &Status) -> Response<Body> {
    let mut response = json(http_status(status), status_json(status));
    if status.code == Code::Unauthenticated as u8
        && let Ok(text) = HeaderValue::try_from(status.text.as_ref())
    {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, text);
    }
    response
}

/// The only message of an answer.
pub(super) async fn one(mut reply: Reply, output: &MessageDescriptor) -> Response<Body> {
    let message = match reply.next().await {
        Ok(Some(message)) => message,
        Ok(None) => return refusal(&Status::new(Code::Internal, "empty response")),
        Err(status) => return refusal(&status),
    };
    match text(message, output, "", "").await {
        Ok(text) => {
            let mut response = json(StatusCode::OK, text);
            response.headers_mut().insert(GRPC_CONTENT_TYPE, GRPC);
            response
        }
        Err(status) => refusal(&status),
    }
}

/// Every message of an answer as a line, when it comes. The status waits for the first.
pub(super) async fn lines(mut reply: Reply, output: MessageDescriptor) -> Response<Body> {
    let first = match reply.next().await {
        Ok(Some(first)) => line(first, &output).await,
        Ok(None) => return Response::new(boxed(Lines { reply, output, first: None, over: true })),
        Err(status) => Err(status),
    };
    let first = match first {
        Ok(first) => Some(first),
        Err(status) => return json(http_status(&status), line_of_error(&status)),
    };
    let mut response = Response::new(boxed(Lines { reply, output, first, over: false }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(GRPC_CONTENT_TYPE, GRPC);
    response
}

/// What is left of an answer.
struct Lines {
    reply: Reply,
    output: MessageDescriptor,
    first: Option<Bytes>,
    over: bool,
}

impl Lines {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.over {
            return None;
        }
        let message = match self.reply.next().await {
            Ok(None) => return None,
            Ok(Some(message)) => line(message, &self.output).await,
            Err(status) => Err(status),
        };
        Some(message.unwrap_or_else(|status| {
            self.over = true;
            line_of_error(&status)
        }))
    }
}

fn boxed(lines: Lines) -> Body {
    let pieces = stream::unfold(lines, |mut lines| async move {
        let line = lines.next().await?;
        Some((Ok(Frame::data(line)), lines))
    });
    Body::boxed(StreamBody::new(pieces))
}

async fn line(message: Bytes, output: &MessageDescriptor) -> Result<Bytes, Status> {
    text(message, output, "{\"result\":", "}\n").await
}

async fn text(
    message: Bytes,
    output: &MessageDescriptor,
    before: &'static str,
    after: &'static str,
) -> Result<Bytes, Status> {
    let output = output.clone();
    mapped(message.len(), move || json_from_message(message, &output, before, after)).await
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::plain(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// The HTTP status that stands for a code.
fn http_status(status: &Status) -> StatusCode {
    let number = match status.code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    };
    StatusCode::from_u16(number).expect("all are three digits")
}
