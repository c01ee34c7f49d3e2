//! What each kind of port answers.

use std::sync::Arc;

use http::{Method, Request, Response, Version, header};
use hyper::body::Incoming;

use super::Endpoints;
use super::access::{Access, renew_path};
use crate::gateway::{self, Gateway};
use crate::grpc::{Body, Router, Service};
use crate::listen::{Exchange, Origin};

/// A client port: gRPC by its content type, plain HTTP otherwise.
pub struct ClientPort<S> {
    /// gRPC; `None` on a port of `--listen-client-http-urls`.
    pub grpc: Option<Router<S>>,
    /// Plain HTTP.
    pub http: PlainHttp<S>,
}

impl<S> Clone for ClientPort<S> {
    fn clone(&self) -> ClientPort<S> {
        ClientPort { grpc: self.grpc.clone(), http: self.http.clone() }
    }
}

impl<S: Service> Exchange for ClientPort<S> {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, origin: &Arc<Origin>) -> Response<Body> {
        match &self.grpc {
            Some(grpc) if is_grpc(&request) => grpc.answer(request, origin).await,
            _ => Box::pin(self.http.answer(request, origin)).await,
        }
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    request.version() == Version::HTTP_2
        && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// What clients ask over plain HTTP, behind the rules of access.
pub struct PlainHttp<S> {
    /// Who may ask.
    pub access: Arc<Access>,
    /// Health, version, metrics.
    pub endpoints: Endpoints<S>,
    /// The API as JSON; `None` without `--enable-grpc-gateway`.
    pub gateway: Option<Gateway<S>>,
}

impl<S> Clone for PlainHttp<S> {
    fn clone(&self) -> PlainHttp<S> {
        let (access, endpoints) = (Arc::clone(&self.access), self.endpoints.clone());
        PlainHttp { access, endpoints, gateway: self.gateway.clone() }
    }
}

impl<S: Service> PlainHttp<S> {
    async fn answer(&self, mut request: Request<Incoming>, origin: &Arc<Origin>) -> Response<Body> {
        renew_path(request.uri_mut());
        let auth_enabled = self.gateway.is_some() && self.endpoints.auth_enabled();
        let headers = match self.access.admit(&request, origin, auth_enabled) {
            Ok(headers) => headers,
            Err(refusal) => return *refusal,
        };
        let mut response = match &self.gateway {
            _ if request.method() == Method::OPTIONS => Response::new(Body::Empty),
            Some(gateway) if request.uri().path().starts_with(gateway::PREFIX) => {
                gateway.answer(request, origin).await
            }
            _ => self.endpoints.answer(request).await,
        };
        response.headers_mut().extend(headers);
        response
    }
}

/// A port of `--listen-metrics-urls`.
pub struct MetricsPort<S>(
    /// The endpoints of which it serves a part.
    pub Endpoints<S>,
);

impl<S> Clone for MetricsPort<S> {
    fn clone(&self) -> MetricsPort<S> {
        MetricsPort(self.0.clone())
    }
}

impl<S: Service> Exchange for MetricsPort<S> {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, _: &Arc<Origin>) -> Response<Body> {
        self.0.answer_metrics_port(request).await
    }
}
