//! [`TcpNet`]: the other members as the node sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use base::{ClusterId, Instant, MemberId};
use bytes::Bytes;
use node::env::{CallError, Net, PeerAddress, PeerCall, PeerRequest, PeerResponse};
use node::peer::Acquaintances;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout_at;

use super::ask::{ask, ask_over};
use super::dial::Connection;
use super::pipeline::{self, post_forever};
use super::probe::probe_forever;
use super::reader::read_forever;
use super::remote::{Remote, StreamKind};
use super::snapshot::{TcpSnapshot, send_snapshot};
use crate::metrics::Metrics;
use crate::tls::Dialer;

/// Messages of all peers that wait for the node.
const RECEIVED_MAX: usize = 4096;
/// Calls of other members that wait for the node.
const CALLS_MAX: usize = 256;
/// Snapshots that wait for the node.
const SNAPSHOTS_MAX: usize = 4;

/// What a member tells its peers about itself, and how long they may take.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// `--initial-advertise-peer-urls`.
    pub advertised_urls: Vec<String>,
    /// How long the node may take to answer a call of another member.
    pub request_timeout: Duration,
    /// How members are dialed whose URLs ask for TLS.
    pub dialer: Dialer,
}

/// The other members over TCP; cheap to clone.
#[derive(Clone)]
pub struct TcpNet {
    pub(super) shared: Arc<Shared>,
    peers: Arc<Peers>,
}

struct Peers {
    received: tokio::sync::Mutex<mpsc::Receiver<raft::Message>>,
    calls: tokio::sync::Mutex<mpsc::Receiver<PeerCall>>,
    snapshots: tokio::sync::Mutex<mpsc::Receiver<TcpSnapshot>>,
    runtime: Handle,
}

/// What the node's side and every connection share.
pub(super) struct Shared {
    member: AtomicU64,
    cluster: AtomicU64,
    closed: AtomicBool,
    origin: tokio::time::Instant,
    pub(super) settings: PeerSettings,
    pub(super) metrics: Arc<Metrics>,
    remotes: RwLock<BTreeMap<MemberId, Arc<Remote>>>,
    known: Mutex<Acquaintances>,
    /// Who said that this member was removed; zero while nobody did.
    removed_by: AtomicU64,
    told_removed: Notify,
    unreachable: Mutex<BTreeSet<MemberId>>,
    pub(super) received: mpsc::Sender<raft::Message>,
    pub(super) calls: mpsc::Sender<PeerCall>,
    pub(super) snapshots: mpsc::Sender<TcpSnapshot>,
}

impl TcpNet {
    /// A network whose connections run on `runtime`. `origin` is where the environment's time
    /// begins.
    #[must_use]
    pub fn new(
        runtime: Handle,
        origin: tokio::time::Instant,
        settings: PeerSettings,
        metrics: Arc<Metrics>,
    ) -> TcpNet {
        let (received, received_end) = mpsc::channel(RECEIVED_MAX);
        let (calls, calls_end) = mpsc::channel(CALLS_MAX);
        let (snapshots, snapshots_end) = mpsc::channel(SNAPSHOTS_MAX);
        let shared = Shared {
            member: AtomicU64::new(0),
            cluster: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            origin,
            settings,
            metrics,
            remotes: RwLock::default(),
            known: Mutex::default(),
            removed_by: AtomicU64::new(0),
            told_removed: Notify::new(),
            unreachable: Mutex::default(),
            received,
            calls,
            snapshots,
        };
        let peers = Peers {
            received: tokio::sync::Mutex::new(received_end),
            calls: tokio::sync::Mutex::new(calls_end),
            snapshots: tokio::sync::Mutex::new(snapshots_end),
            runtime,
        };
        TcpNet { shared: Arc::new(shared), peers: Arc::new(peers) }
    }

    /// Tells who this member is, before its peers are set. Until then every peer is refused.
    pub fn identify(&self, member: MemberId, cluster: ClusterId) {
        self.shared.member.store(member.get(), Ordering::Release);
        self.shared.cluster.store(cluster.get(), Ordering::Release);
        self.shared.known().identify(member);
    }

