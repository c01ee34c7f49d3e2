//! Ranges, puts and deletes.

use proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest};

use super::Generator;

impl Generator {
    pub(super) fn range(&mut self) -> RangeRequest {
        let key = self.key();
        let mut request = RangeRequest {
            range_end: self.range_end(&key),
            key,
            limit: *self.prng.pick(&[0, 0, 0, 1, 2, 3, 10, -1, i64::MAX]),
            revision: self.revision_or_latest(),
            sort_order: *self.prng.pick(&[0, 0, 0, 1, 2]),
            sort_target: *self.prng.pick(&[0, 0, 0, 1, 2, 3, 4]),
            serializable: self.one_in(4),
            keys_only: self.one_in(6),
            count_only: self.one_in(8),
            ..RangeRequest::default()
        };
        if self.one_in(40) {
            request.sort_order = *self.prng.pick(&[3, -1]);
        }
        if self.one_in(40) {
            request.sort_target = *self.prng.pick(&[5, -1]);
        }
        self.filter(&mut request);
        request
    }

    fn filter(&mut self, request: &mut RangeRequest) {
        let filters = [
            &mut request.min_mod_revision,
            &mut request.max_mod_revision,
            &mut request.min_create_revision,
            &mut request.max_create_revision,
        ];
        for filter in filters {
            if self.one_in(10) {
                *filter = self.revision();
            }
        }
    }

    pub(super) fn put(&mut self) -> PutRequest {
        let ignore_value = self.one_in(10);
        let ignore_lease = self.one_in(10);
        let broken = self.one_in(10);
        PutRequest {
            key: self.key(),
            value: if ignore_value && !broken { Default::default() } else { self.value() },
            lease: if ignore_lease && !broken { 0 } else { self.lease_or_none() },
            prev_kv: self.one_in(3),
            ignore_value,
            ignore_lease,
        }
    }

    pub(super) fn delete_range(&mut self) -> DeleteRangeRequest {
        let key = self.key();
        DeleteRangeRequest { range_end: self.range_end(&key), key, prev_kv: self.one_in(2) }
    }
}
