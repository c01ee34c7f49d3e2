//! The API as JSON over HTTP, under the paths of grpc-gateway.
//!
//! The gateway is a client of the gRPC router in the same process: a request is mapped to its
//! message, goes through the same gate, limits and metrics as any other, and the answer is mapped
//! back. It knows no RPC by name; the bindings are read from the descriptors, so that whatever the
//! router serves is served here.
//!
//! Promises: status codes, bodies and error texts are etcd's; what a request sends holds a bounded
//! amount of memory, while its answer is as large as what was asked for; large messages are mapped
//! away from the runtime's threads; a client that goes away leaves nothing behind.

mod answer;
mod bindings;
mod departure;
mod json;
mod mapping;
mod metadata;
mod reply;
mod requests;
#[cfg(test)]
mod tests;
mod websocket;

use std::sync::Arc;

use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use node::Code;

use bindings::{Binding, Bindings};
use departure::Departure;
use json::Limits;
use metadata::Metadata;
use reply::{Patience, Reply};
use requests::Chunks;

use crate::grpc::{Body, Kind, Router, Service, Status};
use crate::listen::{Origin, Stop};

/// The paths that it answers begin with this.
pub const PREFIX: &str = "/v3/";

/// The gateway of one member; cheap to clone.
pub struct Gateway<S> {
    core: Arc<Core<S>>,
}

struct Core<S> {
    router: Router<S>,
    bindings: Bindings,
    limits: Limits,
    stop: Stop,
}

impl<S> Clone for Gateway<S> {
    fn clone(&self) -> Gateway<S> {
        Gateway { core: Arc::clone(&self.core) }
    }
}

impl<S: Service> Gateway<S> {
    /// A gateway to what `router` serves, until `stop`.
    #[must_use]
    pub fn new(router: Router<S>, stop: Stop) -> Gateway<S> {
        let limits = Limits::for_messages_of(router.message_bytes_max());
        let bindings = Bindings::of_descriptors();
        Gateway { core: Arc::new(Core { router, bindings, limits, stop }) }
    }

    /// Answers a request whose path begins with [`PREFIX`].
    pub async fn answer(&self, request: Request<Incoming>, origin: &Arc<Origin>) -> Response<Body> {
        if websocket::is_upgrade(request.headers()) {
            return websocket::upgrade(self.clone(), request, origin);
        }
        let (head, body) = request.into_parts();
        let sent = departure::watched(body.into_data_stream());
        self.call(&head.method, head.uri.path(), &head.headers, sent, origin).await
    }

    async fn call(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        (chunks, departure): (Chunks, Departure),
        origin: &Arc<Origin>,
    ) -> Response<Body> {
        let Some(binding) = self.core.bindings.find(path) else {
            return answer::refusal(&Status::new(Code::NotFound, "Not Found"));
        };
        if method != Method::POST {
            return answer::refusal(&Status::new(Code::Unimplemented, "Method Not Allowed"));
        }
        let Metadata { headers, deadline } = match Metadata::from_headers(headers) {
            Ok(metadata) => metadata,
            Err(status) => return answer::refusal(&status),
        };
        let messages = match binding.kind {
            Kind::BidiStream => requests::all(chunks, binding.input.clone(), self.core.limits),
            Kind::Unary | Kind::ServerStream => {
                match requests::only(chunks, &binding.input, self.core.limits).await {
                    Ok(message) => futures_util::stream::iter([message]).boxed(),
                    Err(status) => return answer::refusal(&status),
                }
            }
        };
        let answering = self.core.router.call(binding.rpc, &headers, messages, origin);
        let patience = Patience { deadline, departure };
        forward(binding, answering, patience).await
    }
}

async fn forward(
    binding: &Binding,
    answering: impl Future<Output = Response<Body>>,
    patience: Patience,
) -> Response<Body> {
    let reply = match Reply::begin(Box::pin(answering), patience).await {
        Ok(reply) => reply,
        Err(status) => return answer::refusal(&status),
    };
    match binding.kind {
        Kind::Unary => answer::one(reply, &binding.output).await,
        Kind::ServerStream | Kind::BidiStream => answer::lines(reply, binding.output.clone()).await,
    }
}
