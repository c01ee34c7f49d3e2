//! `/livez` and `/readyz`: named checks, all or one by one.

use http::{HeaderValue, Response, StatusCode, header};
use proto::etcdserverpb::AlarmType;

use super::{Endpoints, Query, error, not_found, text};
use crate::grpc::{Body, Service};

/// One named check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

const LIVE: &[Check] = &[Check::SerializableRead];
const READY: &[Check] =
    &[Check::DataCorruption, Check::SerializableRead, Check::LinearizableRead, Check::NonLearner];

impl Check {
    fn name(self) -> &'static str {
        match self {
            Check::DataCorruption => "data_corruption",
            Check::SerializableRead => "serializable_read",
            Check::LinearizableRead => "linearizable_read",
            Check::NonLearner => "non_learner",
        }
    }
}

impl<S: Service> Endpoints<S> {
    /// All checks of an endpoint, less the excluded, or the one that the path names.
    pub(super) async fn checks(&self, path: &str, query: &Query) -> Response<Body> {
        let mut parts = path.trim_start_matches('/').splitn(2, '/');
        let endpoint = parts.next().unwrap_or("");
        let all = if endpoint == "livez" { LIVE } else { READY };
        match parts.next() {
            None => {
                let excluded = |check: &&Check| query.all("exclude").any(|e| e == check.name());
                let chosen: Vec<Check> =
                    all.iter().filter(|check| !excluded(check)).copied().collect();
                self.run(endpoint, &chosen, query).await
            }
            Some(name) => match all.iter().find(|check| check.name() == name) {
                Some(check) => self.run(endpoint, &[*check], query).await,
                None => not_found(),
            },
        }
    }

    async fn run(&self, endpoint: &str, checks: &[Check], query: &Query) -> Response<Body> {
        let mut lines = String::new();
        let mut healthy = true;
        for check in checks {
            let result = self.check(*check).await;
            let name = check.name();
            self.core.metrics.member.checked(endpoint, name, result.is_ok());
            match result {
                Ok(()) => lines.push_str(&format!("[+]{name} ok\n")),
                Err(reason) => {
                    healthy = false;
                    lines.push_str(&format!("[-]{name} failed: {reason}\n"));
                }
            }
        }
        if !healthy {
            tracing::error!(endpoint, reason = lines, "health check failed");
            return error(StatusCode::SERVICE_UNAVAILABLE, &lines);
        }
        let body = if query.has("verbose") { lines + "ok\n" } else { "ok\n".into() };
        let mut response = text(StatusCode::OK, body);
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    }

    async fn check(&self, check: Check) -> Result<(), String> {
        let read = |read: Result<(), node::ApiError>| read.map_err(|error| error.text.into_owned());
        match check {
            Check::SerializableRead => read(self.read(true).await),
            Check::LinearizableRead => read(self.read(false).await),
            Check::NonLearner => match self.core.service.overview().is_learner {
                true => Err("not supported for learner".into()),
                false => Ok(()),
            },
            Check::DataCorruption => {
                let alarms = self.core.service.overview().alarms;
                match alarms.iter().any(|(_, kind)| *kind == AlarmType::Corrupt as i32) {
                    true => Err("alarm activated: CORRUPT".into()),
                    false => Ok(()),
                }
            }
        }
    }
}
