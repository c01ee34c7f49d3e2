//! One watcher: what it wants, and the first revision that it has not been given.

use alloc::string::String;

use bytes::Bytes;

/// A range of keys in the form of the API: an empty end is a single key, `"\0"` no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub key: Bytes,
    /// The end, exclusive.
    pub range_end: Bytes,
}

impl KeyRange {
    /// The range as etcd reads it: an empty key means `"\0"`.
    #[must_use]
    pub fn new(key: Bytes, range_end: Bytes) -> KeyRange {
        let key = if key.is_empty() { Bytes::from_static(b"\0") } else { key };
        KeyRange { key, range_end }
    }

    /// The key and the range end as etcd reads them.
    #[must_use]
    pub fn bounds(&self) -> (&[u8], &[u8]) {
        (&self.key, &self.range_end)
    }

    /// Whether a key lies in the range.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.range_end[..] {
            b"" => key == &self.key[..],
            b"\0" => key >= &self.key[..],
            end => key >= &self.key[..] && key < end,
        }
    }

    /// Whether no key can lie in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.range_end.is_empty() && &self.range_end[..] != b"\0" && self.key >= self.range_end
    }
}

/// Events that a watcher does not want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// No puts.
    pub no_put: bool,
    /// No deletes.
    pub no_delete: bool,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSpec {
    /// The keys.
    pub range: KeyRange,
    /// The first revision wanted; zero for what comes.
    pub start_revision: i64,
    /// Left out.
    pub filters: Filters,
    /// Whether events carry what stood there before.
    pub prev_kv: bool,
    /// Whether quiet times are reported.
    pub progress_notify: bool,
    /// Whether large responses may be cut into fragments.
    pub fragment: bool,
}

/// Why a watcher is not created; the stream lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateError {
    /// The range holds no key.
    EmptyRange,
    /// The id is in use on this stream.
    DuplicateId,
    /// The start lies below zero.
    NegativeStart,
    /// Who asks may not read the range; why, as it goes over the wire.
    Forbidden(String),
}

impl CreateError {
    /// The reason as it goes over the wire.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            CreateError::EmptyRange => "mvcc: watcher range is empty",
            CreateError::DuplicateId => "mvcc: duplicate watch ID provided on the WatchStream",
            CreateError::Forbidden(reason) => reason,
            CreateError::NegativeStart => "etcdserver: mvcc: required revision has been compacted",
        }
    }
}

/// A watcher in its stream.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    pub(crate) spec: WatchSpec,
    /// The first revision that it has not been given. Rises only.
    pub(crate) next: i64,
    /// Whether it is told of events as they are published; else it is served from history.
    pub(crate) synced: bool,
    /// Whether it was given an event since the last progress tick.
    pub(crate) told: bool,
}

impl Watcher {
    /// Whether the watcher wants an event; its revision is judged by the caller.
    pub(crate) fn wants(&self, key: &[u8], is_delete: bool) -> bool {
        let filtered = match is_delete {
            true => self.spec.filters.no_delete,
            false => self.spec.filters.no_put,
        };
        !filtered && self.spec.range.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(key: &'static str, end: &'static str) -> KeyRange {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        KeyRange::new(bytes(key), bytes(end))
    }

    #[test]
    fn ranges_are_read_as_the_api_has_them() {
        assert!(range("a", "").contains(b"a") && !range("a", "").contains(b"ab"));
        assert!(range("a", "c").contains(b"b") && !range("a", "c").contains(b"c"));
        assert!(range("b", "\0").contains(b"z") && !range("b", "\0").contains(b"a"));
        assert!(range("", "\0").contains(b"\0"));
        assert!(range("b", "b").is_empty() && range("b", "a").is_empty());
        assert!(!range("b", "\0").is_empty() && !range("b", "").is_empty());
    }
}
