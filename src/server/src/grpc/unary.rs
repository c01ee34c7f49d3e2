//! Calls with one request and one answer.

use std::future::Future;
use std::time::Duration;

use http::Response;
use node::{Answer, Caller};
use prost::Message;
use proto::grpc::health::v1 as health_pb;

use super::body::Body;
use super::call::deadline_passed;
use super::health;
use super::router::{Call, Router};
use super::service::Service;
use super::status::{Status, open};

impl Call {
    /// Ends the call without an answer.
    pub(super) fn refuse(mut self, status: Status) -> Response<Body> {
        self.meter.end(status.code);
        status.response()
    }

    /// Ends the call with what the service said.
    pub(super) fn finish(mut self, answer: Answer, slow_call: Duration) -> Response<Body> {
        let (took, response) = match answer {
            Ok(message) => {
                self.meter.sent(message.len());
                (self.meter.end(0), open(Body::unary(message)))
            }
            Err(error) => {
                let status = Status::from(error);
                (self.meter.end(status.code), status.response())
            }
        };
        if took > slow_call {
            let method = self.rpc.method().path;
            let origin = self.origin.address.map(tracing::field::display);
            tracing::warn!(method, ?took, origin, "request took too long");
        }
        response
    }
}

impl<S: Service> Router<S> {
    /// Receives the request, asks the gate, runs the call within its deadline.
    pub(super) async fn unary<M, Run, Running>(
        &self,
        mut call: Call,
        for_learners: impl Fn(&M) -> bool + Send,
        run: Run,
    ) -> Response<Body>
    where
        M: Message + Default,
        Run: FnOnce(S, Caller, M) -> Running + Send,
        Running: Future<Output = Answer> + Send,
    {
        let core = &self.core;
        let request = match call.requests.only::<M>().await {
            Ok(request) => request,
            Err(status) => return call.refuse(status),
        };
        let kind = call.rpc.method().kind;
        let learners = for_learners(&request);
        let admitted = core.service.gate().admit(&call.metadata, kind, learners, &core.metrics);
        if let Err(error) = admitted {
            return call.refuse(error.into());
        }
        let caller = call.metadata.caller.clone();
        let running = run(core.service.clone(), caller, request);
        let answer = match call.metadata.deadline {
            None => running.await,
            // Dropping the call leaves at most its proposal behind.
            Some(deadline) => tokio::time::timeout_at(deadline, running)
                .await
                .unwrap_or_else(|_| Err(deadline_passed(call.rpc))),
        };
        call.finish(answer, core.settings.slow_call)
    }

    pub(super) async fn health_check(&self, mut call: Call) -> Response<Body> {
        let request = match call.requests.only::<health_pb::HealthCheckRequest>().await {
            Ok(request) => request,
            Err(status) => return call.refuse(status),
        };
        match self.admit(&call, false).and_then(|()| health::check(&request)) {
            Ok(message) => call.finish(Ok(message), self.core.settings.slow_call),
            Err(status) => call.refuse(status),
        }
    }

    pub(super) async fn health_list(&self, mut call: Call) -> Response<Body> {
        if let Err(status) = call.requests.only::<health_pb::HealthListRequest>().await {
            return call.refuse(status);
        }
        match self.admit(&call, false) {
            Ok(()) => call.finish(Ok(health::list()), self.core.settings.slow_call),
            Err(status) => call.refuse(status),
        }
    }

    /// Asks the gate for a call whose right does not depend on its request.
    pub(super) fn admit(&self, call: &Call, for_learners: bool) -> Result<(), Status> {
        let core = &self.core;
        let kind = call.rpc.method().kind;
        let gate = core.service.gate();
        Ok(gate.admit(&call.metadata, kind, for_learners, &core.metrics)?)
    }
}
