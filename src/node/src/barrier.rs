//! The read barrier: all linearizable reads that wait share one confirmation of leadership.
//!
//! A read registers, and is told an index once a confirmation that began after it arrived has
//! succeeded; it then waits until that index is applied here. Contexts are unique per member, boot
//! and try (P-d), so an answer to an old question confirms nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::Index;
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::error::ApiError;

/// What a waiting read is told.
pub type Confirmation = Result<Index, ApiError>;

type Waiting = Vec<oneshot::Sender<Confirmation>>;

/// Reads that registered since the Raft task last looked.
#[derive(Debug, Default)]
pub struct Arrivals {
    waiting: Mutex<Waiting>,
    /// Woken when somebody waits; a wake-up is kept until the Raft task looks.
    arrived: Notify,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a read and wakes the Raft task.
    pub fn register(&self) -> oneshot::Receiver<Confirmation> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.push(sender);
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
        receiver
    }

    /// Waits until a read has registered.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn take(&self) -> Waiting {
        let mut waiting = std::mem::take(&mut *self.lock());
        waiting.retain(|sender| !sender.is_closed());
        waiting
    }
}

/// The rounds in flight, owned by the Raft task. Contexts rise, so a confirmation of a context
/// covers every read that registered before that context was made.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// Reads by the context of their first try.
    rounds: BTreeMap<u64, Waiting>,
    /// Contexts that were asked about and not yet answered, retries included.
    asked: BTreeSet<u64>,
}

impl Rounds {
    /// Opens a round for all reads that have arrived; `None` when nobody waits.
    pub(crate) fn open(&mut self, arrivals: &Arrivals, context: u64) -> Option<Bytes> {
        let waiting = arrivals.take();
        if waiting.is_empty() {
            return None;
        }
        let earlier = self.rounds.insert(context, waiting);
        assert!(earlier.is_none(), "read context {context:x} was used twice");
        self.ask(context);
        Some(encode(context))
    }

    /// Asks again for everything that is in flight, under a new context. An answer to an older
    /// context still counts for the reads that are as old as it.
    pub(crate) fn retry(&mut self, context: u64) -> Option<Bytes> {
        self.rounds.retain(|_, waiting| {
            waiting.retain(|sender| !sender.is_closed());
            !waiting.is_empty()
        });
        if self.rounds.is_empty() {
            self.asked.clear();
            return None;
        }
        self.ask(context);
        Some(encode(context))
    }

    fn ask(&mut self, context: u64) {
        let latest = self.asked.last().copied().unwrap_or(0);
        assert!(context > latest, "read context {context:x} is not above {latest:x}");
        self.asked.insert(context);
    }

    /// A confirmation arrived: the reads of this round and of all before it are told the index.
    pub(crate) fn confirm(&mut self, context: &[u8], index: Index) {
        let Some(context) = decode(context) else { return };
        if !self.asked.contains(&context) {
            return;
        }
        self.asked = self.asked.split_off(&(context + 1));
        let later = self.rounds.split_off(&(context + 1));
        for (_, waiting) in std::mem::replace(&mut self.rounds, later) {
            tell(waiting, &Ok(index));
        }
    }

    /// Nothing in flight will be answered.
    pub(crate) fn fail(&mut self, error: &ApiError) {
        self.asked.clear();
        for (_, waiting) in std::mem::take(&mut self.rounds) {
            tell(waiting, &Err(error.clone()));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }
}

fn tell(waiting: Waiting, confirmation: &Confirmation) {
    for sender in waiting {
        // A reader that went away needs no answer.
        let _gone = sender.send(confirmation.clone());
    }
}

fn encode(context: u64) -> Bytes {
    Bytes::copy_from_slice(&context.to_be_bytes())
}

fn decode(context: &[u8]) -> Option<u64> {
    context.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_answers_its_round_and_earlier_ones_only() {
        let (arrivals, mut rounds) = (Arrivals::default(), Rounds::default());
        let mut first = arrivals.register();
        let one = rounds.open(&arrivals, 7).expect("somebody waits");
        let mut second = arrivals.register();
        rounds.open(&arrivals, 9).expect("somebody waits");
        let again = rounds.retry(11).expect("both wait");
        rounds.confirm(&one, Index(3));
        assert_eq!(first.try_recv(), Ok(Ok(Index(3))));
        assert!(second.try_recv().is_err(), "a later read is not confirmed by an earlier round");
        rounds.confirm(&encode(8), Index(4));
        assert!(second.try_recv().is_err(), "an unknown context confirms nothing");
        rounds.confirm(&again, Index(5));
        assert_eq!(second.try_recv(), Ok(Ok(Index(5))), "a retry confirms what came before it");
        let mut third = arrivals.register();
        rounds.open(&arrivals, 12).expect("somebody waits");
        rounds.fail(&ApiError::LEADER_CHANGED);
        assert_eq!(third.try_recv(), Ok(Err(ApiError::LEADER_CHANGED)));
        assert!(rounds.is_empty() && rounds.open(&arrivals, 10).is_none());
    }
}
