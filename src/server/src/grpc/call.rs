//! What a call's headers say: who calls, how long it may take; and its entry in the metrics.

use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use node::auth::{Credentials, Token};
use node::{ApiError, Caller, Code};
use tokio::time::Instant;

use super::method::Rpc;
use crate::listen::Origin;
use crate::metrics::Metrics;

/// By this name of its metadata a call is known to come from the gateway.
pub(crate) const GATEWAY_MARK: HeaderName = HeaderName::from_static("grpcgateway-accept");

/// The metadata of one call.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Who calls.
    pub(super) caller: Caller,
    /// When the client gives up.
    pub(super) deadline: Option<Instant>,
    version: Option<HeaderValue>,
}

impl Metadata {
    pub(super) fn read(headers: &HeaderMap, origin: &Origin) -> Metadata {
        let require_leader = headers.get("hasleader").is_some_and(|value| value == "true");
        let deadline = headers.get("grpc-timeout").and_then(timeout);
        Metadata {
            caller: Caller { credentials: credentials(headers, origin), require_leader },
            deadline: deadline.map(|timeout| Instant::now() + timeout),
            version: headers.get("client-api-version").cloned(),
        }
    }

    /// The client's version, `unknown` when it sent none.
    pub(super) fn client_version(&self) -> Result<&str, Utf8Error> {
        self.version.as_ref().map_or(Ok("unknown"), |version| str::from_utf8(version.as_bytes()))
    }
}

/// A token before a certificate. The gateway shows its own certificate for every client, so the
/// name in that one says nothing about who calls.
fn credentials(headers: &HeaderMap, origin: &Origin) -> Credentials {
    if let Some(token) = headers.get("token").or_else(|| headers.get(AUTHORIZATION)) {
        // What is no text is no token either, and refused as one.
        return Credentials::Token(Token::new(token.to_str().unwrap_or_default()));
    }
    match &origin.common_name {
        Some(name) if !headers.contains_key(GATEWAY_MARK) => Credentials::CommonName(name.clone()),
        _ => Credentials::Nobody,
    }
}

/// A timeout as gRPC writes it: up to eight digits and a unit.
fn timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// What a client whose deadline passed is told: of a proposal, that its outcome is open.
pub(super) fn deadline_passed(rpc: Rpc) -> ApiError {
    if rpc.proposes() {
        return ApiError::TIMEOUT;
    }
    ApiError::new(Code::DeadlineExceeded, "context deadline exceeded")
}

/// Counts a call as started now and as handled at its end; dropped without an end, as canceled.
pub(super) struct Meter {
    metrics: Arc<Metrics>,
    rpc: Rpc,
    started: Instant,
    ended: bool,
}

impl Meter {
    pub(super) fn start(metrics: &Arc<Metrics>, rpc: Rpc) -> Meter {
        metrics.grpc.started(rpc);
        Meter { metrics: Arc::clone(metrics), rpc, started: Instant::now(), ended: false }
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.metrics.grpc.sent(self.rpc, bytes);
    }

    /// Ends the call; gives how long it took.
    pub(super) fn end(&mut self, code: u8) -> Duration {
        assert!(!self.ended, "call of {:?} ended twice", self.rpc);
        self.ended = true;
        let took = self.started.elapsed();
        self.metrics.grpc.handled(self.rpc, code, took);
        took
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Code::Canceled as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn a_token_is_taken_before_a_certificate_and_the_gateways_name_never() {
        let cn = Origin { common_name: Some("cn".into()), ..Origin::default() };
        let read = |pairs: &[(&'static str, &'static str)], origin: &Origin| {
            let pairs = pairs.iter().map(|&(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            credentials(&HeaderMap::from_iter(pairs), origin)
        };
        let token = |text| Credentials::Token(Token::new(text));
        assert_eq!(read(&[], &Origin::default()), Credentials::Nobody);
        assert_eq!(read(&[], &cn), Credentials::CommonName("cn".into()));
        assert_eq!(read(&[("grpcgateway-accept", "*/*")], &cn), Credentials::Nobody);
        assert_eq!(read(&[("token", "a.1")], &cn), token("a.1"));
        assert_eq!(read(&[("token", "a.1"), ("authorization", "b.2")], &cn), token("a.1"));
        assert_eq!(read(&[("authorization", "Bearer b.2")], &cn), token("b.2"));
        assert_eq!(read(&[("token", "")], &cn), token(""), "an empty token is a wrong one");
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &'static str| timeout(&HeaderValue::from_static(text));
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("99999999m"), Some(Duration::from_millis(99_999_999)));
        assert_eq!(read("250u"), Some(Duration::from_micros(250)));
        for text in ["", "S", "1", "1s", "-1S", "123456789S", "1.5S"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
