//! A first-in-first-out queue that is bounded in items and in bytes and says so when full.
//!
//! One item is always admitted to an empty queue, whatever its size: a bound must delay a large
//! item, never refuse it for good.

use alloc::collections::VecDeque;

/// A queue of items with a known size each.
#[derive(Debug)]
pub struct BoundedQueue<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    items_max: usize,
    bytes_max: usize,
}

impl<T> BoundedQueue<T> {
    /// An empty queue that holds up to `items_max` items and about `bytes_max` bytes.
    ///
    /// # Panics
    /// When a bound is zero.
    #[must_use]
    pub fn new(items_max: usize, bytes_max: usize) -> BoundedQueue<T> {
        assert!(items_max > 0 && bytes_max > 0, "a queue without room: {items_max}, {bytes_max}");
        BoundedQueue { items: VecDeque::new(), bytes: 0, items_max, bytes_max }
    }

    /// Appends an item of `bytes` bytes, or gives it back when the queue is full.
    ///
    /// # Errors
    /// The item itself, when a bound would be exceeded and the queue is not empty.
    pub fn push(&mut self, item: T, bytes: usize) -> Result<(), T> {
        let over = self.items.len() >= self.items_max || self.bytes + bytes > self.bytes_max;
        if over && !self.items.is_empty() {
            return Err(item);
        }
        self.items.push_back((item, bytes));
        self.bytes += bytes;
        Ok(())
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        let (item, bytes) = self.items.pop_front()?;
        assert!(self.bytes >= bytes, "queue of {} bytes gave out {bytes}", self.bytes);
        self.bytes -= bytes;
        Some(item)
    }

    /// The oldest item, left in place.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.items.front().map(|(item, _)| item)
    }

    /// Items held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes held, as the callers of `push` counted them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops all items.
    pub fn clear(&mut self) {
        self.items.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedQueue;

    #[test]
    fn a_full_queue_gives_the_item_back_but_an_empty_one_takes_anything() {
        let mut queue = BoundedQueue::new(2, 10);
        assert_eq!(queue.push('a', 50), Ok(()));
        assert_eq!(queue.push('b', 1), Err('b'));
        assert_eq!(queue.pop(), Some('a'));
        assert_eq!((queue.push('c', 5), queue.push('d', 5)), (Ok(()), Ok(())));
        assert_eq!(queue.push('e', 0), Err('e'));
        assert_eq!((queue.len(), queue.bytes()), (2, 10));
    }
}
