//! `grpc.health.v1.Health`: only the empty service name, SERVING while the server runs.

use bytes::Bytes;
use node::{Answer, Code};
use prost::Message;
use proto::grpc::health::v1 as pb;
use proto::grpc::health::v1::health_check_response::ServingStatus;
use tokio::sync::mpsc;

use super::status::Status;

/// The answer to `Check`.
pub(super) fn check(request: &pb::HealthCheckRequest) -> Result<Bytes, Status> {
    if !request.service.is_empty() {
        return Err(Status::new(Code::NotFound, "unknown service"));
    }
    Ok(encoded(ServingStatus::Serving))
}

/// The answer to `List`: the empty name only.
pub(super) fn list() -> Bytes {
    let serving = pb::HealthCheckResponse { status: ServingStatus::Serving.into() };
    let statuses = [(String::new(), serving)].into_iter().collect();
    pb::HealthListResponse { statuses }.encode_to_vec().into()
}

/// The answers to `Watch`: the status now; the stream stays open until the server stops. An
/// unknown service has a status too.
pub(super) fn watch(request: &pb::HealthCheckRequest) -> mpsc::Receiver<Answer> {
    let known = request.service.is_empty();
    let status = if known { ServingStatus::Serving } else { ServingStatus::ServiceUnknown };
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(Ok(encoded(status))).expect("the queue was made with room for one");
    // The sender lives as long as somebody listens, which keeps the stream open.
    tokio::spawn(async move { sender.closed().await });
    receiver
}

fn encoded(status: ServingStatus) -> Bytes {
    pb::HealthCheckResponse { status: status.into() }.encode_to_vec().into()
}
