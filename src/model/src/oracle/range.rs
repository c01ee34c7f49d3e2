//! What a range request answers: order, limit, filters and counts by etcd's rules.
//!
//! Sorting keeps key order among equals. etcd's own sort promises nothing there, but keeps it for
//! up to 12 results; whoever compares larger results must compare ties as a set.

use alloc::vec::Vec;
use core::cmp::Ordering;

use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{RangeRequest, RangeResponse};
use proto::mvccpb::KeyValue;

use super::history::History;
use super::reply::header;
use crate::Error;

/// Answers a range as of the store revision `current`, which the header then carries.
///
/// # Errors
/// [`Error::FutureRevision`] and [`Error::Compacted`]; a revision of zero or below is the current.
pub fn evaluate(
    history: &History,
    current: i64,
    request: &RangeRequest,
) -> Result<RangeResponse, Error> {
    let at = if request.revision <= 0 { current } else { request.revision };
    if request.revision <= current && at < history.compacted() {
        return Err(Error::Compacted);
    }
    recall(history, current, request)
}

/// As [`evaluate`], as if nothing had ever been compacted.
///
/// # Errors
/// [`Error::FutureRevision`].
pub fn recall(
    history: &History,
    current: i64,
    request: &RangeRequest,
) -> Result<RangeResponse, Error> {
    if request.revision > current {
        return Err(Error::FutureRevision);
    }
    let at = if request.revision <= 0 { current } else { request.revision };
    let mut kvs = history.scan(&request.key, &request.range_end, at);
    let count = kvs.len() as i64;
    let mut more = false;
    if request.count_only {
        kvs.clear();
    } else {
        more = select(&mut kvs, request);
    }
    Ok(RangeResponse { header: header(current), kvs, more, count })
}

/// Filters, sorts and cuts the pairs in place; says whether the limit cut any off.
fn select(kvs: &mut Vec<KeyValue>, request: &RangeRequest) -> bool {
    if fetches_by_limit(request) {
        kvs.truncate((request.limit as usize).saturating_add(1));
    }
    kvs.retain(|kv| passes(kv, request));
    let order = sort_order(request);
    let target = request.sort_target;
    match order {
        SortOrder::None => {}
        SortOrder::Ascend => kvs.sort_by(|a, b| compare(target, a, b)),
        SortOrder::Descend => kvs.sort_by(|a, b| compare(target, b, a)),
    }
    let cut = request.limit > 0 && kvs.len() as i64 > request.limit;
    if cut {
        kvs.truncate(request.limit as usize);
    }
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| strip(kv, target));
    }
    cut
}

/// Whether only the first `limit + 1` keys in key order are looked at, even if another sort target
/// was asked for: etcd decides by the order alone.
fn fetches_by_limit(request: &RangeRequest) -> bool {
    let by_key = request.sort_target == SortTarget::Key as i32;
    let plain = request.sort_order == SortOrder::None as i32
        || (by_key && request.sort_order == SortOrder::Ascend as i32);
    let filtered = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    request.limit > 0 && plain && filtered == [0; 4]
}

fn passes(kv: &KeyValue, request: &RangeRequest) -> bool {
    let within =
        |value: i64, min: i64, max: i64| (min == 0 || value >= min) && (max == 0 || value <= max);
    within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
        && within(kv.create_revision, request.min_create_revision, request.max_create_revision)
}

/// A sort target other than the key without an order sorts upwards.
fn sort_order(request: &RangeRequest) -> SortOrder {
    let order = SortOrder::try_from(request.sort_order).unwrap_or(SortOrder::None);
    if request.sort_target != SortTarget::Key as i32 && order == SortOrder::None {
        return SortOrder::Ascend;
    }
    order
}

fn compare(target: i32, a: &KeyValue, b: &KeyValue) -> Ordering {
    match SortTarget::try_from(target).unwrap_or(SortTarget::Key) {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    }
}

/// etcd answers `keys_only` from its index, which knows no lease, unless it must sort by value.
fn strip(kv: &mut KeyValue, target: i32) {
    kv.value.clear();
    if target != SortTarget::Value as i32 {
        kv.lease = 0;
    }
}
