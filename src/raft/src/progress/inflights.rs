//! The window of unacknowledged `Append` messages to one follower, bounded in messages and bytes.

use alloc::collections::VecDeque;

use base::Index;

/// Messages on their way, oldest first. Invariant: last indexes strictly increase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inflights {
    /// The last index in each message, and the bytes of its entries.
    window: VecDeque<(Index, usize)>,
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
}

impl Inflights {
    /// An empty window. The message that fills it may exceed `bytes_max`.
    pub fn new(count_max: usize, bytes_max: usize) -> Inflights {
        assert!(count_max > 0 && bytes_max > 0, "a window without room: {count_max}, {bytes_max}");
        Inflights { window: VecDeque::new(), bytes: 0, count_max, bytes_max }
    }

    /// Notes a message that was sent.
    ///
    /// # Panics
    /// When the window is full or the message is not behind the last one.
    pub fn add(&mut self, last: Index, bytes: usize) {
        assert!(!self.is_full(), "{} messages, {} bytes in flight", self.window.len(), self.bytes);
        if let Some(&(before, _)) = self.window.back() {
            assert!(before < last, "message up to {last} sent after one up to {before}");
        }
        self.window.push_back((last, bytes));
        self.bytes += bytes;
    }

    /// Frees every message whose entries are acknowledged up to `index`.
    pub fn free_to(&mut self, index: Index) {
        while let Some(&(last, bytes)) = self.window.front() {
            if last > index {
                return;
            }
            self.window.pop_front();
            assert!(bytes <= self.bytes, "freed {bytes} of {} bytes", self.bytes);
            self.bytes -= bytes;
        }
    }

    /// Whether nothing more may be sent.
    pub fn is_full(&self) -> bool {
        self.window.len() >= self.count_max || self.bytes >= self.bytes_max
    }

    /// Messages on their way.
    pub fn len(&self) -> usize {
        self.window.len()
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.window.clear();
        self.bytes = 0;
    }

    /// The last index of the newest message.
    pub fn newest(&self) -> Option<Index> {
        self.window.back().map(|&(last, _)| last)
    }
}
