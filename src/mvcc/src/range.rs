//! Evaluation of a range: which keys, in which order, how many of them, and only then their values.
//!
//! All but a sort by value is decided in the index; values are read for what is answered.

use alloc::vec::Vec;
use core::cmp::Ordering;

use bytes::Bytes;
use proto::etcdserverpb::RangeRequest;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::mvccpb::KeyValue;

use crate::answer::RangeAnswer;
use crate::backend::{BackendError, BackendSnapshot};
use crate::error::ReadError;
use crate::image::Image;
use crate::index::{Key, Mark};
use crate::interval::Interval;
use crate::keyvalue;
use crate::validate::has_revision_filter;

/// A key that a range found.
type Found<'a> = (&'a Key, Mark);

impl<S: BackendSnapshot> Image<S> {
    /// Evaluates a range that may see revisions up to `current`.
    pub(crate) fn range(
        &self,
        request: &RangeRequest,
        current: i64,
    ) -> Result<RangeAnswer, ReadError> {
        let at = self.visible(request.revision, current)?;
        let interval = Interval::new(&request.key, &request.range_end);
        let count = self.count(interval, at, current) as i64;
        if request.count_only || count == 0 {
            return Ok(RangeAnswer { count, revision: current, ..RangeAnswer::default() });
        }
        let mut found = self.find(interval, at, current, Order::of(request).fetched_max(request));
        found.retain(|(_, mark)| passes(request, mark));
        let (kvs, more) = self.ordered(found, request)?;
        Ok(RangeAnswer { kvs, more, count, revision: current })
    }

    /// The first keys of an interval at a revision, up to `keys_max`.
    pub(crate) fn find<'a>(
        &'a self,
        interval: Interval<'a>,
        at: i64,
        current: i64,
        keys_max: usize,
    ) -> Vec<Found<'a>> {
        let (index, _) = self.index_at(at, current);
        match interval {
            // A descent instead of an iterator: the commonest read of all.
            Interval::Key(key) => match index.entry(key, at) {
                Some(found) => alloc::vec![found],
                None => Vec::new(),
            },
            _ => index.alive(interval, at).take(keys_max).collect(),
        }
    }

    /// The pairs in the order of the request, up to its limit; whether that cut any off.
    pub(crate) fn ordered(
        &self,
        mut found: Vec<Found<'_>>,
        request: &RangeRequest,
    ) -> Result<(Vec<Bytes>, bool), BackendError> {
        match Order::of(request) {
            Order::By(SortTarget::Value, descending) => {
                self.sorted_by_value(found, descending, request)
            }
            Order::By(target, descending) => {
                sort(&mut found, target, descending);
                self.answered(found, request)
            }
            Order::Ascending => self.answered(found, request),
        }
    }

    fn answered(
        &self,
        mut found: Vec<Found<'_>>,
        request: &RangeRequest,
    ) -> Result<(Vec<Bytes>, bool), BackendError> {
        let more = cut(&mut found, request.limit);
        let kvs = found.into_iter().map(|found| self.encoded(found, request.keys_only));
        Ok((kvs.collect::<Result<_, _>>()?, more))
    }

    /// The pair as an answer has it. Without its value it comes from the index, which knows no
    /// lease: there it is zero, as in etcd since 3.7.
    pub(crate) fn encoded(&self, found: Found<'_>, keys_only: bool) -> Result<Bytes, BackendError> {
        let (key, mark) = found;
        if !keys_only {
            return self.stored(mark);
        }
        Ok(keyvalue::encode(&KeyValue {
            key: Bytes::copy_from_slice(key),
            create_revision: mark.created,
            mod_revision: mark.main,
            version: mark.version,
            ..KeyValue::default()
        }))
    }

    fn sorted_by_value(
        &self,
        found: Vec<Found<'_>>,
        descending: bool,
        request: &RangeRequest,
    ) -> Result<(Vec<Bytes>, bool), BackendError> {
        let pairs = found.into_iter().map(|(_, mark)| {
            let stored = self.stored(mark)?;
            Ok((keyvalue::decode(&stored)?, stored))
        });
        let mut pairs = pairs.collect::<Result<Vec<(KeyValue, Bytes)>, BackendError>>()?;
        pairs.sort_by(|(a, _), (b, _)| directed(a.value.cmp(&b.value), descending));
        let more = cut(&mut pairs, request.limit);
        let kvs = pairs.into_iter().map(|(pair, stored)| match request.keys_only {
            true => keyvalue::encode(&KeyValue { value: Bytes::new(), ..pair }),
            false => stored,
        });
        Ok((kvs.collect(), more))
    }
}

/// The order of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// By key, as the index has them.
    Ascending,
    /// By something else, or descending (`true`).
    By(SortTarget, bool),
}

impl Order {
    fn of(request: &RangeRequest) -> Order {
        let target = SortTarget::try_from(request.sort_target).unwrap_or(SortTarget::Key);
        let order = SortOrder::try_from(request.sort_order).unwrap_or(SortOrder::None);
        match (target, order) {
            (SortTarget::Key, SortOrder::None | SortOrder::Ascend) => Order::Ascending,
            (target, order) => Order::By(target, order == SortOrder::Descend),
        }
    }

    /// How many keys are looked at. An explicit order or a filter looks at all; so does not a sort
    /// target without an order, though it sorts: etcd fetches one more than the limit by key and
    /// sorts those.
    fn fetched_max(self, request: &RangeRequest) -> usize {
        let explicit = self != Order::Ascending && request.sort_order != SortOrder::None as i32;
        if request.limit <= 0 || explicit || has_revision_filter(request) {
            return usize::MAX;
        }
        usize::try_from(request.limit).unwrap_or(usize::MAX).saturating_add(1)
    }
}

/// Whether the revision filters let a key through; zero is off, bounds are inclusive.
fn passes(request: &RangeRequest, mark: &Mark) -> bool {
    let within =
        |value: i64, min: i64, max: i64| (max == 0 || value <= max) && (min == 0 || value >= min);
    within(mark.main, request.min_mod_revision, request.max_mod_revision)
        && within(mark.created, request.min_create_revision, request.max_create_revision)
}

/// Sorts; ties keep the order of keys.
fn sort(found: &mut [Found<'_>], target: SortTarget, descending: bool) {
    found.sort_by(|(a_key, a), (b_key, b)| {
        let ascending = match target {
            SortTarget::Key => a_key.cmp(b_key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.created.cmp(&b.created),
            SortTarget::Mod => a.main.cmp(&b.main),
            SortTarget::Value => panic!("values are not sorted by the index"),
        };
        directed(ascending, descending)
    });
}

fn directed(ascending: Ordering, descending: bool) -> Ordering {
    if descending { ascending.reverse() } else { ascending }
}

/// Cuts to a positive limit; whether anything was cut.
fn cut<T>(items: &mut Vec<T>, limit: i64) -> bool {
    let limit = match usize::try_from(limit) {
        Ok(limit) if limit > 0 => limit,
        _ => return false,
    };
    let more = items.len() > limit;
    items.truncate(limit);
    more
}
