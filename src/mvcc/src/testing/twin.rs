//! A store that a reader can check by eye: the list of all changes, looked through for every
//! question. It answers in messages of the API.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use base::checksum::{crc32c, crc32c_append};
use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::compare::TargetUnion;
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::response_op::Response;
use proto::mvccpb::KeyValue;

use crate::LeaseLookup;
use crate::error::KvError;
use crate::revision::Revision;
use crate::testing::requests::Leases;

/// A change: the pair put, or the key deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) revision: Revision,
    pub(crate) pair: KeyValue,
    pub(crate) deleted: bool,
}

/// The naive store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Twin {
    pub(crate) revision: i64,
    pub(crate) compacted: i64,
    pub(crate) changes: Vec<Change>,
    /// Changes of the request under way.
    sub: i64,
}

impl Default for Twin {
    fn default() -> Twin {
        Twin { revision: 1, compacted: -1, changes: Vec::new(), sub: 0 }
    }
}

fn within(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        b"" => key == start,
        b"\0" => key >= start,
        _ => key >= start && key < end,
    }
}

impl Twin {
    /// The pairs alive at a revision, by key.
    pub(crate) fn alive(&self, at: i64) -> BTreeMap<Bytes, KeyValue> {
        let mut alive = BTreeMap::new();
        for change in self.changes.iter().filter(|change| change.revision.main <= at) {
            match change.deleted {
                true => alive.remove(&change.pair.key),
                false => alive.insert(change.pair.key.clone(), change.pair.clone()),
            };
        }
        alive
    }

    fn current(&self) -> i64 {
        if self.sub > 0 { self.revision + 1 } else { self.revision }
    }

    fn end(&mut self) {
        self.revision = self.current();
        self.sub = 0;
    }

    fn add(&mut self, pair: KeyValue, deleted: bool) {
        let revision = Revision::new(self.revision + 1, self.sub);
        self.changes.push(Change { revision, pair, deleted });
        self.sub += 1;
    }

    fn header(&self) -> Option<pb::ResponseHeader> {
        Some(pb::ResponseHeader { revision: self.current(), ..Default::default() })
    }

    pub(crate) fn range(&self, request: &pb::RangeRequest) -> Result<pb::RangeResponse, KvError> {
        if request.revision > self.current() {
            return Err(KvError::FutureRevision);
        }
        let at = if request.revision <= 0 { self.current() } else { request.revision };
        if at < self.compacted {
            return Err(KvError::Compacted);
        }
        let mut kvs: Vec<KeyValue> = self.alive(at).into_values().collect();
        kvs.retain(|kv| within(&kv.key, &request.key, &request.range_end));
        let count = kvs.len() as i64;
        if request.count_only {
            return Ok(pb::RangeResponse { header: self.header(), count, ..Default::default() });
        }
        let filtered = [
            request.min_mod_revision,
            request.max_mod_revision,
            request.min_create_revision,
            request.max_create_revision,
        ] != [0; 4];
        let limit = if request.limit > 0 { request.limit as usize } else { usize::MAX };
        let by_key = request.sort_target == 0;
        if !filtered && (request.sort_order == 0 || (by_key && request.sort_order == 1)) {
            kvs.truncate(limit.saturating_add(1));
        }
        filter(&mut kvs, request);
        sort(&mut kvs, request);
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        if request.keys_only {
            for kv in &mut kvs {
                kv.value = Bytes::new();
                // The index, from which this is answered, knows no leases.
                kv.lease = if request.sort_target == 4 { kv.lease } else { 0 };
            }
        }
        Ok(pb::RangeResponse { header: self.header(), kvs, more, count })
    }

    fn check_put(&self, request: &pb::PutRequest) -> Result<(), KvError> {
        if request.lease != 0 && !Leases.exists(request.lease) {
            return Err(KvError::LeaseNotFound);
        }
        let missing = !self.alive(i64::MAX).contains_key(&request.key);
        if (request.ignore_value || request.ignore_lease) && missing {
            return Err(KvError::KeyNotFound);
        }
        Ok(())
    }

