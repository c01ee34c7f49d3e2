//! Ids as etcd derives them, so that a member of either kind computes the same ones.
//!
//! A member's id is the first 8 bytes of SHA-1 over its sorted peer URLs, the cluster token and,
//! for a member added at run time, the decimal second at which it was added (with an empty token).
//! A cluster's id is the first 8 bytes of SHA-1 over the sorted ids of its first members.

use std::sync::atomic::{AtomicU64, Ordering};

use base::{ClusterId, MemberId, RequestId};
use sha1::{Digest, Sha1};

fn first_eight(hash: Sha1) -> u64 {
    let digest = hash.finalize();
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes)
}

/// The id of a member of a new cluster (`added_at` absent), or of one added at a second since 1970.
#[must_use]
pub fn member_id(peer_urls: &[String], token: &str, added_at: Option<u64>) -> MemberId {
    let mut urls: Vec<&str> = peer_urls.iter().map(String::as_str).collect();
    urls.sort_unstable();
    let mut hash = Sha1::new();
    for url in urls {
        hash.update(url.as_bytes());
    }
    hash.update(token.as_bytes());
    if let Some(second) = added_at {
        hash.update(second.to_string().as_bytes());
    }
    MemberId(first_eight(hash))
}

/// The id of a cluster by its first members.
#[must_use]
pub fn cluster_id(members: &[MemberId]) -> ClusterId {
    let mut sorted = members.to_vec();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for member in sorted {
        hash.update(member.get().to_be_bytes());
    }
    ClusterId(first_eight(hash))
}

/// Gives request ids: two bytes of the member, then a counter that starts at the wall clock's
/// milliseconds and above every id of this member found in the log, so that an id is never reused
/// while its first use may still be in flight (P-b).
#[derive(Debug)]
pub struct RequestIds {
    prefix: u64,
    next: AtomicU64,
}

const COUNTER_BITS: u64 = 48;
const COUNTER_MASK: u64 = (1 << COUNTER_BITS) - 1;

impl RequestIds {
    /// A source of ids for `member`; `seen` is the greatest own id in the recovered log.
    #[must_use]
    pub fn new(member: MemberId, unix_millis: u64, seen: RequestId) -> RequestIds {
        let prefix = (member.get() & 0xffff) << COUNTER_BITS;
        let by_clock = (unix_millis << 8) & COUNTER_MASK;
        let by_log = match seen.get() & !COUNTER_MASK == prefix {
            true => (seen.get() & COUNTER_MASK) + 1,
            false => 0,
        };
        RequestIds { prefix, next: AtomicU64::new(by_clock.max(by_log)) }
    }

    /// The next id; never zero.
    pub fn next(&self) -> RequestId {
        let counter = self.next.fetch_add(1, Ordering::Relaxed) & COUNTER_MASK;
        RequestId(self.prefix | counter.max(1))
    }

    /// Whether `id` was given by a source of this member.
    #[must_use]
    pub fn is_own(&self, id: RequestId) -> bool {
        id.get() & !COUNTER_MASK == self.prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_etcd_derives() {
        // A default etcd server prints these two ids at its first start.
        let urls = ["http://localhost:2380".to_string()];
        let member = member_id(&urls, "etcd-cluster", None);
        assert_eq!(member, MemberId(0x8e9e_05c5_2164_694d));
        assert_eq!(cluster_id(&[member]), ClusterId(0xcdf8_1819_4e3a_8c32));
    }

    #[test]
    fn a_request_id_lies_above_those_in_the_log() {
        let first = RequestIds::new(MemberId(0xabcd), 5, RequestId::ZERO);
        let id = first.next();
        let after_restart = RequestIds::new(MemberId(0xabcd), 1, id);
        assert!(after_restart.next() > id && first.is_own(id));
        assert!(!first.is_own(RequestId(7)));
    }
}
