//! Snapshots between members: a message, then chunks in order, over a connection that a fault may
//! break at any chunk (N10); a cut or a crash breaks it as well.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use node::env::{CallError, SnapshotStream};
use node::peer::{ENVELOPE_BYTES_MAX, EnvelopeDecoder, encode_envelope};
use raft::Message;
use tokio::sync::{mpsc, oneshot};

use super::Route;
use super::handle::SimNet;
use crate::check::Violation;
use crate::sync::lock;

/// How often a sender that waits for the receiver looks whether the connection still stands.
const PROBE_TIME: Duration = Duration::from_millis(500);
/// Chunks under way at a time.
const WINDOW_CHUNKS: usize = 4;

/// A snapshot that arrives.
pub struct SimSnapshot {
    message: Message,
    chunks: mpsc::Receiver<Result<Bytes, String>>,
    result: oneshot::Sender<Result<(), String>>,
}

impl SnapshotStream for SimSnapshot {
    fn message(&self) -> &Message {
        &self.message
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        match self.chunks.recv().await {
            Some(Ok(chunk)) if chunk.is_empty() => Ok(None),
            Some(chunk) => chunk.map(Some),
            None => Err("connection reset".into()),
        }
    }

    async fn finish(self, result: Result<(), String>) {
        let _ = self.result.send(result);
    }
}

fn broken(why: &str) -> CallError {
    CallError::Unreachable(why.into())
}

/// Carries a snapshot; the end of the body travels as an empty chunk, so that a broken connection
/// is not mistaken for it.
pub(super) async fn send(
    net: &SimNet,
    message: Message,
    mut body: mpsc::Receiver<Bytes>,
    bytes: u64,
) -> Result<(), CallError> {
    let world = net.life().world().clone();
    let to = net.number(message.to).ok_or_else(|| broken("no such member"))?;
    let (_, snapshots, incarnation) = net.port(to).ok_or_else(|| broken("connection refused"))?;
    let (chunks, receiver) = mpsc::channel(WINDOW_CHUNKS);
    let (result, finished) = oneshot::channel();
    step(net, to, incarnation).await?;
    let message = announced(net, &message)?;
    let snapshot = SimSnapshot { message, chunks: receiver, result };
    snapshots.try_send(snapshot).map_err(|_| broken("refused"))?;
    world.count("net: snapshots begun");
    world.record(net.life().member() + 1, "snapshot", &[to as u64, bytes]);
    loop {
        let chunk = body.recv().await;
        step(net, to, incarnation).await?;
        let end = chunk.is_none();
        let chunk = chunk.unwrap_or_default();
        if chunk.is_empty() && !end {
            continue;
        }
        chunks.send(Ok(chunk)).await.map_err(|_| broken("receiver is gone"))?;
        if end {
            break;
        }
    }
    await_result(net, to, incarnation, finished).await
}

/// The message before a snapshot as the receiver's codec reads it.
fn announced(net: &SimNet, message: &Message) -> Result<Message, CallError> {
    let head = encode_envelope(message);
    match EnvelopeDecoder::new(ENVELOPE_BYTES_MAX).push(&head) {
        Ok(Some((read, rest))) if read == *message && rest.is_empty() => Ok(read),
        other => {
            let text = format!("{message:?} is read as {other:?}");
            net.life().world().judge(Err(Violation { check: "R16", text }));
            Err(broken("unreadable"))
        }
    }
}

async fn step(net: &SimNet, to: usize, incarnation: u64) -> Result<(), CallError> {
    let world = net.life().world();
    match net.route(to) {
        Route::Arrives(delay) => world.clock.sleep(delay).await,
        Route::Lost | Route::Unreachable => return Err(broken("connection reset")),
    }
    let reset = {
        let faults = lock(&world.net).faults(net.life().member(), to);
        world.choose(|prng| prng.chance(faults.reset))
    };
    if reset {
        world.count("fault: snapshot connection reset");
        return Err(broken("connection reset"));
    }
    stands(net, to, incarnation)
}

fn stands(net: &SimNet, to: usize, incarnation: u64) -> Result<(), CallError> {
    match net.port(to) {
        Some((_, _, now)) if now == incarnation => Ok(()),
        _ => Err(broken("peer restarted")),
    }
}

async fn await_result(
    net: &SimNet,
    to: usize,
    incarnation: u64,
    mut finished: oneshot::Receiver<Result<(), String>>,
) -> Result<(), CallError> {
    let world = net.life().world();
    loop {
        match select(&mut finished, world.clock.sleep(PROBE_TIME)).await {
            Either::Left((Ok(result), _)) => return result.map_err(CallError::Refused),
            Either::Left((Err(_), _)) => return Err(broken("receiver is gone")),
            Either::Right(_) => {
                stands(net, to, incarnation)?;
                if net.route(to) == Route::Unreachable {
                    return Err(CallError::TimedOut);
                }
            }
        }
    }
}