    fn run_put(&mut self, request: &pb::PutRequest) -> pb::PutResponse {
        let before = self.alive(i64::MAX).remove(&request.key);
        let old = before.clone().unwrap_or_default();
        let main = self.revision + 1;
        let pair = KeyValue {
            key: request.key.clone(),
            create_revision: if before.is_some() { old.create_revision } else { main },
            mod_revision: main,
            version: old.version + 1,
            value: if request.ignore_value { old.value } else { request.value.clone() },
            lease: if request.ignore_lease { old.lease } else { request.lease },
        };
        self.add(pair, false);
        pb::PutResponse { header: self.header(), prev_kv: before.filter(|_| request.prev_kv) }
    }

    fn run_delete(&mut self, request: &pb::DeleteRangeRequest) -> pb::DeleteRangeResponse {
        let mut gone: Vec<KeyValue> = self.alive(i64::MAX).into_values().collect();
        gone.retain(|kv| within(&kv.key, &request.key, &request.range_end));
        for kv in &gone {
            self.add(KeyValue { key: kv.key.clone(), ..Default::default() }, true);
        }
        let deleted = gone.len() as i64;
        let prev_kvs = if request.prev_kv { gone } else { Vec::new() };
        pb::DeleteRangeResponse { header: self.header(), deleted, prev_kvs }
    }

    pub(crate) fn put(&mut self, request: &pb::PutRequest) -> Result<pb::PutResponse, KvError> {
        self.check_put(request)?;
        let response = self.run_put(request);
        self.end();
        Ok(response)
    }

    pub(crate) fn delete(&mut self, request: &pb::DeleteRangeRequest) -> pb::DeleteRangeResponse {
        let response = self.run_delete(request);
        self.end();
        response
    }

    pub(crate) fn txn(&mut self, request: &pb::TxnRequest) -> Result<pb::TxnResponse, KvError> {
        let base = self.clone();
        base.check_txn(request)?;
        let mut response = self.run_txn(&base, request);
        response.header = self.header();
        self.end();
        Ok(response)
    }

