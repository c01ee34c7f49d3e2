//! Who waits for which proposal. A waiter is completed only by the applied entry that carries both
//! its id and its payload (P-b): a foreign entry with the same id answers nobody.
//!
//! A slot is freed when its guard is dropped, so a call that is cancelled leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{Instant, RequestId};
use bytes::Bytes;
use tokio::sync::oneshot;

/// The table of waiters of one kind of outcome.
#[derive(Debug)]
pub struct Waiters<T> {
    table: Arc<Mutex<Table<T>>>,
}

#[derive(Debug)]
struct Table<T> {
    slots: BTreeMap<RequestId, Slot<T>>,
    /// Nothing will be applied any more: a wait ends where it begins.
    closed: bool,
}

#[derive(Debug)]
struct Slot<T> {
    payload: Bytes,
    deadline: Instant,
    answer: oneshot::Sender<T>,
}

/// A registered wait; dropping it frees the slot.
#[derive(Debug)]
pub struct Waiter<T> {
    id: RequestId,
    table: Waiters<T>,
    answer: oneshot::Receiver<T>,
    /// Its slot is free already.
    done: bool,
}

impl<T> Clone for Waiters<T> {
    fn clone(&self) -> Waiters<T> {
        Waiters { table: self.table.clone() }
    }
}

impl<T> Default for Waiters<T> {
    fn default() -> Waiters<T> {
        let table = Table { slots: BTreeMap::new(), closed: false };
        Waiters { table: Arc::new(Mutex::new(table)) }
    }
}

impl<T> Waiters<T> {
    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a wait for the entry with this id and payload, until a deadline that
    /// [`Waiters::expire`] keeps: one timer for all waits instead of one for each.
    ///
    /// # Panics
    /// When the id is in use: ids of live proposals are unique.
    #[must_use]
    pub fn register(&self, id: RequestId, payload: Bytes, deadline: Instant) -> Waiter<T> {
        let (sender, answer) = oneshot::channel();
        let mut table = self.lock();
        if !table.closed {
            let slot = Slot { payload, deadline, answer: sender };
            let earlier = table.slots.insert(id, slot);
            assert!(earlier.is_none(), "request id {id} is waited for twice");
        }
        drop(table);
        Waiter { id, table: self.clone(), answer, done: false }
    }

    /// Completes the waiter of this id if its payload is the applied one; gives the outcome back
    /// when nobody waits for it.
    pub fn complete(&self, id: RequestId, payload: &[u8], outcome: T) -> Result<(), T> {
        let mut table = self.lock();
        if table.slots.get(&id).is_none_or(|slot| slot.payload != payload) {
            return Err(outcome);
        }
        let slot = table.slots.remove(&id);
        drop(table);
        match slot {
            Some(slot) => slot.answer.send(outcome),
            None => Err(outcome),
        }
    }

    /// Ends the waits whose deadline has passed, with what `outcome` gives; says how many.
    pub fn expire(&self, now: Instant, outcome: impl Fn() -> T) -> usize {
        let mut table = self.lock();
        let due = table.slots.iter().filter(|(_, slot)| slot.deadline <= now);
        let due: Vec<RequestId> = due.map(|(id, _)| *id).collect();
        let ended: Vec<Slot<T>> = due.iter().filter_map(|id| table.slots.remove(id)).collect();
        drop(table);
        let count = ended.len();
        for slot in ended {
            // Whoever waited may have gone in this moment.
            let _gone = slot.answer.send(outcome());
        }
        count
    }

    /// Whether somebody waits for this id.
    #[must_use]
    pub fn is_awaited(&self, id: RequestId) -> bool {
        self.lock().slots.contains_key(&id)
    }

    /// Drops all waiters; each sees its wait end without an outcome.
    pub fn abandon_all(&self) {
        let slots = std::mem::take(&mut self.lock().slots);
        drop(slots);
    }

    /// Drops all waiters and those to come.
    pub fn close(&self) {
        let mut table = self.lock();
        table.closed = true;
        let slots = std::mem::take(&mut table.slots);
        drop(table);
        drop(slots);
    }
}

impl<T> Waiter<T> {
    /// Waits for the outcome; `None` when the member stops first or the outcome will never be
    /// known here.
    pub async fn wait(&mut self) -> Option<T> {
        let outcome = (&mut self.answer).await.ok();
        self.done = true;
        outcome
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        if !self.done {
            self.table.lock().slots.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_payload_completes_and_a_dropped_waiter_leaves() {
        let waiters = Waiters::default();
        let payload = Bytes::from_static(b"mine");
        let later = Instant::from_nanos(9);
        let mut waiter = waiters.register(RequestId(1), payload.clone(), later);
        assert_eq!(waiters.complete(RequestId(1), b"theirs", 1), Err(1));
        assert_eq!(waiters.complete(RequestId(2), b"mine", 2), Err(2));
        assert_eq!(waiters.complete(RequestId(1), b"mine", 3), Ok(()));
        assert_eq!(waiter.answer.try_recv(), Ok(3));
        drop(waiters.register(RequestId(4), payload, later));
        assert!(waiters.lock().slots.is_empty());
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_not_before() {
        let waiters = Waiters::default();
        let register =
            |id, nanos| waiters.register(RequestId(id), Bytes::new(), Instant::from_nanos(nanos));
        let (mut late, mut early) = (register(1, 20), register(2, 10));
        assert_eq!(waiters.expire(Instant::from_nanos(9), || "timed out"), 0);
        assert_eq!(waiters.expire(Instant::from_nanos(10), || "timed out"), 1);
        assert_eq!(early.answer.try_recv(), Ok("timed out"));
        assert!(late.answer.try_recv().is_err(), "ended before its time");
        drop(early);
        assert_eq!(waiters.complete(RequestId(1), b"", "done"), Ok(()));
        assert_eq!(late.answer.try_recv(), Ok("done"));
        let mut abandoned = register(3, 30);
        waiters.abandon_all();
        let mut waiting = register(4, 40);
        assert_eq!(waiting.answer.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        waiters.close();
        let mut after = register(5, 50);
        for waiter in [&mut abandoned, &mut waiting, &mut after] {
            assert_eq!(waiter.answer.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        }
    }
}
