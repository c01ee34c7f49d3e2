//! From HTTP headers to the metadata of a call, as grpc-gateway does it: those that begin with
//! `Grpc-Metadata-` without that, `Authorization` as it is. Of what grpc-gateway passes on beside
//! them, only the mark of its calls says anything to the router.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use node::Code;
use tokio::time::Instant;

use crate::grpc::{GATEWAY_MARK, Status};

const OWN: &str = "grpc-metadata-";

/// Metadata that a client may not set: they are the protocol's.
const RESERVED: [&str; 3] = ["content-type", "user-agent", "te"];

/// What the headers of a request say.
#[derive(Debug)]
pub(super) struct Metadata {
    /// As headers of a gRPC call.
    pub(super) headers: HeaderMap,
    /// When the client gives up.
    pub(super) deadline: Option<Instant>,
}

impl Metadata {
    /// # Errors
    /// The timeout is none.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Metadata, Status> {
        let deadline = match headers.get("grpc-timeout").filter(|value| !value.is_empty()) {
            Some(value) => deadline(value)?,
            None => None,
        };
        let mut metadata = HeaderMap::new();
        for (name, value) in headers {
            if *name == header::AUTHORIZATION {
                metadata.append(header::AUTHORIZATION, value.clone());
            }
            if let Some(name) = forwarded(name.as_str()).filter(|_| value.to_str().is_ok()) {
                metadata.append(name, value.clone());
            }
        }
        metadata.entry(GATEWAY_MARK).or_insert(HeaderValue::from_static("*/*"));
        Ok(Metadata { headers: metadata, deadline })
    }
}

/// The name under which a header is passed on.
fn forwarded(name: &str) -> Option<HeaderName> {
    let own = name.strip_prefix(OWN)?;
    let reserved = own.starts_with("grpc-") || RESERVED.contains(&own);
    HeaderName::try_from(own).ok().filter(|_| !reserved)
}

/// A timeout: a number of any length and a unit. Zero is none, and one below has passed.
fn deadline(value: &HeaderValue) -> Result<Option<Instant>, Status> {
    let text = String::from_utf8_lossy(value.as_bytes());
    let invalid = || Status::new(Code::InvalidArgument, format!("invalid grpc-timeout: {text}"));
    let units: [(char, i64); 6] = [
        ('H', 3_600_000_000_000),
        ('M', 60_000_000_000),
        ('S', 1_000_000_000),
        ('m', 1_000_000),
        ('u', 1_000),
        ('n', 1),
    ];
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let (unit, nanoseconds) = unit.ok_or_else(invalid)?;
    let digits = text.strip_suffix(*unit).ok_or_else(invalid)?;
    let number: i64 = digits.parse().map_err(|_| invalid())?;
    // Go's product wraps around: a timeout of centuries may have passed.
    let timeout = number.wrapping_mul(*nanoseconds);
    let now = Instant::now();
    Ok(match u64::try_from(timeout) {
        Ok(0) => None,
        Ok(timeout) => now.checked_add(Duration::from_nanos(timeout)),
        Err(_) => Some(now),
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use tokio::time::Instant;

    use super::{GATEWAY_MARK, Metadata};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn headers_become_metadata() {
        let headers = headers(&[
            ("authorization", "token"),
            ("content-type", "application/json"),
            ("grpc-metadata-hasleader", "true"),
            ("grpc-metadata-grpc-timeout", "1S"),
            ("grpc-metadata-te", "trailers"),
            ("x-other", "x"),
        ]);
        let metadata = Metadata::from_headers(&headers).expect("no timeout").headers;
        assert_eq!(metadata["authorization"], "token");
        assert_eq!(metadata["hasleader"], "true");
        assert_eq!(metadata[GATEWAY_MARK], "*/*");
        assert_eq!(metadata.len(), 3, "{metadata:?}");
    }

    #[test]
    fn timeouts_are_read_as_the_gateway_reads_them() {
        let read = |timeout: &'static str| {
            Metadata::from_headers(&headers(&[("grpc-timeout", timeout)]))
                .map(|metadata| metadata.deadline.map(|at| at > Instant::now()))
                .map_err(|status| status.text.into_owned())
        };
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("0S"), Ok(None));
        assert_eq!(read("1234567890S"), Ok(Some(true)));
        assert_eq!(read("+5M"), Ok(Some(true)));
        assert_eq!(read("-1S"), Ok(Some(false)));
        for text in ["1x", "S", "1", "SS", "1SS", "1.5S", "99999999999999999999n"] {
            assert_eq!(read(text), Err(format!("invalid grpc-timeout: {text}")));
        }
    }
}
