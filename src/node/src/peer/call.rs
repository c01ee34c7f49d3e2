//! What members ask each other over HTTP, as requests and responses without a connection.
//!
//! Statuses and texts are those that etcd's members understand. They say less than the API's
//! errors, so a response also carries the API's text in a header of its own, which etcd ignores
//! and which is believed first when it is there.

use base::{LeaseId, MemberId};
use prost::Message as _;
use proto::etcdserverpb as pb;
use proto::leasepb;
use serde::{Deserialize, Serialize};

use super::member_json::{members_from_json, members_to_json};
use crate::ApiError;
use crate::auth::Token;
use crate::env::{CallError, PeerRequest, PeerResponse};
use crate::version;

const PROTOBUF: &str = "application/protobuf";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const DOWNGRADE: &str = "/downgrade/enabled";
const TOGETHER: &str = "/cairn/leases";
const PROMOTE: &str = "/members/promote/";
const LEASE_NOT_FOUND: &str = "lease not found";
const CATCH_UP_TIMEOUT: &str = "waiting for node to catch up its applied index has timed out";
const NOT_A_LEARNER: &str = "membership: can only promote a learner member";

/// A request on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireRequest {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// The content type; empty without a body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The value of `Authorization`.
    pub token: Option<Token>,
}

/// A response on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireResponse {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The API's text of an error, for the header of ours.
    pub error: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct JsonHashRequest {
    #[serde(default, skip_serializing_if = "is_zero")]
    revision: i64,
}

#[derive(Default, Serialize, Deserialize)]
struct JsonHeader {
    #[serde(default, skip_serializing_if = "is_zero")]
    revision: i64,
}

#[derive(Serialize, Deserialize)]
struct JsonHash {
    #[serde(default)]
    header: JsonHeader,
    #[serde(default)]
    hash: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    compact_revision: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    hash_revision: i64,
}

#[derive(Serialize, Deserialize)]
struct JsonVersions {
    etcdserver: String,
    etcdcluster: String,
    #[serde(default)]
    storage: String,
    /// Our own version; absent in an answer of etcd, which ignores it in ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cairn: Option<String>,
}

