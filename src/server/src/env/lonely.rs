//! The network of a member that is alone: nothing arrives, nothing can be reached.

use std::future::{Future, pending, ready};

use base::{Instant, MemberId};
use bytes::Bytes;
use node::env::{CallError, Net, PeerAddress, PeerCall, PeerRequest, PeerResponse, SnapshotStream};
use tokio::sync::mpsc;

/// No other members.
#[derive(Clone, Copy, Debug, Default)]
pub struct LonelyNet;

/// A snapshot that never arrives.
#[derive(Clone, Copy, Debug)]
pub enum NoSnapshot {}

impl SnapshotStream for NoSnapshot {
    fn message(&self) -> &raft::Message {
        match *self {}
    }

    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, String>> + Send {
        let none = *self;
        async move { match none {} }
    }

    async fn finish(self, _result: Result<(), String>) {
        match self {}
    }
}

fn unreachable_peer<T>(to: MemberId) -> Result<T, CallError> {
    Err(CallError::Unreachable(format!("member {to} is not known: this member is alone")))
}

impl Net for LonelyNet {
    type Snapshot = NoSnapshot;

    fn set_peers(&self, _peers: Vec<PeerAddress>) {}

    fn send(&self, _message: raft::Message) {}

    fn receive(&self) -> impl Future<Output = raft::Message> + Send {
        pending()
    }

    fn take_unreachable(&self) -> Vec<MemberId> {
        Vec::new()
    }

    fn connected_since(&self, _to: MemberId) -> Option<Instant> {
        None
    }

    fn call(
        &self,
        to: MemberId,
        _request: PeerRequest,
        _deadline: Instant,
    ) -> impl Future<Output = Result<PeerResponse, CallError>> + Send {
        ready(unreachable_peer(to))
    }

    fn next_call(&self) -> impl Future<Output = PeerCall> + Send {
        pending()
    }

    fn send_snapshot(
        &self,
        message: raft::Message,
        _body: mpsc::Receiver<Bytes>,
        _bytes: u64,
    ) -> impl Future<Output = Result<(), CallError>> + Send {
        ready(unreachable_peer(message.to))
    }

    fn next_snapshot(&self) -> impl Future<Output = NoSnapshot> + Send {
        pending()
    }
}
