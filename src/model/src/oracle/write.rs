//! The changes of one revision: puts, deletes, and what they do to versions and leases.
//!
//! A write is opened at the revision after the current one, numbers its changes from 0, and makes
//! that revision current only if it changed something. A key's lease is the field of its pair, so
//! attaching and detaching need no book of their own.

use bytes::Bytes;
use proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
};
use proto::mvccpb::KeyValue;

use super::history::{History, Version};
use super::range;
use super::reply::header;
use crate::Error;

/// One revision in the making.
#[derive(Debug)]
pub struct Write<'a> {
    history: &'a mut History,
    main: i64,
    changes: i64,
}

impl<'a> Write<'a> {
    /// Opens a write on the current state.
    pub fn begin(history: &'a mut History) -> Write<'a> {
        let main = history.revision() + 1;
        Write { history, main, changes: 0 }
    }

    /// The revision that operations see and report: the new one once something changed.
    #[must_use]
    pub fn revision(&self) -> i64 {
        if self.changes > 0 { self.main } else { self.main - 1 }
    }

    /// Puts a pair whose request was checked before.
    ///
    /// A transaction may have deleted the key since: etcd then ends its process if the put keeps
    /// the value or the lease, so there is no answer to agree with. Here it keeps the zero value.
    pub fn put(&mut self, request: &PutRequest) -> PutResponse {
        let before = self.history.live(&request.key, self.main).cloned();
        let old = before.clone().unwrap_or_default();
        let fresh = before.is_none();
        let kv = KeyValue {
            key: request.key.clone(),
            create_revision: if fresh { self.main } else { old.create_revision },
            mod_revision: self.main,
            version: old.version + 1,
            value: if request.ignore_value { old.value } else { request.value.clone() },
            lease: if request.ignore_lease { old.lease } else { request.lease },
        };
        self.append(&request.key, Some(kv));
        let prev_kv = if request.prev_kv { before } else { None };
        PutResponse { header: header(self.main), prev_kv }
    }

    /// Deletes a range in key order.
    pub fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let doomed = self.history.scan(&request.key, &request.range_end, self.main);
        for kv in &doomed {
            self.append(&kv.key, None);
        }
        let deleted = doomed.len() as i64;
        let prev_kvs = if request.prev_kv { doomed } else { Default::default() };
        DeleteRangeResponse { header: header(self.revision()), deleted, prev_kvs }
    }

    /// Deletes one key that is there.
    pub fn delete(&mut self, key: &Bytes) {
        self.append(key, None);
    }

    /// Reads in the middle of the write, seeing its earlier changes.
    ///
    /// # Errors
    /// As [`range::evaluate`].
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        range::evaluate(self.history, self.revision(), request)
    }

    /// Ends the write and gives the resulting revision.
    pub fn end(self) -> i64 {
        let revision = self.revision();
        if self.changes > 0 {
            self.history.advance();
        }
        assert!(self.history.revision() == revision, "ended at {revision}, not current");
        revision
    }

    fn append(&mut self, key: &Bytes, kv: Option<KeyValue>) {
        self.history.append(key, Version { main: self.main, sub: self.changes, kv });
        self.changes += 1;
    }
}