/// Leases, or their times: of our own members only.
#[derive(Clone, PartialEq, prost::Message)]
struct Numbers {
    #[prost(int64, repeated, tag = "1")]
    values: Vec<i64>,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// The HTTP form of a request.
#[must_use]
pub fn encode_request(request: &PeerRequest) -> WireRequest {
    let get = |path: &str, content_type, body| WireRequest {
        method: "GET",
        path: path.into(),
        content_type,
        body,
        token: None,
    };
    let post = |path: &str, body| WireRequest {
        method: "POST",
        path: path.into(),
        content_type: PROTOBUF,
        body,
        token: None,
    };
    match request {
        PeerRequest::LeaseKeepAlive(request) => post("/leases", request.encode_to_vec()),
        PeerRequest::LeaseKeepAlives(leases) => {
            let values = leases.iter().map(|lease| lease.get()).collect();
            post(TOGETHER, Numbers { values }.encode_to_vec())
        }
        PeerRequest::LeaseTimeToLive(request) => {
            let lease_time_to_live_request = Some(*request);
            let request = leasepb::LeaseInternalRequest { lease_time_to_live_request };
            post("/leases/internal", request.encode_to_vec())
        }
        PeerRequest::MemberPromote { id, token } => {
            let path = format!("{PROMOTE}{}", id.get());
            let token = token.clone();
            WireRequest { method: "POST", path, content_type: "", body: Vec::new(), token }
        }
        PeerRequest::HashKv(revision) => {
            let request = JsonHashRequest { revision: *revision };
            let body = serde_json::to_vec(&request).expect("a number is JSON");
            get("/members/hashkv", JSON, body)
        }
        PeerRequest::Members => get("/members", "", Vec::new()),
        PeerRequest::Version => get("/version", "", Vec::new()),
        PeerRequest::DowngradeEnabled => get(DOWNGRADE, "", Vec::new()),
    }
}

/// The request that a path, a body and the value of `Authorization` ask; `Err` is the response to
/// send at once. `None` for a path that is none of these.
#[must_use]
pub fn decode_request(
    method: &str,
    path: &str,
    body: &[u8],
    token: Option<&str>,
) -> Option<Result<PeerRequest, WireResponse>> {
    let posted = ["/leases", TOGETHER, PROMOTE];
    let is_posted = posted.iter().any(|posted| path.starts_with(posted));
    let wanted = if is_posted { "POST" } else { "GET" };
    let request = match path {
        "/leases" => lease_keep_alive(body),
        TOGETHER => lease_keep_alives(body),
        "/leases/internal" => lease_time_to_live(body),
        "/members/hashkv" => match serde_json::from_slice::<JsonHashRequest>(body) {
            Ok(request) => Ok(PeerRequest::HashKv(request.revision)),
            Err(_) => Err(unreadable()),
        },
        "/members" => Ok(PeerRequest::Members),
        "/version" => Ok(PeerRequest::Version),
        DOWNGRADE => Ok(PeerRequest::DowngradeEnabled),
        _ => {
            let id = path.strip_prefix(PROMOTE)?;
            let absent = || plain(404, &format!("member {id} not found in cluster"));
            let id = id.parse().map_err(|_| absent());
            let token = token.map(Token::new);
            id.map(|id| PeerRequest::MemberPromote { id: MemberId(id), token })
        }
    };
    if method != wanted {
        return Some(Err(plain(405, "Method Not Allowed")));
    }
    Some(request)
}

fn lease_keep_alive(body: &[u8]) -> Result<PeerRequest, WireResponse> {
    let request = pb::LeaseKeepAliveRequest::decode(body).map_err(|_| unreadable())?;
    Ok(PeerRequest::LeaseKeepAlive(request))
}

fn lease_keep_alives(body: &[u8]) -> Result<PeerRequest, WireResponse> {
    let Numbers { values } = Numbers::decode(body).map_err(|_| unreadable())?;
    Ok(PeerRequest::LeaseKeepAlives(values.into_iter().map(LeaseId).collect()))
}

fn lease_time_to_live(body: &[u8]) -> Result<PeerRequest, WireResponse> {
    let request = leasepb::LeaseInternalRequest::decode(body).map_err(|_| unreadable())?;
    let request = request.lease_time_to_live_request.ok_or_else(unreadable)?;
    Ok(PeerRequest::LeaseTimeToLive(request))
}

fn unreadable() -> WireResponse {
    plain(400, "error unmarshalling request")
}

fn plain(status: u16, text: &str) -> WireResponse {
    let body = format!("{text}\n").into_bytes();
    WireResponse { status, content_type: TEXT, body, error: None }
}

/// The HTTP form of an answer to `request`; an error is the API's text.
#[must_use]
pub fn encode_response(
    request: &PeerRequest,
    answer: Result<PeerResponse, String>,
) -> WireResponse {
    let response = match answer {
        Ok(response) => response,
        Err(text) => {
            let response = refusal(request, &text);
            return WireResponse { error: Some(text), ..response };
        }
    };
    let ok = |content_type, body| WireResponse { status: 200, content_type, body, error: None };
    match response {
        PeerResponse::LeaseKeepAlive(response) => ok(PROTOBUF, response.encode_to_vec()),
        PeerResponse::LeaseKeepAlives(values) => ok(PROTOBUF, Numbers { values }.encode_to_vec()),
        PeerResponse::LeaseTimeToLive(mut response) => {
            // A member of etcd fills this header in without looking, and panics when it is absent.
            response.header.get_or_insert_default();
            let lease_time_to_live_response = Some(response);
            let response = leasepb::LeaseInternalResponse { lease_time_to_live_response };
            ok(PROTOBUF, response.encode_to_vec())
        }
        PeerResponse::MemberPromote(members) | PeerResponse::Members(members) => {
            ok(JSON, members_to_json(&members).into_bytes())
        }
        PeerResponse::HashKv(response) => {
            let revision = response.header.map_or(0, |header| header.revision);
            let hash = JsonHash {
                header: JsonHeader { revision },
                hash: response.hash,
                compact_revision: response.compact_revision,
                hash_revision: response.hash_revision,
            };
            ok(JSON, serde_json::to_vec(&hash).expect("numbers are JSON"))
        }
        PeerResponse::Version { server, cluster, is_cairn } => {
            let storage = match version::storage(&cluster) {
                "" => "unknown",
                storage => storage,
            };
            let versions = JsonVersions {
                etcdserver: server,
                storage: storage.to_owned(),
                etcdcluster: cluster,
                cairn: is_cairn.then(|| env!("CARGO_PKG_VERSION").to_owned()),
            };
            ok(JSON, serde_json::to_vec(&versions).expect("texts are JSON"))
        }
        PeerResponse::DowngradeEnabled(enabled) => {
            ok("text/plain", enabled.to_string().into_bytes())
        }
    }
}

fn refusal(request: &PeerRequest, text: &str) -> WireResponse {
    let is = |error: ApiError| error.text == text;
    match request {
        PeerRequest::LeaseKeepAlive(_) | PeerRequest::LeaseTimeToLive(_) => {
            if is(ApiError::LEASE_NOT_FOUND) {
                return plain(404, LEASE_NOT_FOUND);
            }
            if is(ApiError::TIMEOUT_WAIT_APPLIED) || is(ApiError::TIMEOUT) {
                return plain(408, CATCH_UP_TIMEOUT);
            }
            let status = if matches!(request, PeerRequest::LeaseKeepAlive(_)) { 400 } else { 500 };
            plain(status, text)
        }
        PeerRequest::MemberPromote { .. } => {
            if is(ApiError::MEMBER_NOT_FOUND) {
                return plain(404, "membership: ID not found");
            }
            if is(ApiError::MEMBER_NOT_LEARNER) {
                return plain(412, NOT_A_LEARNER);
            }
            if is(ApiError::LEARNER_NOT_READY) {
                return plain(412, text);
            }
            let body = br#"{"message":"Internal Server Error"}"#.to_vec();
            WireResponse { status: 500, content_type: JSON, body, error: None }
        }
        PeerRequest::HashKv(_) if is(ApiError::CLUSTER_ID_MISMATCH) => {
            plain(412, "cluster ID mismatch")
        }
        // Between members the errors of the store go without the prefix of the API.
        PeerRequest::HashKv(_) => plain(400, text.strip_prefix("etcdserver: ").unwrap_or(text)),
        PeerRequest::LeaseKeepAlives(_) => plain(400, text),
        PeerRequest::DowngradeEnabled => plain(500, &format!("failed linearized read: {text}")),
        PeerRequest::Members | PeerRequest::Version => plain(500, text),
    }
}

/// What a response to `request` says. `error` is the header with the API's text.
///
/// # Errors
/// The peer refused, or its response is not one.
pub fn decode_response(
    request: &PeerRequest,
    status: u16,
    body: &[u8],
    error: Option<&str>,
) -> Result<PeerResponse, CallError> {
    if status != 200 {
        let text = error.map_or_else(|| refused_text(request, status, body), str::to_owned);
        return Err(CallError::Refused(text));
    }
    let unreadable = || CallError::Refused("the peer's response cannot be read".into());
    let response = match request {
        PeerRequest::LeaseKeepAlive(_) => {
            pb::LeaseKeepAliveResponse::decode(body).ok().map(PeerResponse::LeaseKeepAlive)
        }
        PeerRequest::LeaseKeepAlives(_) => {
            Numbers::decode(body).ok().map(|times| PeerResponse::LeaseKeepAlives(times.values))
        }
        PeerRequest::LeaseTimeToLive(_) => leasepb::LeaseInternalResponse::decode(body)
            .ok()
            .and_then(|response| response.lease_time_to_live_response)
            .map(PeerResponse::LeaseTimeToLive),
        PeerRequest::MemberPromote { .. } => {
            members_from_json(body).map(PeerResponse::MemberPromote)
        }
        PeerRequest::Members => members_from_json(body).map(PeerResponse::Members),
        PeerRequest::HashKv(_) => hash_response(body),
        PeerRequest::Version => versions(body),
        PeerRequest::DowngradeEnabled => downgrade_enabled(body),
    };
    response.ok_or_else(unreadable)
}

fn hash_response(body: &[u8]) -> Option<PeerResponse> {
    let hash: JsonHash = serde_json::from_slice(body).ok()?;
    let header = pb::ResponseHeader { revision: hash.header.revision, ..Default::default() };
    Some(PeerResponse::HashKv(pb::HashKvResponse {
        header: Some(header),
        hash: hash.hash,
        compact_revision: hash.compact_revision,
        hash_revision: hash.hash_revision,
    }))
}

fn downgrade_enabled(body: &[u8]) -> Option<PeerResponse> {
    match body {
        b"true" => Some(PeerResponse::DowngradeEnabled(true)),
        b"false" => Some(PeerResponse::DowngradeEnabled(false)),
        _ => None,
    }
}

fn versions(body: &[u8]) -> Option<PeerResponse> {
    let versions: JsonVersions = serde_json::from_slice(body).ok()?;
    Some(PeerResponse::Version {
        server: versions.etcdserver,
        cluster: versions.etcdcluster,
        is_cairn: versions.cairn.is_some(),
    })
}

/// The API's text for a refusal of etcd.
fn refused_text(request: &PeerRequest, status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).trim_end().to_owned();
    let api = |error: ApiError| error.text.into_owned();
    match (request, status) {
        (PeerRequest::LeaseKeepAlive(_) | PeerRequest::LeaseTimeToLive(_), 404) => {
            api(ApiError::LEASE_NOT_FOUND)
        }
        (PeerRequest::LeaseKeepAlive(_) | PeerRequest::LeaseTimeToLive(_), 408) => {
            api(ApiError::TIMEOUT)
        }
        (PeerRequest::MemberPromote { .. }, 404) => api(ApiError::MEMBER_NOT_FOUND),
        (PeerRequest::MemberPromote { .. }, 412) if text.contains(NOT_A_LEARNER) => {
            api(ApiError::MEMBER_NOT_LEARNER)
        }
        (PeerRequest::MemberPromote { .. }, 412) => api(ApiError::LEARNER_NOT_READY),
        (PeerRequest::HashKv(_), 412) => api(ApiError::CLUSTER_ID_MISMATCH),
        (PeerRequest::HashKv(_), 400) if text.contains("compacted") => api(ApiError::COMPACTED),
        (PeerRequest::HashKv(_), 400) if text.contains("future") => api(ApiError::FUTURE_REVISION),
        _ => format!("peer answered {status}: {text}"),
    }
}
