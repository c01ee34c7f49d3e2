//! How a call ended, and how that is written into headers or trailers.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use node::{ApiError, Code};
use percent_encoding::percent_decode;

use super::body::Body;
use super::frame::FrameError;

/// The end of a call: code 0 or an error's code and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The gRPC code.
    pub code: u8,
    /// The text; empty on success.
    pub text: Cow<'static, str>,
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const CODES: [&str; 17] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];
/// Names of the codes, as the label `grpc_code` has them.
pub const CODE_NAMES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

impl Status {
    /// Success.
    pub const OK: Status = Status { code: 0, text: Cow::Borrowed("") };

    /// An error with a code of the API.
    #[must_use]
    pub fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Status {
        Status { code: code as u8, text: text.into() }
    }

    /// As trailers of a response whose messages were sent.
    #[must_use]
    pub fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(2);
        self.write(&mut trailers);
        trailers
    }

    /// As a response without messages.
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let mut response = open(Body::Empty);
        self.write(response.headers_mut());
        response
    }

    /// The status that headers or trailers hold, if they do: what [`Status::trailers`] wrote.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Status> {
        let code = headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()?;
        let text = headers.get(GRPC_MESSAGE).map(|text| percent_decode(text.as_bytes()));
        let text = text.map(|text| text.decode_utf8_lossy().into_owned()).unwrap_or_default();
        Some(Status { code, text: text.into() })
    }

    fn write(&self, headers: &mut HeaderMap) {
        let code = CODES.get(self.code as usize).copied().unwrap_or("2");
        headers.insert(GRPC_STATUS, HeaderValue::from_static(code));
        if !self.text.is_empty() {
            let text = HeaderValue::try_from(percent_encoded(&self.text));
            headers.insert(GRPC_MESSAGE, text.expect("percent encoding leaves printable ASCII"));
        }
    }
}

/// A response whose messages are to come.
pub fn open(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response
}

/// Percent encoding as gRPC has it: all but printable ASCII, and `%` itself.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Status {
        Status { code: error.code as u8, text: error.text }
    }
}

impl From<FrameError> for Status {
    fn from(error: FrameError) -> Status {
        match error {
            FrameError::TooLarge { length, limit } => Status::new(
                Code::ResourceExhausted,
                format!("grpc: received message larger than max ({length} vs. {limit})"),
            ),
            FrameError::Compressed => Status::new(
                Code::Internal,
                "grpc: compressed flag set with identity or empty encoding",
            ),
            FrameError::Flag(flag) => Status::new(
                Code::Internal,
                format!("grpc: received unexpected payload format {flag}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Status, percent_encoded};
    use node::{ApiError, Code};

    #[test]
    fn texts_reach_the_wire_letter_for_letter_or_encoded() {
        let trailers = Status::from(ApiError::EMPTY_KEY).trailers();
        assert_eq!(trailers["grpc-status"], "3");
        assert_eq!(trailers["grpc-message"], "etcdserver: key is not provided");
        assert_eq!(percent_encoded("50% é\n"), "50%25 %C3%A9%0A");
        assert!(!Status::OK.trailers().contains_key("grpc-message"));
        assert_eq!(Status::new(Code::Unavailable, "x").trailers()["grpc-status"], "14");
    }

    #[test]
    fn what_was_written_is_read() {
        for text in ["", "etcdserver: key is not provided", "50% é\n", "\u{0}%zz"] {
            let status = Status::new(Code::NotFound, text);
            assert_eq!(Status::read(&status.trailers()), Some(status));
        }
        assert_eq!(Status::read(&Status::OK.trailers()), Some(Status::OK));
        assert_eq!(Status::read(&http::HeaderMap::new()), None);
    }
}
