//! W12: the discipline of one stream, and which watch each answer belongs to.
//!
//! Creations are answered in the order of their requests, before any event of theirs; a cancelled
//! watch is heard of once more and then never. Every id is the watch's own.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;

use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse};

use super::EventLog;
use super::cursor::Cursor;
use crate::check::Violation;

/// The id of answers that belong to no watch, or to all.
const NO_WATCH: i64 = -1;

/// Follows one stream.
#[derive(Clone, Debug, Default)]
pub struct StreamChecker {
    /// Creations that were not answered yet, oldest first.
    asked: VecDeque<WatchCreateRequest>,
    watches: BTreeMap<i64, Cursor>,
    /// Ids that the client asked to cancel.
    cancelling: BTreeSet<i64>,
    /// Progress requests that may still be answered.
    progress: usize,
}

impl StreamChecker {
    /// Tells of a request that the client sent.
    pub fn requested(&mut self, request: &WatchRequest) {
        match &request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.asked.push_back(create.clone()),
            Some(RequestUnion::CancelRequest(cancel)) => {
                self.cancelling.insert(cancel.watch_id);
            }
            Some(RequestUnion::ProgressRequest(_)) => self.progress += 1,
            None => {}
        }
    }

    /// Judges an answer; `log` holds at least what is committed.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn received(&mut self, log: &EventLog, answer: &WatchResponse) -> Result<(), Violation> {
        let header = answer.header.as_ref().map_or(0, |header| header.revision);
        if header > log.revision() {
            return Violation::of("W13", format!("header {header} is not committed"));
        }
        if answer.created {
            return self.created(header, answer);
        }
        if answer.watch_id == NO_WATCH {
            return self.progressed(log, header, answer);
        }
        let Some(cursor) = self.watches.get_mut(&answer.watch_id) else {
            let detail = format!("answer for watch {}, which is not there", answer.watch_id);
            return Violation::of("W12", detail);
        };
        if answer.canceled {
            let cursor = cursor.clone();
            return self.canceled(log, &cursor, answer);
        }
        if answer.events.is_empty() {
            return cursor.bookmark(log, header);
        }
        cursor.deliver(log, header, &answer.events, answer.fragment)
    }

    /// W16: every live watch has delivered everything.
    ///
    /// # Errors
    /// The first watch that has not.
    pub fn finish(&self, log: &EventLog) -> Result<(), Violation> {
        self.watches.values().try_for_each(|cursor| cursor.finish(log))
    }

    /// The live watches: id and the first revision that is not delivered.
    pub fn watches(&self) -> impl Iterator<Item = (i64, i64)> {
        self.watches.iter().map(|(id, cursor)| (*id, cursor.next()))
    }

    fn created(&mut self, header: i64, answer: &WatchResponse) -> Result<(), Violation> {
        let Some(create) = self.asked.pop_front() else {
            return Violation::of("W12", format!("creation {} not asked for", answer.watch_id));
        };
        if !answer.events.is_empty() {
            return Violation::of("W12", format!("creation with events: {answer:?}"));
        }
        if answer.canceled {
            return self.refused(&create, answer);
        }
        let id = answer.watch_id;
        let wanted = create.watch_id;
        let fits = if wanted == 0 { id >= 0 } else { id == wanted };
        if !fits || self.watches.contains_key(&id) || self.is_refusable(&create) {
            return Violation::of("W12", format!("watch {id} created for {create:?}"));
        }
        self.watches.insert(id, Cursor::new(create, header));
        Ok(())
    }

    /// Whether etcd refuses the creation whatever the state: empty range, negative start.
    fn is_refusable(&self, create: &WatchCreateRequest) -> bool {
        let key = if create.key.is_empty() { &[0][..] } else { &create.key[..] };
        let end = &create.range_end[..];
        let empty = !end.is_empty() && end != [0] && key >= end;
        empty || create.start_revision < 0
    }

    /// Only auth refuses for other reasons than those that can be seen here; it names itself.
    fn refused(
        &self,
        create: &WatchCreateRequest,
        answer: &WatchResponse,
    ) -> Result<(), Violation> {
        let taken = create.watch_id != 0 && self.watches.contains_key(&create.watch_id);
        let auth = answer.cancel_reason.starts_with("rpc error: code = ");
        let right = self.is_refusable(create) || taken || auth;
        if right && answer.watch_id == NO_WATCH {
            return Ok(());
        }
        Violation::of("W12", format!("{create:?} refused: {answer:?}"))
    }

    fn progressed(
        &mut self,
        log: &EventLog,
        header: i64,
        answer: &WatchResponse,
    ) -> Result<(), Violation> {
        if self.progress == 0 || answer.canceled || !answer.events.is_empty() {
            return Violation::of("W12", format!("answer for no watch: {answer:?}"));
        }
        self.progress -= 1;
        self.watches.values_mut().try_for_each(|cursor| cursor.bookmark(log, header))
    }

    fn canceled(
        &mut self,
        log: &EventLog,
        cursor: &Cursor,
        answer: &WatchResponse,
    ) -> Result<(), Violation> {
        let id = answer.watch_id;
        self.watches.remove(&id);
        if answer.compact_revision != 0 {
            return cursor.compacted(log, answer.compact_revision);
        }
        if self.cancelling.remove(&id) && answer.events.is_empty() {
            return Ok(());
        }
        Violation::of("W12", format!("watch {id} cancelled without being asked: {answer:?}"))
    }
}
