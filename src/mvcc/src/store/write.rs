//! One request that may change something: its operations see each other's changes, all of which
//! have the main revision after the present one.
//!
//! There is no way back: whoever begins has checked that every operation can be carried out.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use bytes::Bytes;
use proto::etcdserverpb::{DeleteRangeRequest, PutRequest};
use proto::mvccpb::KeyValue;

use super::deaths::Deaths;
use crate::answer::{DeleteRangeAnswer, PutAnswer};
use crate::backend::{Backend, BackendError};
use crate::event::Event;
use crate::image::Image;
use crate::index::{Key, Mark};
use crate::interval::Interval;
use crate::keyvalue;
use crate::recent::Stored;
use crate::revision::Revision;

/// A request under way.
pub(crate) struct Write<'a, B: Backend> {
    image: &'a mut Image<B::Snapshot>,
    deaths: &'a mut Deaths,
    /// The revision that its changes get.
    main: i64,
    events: Vec<Event>,
}

impl<'a, B: Backend> Write<'a, B> {
    pub(super) fn new(image: &'a mut Image<B::Snapshot>, deaths: &'a mut Deaths) -> Write<'a, B> {
        let main = image.revision.checked_add(1).expect("revisions do not reach 2^63");
        Write { image, deaths, main, events: Vec::new() }
    }

    /// What the request sees.
    pub(crate) fn image(&self) -> &Image<B::Snapshot> {
        self.image
    }

    /// The newest revision that it sees: its own once it changed something.
    pub(crate) fn current(&self) -> i64 {
        if self.events.is_empty() { self.main - 1 } else { self.main }
    }

    /// Ends it: the store is at the new revision if and only if something changed.
    pub(super) fn end(self) -> Vec<Event> {
        if !self.events.is_empty() {
            self.image.revision = self.main;
        }
        self.events
    }

    /// Puts a pair.
    pub(crate) fn put(&mut self, request: &PutRequest) -> Result<PutAnswer, BackendError> {
        let last = self.image.index.last_change(&request.key, i64::MAX);
        let alive = last.filter(|mark| !mark.is_tombstone());
        let mut prev_kv = None;
        let (mut value, mut lease) = (request.value.clone(), request.lease);
        if let Some(mark) = alive
            && (request.prev_kv || request.ignore_value || request.ignore_lease)
        {
            let stored = self.image.stored(mark)?;
            if request.ignore_value || request.ignore_lease {
                let pair = keyvalue::decode(&stored)?;
                value = if request.ignore_value { pair.value } else { value };
                lease = if request.ignore_lease { pair.lease } else { lease };
            }
            prev_kv = request.prev_kv.then_some(stored);
        }
        let (created, version) = alive.map_or((self.main, 0), |mark| (mark.created, mark.version));
        let pair = KeyValue {
            key: request.key.clone(),
            create_revision: created,
            mod_revision: self.main,
            version: version + 1,
            value,
            lease,
        };
        self.add_put(&pair);
        Ok(PutAnswer { revision: self.main, prev_kv })
    }

    /// Deletes all pairs of a range, in key order.
    pub(crate) fn delete_range(
        &mut self,
        request: &DeleteRangeRequest,
    ) -> Result<DeleteRangeAnswer, BackendError> {
        let interval = Interval::new(&request.key, &request.range_end);
        let found = self.image.find(interval, i64::MAX, i64::MAX, usize::MAX);
        let mut prev_kvs = Vec::new();
        if request.prev_kv {
            let stored = found.iter().map(|(_, mark)| self.image.stored(*mark));
            prev_kvs = stored.collect::<Result<_, _>>()?;
        }
        let keys: Vec<Key> = found.into_iter().map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.add_delete(Bytes::copy_from_slice(key));
        }
        let deleted = keys.len() as i64;
        Ok(DeleteRangeAnswer { revision: self.current(), deleted, prev_kvs })
    }

    /// Deletes one key if it is there.
    pub(super) fn delete_key(&mut self, key: &Bytes) {
        if self.image.index.get(key, i64::MAX).is_some() {
            self.add_delete(key.clone());
        }
    }

    fn add_put(&mut self, pair: &KeyValue) {
        let revision = self.next_revision();
        let bytes = keyvalue::encode(pair);
        let (created, version) = (pair.create_revision, pair.version);
        self.add(&pair.key, revision, created, version, bytes.clone());
        self.events.push(Event::put(pair, bytes, revision));
    }

    fn add_delete(&mut self, key: Bytes) {
        let revision = self.next_revision();
        let bytes = keyvalue::tombstone(key.clone());
        self.add(&key, revision, 0, 0, bytes);
        self.events.push(Event::delete(key, revision));
    }

    fn next_revision(&self) -> Revision {
        Revision::new(self.main, self.events.len() as i64)
    }

    fn add(&mut self, key: &[u8], revision: Revision, created: i64, version: i64, bytes: Bytes) {
        let mark = Mark {
            main: revision.main,
            created,
            version,
            sub: u32::try_from(revision.sub).expect("a request changes fewer than 2^32 keys"),
            bytes: size(&bytes),
        };
        self.image.logical_bytes += mark.logical_bytes();
        let superseded = self.image.index.insert(key, mark);
        self.deaths.note(superseded, &mark);
        self.image.recents.push(revision, Stored { bytes, tombstone: version == 0 });
    }
}

/// The length of a stored value, as the index keeps it.
pub(super) fn size(stored: &[u8]) -> NonZeroU32 {
    let len = u32::try_from(stored.len()).expect("a message is shorter than 2^31 bytes");
    NonZeroU32::new(len).expect("a stored value has at least its key")
}
