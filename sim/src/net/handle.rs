//! The network as one incarnation of a member sees it.

use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{ClusterId, Instant, MemberId};
use bytes::Bytes;
use futures_util::future::{Either, select};
use node::env::{CallError, Net, PeerAddress, PeerCall, PeerRequest, PeerResponse};
use node::peer::{Acquaintances, decode_request, decode_response, encode_request, encode_response};
use raft::Message;
use tokio::sync::{mpsc, oneshot};

use super::snapshot::{self, SimSnapshot};
use super::{Port, Route, port_channel, transmit};
use crate::check::Violation;
use crate::sync::lock;
use crate::world::Life;

/// Time until a refused connection is noticed.
const REFUSED_TIME: Duration = Duration::from_millis(1);

/// Time between two attempts to read a peer's streams.
const REDIAL_TIME: Duration = Duration::from_secs(1);

/// What the network holds of a port.
pub struct PortSenders {
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) calls: mpsc::Sender<PeerCall>,
    pub(super) snapshots: mpsc::Sender<SimSnapshot>,
}

struct Receivers {
    messages: Mutex<mpsc::Receiver<Message>>,
    calls: Mutex<mpsc::Receiver<PeerCall>>,
    snapshots: Mutex<mpsc::Receiver<SimSnapshot>>,
    known: Mutex<Acquaintances>,
    unreachable: Mutex<BTreeSet<MemberId>>,
}

/// The network of one incarnation.
#[derive(Clone)]
pub struct SimNet {
    life: Life,
    receivers: Arc<Receivers>,
}

/// Connects an incarnation; an earlier one of the member receives nothing any more.
#[must_use]
pub fn open_port(life: &Life) -> SimNet {
    let (messages, message_receiver) = port_channel();
    let (calls, call_receiver) = port_channel();
    let (snapshots, snapshot_receiver) = port_channel();
    let world = life.world();
    lock(&world.net).ports[life.member()] = Some(Port {
        senders: PortSenders { messages, calls, snapshots },
        incarnation: life.incarnation(),
        since: world.clock.now(),
        identity: None,
        removed: BTreeSet::new(),
    });
    let receivers = Receivers {
        messages: Mutex::new(message_receiver),
        calls: Mutex::new(call_receiver),
        snapshots: Mutex::new(snapshot_receiver),
        known: Mutex::default(),
        unreachable: Mutex::default(),
    };
    SimNet { life: life.clone(), receivers: Arc::new(receivers) }
}

async fn receive<T>(queue: &Mutex<mpsc::Receiver<T>>) -> T {
    let next = poll_fn(|cx| lock(queue).poll_recv(cx)).await;
    match next {
        Some(item) => item,
        None => pending().await,
    }
}

impl SimNet {
    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    pub(super) fn number(&self, id: MemberId) -> Option<usize> {
        lock(&self.life.world().net).number(id)
    }

    pub(super) fn route(&self, to: usize) -> Route {
        lock(&self.life.world().net).route(self.life.member(), to)
    }

    fn route_back(&self, to: usize) -> Route {
        lock(&self.life.world().net).route(to, self.life.member())
    }

    /// The port of a member that is up: where calls and snapshots go, and which incarnation.
    pub(super) fn port(
        &self,
        to: usize,
    ) -> Option<(mpsc::Sender<PeerCall>, mpsc::Sender<SimSnapshot>, u64)> {
        let net = lock(&self.life.world().net);
        let port = net.ports[to].as_ref()?;
        Some((port.senders.calls.clone(), port.senders.snapshots.clone(), port.incarnation))
    }

    /// The cluster of a member that is up and knows who it is.
    fn cluster_of(&self, to: usize) -> Option<ClusterId> {
        let net = lock(&self.life.world().net);
        Some(net.ports[to].as_ref()?.identity?.1)
    }

    async fn ask(&self, to: usize, request: PeerRequest) -> Result<PeerResponse, CallError> {
        let clock = &self.life.world().clock;
        match self.route(to) {
            Route::Arrives(delay) => clock.sleep(delay).await,
            Route::Lost => pending().await,
            Route::Unreachable => {
                clock.sleep(REFUSED_TIME).await;
                return Err(CallError::Unreachable("connection refused".into()));
            }
        }
        if self.cluster_of(to).is_none() {
            return Err(CallError::Refused("the member is not ready".into()));
        }
        let (answer, answered) = oneshot::channel();
        let from = self.life.seat().id();
        if let Some((calls, _, _)) = self.port(to) {
            let request = self.written_and_read(&request);
            let _ = calls.try_send(PeerCall { from, request, answer });
        }
        let Ok(answer) = answered.await else { return pending().await };
        match self.route_back(to) {
            Route::Arrives(delay) => clock.sleep(delay).await,
            Route::Lost | Route::Unreachable => pending().await,
        }
        let wire = encode_response(&request, answer);
        decode_response(&request, wire.status, &wire.body, wire.error.as_deref())
    }

    /// The answer, if it comes before a time on the member's clock.
    async fn ask_until(
        &self,
        to: usize,
        request: PeerRequest,
        deadline: Instant,
    ) -> Result<PeerResponse, CallError> {
        let until = self.life.seat().clock.to_world(deadline);
        let ask = pin!(self.ask(to, request));
        match select(ask, self.life.world().clock.sleep_until(until)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(CallError::TimedOut),
        }
    }

