//! Messages that wait for one outgoing stream, and which connection the stream is.
//!
//! The Raft task pushes, the connection's task takes all that waits at once. A new connection of
//! the same stream replaces the old one, which then ends; a cut one takes what waits with it.

use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use base::BoundedQueue;

/// Messages in one queue, as many as etcd's streams hold.
const ITEMS_MAX: usize = 4096;
/// Bytes in one queue.
const BYTES_MAX: usize = 64 << 20;

#[derive(Debug)]
struct State {
    waiting: BoundedQueue<raft::Message>,
    /// The connection that takes; zero when none does.
    connection: u64,
    connections: u64,
    waker: Option<Waker>,
}

/// The queue of one stream to one peer.
#[derive(Debug)]
pub(super) struct OutQueue {
    state: Mutex<State>,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Pushed {
    /// It waits for the connection.
    Queued,
    /// The connection is open and too slow; the message is dropped.
    Full,
    /// No connection is open; here is the message again.
    Closed(raft::Message),
}

impl OutQueue {
    pub(super) fn new() -> OutQueue {
        let waiting = BoundedQueue::new(ITEMS_MAX, BYTES_MAX);
        OutQueue {
            state: Mutex::new(State { waiting, connection: 0, connections: 0, waker: None }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// Appends a message.
    pub(super) fn push(&self, message: raft::Message) -> Pushed {
        let waker = {
            let mut state = self.state();
            if state.connection == 0 {
                return Pushed::Closed(message);
            }
            let bytes = weight(&message);
            if state.waiting.push(message, bytes).is_err() {
                return Pushed::Full;
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Pushed::Queued
    }

    /// Makes a new connection the one that takes; gives its number.
    pub(super) fn attach(&self) -> u64 {
        let mut state = self.state();
        state.connections += 1;
        state.connection = state.connections;
        state.waiting.clear();
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        state.connection
    }

    /// Ends a connection; without effect when it was replaced. Gives whether messages were lost.
    pub(super) fn detach(&self, connection: u64) -> bool {
        let mut state = self.state();
        if state.connection != connection {
            return false;
        }
        state.connection = 0;
        let lost = !state.waiting.is_empty();
        state.waiting.clear();
        lost
    }

    /// Ends whatever connection there is.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.connection = 0;
        state.waiting.clear();
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Takes messages until `enough` says so. Ready with `None` when the connection was replaced
    /// or closed; pending when nothing waits.
    pub(super) fn poll_take(
        &self,
        connection: u64,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&raft::Message) -> bool,
    ) -> Poll<Option<()>> {
        let mut state = self.state();
        if state.connection != connection {
            return Poll::Ready(None);
        }
        if state.waiting.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while let Some(message) = state.waiting.pop() {
            if take(&message) {
                break;
            }
        }
        Poll::Ready(Some(()))
    }
}

/// Bytes that a message is charged.
fn weight(message: &raft::Message) -> usize {
    const OVERHEAD: usize = 128;
    let body = match &message.body {
        raft::Body::Append { entries, .. } => entries.iter().map(raft::Entry::weight).sum(),
        raft::Body::Propose { entries } => entries.iter().map(|(_, data)| data.len() + 32).sum(),
        _ => 0,
    };
    OVERHEAD + body
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use base::{MemberId, Term};
    use raft::{Body, Message};

    use super::{ITEMS_MAX, OutQueue, Pushed};

    fn message(term: u64) -> Message {
        let (from, to) = (MemberId(1), MemberId(2));
        Message { from, to, term: Term(term), body: Body::TimeoutNow }
    }

    #[test]
    fn a_replaced_connection_ends_and_takes_nothing_more() {
        let queue = OutQueue::new();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(queue.push(message(1)), Pushed::Closed(_)));
        let first = queue.attach();
        assert!(matches!(queue.push(message(1)), Pushed::Queued));
        let second = queue.attach();
        let mut taken = Vec::new();
        let mut take = |message: &Message| {
            taken.push(message.term.get());
            false
        };
        assert_eq!(queue.poll_take(first, &mut cx, &mut take), Poll::Ready(None));
        // What waited for the first connection is never sent over the second.
        assert_eq!(queue.poll_take(second, &mut cx, &mut take), Poll::Pending);
        assert!(matches!(queue.push(message(2)), Pushed::Queued));
        assert_eq!(queue.poll_take(second, &mut cx, &mut take), Poll::Ready(Some(())));
        assert_eq!(taken, [2]);
        assert!(!queue.detach(first), "a replaced connection loses nothing");
        assert!(matches!(queue.push(message(3)), Pushed::Queued));
        assert!(queue.detach(second), "a message was lost");
    }

    #[test]
    fn a_full_queue_drops_the_message_and_says_so() {
        let queue = OutQueue::new();
        queue.attach();
        for _ in 0..ITEMS_MAX {
            assert!(matches!(queue.push(message(1)), Pushed::Queued));
        }
        assert!(matches!(queue.push(message(1)), Pushed::Full));
    }
}
