//! From a path to the call it names.
//!
//! Each unary call runs as one future without boxes between it and the connection; only rare calls
//! are boxed, so that their state does not weigh on the frequent ones.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Either;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use node::{ApiError, Code};

use super::body::Body;
use super::call::{Metadata, Meter};
use super::method::{Rpc, unknown_method_text};
use super::receive::Requests;
use super::service::Service;
use super::status::Status;
use crate::listen::{Origin, Stop};
use crate::metrics::Metrics;

/// Bytes that a request may have beyond `--max-request-bytes`.
const REQUEST_OVERHEAD_BYTES: usize = 512 << 10;

/// Limits and times of the gRPC server.
#[derive(Clone, Debug)]
pub struct GrpcSettings {
    /// `--max-request-bytes`.
    pub request_bytes_max: usize,
    /// The time between checks for a leader on streams that demand one.
    pub election_timeout: Duration,
    /// Unary calls that take longer are logged.
    pub slow_call: Duration,
}

impl Default for GrpcSettings {
    fn default() -> GrpcSettings {
        GrpcSettings {
            request_bytes_max: 1_572_864,
            election_timeout: Duration::from_secs(1),
            slow_call: Duration::from_millis(300),
        }
    }
}

/// The gRPC server of one member; cheap to clone.
pub struct Router<S> {
    pub(super) core: Arc<Core<S>>,
}

pub(super) struct Core<S> {
    pub(super) service: S,
    pub(super) metrics: Arc<Metrics>,
    pub(super) settings: GrpcSettings,
    pub(super) stop: Stop,
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Router<S> {
        Router { core: Arc::clone(&self.core) }
    }
}

/// One call on its way: what was read of it, and its entry in the metrics.
pub(super) struct Call {
    pub(super) rpc: Rpc,
    pub(super) metadata: Metadata,
    pub(super) requests: Requests,
    pub(super) meter: Meter,
    pub(super) origin: Arc<Origin>,
}

/// Hands a unary call to the service's method of that name.
macro_rules! unary {
    ($router:ident, $call:ident, $method:ident) => {
        $router.unary(
            $call,
            |_| false,
            |service, caller, request| async move { service.$method(&caller, request).await },
        )
    };
}

/// The same for a method that waits for what others do, maybe for ever: a stop ends it, since its
/// client can wait elsewhere.
macro_rules! waiting {
    ($router:ident, $call:ident, $method:ident) => {{
        let stop = $router.core.stop.clone();
        $router.unary(
            $call,
            |_| false,
            |service, caller, request| async move {
                tokio::select! {
                    biased;
                    answer = service.$method(&caller, request) => answer,
                    () = stop.stopped() => Err(ApiError::STOPPED),
                }
            },
        )
    }};
}

/// Hands a call with many answers to the service's method of that name; learners answer it or not.
macro_rules! server_stream {
    ($router:ident, $call:ident, $method:ident, $for_learners:literal) => {
        $router.server_stream($call, $for_learners, |service, caller, request| async move {
            service.$method(&caller, request).await
        })
    };
}

impl<S: Service> Router<S> {
    /// A server that calls `service` until `stop`.
    #[must_use]
    pub fn new(service: S, metrics: Arc<Metrics>, settings: GrpcSettings, stop: Stop) -> Router<S> {
        Router { core: Arc::new(Core { service, metrics, settings, stop }) }
    }

