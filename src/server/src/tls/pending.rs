//! Handshakes under way: bounded, and where there are too many the oldest goes. An honest
//! handshake takes milliseconds, so the oldest is one that is slow or silent on purpose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

/// The handshakes of one side.
#[derive(Debug)]
pub(super) struct Pending {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    /// By age. Dropping a sender ends its handshake.
    places: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    pending: Arc<Pending>,
    number: u64,
    taken_away: oneshot::Receiver<()>,
}

impl Pending {
    pub(super) fn new(most: usize) -> Arc<Pending> {
        assert!(most > 0, "a server without handshakes serves nobody");
        Arc::new(Pending { most, held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("nobody panics while holding it")
    }

    /// Takes a place, if need be the oldest one's.
    pub(super) fn enter(self: &Arc<Pending>) -> Place {
        let (sender, taken_away) = oneshot::channel();
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
        held.places.insert(number, sender);
        if held.places.len() > self.most {
            held.places.pop_first();
        }
        Place { pending: Arc::clone(self), number, taken_away }
    }
}

impl Place {
    /// Returns when the place is needed for another handshake.
    pub(super) async fn taken_away(&mut self) {
        // Nothing is ever sent; the sender is dropped.
        let _closed = (&mut self.taken_away).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pending.held().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_when_there_are_too_many() {
        let pending = Pending::new(2);
        let (mut first, mut second) = (pending.enter(), pending.enter());
        let mut third = pending.enter();
        first.taken_away().await;
        let now = std::time::Duration::ZERO;
        assert!(tokio::time::timeout(now, second.taken_away()).await.is_err());
        drop(second);
        let _fourth = pending.enter();
        assert!(tokio::time::timeout(now, third.taken_away()).await.is_err());
        assert_eq!(pending.held().places.len(), 2);
    }
}
