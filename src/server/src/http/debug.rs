//! `/debug/vars` and the index of `/debug/pprof/`.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{Endpoints, Query, error, json, not_found, profile, text};
use crate::grpc::{Body, Service};

/// Profiles that only a Go runtime can give.
const GO_PROFILES: [&str; 7] =
    ["allocs", "block", "goroutine", "heap", "mutex", "threadcreate", "trace"];
/// Without `seconds`, as Go's.
const PROFILE_SECONDS: u64 = 30;
/// A profile's memory grows with its time.
const PROFILE_SECONDS_MAX: u64 = 600;

impl<S: Service> Endpoints<S> {
    pub(super) fn variables(&self) -> Response<Body> {
        let overview = self.core.service.overview();
        let leads = !overview.leader.is_zero() && overview.leader == overview.member;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let variables = json!({
            "cmdline": self.core.settings.command_line,
            "file_descriptor_limit": limit,
            "memstats": {},
            "raft.status": {
                "id": overview.member.to_string(),
                "term": overview.term.get(),
                "commit": overview.committed.get(),
                "applied": overview.applied.get(),
                "lead": overview.leader.to_string(),
                "raftState": if leads { "StateLeader" } else { "StateFollower" },
            },
        });
        let mut response = json(format!("{variables:#}\n"));
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    pub(super) async fn profiles(&self, path: &str, query: Option<&str>) -> Response<Body> {
        if !self.core.settings.pprof {
            return not_found();
        }
        match path.trim_start_matches("/debug/pprof").trim_start_matches('/') {
            "" => text(StatusCode::OK, "profiles: cmdline profile symbol\n"),
            "cmdline" => text(StatusCode::OK, self.core.settings.command_line.join("\0")),
            // Profiles carry their symbols, so there is nothing to look up.
            "symbol" => text(StatusCode::OK, "num_symbols: 0\n"),
            "profile" => self.profile(&Query::parse(query)).await,
            name if GO_PROFILES.contains(&name) => error(
                StatusCode::NOT_IMPLEMENTED,
                &format!("the profile {name:?} is of the Go runtime; this server has none"),
            ),
            _ => not_found(),
        }
    }

    async fn profile(&self, query: &Query) -> Response<Body> {
        let seconds = match query.first("seconds").map(str::parse::<u64>) {
            None => PROFILE_SECONDS,
            Some(Ok(seconds)) => seconds.clamp(1, PROFILE_SECONDS_MAX),
            Some(Err(_)) => return error(StatusCode::BAD_REQUEST, "seconds is not a number"),
        };
        match profile::take(Duration::from_secs(seconds)).await {
            Ok(bytes) => {
                let mut response = text(StatusCode::OK, bytes);
                let headers = response.headers_mut();
                let kind = HeaderValue::from_static("application/octet-stream");
                headers.insert(header::CONTENT_TYPE, kind);
                let name = HeaderValue::from_static("attachment; filename=\"profile\"");
                headers.insert(header::CONTENT_DISPOSITION, name);
                response
            }
            Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, &reason),
        }
    }
}
