//! What each kind of port answers.

use http::{Request, Response, Version, header};
use hyper::body::Incoming;

use super::Endpoints;
use crate::grpc::{Body, Router, Service};
use crate::listen::{Exchange, Origin};

/// A client port: gRPC by its content type, plain HTTP otherwise.
pub struct ClientPort<S> {
    /// gRPC; `None` on a port of `--listen-client-http-urls`.
    pub grpc: Option<Router<S>>,
    /// Plain HTTP.
    pub http: Endpoints<S>,
}

impl<S> Clone for ClientPort<S> {
    fn clone(&self) -> ClientPort<S> {
        ClientPort { grpc: self.grpc.clone(), http: self.http.clone() }
    }
}

impl<S: Service> Exchange for ClientPort<S> {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, origin: &Origin) -> Response<Body> {
        match &self.grpc {
            Some(grpc) if is_grpc(&request) => grpc.answer(request, origin).await,
            _ => Box::pin(self.http.answer(request)).await,
        }
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    request.version() == Version::HTTP_2
        && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
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

    async fn answer(&self, request: Request<Incoming>, _: &Origin) -> Response<Body> {
        self.0.answer_metrics_port(request).await
    }
}