    /// Ends every connection, for good. Peers are told that this member is not ready, never that
    /// they are gone: a member of etcd that hears so stops for good.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        let mut remotes = self.shared.remotes.write().expect("nobody panics while holding it");
        while let Some((_, remote)) = remotes.pop_first() {
            remote.disconnect();
        }
    }

    /// Runs what needs sockets and timers where they are, whichever thread asks; ends it when
    /// nobody waits any more. `None` when the runtime is shutting down.
    async fn on_runtime<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut task = AbortOnDrop(self.peers.runtime.spawn(work));
        (&mut task.0).await.ok()
    }

    fn connect(&self, address: PeerAddress) -> Arc<Remote> {
        let (posts, queue) = mpsc::channel(pipeline::WAITING_MAX);
        let shared = Arc::clone(&self.shared);
        let remote = Arc::new(Remote::new(shared, address.id, address.urls, posts));
        let runtime = &self.peers.runtime;
        for kind in [StreamKind::Message, StreamKind::Append] {
            let reading = read_forever(Arc::clone(&remote), kind);
            remote.own(runtime.spawn(reading).abort_handle());
        }
        let posting = post_forever(Arc::clone(&remote), queue);
        remote.own(runtime.spawn(posting).abort_handle());
        let probing = probe_forever(Arc::clone(&remote));
        remote.own(runtime.spawn(probing).abort_handle());
        remote
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    pub(super) fn member(&self) -> MemberId {
        MemberId(self.member.load(Ordering::Acquire))
    }

    pub(super) fn cluster(&self) -> ClusterId {
        ClusterId(self.cluster.load(Ordering::Acquire))
    }

    /// Whether this member knows who it is and has not stopped.
    pub(super) fn is_open(&self) -> bool {
        !self.member().is_zero() && !self.closed.load(Ordering::Acquire)
    }

    pub(super) fn now(&self) -> Instant {
        Instant::ORIGIN.after(self.origin.elapsed())
    }

    fn at(&self, instant: Instant) -> tokio::time::Instant {
        let far = Duration::from_secs(365 * 86_400);
        self.origin + instant.since(Instant::ORIGIN).min(far)
    }

    pub(super) fn remote(&self, id: MemberId) -> Option<Arc<Remote>> {
        self.remotes.read().expect("nobody panics while holding it").get(&id).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Acquaintances> {
        self.known.lock().expect("nobody panics while holding it")
    }

    pub(super) fn is_removed(&self, id: MemberId) -> bool {
        self.known().is_removed(id)
    }

    /// A member of this cluster turned this one away because it was removed.
    pub(super) fn hear_removed(&self, by: MemberId) {
        self.removed_by.store(by.get(), Ordering::Release);
        self.told_removed.notify_waiters();
    }

    pub(super) fn report_unreachable(&self, id: MemberId) {
        self.unreachable.lock().expect("nobody panics while holding it").insert(id);
    }

    /// Hands a message to the node, waiting for room.
    pub(super) async fn deliver(&self, message: raft::Message) {
        // The node drops its end when it stops; then there is nobody to hand it to.
        let _ = self.received.send(message).await;
    }

    fn set_known(&self, id: MemberId, known: bool) {
        let (local, remote) = (self.member().to_string(), id.to_string());
        let gauge = &self.metrics.peers.known;
        gauge.with_label_values(&[&local, &remote]).set(known.into());
    }
}

impl Net for TcpNet {
    type Snapshot = TcpSnapshot;

    fn identify(&self, member: MemberId, cluster: ClusterId) {
        TcpNet::identify(self, member, cluster);
    }

    fn set_peers(&self, peers: Vec<PeerAddress>) {
        if self.shared.closed.load(Ordering::Acquire) {
            return;
        }
        let mut remotes = self.shared.remotes.write().expect("nobody panics while holding it");
        let mut known = self.shared.known();
        known.name(peers.iter().map(|peer| peer.id).collect());
        remotes.retain(|id, remote| {
            let keep = known.knows(*id);
            if !keep {
                remote.disconnect();
                self.shared.set_known(*id, false);
            }
            keep
        });
        drop(known);
        for peer in peers {
            if let Some(remote) = remotes.get(&peer.id) {
                remote.set_urls(peer.urls);
                continue;
            }
            self.shared.set_known(peer.id, true);
            remotes.insert(peer.id, self.connect(peer));
        }
    }

    fn introduce(&self, peers: Vec<PeerAddress>) {
        if self.shared.closed.load(Ordering::Acquire) {
            return;
        }
        let mut remotes = self.shared.remotes.write().expect("nobody panics while holding it");
        for peer in peers {
            if self.shared.known().meet(peer.id) {
                tracing::info!(peer = %peer.id, urls = peer.urls.join(","), "met a member");
                self.shared.set_known(peer.id, true);
                remotes.insert(peer.id, self.connect(peer));
            }
        }
    }

    fn set_removed(&self, removed: Vec<MemberId>) {
        self.shared.known().remove(removed);
    }

    async fn told_removed(&self) -> MemberId {
        loop {
            let mut told = std::pin::pin!(self.shared.told_removed.notified());
            told.as_mut().enable();
            let by = MemberId(self.shared.removed_by.load(Ordering::Acquire));
            if !by.is_zero() {
                return by;
            }
            told.await;
        }
    }

    async fn call_url(
        &self,
        url: String,
        request: PeerRequest,
        deadline: Instant,
    ) -> Result<(ClusterId, PeerResponse), CallError> {
        let deadline = self.shared.at(deadline);
        let shared = Arc::clone(&self.shared);
        let asking = async move {
            timeout_at(deadline, async {
                let mut connection = Connection::open(&shared, &url).await?;
                ask_over(&shared, &mut connection, &request).await
            })
            .await
        };
        match self.on_runtime(asking).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Err(CallError::TimedOut),
        }
    }

    async fn resolve(&self, url: String) -> String {
        let given = url.clone();
        let looking = async move {
            tokio::task::spawn_blocking(move || crate::config::cluster::resolve(&url)).await
        };
        match self.on_runtime(looking).await {
            Some(Ok(Ok(resolved))) => resolved,
            // What has no address is compared as it is written.
            _ => given,
        }
    }

    fn send(&self, message: raft::Message) {
        // A member that was just removed may still be addressed.
        let remotes = self.shared.remotes.read().expect("nobody panics while holding it");
        if let Some(remote) = remotes.get(&message.to) {
            remote.send(message);
        }
    }

    async fn receive(&self) -> raft::Message {
        let received = self.peers.received.lock().await.recv().await;
        received.expect("the sending end lives as long as this network")
    }

    fn take_unreachable(&self) -> Vec<MemberId> {
        let mut unreachable =
            self.shared.unreachable.lock().expect("nobody panics while holding it");
        std::mem::take(&mut *unreachable).into_iter().collect()
    }

    fn connected_since(&self, to: MemberId) -> Option<Instant> {
        self.shared.remote(to)?.connected_since()
    }

    async fn call(
        &self,
        to: MemberId,
        request: PeerRequest,
        deadline: Instant,
    ) -> Result<PeerResponse, CallError> {
        let remote = self.shared.remote(to);
        let remote = remote.ok_or_else(|| CallError::Unreachable(format!("{to} is unknown")))?;
        let deadline = self.shared.at(deadline);
        let asking = async move { timeout_at(deadline, ask(&remote, &request)).await };
        match self.on_runtime(asking).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Err(CallError::TimedOut),
        }
    }

    async fn next_call(&self) -> PeerCall {
        let call = self.peers.calls.lock().await.recv().await;
        call.expect("the sending end lives as long as this network")
    }

    async fn send_snapshot(
        &self,
        message: raft::Message,
        body: mpsc::Receiver<Bytes>,
        bytes: u64,
    ) -> Result<(), CallError> {
        let to = message.to;
        let remote = self.shared.remote(to);
        let remote = remote.ok_or_else(|| CallError::Unreachable(format!("{to} is unknown")))?;
        let sending = async move { send_snapshot(&remote, &message, body, bytes).await };
        self.on_runtime(sending).await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn next_snapshot(&self) -> TcpSnapshot {
        let snapshot = self.peers.snapshots.lock().await.recv().await;
        snapshot.expect("the sending end lives as long as this network")
    }
}
