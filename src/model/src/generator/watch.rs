//! Watches: where they start, what they filter, how they end.

use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest,
};

use super::Generator;

impl Generator {
    /// The next request on a watch stream: mostly a new watch.
    pub fn watch(&mut self) -> WatchRequest {
        let union = match self.prng.below(20) {
            0 if self.one_in(5) => None,
            0..=2 => Some(RequestUnion::ProgressRequest(WatchProgressRequest {})),
            3..=6 => Some(RequestUnion::CancelRequest(WatchCancelRequest {
                watch_id: *self.prng.pick(&[0, 0, 1, 2, 7, -1, i64::MAX]),
            })),
            _ => Some(RequestUnion::CreateRequest(self.watch_create())),
        };
        WatchRequest { request_union: union }
    }

    /// A watch: in the past, compacted, now or in the future, with all its options.
    pub fn watch_create(&mut self) -> WatchCreateRequest {
        let key = self.key();
        let filters: &[&[i32]] = &[&[], &[], &[], &[0], &[1], &[0, 1], &[9]];
        WatchCreateRequest {
            range_end: self.range_end(&key),
            key,
            start_revision: self.revision_or_latest(),
            progress_notify: self.one_in(3),
            filters: self.prng.pick(filters).to_vec(),
            prev_kv: self.one_in(2),
            watch_id: *self.prng.pick(&[0, 0, 0, 1, 7, -3, i64::MAX]),
            fragment: self.one_in(3),
        }
    }
}
