//! Plain HTTP beside gRPC: health, version, metrics, debugging.
//!
//! Promises: status codes, headers and bodies are etcd's, because probes and scripts match on
//! them; an unknown path is 404, a wrong method 405 with `Allow`. Holds no logic of the store: it
//! asks a [`Service`] as a client would, but without the gate, so that a learner's health can be
//! asked.

mod access;
mod answer;
mod checks;
mod debug;
mod health;
mod ports;
mod profile;
mod query;
#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Request, Response, StatusCode, header};

pub use access::Access;
pub use ports::{ClientPort, MetricsPort, PlainHttp};
pub use version::versions_json;

pub(crate) use answer::{error, json, method_not_allowed, not_found, text};
pub(crate) use query::Query;

use crate::grpc::{Body, Service};
use crate::metrics::Metrics;

/// What the endpoints need to know of the server.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The version that clients see.
    pub server_version: &'static str,
    /// The arguments of the process, for `/debug/vars` and `/debug/pprof/cmdline`.
    pub command_line: Vec<String>,
    /// `--enable-pprof`.
    pub pprof: bool,
    /// How long the read of `/health` may take.
    pub request_timeout: Duration,
}

/// The endpoints of one member; cheap to clone.
pub struct Endpoints<S> {
    core: Arc<Core<S>>,
}

struct Core<S> {
    service: S,
    metrics: Arc<Metrics>,
    settings: HttpSettings,
}

impl<S> Clone for Endpoints<S> {
    fn clone(&self) -> Endpoints<S> {
        Endpoints { core: Arc::clone(&self.core) }
    }
}

impl<S: Service> Endpoints<S> {
    /// Endpoints that ask `service`.
    #[must_use]
    pub fn new(service: S, metrics: Arc<Metrics>, settings: HttpSettings) -> Endpoints<S> {
        Endpoints { core: Arc::new(Core { service, metrics, settings }) }
    }

    /// Whether a call needs a user.
    pub(crate) fn auth_enabled(&self) -> bool {
        self.core.service.auth_enabled()
    }

    /// Answers a request of the client port.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body> {
        let path = request.uri().path();
        match path {
            "/version" => self.get(&request, || self.version()),
            "/debug/vars" => self.get(&request, || self.variables()),
            _ if path == "/debug/pprof" || path.starts_with("/debug/pprof/") => {
                self.profiles(path, request.uri().query()).await
            }
            _ => self.answer_metrics_port(request).await,
        }
    }

    /// Answers a request of the metrics port, which has metrics and health only.
    pub async fn answer_metrics_port<B>(&self, request: Request<B>) -> Response<Body> {
        let path = request.uri().path();
        match path {
            "/metrics" => self.get(&request, || self.metrics()),
            "/health" | "/livez" | "/readyz" => self.health(&request).await,
            _ if path.starts_with("/livez/") || path.starts_with("/readyz/") => {
                self.health(&request).await
            }
            _ => not_found(),
        }
    }

    async fn health<B>(&self, request: &Request<B>) -> Response<Body> {
        if request.method() != Method::GET {
            return method_not_allowed("GET");
        }
        let query = Query::parse(request.uri().query());
        match request.uri().path() {
            "/health" => self.overall_health(&query).await,
            path => self.checks(path, &query).await,
        }
    }

    fn get<B>(
        &self,
        request: &Request<B>,
        answer: impl FnOnce() -> Response<Body>,
    ) -> Response<Body> {
        if request.method() == Method::GET { answer() } else { method_not_allowed("GET") }
    }

    fn metrics(&self) -> Response<Body> {
        let gauges = self.core.service.gauges();
        let mut response = text(StatusCode::OK, self.core.metrics.text(&gauges));
        let kind = ::http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    fn version(&self) -> Response<Body> {
        let cluster = self.core.service.overview().cluster_version;
        json(versions_json(self.core.settings.server_version, &cluster))
    }
}
