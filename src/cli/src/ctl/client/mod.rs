//! Calls to a cluster of which several members may be named: the first that can be reached is
//! asked.
//!
//! A call that may have reached a member is made again elsewhere only when it changes nothing, so a
//! write is never doubled. Every failure names the members that were tried and what each said.

mod login;
pub mod secure;
mod status;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use proto::etcdserverpb::auth_client::AuthClient;
use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::watch_client::WatchClient;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status};

use super::failure::Failure;
use super::settings::Settings;

pub use login::Login;
pub use status::describe;

/// A connection to one member, in the name of whoever logged in.
pub type Channel = InterceptedService<tonic::transport::Channel, login::Bearer>;

/// The label under which etcd counts this client's requests.
const API_VERSION: &str = "3.7";

/// The shortest time between pings: etcd closes connections that ping more often.
const PING_MIN: Duration = Duration::from_secs(10);

/// Whether a call may be made on a second member after the first may have taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It changes something, so its outcome is unknown once it was sent.
    Write,
}

/// A cluster, as seen through some of its members.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    settings: &'a Settings,
}

impl<'a> Client<'a> {
    /// A client with these settings. Connections are opened by each call.
    pub fn new(settings: &'a Settings) -> Client<'a> {
        Client { settings }
    }

    /// Makes a call within the time that a short command may take.
    pub async fn call<T, F>(self, effect: Effect, call: impl Fn(Channel) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.call_within(Some(self.settings.command_timeout), effect, call).await
    }

    /// Makes a call; without a limit, however long it takes.
    pub async fn call_within<T, F>(
        self,
        limit: Option<Duration>,
        effect: Effect,
        call: impl Fn(Channel) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut causes = Vec::new();
        let attempts = self.attempts(effect, call, &mut causes);
        let outcome = match limit {
            Some(limit) => tokio::time::timeout(limit, attempts).await.unwrap_or(None),
            None => attempts.await,
        };
        outcome.ok_or_else(|| all(causes))
    }

    /// Asks one member after the other; `causes` says of each that was asked why it gave no answer,
    /// also when time runs out meanwhile.
    async fn attempts<T, F>(
        self,
        effect: Effect,
        call: impl Fn(Channel) -> F,
        causes: &mut Vec<Failure>,
    ) -> Option<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        for endpoint in &self.settings.endpoints {
            let late = format!("{endpoint}: context deadline exceeded");
            causes.push(Failure::error(late));
            let (cause, is_sent) = match self.connect(endpoint).await {
                // A login that one member refuses, the others refuse too.
                Err(cause) => {
                    let is_refused = cause.code != 1;
                    (cause, is_refused)
                }
                Ok(channel) => match call(channel).await {
                    Ok(answer) => return Some(answer.into_inner()),
                    Err(status) => {
                        let may_go_on =
                            effect == Effect::Read && status.code() == Code::Unavailable;
                        (Failure::error(describe(endpoint, &status)), !may_go_on)
                    }
                },
            };
            causes.pop();
            causes.push(cause);
            if is_sent {
                return None;
            }
        }
        None
    }

    /// Opens a connection to the first member that can be reached, and says which it is.
    pub async fn any(self) -> Result<(&'a str, Channel), Failure> {
        let mut causes = Vec::new();
        for endpoint in &self.settings.endpoints {
            match self.connect(endpoint).await {
                Ok(channel) => return Ok((endpoint, channel)),
                Err(cause) => causes.push(cause),
            }
        }
        Err(all(causes))
    }

    /// Opens a connection to one member and logs in there, or says why not.
    pub async fn connect(self, endpoint: &str) -> Result<Channel, Failure> {
        let channel = self.dial(endpoint).await;
        let channel = channel.map_err(|cause| Failure::error(format!("{endpoint}: {cause}")))?;
        let bearer = self.settings.login.bearer(&channel).await;
        // A login that is refused counts as a connection that cannot be had.
        let bearer =
            bearer.map_err(|status| Failure::bad_connection(describe(endpoint, &status)))?;
        Ok(InterceptedService::new(channel, bearer))
    }

    async fn dial(self, endpoint: &str) -> Result<tonic::transport::Channel, String> {
        let security = &self.settings.security;
        let (is_secure, address) = security.of(endpoint)?;
        // With TLS too: the handshake is made by the connector, which alone knows of it.
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let endpoint = endpoint.map_err(|error| root(&error))?;
        let endpoint = endpoint
            .connect_timeout(self.settings.dial_timeout)
            .http2_keep_alive_interval(self.settings.keepalive_time.max(PING_MIN))
            .keep_alive_timeout(self.settings.keepalive_timeout);
        let opening = async {
            if !is_secure {
                return endpoint.connect().await;
            }
            let (security, address) = (security.clone(), address.to_owned());
            endpoint
                .connect_with_connector(tower::service_fn(move |_: http::Uri| {
                    let (security, address) = (security.clone(), address.clone());
                    async move { security.connect(&address).await.map(TokioIo::new) }
                }))
                .await
        };
        let opening = tokio::time::timeout(self.settings.dial_timeout, opening);
        match opening.await {
            Ok(channel) => channel.map_err(|error| root(&error)),
            Err(_) => Err("dial timed out".to_owned()),
        }
    }

    /// The key-value service of a member.
    pub fn kv(self, channel: Channel) -> KvClient<Channel> {
        KvClient::new(channel)
            .max_encoding_message_size(self.settings.request_bytes_max)
            .max_decoding_message_size(self.settings.answer_bytes_max)
    }

    /// The watch service of a member.
    pub fn watch(self, channel: Channel) -> WatchClient<Channel> {
        WatchClient::new(channel).max_decoding_message_size(self.settings.answer_bytes_max)
    }

    /// The lease service of a member.
    pub fn lease(self, channel: Channel) -> LeaseClient<Channel> {
        LeaseClient::new(channel).max_decoding_message_size(self.settings.answer_bytes_max)
    }

    /// The service of users and roles of a member.
    pub fn auth(self, channel: Channel) -> AuthClient<Channel> {
        AuthClient::new(channel)
    }

    /// The cluster service of a member.
    pub fn cluster(self, channel: Channel) -> ClusterClient<Channel> {
        ClusterClient::new(channel)
    }

    /// The maintenance service of a member.
    pub fn maintenance(self, channel: Channel) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(channel).max_decoding_message_size(self.settings.answer_bytes_max)
    }
}

/// One failure that tells of each member; its code is that of the last one.
fn all(causes: Vec<Failure>) -> Failure {
    let code = causes.last().map_or(1, |cause| cause.code);
    let texts: Vec<String> = causes.into_iter().map(|cause| cause.text).collect();
    Failure { code, text: texts.join("; ") }
}

/// A request with this client's metadata.
pub fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let version = MetadataValue::from_static(API_VERSION);
    request.metadata_mut().insert("client-api-version", version);
    request
}

/// The same for a stream that ends when its member loses the leader.
pub fn request_with_leader<T>(message: T) -> Request<T> {
    let mut request = request(message);
    request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
    request
}

/// The innermost cause, which is the one that says something.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
