//! Puts a member together, from its directory to its ports, and takes it apart in order.
//!
//! Order of a start: lock the directory, read certificates, bind every address, listen to peers,
//! recover and join, then serve clients. Order of a stop: refuse new calls and drain, then stop the
//! member, then the connections to peers.

mod ports;
mod security;

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::MemberId;
use node::env::{DiskError, DiskErrorKind};
use node::marker::MarkerError;
use node::{Api, BootError, Node, Removal, marker};
use state::Member;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::config::{Config, cluster, commit};
use crate::env::{FileDisk, FjallBackend, TokioEnv};
use crate::gateway::Gateway;
use crate::grpc::{GrpcSettings, Router};
use crate::http::{Access, ClientPort, Endpoints, HttpSettings, MetricsPort, PlainHttp};
use crate::listen::{Exchange, ListenSettings, Listener, Stop, StopSwitch, serve as serve_port};
use crate::metrics::{Metrics, ServerLabels};
use crate::peer::{PeerPort, PeerSettings, TcpNet};
use crate::run::say_ready;
use crate::tls::Dialer;
use ports::Ports;
use security::Security;

/// Where the backend lives within the data directory.
const BACKEND_DIRECTORY: &str = "member/backend";

/// How often a member that waits says so.
const WAITING_SAID: Duration = Duration::from_secs(3);

/// How long calls that are under way may hold up a stop; the member itself needs the rest.
const DRAIN: Duration = Duration::from_secs(3);

type Env = TokioEnv<TcpNet>;

/// Serves a member until `stop`.
///
/// # Errors
/// The reason why it cannot start, for an operator.
pub async fn serve(config: Config, stop: Stop) -> Result<(), String> {
    let disk = open_disk(&config)?;
    let security = Security::open(&config, &listen_settings(&config))?;
    let ports = Ports::bind(&config, &security).await?;
    let metrics = Arc::new(Metrics::new(&labels(&config)));
    let (runtime, origin) = (Handle::current(), tokio::time::Instant::now());
    let peer_settings = peer_settings(&config, security.dialer);
    let net = TcpNet::new(runtime.clone(), origin, peer_settings, Arc::clone(&metrics));
    let backend = FjallBackend::at(config.data_dir.join(BACKEND_DIRECTORY));
    let env = TokioEnv::new(runtime, origin, disk, backend, net.clone())
        .map_err(|error| format!("the system gives no randomness: {error}"))?;
    // Until the boot has told the network who this member is, peers are refused.
    // Peers are listened to beyond the stop of clients: leadership is handed over meanwhile.
    let peer_switch = StopSwitch::new();
    let settings = listen_settings(&config);
    let peer_stop = peer_switch.observer();
    let peers = spawn_port(ports.peer, PeerPort::new(&net), &settings, peer_stop);
    let node = node::boot(env, config.node.clone()).await.map_err(boot_refusal)?;
    // A member that was removed ends its own client ports; the process' stop ends them too.
    let client_switch = StopSwitch::new();
    let mut clients = Vec::new();
    let serving = async {
        ready(&node).await;
        let stop = client_switch.observer();
        let ports_of = Clients { config: &config, metrics, settings, stop };
        clients = ports_of.serve(&node, ports.client, ports.client_http, ports.metrics);
        std::future::pending::<()>().await;
    };
    let api = node.api();
    tokio::select! {
        biased;
        () = stop.stopped() => {}
        how = api.removed() => say_removed(&config, node.member(), how),
        () = serving => {}
    }
    client_switch.stop();
    finish(clients).await;
    node.stop().await;
    net.close();
    peer_switch.stop();
    finish(vec![peers]).await;
    Ok(())
}

/// Waits until the member serves, and says meanwhile for whom it waits.
async fn ready(node: &Node<Env>) {
    loop {
        tokio::select! {
            biased;
            () = node.ready() => return,
            () = tokio::time::sleep(WAITING_SAID) => {}
        }
        let missing: Vec<String> = node.unconnected().iter().map(named).collect();
        match missing.is_empty() {
            true => tracing::info!("waiting for a leader, which needs a quorum of the members"),
            false => tracing::warn!(peers = missing.join(" "), "waiting for peers"),
        }
    }
}

/// A member's name, or its id before it has one, and where it listens.
fn named(member: &Member) -> String {
    match member.name.as_str() {
        "" => cluster::of_member(&member.member_id().to_string(), &member.peer_urls),
        name => cluster::of_member(name, &member.peer_urls),
    }
}

fn say_removed(config: &Config, member: MemberId, how: Removal) {
    let by = how.told_by.map_or("its own log".to_owned(), |peer| format!("member {peer}"));
    if !how.is_known {
        tracing::warn!(
            %member,
            "too few of the members that stay have answered that they know of the removal; if they \
             cannot elect a leader, restore a snapshot"
        );
    }
    tracing::warn!(
        %member,
        by,
        "data-dir" = %config.data_dir.display(),
        "this member was removed from its cluster and stops; its data directory must be removed, \
         and the member added again, before it can come back"
    );
}