    fn branch<'a>(&self, request: &'a pb::TxnRequest) -> (bool, &'a [pb::RequestOp]) {
        let holds = request.compare.iter().all(|compare| self.holds(compare));
        (holds, if holds { &request.success } else { &request.failure })
    }

    fn check_txn(&self, request: &pb::TxnRequest) -> Result<(), KvError> {
        for op in self.branch(request).1 {
            match op.request.as_ref().expect("generated operations are not empty") {
                Request::RequestRange(range) if range.revision > self.revision => {
                    return Err(KvError::FutureRevision);
                }
                Request::RequestRange(range)
                    if range.revision != 0 && range.revision < self.compacted =>
                {
                    return Err(KvError::Compacted);
                }
                Request::RequestPut(put) => self.check_put(put)?,
                Request::RequestTxn(nested) => self.check_txn(nested)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn run_txn(&mut self, base: &Twin, request: &pb::TxnRequest) -> pb::TxnResponse {
        let (succeeded, ops) = base.branch(request);
        let mut responses = Vec::new();
        for op in ops {
            let response = match op.request.as_ref().expect("generated operations are not empty") {
                Request::RequestRange(range) => {
                    Response::ResponseRange(self.range(range).expect("it was checked"))
                }
                Request::RequestPut(put) => Response::ResponsePut(self.run_put(put)),
                Request::RequestDeleteRange(delete) => {
                    Response::ResponseDeleteRange(self.run_delete(delete))
                }
                Request::RequestTxn(nested) => Response::ResponseTxn(self.run_txn(base, nested)),
            };
            responses.push(pb::ResponseOp { response: Some(response) });
        }
        pb::TxnResponse { header: Some(pb::ResponseHeader::default()), succeeded, responses }
    }

    fn holds(&self, compare: &pb::Compare) -> bool {
        let mut kvs: Vec<KeyValue> = self.alive(i64::MAX).into_values().collect();
        kvs.retain(|kv| within(&kv.key, &compare.key, &compare.range_end));
        if kvs.is_empty() {
            return compare.target != 3 && pair_holds(compare, &KeyValue::default());
        }
        kvs.iter().all(|kv| pair_holds(compare, kv))
    }

    pub(crate) fn compact(&mut self, revision: i64) -> Result<(), KvError> {
        if revision <= self.compacted {
            return Err(KvError::Compacted);
        }
        if revision > self.revision {
            return Err(KvError::FutureRevision);
        }
        self.compacted = revision;
        Ok(())
    }

    /// What a finished compaction of etcd leaves of the changes.
    pub(crate) fn left(&self, compacted: i64) -> Vec<Change> {
        let seen = self.alive(compacted);
        let stays = |change: &&Change| {
            change.revision.main >= compacted
                || (!change.deleted && seen.get(&change.pair.key) == Some(&change.pair))
        };
        self.changes.iter().filter(stays).cloned().collect()
    }

    /// Bytes of what the last compaction left, a key of the backend counted for each change.
    pub(crate) fn logical_bytes(&self) -> i64 {
        let bytes = |change: &Change| change.pair.encoded_len() + crate::revision::ENCODED_LEN;
        self.left(self.compacted).iter().map(|change| bytes(change) as i64).sum()
    }

    /// etcd's hash over what it left, by its own rules: the keep set, and the exceptions.
    pub(crate) fn hash(&self, revision: i64) -> u32 {
        let at = if revision == 0 { self.revision } else { revision };
        let keep = self.alive(at);
        let compacted = self.alive(self.compacted);
        let mut hash = crc32c(b"key");
        for change in self.left(self.compacted) {
            // Of several changes of a key at the very compaction etcd leaves the last only.
            let superseded = compacted.get(&change.pair.key) != Some(&change.pair);
            if change.revision.main <= self.compacted && superseded {
                continue;
            }
            let main = change.revision.main;
            let kept = !change.deleted && keep.get(&change.pair.key) == Some(&change.pair);
            let filtered = main <= self.compacted && !keep.is_empty() && !kept;
            if main > at || filtered || (main == self.compacted && change.deleted) {
                continue;
            }
            hash = crc32c_append(hash, &change.revision.encode(change.deleted));
            hash = crc32c_append(hash, &change.pair.encode_to_vec());
        }
        hash
    }
}

fn filter(kvs: &mut Vec<KeyValue>, request: &pb::RangeRequest) {
    kvs.retain(|kv| {
        let (modified, created) = (kv.mod_revision, kv.create_revision);
        !(request.max_mod_revision != 0 && modified > request.max_mod_revision
            || request.min_mod_revision != 0 && modified < request.min_mod_revision
            || request.max_create_revision != 0 && created > request.max_create_revision
            || request.min_create_revision != 0 && created < request.min_create_revision)
    });
}

fn sort(kvs: &mut [KeyValue], request: &pb::RangeRequest) {
    kvs.sort_by(|a, b| {
        let order = match request.sort_target {
            0 => a.key.cmp(&b.key),
            1 => a.version.cmp(&b.version),
            2 => a.create_revision.cmp(&b.create_revision),
            3 => a.mod_revision.cmp(&b.mod_revision),
            _ => a.value.cmp(&b.value),
        };
        if request.sort_order == 2 { order.reverse() } else { order }
    });
}

fn pair_holds(compare: &pb::Compare, kv: &KeyValue) -> bool {
    let order = match (compare.target, compare.target_union.as_ref()) {
        (0, Some(TargetUnion::Version(n))) => kv.version.cmp(n),
        (1, Some(TargetUnion::CreateRevision(n))) => kv.create_revision.cmp(n),
        (2, Some(TargetUnion::ModRevision(n))) => kv.mod_revision.cmp(n),
        (4, Some(TargetUnion::Lease(n))) => kv.lease.cmp(n),
        (3, Some(TargetUnion::Value(value))) => kv.value.cmp(value),
        (0, _) => kv.version.cmp(&0),
        (1, _) => kv.create_revision.cmp(&0),
        (2, _) => kv.mod_revision.cmp(&0),
        (3, _) => kv.value[..].cmp(b""),
        (4, _) => kv.lease.cmp(&0),
        _ => core::cmp::Ordering::Equal,
    };
    match compare.result {
        0 => order.is_eq(),
        1 => order.is_gt(),
        2 => order.is_lt(),
        3 => order.is_ne(),
        _ => true,
    }
}