    /// Answers a request whose content type is gRPC's. What is needed of its head is read before
    /// the future is made, which so does not carry the rest.
    pub fn answer<'a>(
        &'a self,
        request: Request<Incoming>,
        origin: &Arc<Origin>,
    ) -> impl Future<Output = Response<Body>> + Send + use<'a, S> {
        self.run(self.open_call(request, origin))
    }

    /// Answers a call whose requests are already messages and whose metadata are these headers:
    /// one that came by another protocol. The answer is that of gRPC.
    pub fn call<'a>(
        &'a self,
        rpc: Rpc,
        headers: &HeaderMap,
        messages: BoxStream<'static, Bytes>,
        origin: &Arc<Origin>,
    ) -> impl Future<Output = Response<Body>> + Send + use<'a, S> {
        let (core, limit) = (&self.core, self.message_bytes_max());
        self.run(Ok(Call {
            rpc,
            metadata: Metadata::read(headers, origin),
            requests: Requests::mapped(messages, limit, &core.metrics, rpc),
            meter: Meter::start(&core.metrics, rpc),
            origin: Arc::clone(origin),
        }))
    }

    /// Bytes that one request may have.
    #[must_use]
    pub fn message_bytes_max(&self) -> usize {
        self.core.settings.request_bytes_max + REQUEST_OVERHEAD_BYTES
    }

    /// The kind of call is chosen before there is a future, which so carries the call once.
    fn run<'a>(
        &'a self,
        call: Result<Call, Status>,
    ) -> impl Future<Output = Response<Body>> + Send + use<'a, S> {
        use Either::{Left, Right};
        let call = match call {
            Ok(call) => call,
            Err(status) => return Left(Left(ready(status.response()))),
        };
        match call.rpc {
            Rpc::Range => Left(Right(self.range(call))),
            Rpc::Put => Right(Left(unary!(self, call, put))),
            Rpc::Txn => Right(Right(Left(unary!(self, call, txn)))),
            _ => Right(Right(Right(Box::pin(self.answer_rare(call))))),
        }
    }

    fn open_call(&self, request: Request<Incoming>, origin: &Arc<Origin>) -> Result<Call, Status> {
        let (head, body) = request.into_parts();
        let Some(rpc) = Rpc::find(head.uri.path()) else {
            let text = unknown_method_text(head.uri.path());
            return Err(Status::new(Code::Unimplemented, text));
        };
        let core = &self.core;
        let limit = self.message_bytes_max();
        Ok(Call {
            rpc,
            metadata: Metadata::read(&head.headers, origin),
            requests: Requests::new(&head.headers, body, limit, &core.metrics, rpc),
            meter: Meter::start(&core.metrics, rpc),
            origin: Arc::clone(origin),
        })
    }

    fn range(&self, call: Call) -> impl Future<Output = Response<Body>> + Send {
        let for_learners = |request: &proto::etcdserverpb::RangeRequest| request.serializable;
        self.unary(call, for_learners, |service, caller, request| async move {
            service.range(&caller, request).await
        })
    }

    async fn answer_rare(&self, call: Call) -> Response<Body> {
        match call.rpc {
            Rpc::DeleteRange => unary!(self, call, delete_range).await,
            Rpc::Compact => unary!(self, call, compact).await,
            Rpc::LeaseGrant => unary!(self, call, lease_grant).await,
            Rpc::LeaseRevoke => unary!(self, call, lease_revoke).await,
            Rpc::LeaseTimeToLive => unary!(self, call, lease_time_to_live).await,
            Rpc::LeaseLeases => unary!(self, call, lease_leases).await,
            Rpc::MemberAdd => unary!(self, call, member_add).await,
            Rpc::MemberRemove => unary!(self, call, member_remove).await,
            Rpc::MemberUpdate => unary!(self, call, member_update).await,
            Rpc::MemberList => unary!(self, call, member_list).await,
            Rpc::MemberPromote => unary!(self, call, member_promote).await,
            Rpc::Alarm => unary!(self, call, alarm).await,
            Rpc::Status => self.status(call).await,
            Rpc::Defragment => unary!(self, call, defragment).await,
            Rpc::Hash => unary!(self, call, hash).await,
            Rpc::HashKv => unary!(self, call, hash_kv).await,
            Rpc::MoveLeader => unary!(self, call, move_leader).await,
            Rpc::Lock => waiting!(self, call, lock).await,
            Rpc::Unlock => unary!(self, call, unlock).await,
            Rpc::Campaign => waiting!(self, call, campaign).await,
            Rpc::Proclaim => unary!(self, call, proclaim).await,
            Rpc::Leader => unary!(self, call, leader).await,
            Rpc::Observe => server_stream!(self, call, observe, false).await,
            Rpc::Resign => unary!(self, call, resign).await,
            Rpc::Downgrade => unary!(self, call, downgrade).await,
            Rpc::AuthEnable => unary!(self, call, auth_enable).await,
            Rpc::AuthDisable => unary!(self, call, auth_disable).await,
            Rpc::AuthStatus => unary!(self, call, auth_status).await,
            Rpc::Authenticate => unary!(self, call, authenticate).await,
            Rpc::UserAdd => unary!(self, call, user_add).await,
            Rpc::UserGet => unary!(self, call, user_get).await,
            Rpc::UserList => unary!(self, call, user_list).await,
            Rpc::UserDelete => unary!(self, call, user_delete).await,
            Rpc::UserChangePassword => unary!(self, call, user_change_password).await,
            Rpc::UserGrantRole => unary!(self, call, user_grant_role).await,
            Rpc::UserRevokeRole => unary!(self, call, user_revoke_role).await,
            Rpc::RoleAdd => unary!(self, call, role_add).await,
            Rpc::RoleGet => unary!(self, call, role_get).await,
            Rpc::RoleList => unary!(self, call, role_list).await,
            Rpc::RoleDelete => unary!(self, call, role_delete).await,
            Rpc::RoleGrantPermission => unary!(self, call, role_grant_permission).await,
            Rpc::RoleRevokePermission => unary!(self, call, role_revoke_permission).await,
            Rpc::RangeStream => server_stream!(self, call, range_stream, false).await,
            Rpc::Watch => self.watch(call).await,
            Rpc::LeaseKeepAlive => self.lease_keep_alive(call).await,
            Rpc::Snapshot => server_stream!(self, call, snapshot, true).await,
            Rpc::HealthCheck => self.health_check(call).await,
            Rpc::HealthList => self.health_list(call).await,
            Rpc::HealthWatch => self.health_watch(call).await,
            Rpc::Reflect | Rpc::ReflectAlpha => self.reflect(call).await,
            Rpc::Range | Rpc::Put | Rpc::Txn => {
                unreachable!("{:?} is frequent: it is answered without a box", call.rpc)
            }
        }
    }

    async fn status(&self, call: Call) -> Response<Body> {
        self.unary(
            call,
            |_| true,
            |service, caller, request| async move { service.status(&caller, request).await },
        )
        .await
    }
}
