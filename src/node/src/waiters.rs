//! Who waits for which proposal. A waiter is completed only by the applied entry that carries both
//! its id and its payload (P-b): a foreign entry with the same id answers nobody.
//!
//! A slot is freed when its guard is dropped, so a call that is cancelled leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::RequestId;
use bytes::Bytes;
use tokio::sync::oneshot;

/// The table of waiters of one kind of outcome.
#[derive(Debug)]
pub struct Waiters<T> {
    slots: Arc<Mutex<BTreeMap<RequestId, Slot<T>>>>,
}

#[derive(Debug)]
struct Slot<T> {
    payload: Bytes,
    answer: oneshot::Sender<T>,
}

/// A registered wait; dropping it frees the slot.
#[derive(Debug)]
pub struct Waiter<T> {
    id: RequestId,
    table: Waiters<T>,
    answer: oneshot::Receiver<T>,
}

impl<T> Clone for Waiters<T> {
    fn clone(&self) -> Waiters<T> {
        Waiters { slots: self.slots.clone() }
    }
}

impl<T> Default for Waiters<T> {
    fn default() -> Waiters<T> {
        Waiters { slots: Arc::default() }
    }
}

impl<T> Waiters<T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RequestId, Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a wait for the entry with this id and payload.
    ///
    /// # Panics
    /// When the id is in use: ids of live proposals are unique.
    #[must_use]
    pub fn register(&self, id: RequestId, payload: Bytes) -> Waiter<T> {
        let (sender, answer) = oneshot::channel();
        let earlier = self.lock().insert(id, Slot { payload, answer: sender });
        assert!(earlier.is_none(), "request id {id} is waited for twice");
        Waiter { id, table: self.clone(), answer }
    }

    /// Completes the waiter of this id if its payload is the applied one; gives the outcome back
    /// when nobody waits for it.
    pub fn complete(&self, id: RequestId, payload: &[u8], outcome: T) -> Result<(), T> {
        let mut slots = self.lock();
        if slots.get(&id).is_none_or(|slot| slot.payload != payload) {
            return Err(outcome);
        }
        let slot = slots.remove(&id);
        drop(slots);
        match slot {
            Some(slot) => slot.answer.send(outcome),
            None => Err(outcome),
        }
    }

    /// Whether somebody waits for this id.
    #[must_use]
    pub fn is_awaited(&self, id: RequestId) -> bool {
        self.lock().contains_key(&id)
    }

    /// Drops all waiters; each sees its wait end without an outcome.
    pub fn abandon_all(&self) {
        let slots = std::mem::take(&mut *self.lock());
        drop(slots);
    }
}

impl<T> Waiter<T> {
    /// Waits for the outcome; `None` when the member stops first or the outcome will never be
    /// known here.
    pub async fn wait(&mut self) -> Option<T> {
        (&mut self.answer).await.ok()
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        self.table.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_payload_completes_and_a_dropped_waiter_leaves() {
        let waiters = Waiters::default();
        let payload = Bytes::from_static(b"mine");
        let mut waiter = waiters.register(RequestId(1), payload.clone());
        assert_eq!(waiters.complete(RequestId(1), b"theirs", 1), Err(1));
        assert_eq!(waiters.complete(RequestId(2), b"mine", 2), Err(2));
        assert_eq!(waiters.complete(RequestId(1), b"mine", 3), Ok(()));
        assert_eq!(waiter.answer.try_recv(), Ok(3));
        drop(waiters.register(RequestId(4), payload));
        assert!(waiters.lock().is_empty());
    }
}