    /// A request as the receiver's codec reads it.
    fn written_and_read(&self, request: &PeerRequest) -> PeerRequest {
        let wire = encode_request(request);
        let token = wire.token.as_ref().map(node::auth::Token::text);
        match decode_request(wire.method, &wire.path, &wire.body, token) {
            Some(Ok(read)) if read == *request => {}
            read => {
                let text = format!("{request:?} is read as {read:?}");
                self.life.world().judge(Err(Violation { check: "R16", text }));
            }
        }
        request.clone()
    }
}

impl Net for SimNet {
    type Snapshot = SimSnapshot;

    fn identify(&self, member: MemberId, cluster: ClusterId) {
        if self.life.is_alive() {
            lock(&self.receivers.known).identify(member);
            self.life.world().identify(self.life.member(), member, cluster);
        }
    }

    fn set_peers(&self, peers: Vec<PeerAddress>) {
        lock(&self.receivers.known).name(peers.into_iter().map(|peer| peer.id).collect());
    }

    fn introduce(&self, peers: Vec<PeerAddress>) {
        let mut known = lock(&self.receivers.known);
        for peer in peers {
            known.meet(peer.id);
        }
    }

    fn set_removed(&self, removed: Vec<MemberId>) {
        let removed: BTreeSet<MemberId> = removed.into_iter().collect();
        if self.life.is_alive()
            && let Some(port) = &mut lock(&self.life.world().net).ports[self.life.member()]
        {
            port.removed.clone_from(&removed);
        }
        lock(&self.receivers.known).remove(removed);
    }

    /// Streams are dialled again and again; here somebody looks whether one is refused.
    async fn told_removed(&self) -> MemberId {
        let world = self.life.world();
        loop {
            world.clock.sleep(REDIAL_TIME).await;
            let known: Vec<MemberId> = lock(&self.receivers.known).all().collect();
            let net = lock(&world.net);
            let by = known.into_iter().find(|&id| {
                net.number(id).is_some_and(|by| net.turns_away(by, self.life.member()))
            });
            if let Some(by) = by {
                return by;
            }
        }
    }

    async fn call_url(
        &self,
        url: String,
        request: PeerRequest,
        deadline: Instant,
    ) -> Result<(ClusterId, PeerResponse), CallError> {
        let world = self.life.world();
        let Some(number) = crate::cluster::member_at(&url).filter(|&at| at < world.seats.len())
        else {
            return Err(CallError::Unreachable(format!("{url}: no such host")));
        };
        world.count("net: calls before an identity");
        let answer = self.ask_until(number, request, deadline).await?;
        Ok((self.cluster_of(number).unwrap_or(ClusterId(0)), answer))
    }

    fn send(&self, message: Message) {
        if !self.life.is_alive() {
            return;
        }
        let world = self.life.world();
        let member = self.life.member();
        world.sent(member, &message);
        let to = message.to;
        if !lock(&self.receivers.known).knows(to) {
            world.count("net: not a peer");
            return;
        }
        let Some(number) = self.number(to) else {
            // It was added and has never started.
            lock(&self.receivers.unreachable).insert(to);
            return;
        };
        world.record(member + 1, "send", &[number as u64, message.term.get()]);
        if !transmit(world, member, number, message) {
            lock(&self.receivers.unreachable).insert(to);
        }
    }

    async fn receive(&self) -> Message {
        let world = self.life.world();
        let message = loop {
            let message = receive(&self.receivers.messages).await;
            if !lock(&self.receivers.known).is_removed(message.from) {
                break message;
            }
            world.count("net: from a removed member");
        };
        // It says where it listens: a member that lags must be able to answer.
        lock(&self.receivers.known).meet(message.from);
        let from = world.member_of(message.from).unwrap_or(usize::MAX);
        world.record(self.life.member() + 1, "receive", &[from as u64, message.term.get()]);
        message
    }

    fn take_unreachable(&self) -> Vec<MemberId> {
        std::mem::take(&mut *lock(&self.receivers.unreachable)).into_iter().collect()
    }

    fn connected_since(&self, to: MemberId) -> Option<Instant> {
        let number = self.number(to)?;
        let since = lock(&self.life.world().net).connected_since(self.life.member(), number)?;
        Some(self.life.seat().clock.from_world(since))
    }

    async fn call(
        &self,
        to: MemberId,
        request: PeerRequest,
        deadline: Instant,
    ) -> Result<PeerResponse, CallError> {
        let Some(number) = self.number(to) else {
            return Err(CallError::Unreachable("no such member".into()));
        };
        self.life.world().count("net: calls");
        self.ask_until(number, request, deadline).await
    }

    async fn next_call(&self) -> PeerCall {
        receive(&self.receivers.calls).await
    }

    async fn send_snapshot(
        &self,
        message: Message,
        body: mpsc::Receiver<Bytes>,
        bytes: u64,
    ) -> Result<(), CallError> {
        self.life.world().sent(self.life.member(), &message);
        snapshot::send(self, message, body, bytes).await
    }

    async fn next_snapshot(&self) -> SimSnapshot {
        receive(&self.receivers.snapshots).await
    }
}
