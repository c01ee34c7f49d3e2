//! A range as a stream of parts, with memory for one part.
//!
//! The concatenation of the parts is the answer of the range. The first part has up to ten keys;
//! the limit of the next ones doubles or halves to keep a part within half and twice the target.
//! A sort target without an order sorts each part by itself, as etcd does. But etcd then goes on
//! behind the key that sorts last and so loses or repeats keys; here every key comes once.
//! The revision is pinned by the first part. As in etcd it is not protected from compaction: each
//! part is read through the newest view, and the stream ends with an error when that is compacted
//! beyond it. So a long stream holds no old view either.

use bytes::Bytes;
use proto::etcdserverpb::RangeRequest;

use super::View;
use crate::answer::{Header, RangeAnswer};
use crate::backend::BackendSnapshot;
use crate::error::ReadError;
use crate::index::Key;
use crate::interval::Interval;

/// Keys in the first part.
const FIRST_KEYS_MAX: i64 = 10;

/// A range that is being streamed.
#[derive(Clone, Debug)]
pub struct RangeStream {
    request: RangeRequest,
    /// Where the next part begins.
    from: Key,
    /// Revision read; the store's at the first part when the request names none.
    at: i64,
    /// The store's revision at the first part.
    began: i64,
    /// Keys in the next part at most.
    keys_max: i64,
    /// Keys that may still follow.
    left: i64,
    sent: i64,
    target_bytes: usize,
    done: bool,
}

/// One message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Pairs, with more to follow.
    Some(RangeAnswer),
    /// The last pairs, with count, whether the limit cut something off, and the revision for the
    /// header.
    Last(RangeAnswer),
}

impl Part {
    /// The part as a `RangeStreamResponse`; only the last has a header.
    #[must_use]
    pub fn encode(self, header: &Header) -> Bytes {
        match self {
            Part::Some(answer) => answer.encode_streamed(None),
            Part::Last(answer) => {
                let header = Header { revision: answer.revision, ..*header };
                answer.encode_streamed(Some(&header))
            }
        }
    }
}

impl RangeStream {
    /// Begins a stream of a request that `validate::range_stream` let through. `target_bytes` is
    /// the largest request size of the server, the measure of a part.
    #[must_use]
    pub fn new(request: RangeRequest, target_bytes: usize) -> RangeStream {
        // A negative limit is none; etcd then sends everything in one part, here the parts stay
        // bounded.
        let left = if request.limit <= 0 { i64::MAX } else { request.limit };
        RangeStream {
            from: Key::from(&request.key[..]),
            at: request.revision,
            began: 0,
            keys_max: FIRST_KEYS_MAX.min(left),
            left,
            sent: 0,
            target_bytes,
            done: false,
            request,
        }
    }

    /// Reads the next part through the newest view; `None` after the last.
    ///
    /// # Errors
    /// `Compacted`, also in the middle; `FutureRevision`; or the backend failed.
    ///
    /// # Panics
    /// When the view is older than the one before.
    pub fn next<S: BackendSnapshot>(&mut self, view: &View<S>) -> Result<Option<Part>, ReadError> {
        if self.done {
            return Ok(None);
        }
        if self.began == 0 {
            self.began = view.revision();
            self.at = view.image.visible(self.at, self.began)?;
        }
        assert!(view.revision() >= self.began, "a stream goes back to {}", view.revision());
        self.at = view.image.visible(self.at, view.revision())?;
        if self.request.count_only {
            return Ok(Some(self.count(view)));
        }
        self.part(view).map(Some)
    }

    fn count<S: BackendSnapshot>(&mut self, view: &View<S>) -> Part {
        self.done = true;
        let count = self.remaining(view);
        Part::Last(RangeAnswer { count, revision: self.began, ..RangeAnswer::default() })
    }

    fn part<S: BackendSnapshot>(&mut self, view: &View<S>) -> Result<Part, ReadError> {
        let image = &view.image;
        let wanted = usize::try_from(self.keys_max).unwrap_or(usize::MAX);
        let from = self.from.clone();
        let interval = self.interval(&from);
        let mut found = image.find(interval, self.at, image.revision, wanted.saturating_add(1));
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next = found.last().map(|(key, _)| after(key));
        let (kvs, _) = image.ordered(found, &self.request)?;
        let keys = kvs.len() as i64;
        let mut answer = RangeAnswer { kvs, ..RangeAnswer::default() };
        self.sent += keys;
        self.left -= keys;
        if more && let Some(next) = next {
            self.from = next;
            if self.left > 0 {
                self.adjust(answer.len_bytes());
                return Ok(Part::Some(answer));
            }
            answer.more = true;
            answer.count = self.remaining(view);
        }
        self.done = true;
        answer.count += self.sent;
        answer.revision = self.began;
        Ok(Part::Last(answer))
    }

    /// What is left of the request's interval from a key on.
    fn interval<'a>(&'a self, from: &'a [u8]) -> Interval<'a> {
        Interval::new(from, &self.request.range_end)
    }

    fn remaining<S: BackendSnapshot>(&self, view: &View<S>) -> i64 {
        view.image.count(self.interval(&self.from), self.at, view.revision()) as i64
    }

    /// Doubling and halving only outside the bounds keeps the size of parts from swinging.
    fn adjust(&mut self, bytes: usize) {
        if bytes < self.target_bytes / 2 {
            self.keys_max = self.keys_max.saturating_mul(2);
        } else if bytes > self.target_bytes.saturating_mul(2) {
            self.keys_max /= 2;
        }
        self.keys_max = self.keys_max.max(1).min(self.left);
    }
}

/// The smallest key above `key`.
fn after(key: &[u8]) -> Key {
    key.iter().copied().chain([0]).collect()
}
