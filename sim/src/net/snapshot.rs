//! Snapshots between members: a message, then chunks in order, over a connection that a fault may
//! break at any chunk (N10) or that corrupts one; a cut or a crash breaks it as well.
//!
//! What leaves the sender is put together again, so that its content can be judged.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use node::env::{CallError, SnapshotStream};
use node::peer::{ENVELOPE_BYTES_MAX, EnvelopeDecoder, encode_envelope};
use raft::{Body, Message};
use tokio::sync::{mpsc, oneshot};

use super::Route;
use super::handle::SimNet;
use crate::check::{Violation, snapshot_content};
use crate::sync::lock;

/// How often a sender that waits for the receiver looks whether the connection still stands.
const PROBE_TIME: Duration = Duration::from_millis(500);
/// Chunks under way at a time.
const WINDOW_CHUNKS: usize = 4;
/// A page carries its number in its first bytes, which every reader checks.
const PAGE_NUMBER_BYTES: usize = 8;

/// A snapshot that arrives.
pub struct SimSnapshot {
    message: Message,
    chunks: mpsc::Receiver<Bytes>,
    result: oneshot::Sender<Result<(), String>>,
}

impl SnapshotStream for SimSnapshot {
    fn message(&self) -> &Message {
        &self.message
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        match self.chunks.recv().await {
            Some(chunk) if chunk.is_empty() => Ok(None),
            Some(chunk) => Ok(Some(chunk)),
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

/// One snapshot on its way.
struct Transfer<'a> {
    net: &'a SimNet,
    to: usize,
    incarnation: u64,
    chunks: mpsc::Sender<Bytes>,
    /// As it left the sender.
    file: BytesMut,
    is_garbled: bool,
}

/// Carries a snapshot; the end of the body travels as an empty chunk, so that a broken connection
/// is not mistaken for it.
pub(super) async fn send(
    net: &SimNet,
    message: Message,
    body: mpsc::Receiver<Bytes>,
    bytes: u64,
) -> Result<(), CallError> {
    let world = net.life().world().clone();
    let to = net.number(message.to).ok_or_else(|| broken("no such member"))?;
    let (_, snapshots, incarnation) = net.port(to).ok_or_else(|| broken("connection refused"))?;
    let (chunks, receiver) = mpsc::channel(WINDOW_CHUNKS);
    let (result, finished) = oneshot::channel();
    let mut transfer =
        Transfer { net, to, incarnation, chunks, file: BytesMut::new(), is_garbled: false };
    transfer.step().await?;
    let message = announced(net, &message)?;
    let snapshot = SimSnapshot { message: message.clone(), chunks: receiver, result };
    snapshots.try_send(snapshot).map_err(|_| broken("refused"))?;
    world.count("net: snapshots begun");
    world.record(net.life().member() + 1, "snapshot", &[to as u64, bytes]);
    let is_whole = match select(Box::pin(transfer.carry(body, bytes)), finished).await {
        Either::Left((carried, finished)) => {
            carried?;
            Either::Left(finished)
        }
        // Nothing of the file was wanted.
        Either::Right((early, _)) => Either::Right(early),
    };
    let result = match is_whole {
        Either::Right(early) => {
            return early.unwrap_or_else(|_| Err("receiver is gone".into())).map_err(refused);
        }
        Either::Left(finished) => transfer.judge(&message, finished).await,
    };
    if result.is_ok() {
        world.count("net: snapshots arrived");
    }
    result
}

fn refused(reason: String) -> CallError {
    CallError::Refused(reason)
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

impl Transfer<'_> {
    async fn carry(
        &mut self,
        mut body: mpsc::Receiver<Bytes>,
        bytes: u64,
    ) -> Result<(), CallError> {
        loop {
            let chunk = body.recv().await;
            self.step().await?;
            let Some(chunk) = chunk else { break };
            if chunk.is_empty() {
                continue;
            }
            // The two meta pages stand in for each other: damage to one is none to the file.
            let may_garble = self.file.len() >= 2 * bbolt::PAGE_BYTES;
            self.file.extend_from_slice(&chunk);
            let chunk = if may_garble { self.garble(chunk) } else { chunk };
            self.chunks.send(chunk).await.map_err(|_| broken("receiver is gone"))?;
        }
        if self.file.len() as u64 != bytes {
            return Err(broken("the snapshot ended early"));
        }
        self.chunks.send(Bytes::new()).await.map_err(|_| broken("receiver is gone"))
    }

    async fn step(&self) -> Result<(), CallError> {
        let world = self.net.life().world();
        match self.net.route(self.to) {
            Route::Arrives(delay) => world.clock.sleep(delay).await,
            Route::Lost | Route::Unreachable => return Err(broken("connection reset")),
        }
        let reset = {
            let faults = lock(&world.net).faults(self.net.life().member(), self.to);
            world.choose(|prng| prng.chance(faults.reset))
        };
        if reset {
            world.count("fault: snapshot connection reset");
            return Err(broken("connection reset"));
        }
        self.stands()
    }

    fn garble(&mut self, chunk: Bytes) -> Bytes {
        let world = self.net.life().world();
        let faults = lock(&world.net).faults(self.net.life().member(), self.to);
        if !world.choose(|prng| prng.chance(faults.garble)) {
            return chunk;
        }
        world.count("fault: snapshot corrupted");
        self.is_garbled = true;
        let at = world.choose(|prng| prng.below(PAGE_NUMBER_BYTES as u64)) as usize;
        let mut chunk = BytesMut::from(&chunk[..]);
        chunk[at] ^= 0x55;
        chunk.freeze()
    }

    fn stands(&self) -> Result<(), CallError> {
        match self.net.port(self.to) {
            Some((_, _, now)) if now == self.incarnation => Ok(()),
            _ => Err(broken("peer restarted")),
        }
    }

    /// Judges what was sent, and what the receiver says of it.
    async fn judge(
        &mut self,
        message: &Message,
        finished: oneshot::Receiver<Result<(), String>>,
    ) -> Result<(), CallError> {
        let world = self.net.life().world().clone();
        if let Body::Snapshot { meta, .. } = &message.body {
            let file = std::mem::take(&mut self.file).freeze();
            let member = self.net.life().member();
            let verdict = lock(&world.checks).snapshot_sent(member, meta, file);
            world.judge(verdict);
        }
        let result = self.result(finished).await;
        let is_answer = matches!(result, Ok(()) | Err(CallError::Refused(_)));
        if self.is_garbled && is_answer {
            let checks = lock(&world.checks);
            let verdict = snapshot_content::corrupted(checks.tally(), self.to, result.is_ok());
            drop(checks);
            world.judge(verdict);
        }
        result
    }

    async fn result(
        &self,
        mut finished: oneshot::Receiver<Result<(), String>>,
    ) -> Result<(), CallError> {
        let world = self.net.life().world();
        loop {
            match select(&mut finished, world.clock.sleep(PROBE_TIME)).await {
                Either::Left((Ok(result), _)) => return result.map_err(refused),
                Either::Left((Err(_), _)) => return Err(broken("receiver is gone")),
                Either::Right(_) => {
                    self.stands()?;
                    if self.net.route(self.to) == Route::Unreachable {
                        return Err(CallError::TimedOut);
                    }
                }
            }
        }
    }
}