fn open_disk(config: &Config) -> Result<FileDisk, String> {
    let disk = FileDisk::open(&config.data_dir, config.wal_dir.as_deref());
    let disk = disk.map_err(|error: DiskError| with_remedy(&error, error.kind))?;
    if !has_data(&config.data_dir) {
        config.check_bootstrap()?;
    }
    Ok(disk)
}

/// Why a member does not start; the disk's own words name no remedy, all others do.
fn boot_refusal(error: BootError) -> String {
    match &error {
        BootError::Disk(disk) | BootError::Marker(MarkerError::Disk(disk)) => {
            with_remedy(&error, disk.kind)
        }
        _ => error.to_string(),
    }
}

fn with_remedy(error: &dyn Display, kind: DiskErrorKind) -> String {
    format!("{error}; {}", disk_remedy(kind))
}

/// What an operator can do about a directory that cannot be used; the error names it.
fn disk_remedy(kind: DiskErrorKind) -> &'static str {
    match kind {
        DiskErrorKind::Locked => "stop that process first, or choose another --data-dir",
        DiskErrorKind::NoSpace => "free some space on its disk",
        DiskErrorKind::PermissionDenied => {
            "let this user write there, or choose another --data-dir or --wal-dir"
        }
        DiskErrorKind::NotFound | DiskErrorKind::AlreadyExists | DiskErrorKind::Other => {
            "mend that path, or choose another --data-dir or --wal-dir"
        }
    }
}

fn has_data(dir: &Path) -> bool {
    dir.join(marker::FILE).exists()
}

/// What all ports for clients share.
struct Clients<'a> {
    config: &'a Config,
    metrics: Arc<Metrics>,
    settings: ListenSettings,
    stop: Stop,
}

impl Clients<'_> {
    fn serve(
        self,
        node: &Node<Env>,
        client: Vec<Listener>,
        client_http: Vec<Listener>,
        metrics: Vec<Listener>,
    ) -> Vec<JoinHandle<()>> {
        let endpoints = self.endpoints(node.api());
        let grpc = Router::new(
            node.api(),
            Arc::clone(&self.metrics),
            grpc_settings(self.config),
            self.stop.clone(),
        );
        let http = self.plain_http(endpoints.clone(), &grpc);
        let both = ClientPort { grpc: Some(grpc), http: http.clone() };
        let plain = ClientPort { grpc: None, http };
        let served = vec![
            spawn_port(client, both, &self.settings, self.stop.clone()),
            spawn_port(client_http, plain, &self.settings, self.stop.clone()),
            spawn_port(metrics, MetricsPort(endpoints), &self.settings, self.stop.clone()),
        ];
        say_ready(self.config);
        served
    }

    fn plain_http(
        &self,
        endpoints: Endpoints<Api<Env>>,
        grpc: &Router<Api<Env>>,
    ) -> PlainHttp<Api<Env>> {
        let list = |list: &[String]| list.iter().cloned().collect();
        let access =
            Access { origins: list(&self.config.cors), hosts: list(&self.config.host_whitelist) };
        let gateway =
            self.config.enable_gateway.then(|| Gateway::new(grpc.clone(), self.stop.clone()));
        PlainHttp { access: Arc::new(access), endpoints, gateway }
    }

    fn endpoints(&self, api: Api<Env>) -> Endpoints<Api<Env>> {
        let settings = HttpSettings {
            server_version: node::version::SERVER,
            command_line: std::env::args().collect(),
            pprof: self.config.enable_pprof,
            request_timeout: self.config.node.request_timeout(),
        };
        Endpoints::new(api, Arc::clone(&self.metrics), settings)
    }
}

fn spawn_port<X: Exchange>(
    listeners: Vec<Listener>,
    exchange: X,
    settings: &ListenSettings,
    stop: Stop,
) -> JoinHandle<()> {
    tokio::spawn(serve_port(listeners, exchange, settings.clone(), stop))
}

async fn finish(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        // A panic has ended the process by then.
        let _ended = task.await;
    }
}

fn labels(config: &Config) -> ServerLabels {
    ServerLabels {
        server_version: node::version::SERVER,
        cairn_version: env!("CARGO_PKG_VERSION"),
        commit: commit(),
        extensive: config.extensive_metrics,
    }
}

fn peer_settings(config: &Config, dialer: Dialer) -> PeerSettings {
    PeerSettings {
        dialer,
        advertised_urls: config.advertise_peer_urls.clone(),
        request_timeout: config.node.request_timeout(),
    }
}

fn listen_settings(config: &Config) -> ListenSettings {
    ListenSettings {
        streams_max: config.max_concurrent_streams,
        keepalive_interval: config.keepalive_interval,
        keepalive_timeout: config.keepalive_timeout,
        drain: DRAIN,
        reuse_port: config.reuse_port,
        reuse_address: config.reuse_address,
        ..ListenSettings::default()
    }
}

fn grpc_settings(config: &Config) -> GrpcSettings {
    GrpcSettings {
        request_bytes_max: config.node.max_request_bytes,
        election_timeout: config.node.election_timeout,
        slow_call: config.slow_call,
    }
}
