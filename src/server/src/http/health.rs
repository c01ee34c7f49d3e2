//! `/health`: alarms, then the leader, then a read; the first failure is the reason.

use http::{Response, StatusCode};
use node::{ApiError, Caller};
use proto::etcdserverpb as pb;

use super::{Endpoints, Query, error, text};
use crate::grpc::{Body, Service};

impl<S: Service> Endpoints<S> {
    pub(super) async fn overall_health(&self, query: &Query) -> Response<Body> {
        let failure = self.first_failure(query).await;
        let member = &self.core.metrics.member;
        match failure {
            None => {
                member.health_success.inc();
                text(StatusCode::OK, r#"{"health":"true","reason":""}"#)
            }
            Some(reason) => {
                member.health_failures.inc();
                tracing::warn!(reason, "/health says false");
                let body = serde_json::json!({ "health": "false", "reason": reason });
                error(StatusCode::SERVICE_UNAVAILABLE, &body.to_string())
            }
        }
    }

    async fn first_failure(&self, query: &Query) -> Option<String> {
        let serializable = query.first("serializable") == Some("true");
        let overview = self.core.service.overview();
        for (_, kind) in &overview.alarms {
            let name = alarm_name(*kind);
            if !query.all("exclude").any(|excluded| excluded == name) {
                let reason = if name == "NONE" { "UNKNOWN" } else { name };
                return Some(format!("ALARM {reason}"));
            }
        }
        if !serializable && overview.leader.is_zero() {
            return Some("RAFT NO LEADER".into());
        }
        let read = self.read(serializable);
        match tokio::time::timeout(self.core.settings.request_timeout, read).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("RANGE ERROR:{}", error.text)),
            Err(_) => Some("RANGE ERROR:context deadline exceeded".into()),
        }
    }

    /// Reads at most one key, without its value.
    pub(super) async fn read(&self, serializable: bool) -> Result<(), ApiError> {
        let request = pb::RangeRequest {
            key: [0].as_slice().into(),
            range_end: [0].as_slice().into(),
            keys_only: true,
            limit: 1,
            serializable,
            ..Default::default()
        };
        self.core.service.range(&Caller::root(), request).await.map(|_| ())
    }
}

/// The names that `exclude` takes.
fn alarm_name(kind: i32) -> &'static str {
    match pb::AlarmType::try_from(kind) {
        Ok(pb::AlarmType::Nospace) => "NOSPACE",
        Ok(pb::AlarmType::Corrupt) => "CORRUPT",
        _ => "NONE",
    }
}
