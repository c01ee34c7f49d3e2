//! One watch: how far it has delivered, and whether the next delivery is right.

use alloc::format;
use alloc::vec::Vec;
use core::cmp::Ordering;

use proto::etcdserverpb::WatchCreateRequest;
use proto::mvccpb::event::EventType;
use proto::mvccpb::{Event, KeyValue};

use super::EventLog;
use crate::check::Violation;
use crate::interval;

/// A watch that was created and not cancelled.
#[derive(Clone, Debug)]
pub struct Cursor {
    create: WatchCreateRequest,
    /// Nothing below this revision may be delivered any more.
    next: i64,
    /// The revision from which the watch was to deliver.
    start: i64,
    /// The last revision that events were delivered of.
    last: i64,
    /// The greatest revision that was promised to be complete.
    bookmark: i64,
    /// The greatest header revision so far.
    header: i64,
    /// The events of fragments that are not complete.
    fragments: Vec<Event>,
}

impl Cursor {
    /// A watch whose creation was answered at this revision.
    pub fn new(create: WatchCreateRequest, created_at: i64) -> Cursor {
        let past = (1..=created_at).contains(&create.start_revision);
        let start =
            if past { create.start_revision } else { create.start_revision.max(created_at + 1) };
        let header = created_at;
        Cursor { create, next: start, start, last: 0, bookmark: 0, header, fragments: Vec::new() }
    }

    /// The first revision that was not delivered or promised.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Takes the events of one answer, or of one fragment.
    pub fn deliver(
        &mut self,
        log: &EventLog,
        header: i64,
        events: &[Event],
        fragment: bool,
    ) -> Result<(), Violation> {
        self.fragments.extend_from_slice(events);
        if fragment {
            let allowed = self.create.fragment;
            return if allowed { Ok(()) } else { refuse("W15", "fragment not asked for", self) };
        }
        let events = core::mem::take(&mut self.fragments);
        self.order(log, &events)?;
        let last = revision(events.last().expect("an answer with events has a last"));
        if header < last || header < self.header {
            let seen = format!("header {header} after {} with events to {last}", self.header);
            return refuse("W14", &seen, self);
        }
        self.compare(log, &events, last)?;
        (self.header, self.last, self.next) = (header, last, last + 1);
        Ok(())
    }

    /// What can be said about each event alone and about their order.
    fn order(&self, log: &EventLog, events: &[Event]) -> Result<(), Violation> {
        let mut before = self.last;
        for event in events {
            let at = revision(event);
            if !self.wants(event) {
                return refuse("W1", &format!("event {event:?} does not match"), self);
            }
            if at < before || at == self.last {
                return refuse(self.repeated(log, event), &format!("{at} after {before}"), self);
            }
            if at <= self.bookmark {
                return refuse("W7", &format!("{at} after bookmark {}", self.bookmark), self);
            }
            if at < self.start {
                return refuse("W10", &format!("event at {at}"), self);
            }
            if at > log.revision() {
                return refuse("W13", &format!("{at} is not committed"), self);
            }
            before = at;
        }
        Ok(())
    }

    /// An old event again is a duplicate, a missing part of the last revision a split, and any
    /// other step back a wrong order.
    fn repeated(&self, log: &EventLog, event: &Event) -> &'static str {
        let at = revision(event);
        let known = log.between(at, at).any(|(_, other)| key(other) == key(event));
        match at.cmp(&self.last) {
            Ordering::Equal if known && self.several(log, at) => "W4",
            Ordering::Equal | Ordering::Less if known => "W3",
            _ => "W2",
        }
    }

    fn several(&self, log: &EventLog, at: i64) -> bool {
        self.expected(log, at, at).len() > 1
    }

    /// The delivered events are exactly those that happened.
    fn compare(&self, log: &EventLog, events: &[Event], last: i64) -> Result<(), Violation> {
        let expected = self.expected(log, self.next, last);
        let same = |a: &Event, b: &Event| key(a) == key(b) && revision(a) == revision(b);
        for (position, wanted) in expected.iter().enumerate() {
            let found = events.get(position).filter(|event| same(event, wanted));
            let Some(found) = found else {
                return refuse(self.missing(events, wanted), &format!("missing {wanted:?}"), self);
            };
            if found.kv != wanted.kv || found.r#type != wanted.r#type {
                return refuse("W9", &format!("{found:?} is not {wanted:?}"), self);
            }
            // A watch that was catching up may have met a compaction of the revision before.
            let lost = found.prev_kv.is_none() && revision(found) <= log.compacted();
            if found.prev_kv != wanted.prev_kv && !lost {
                return refuse("W8", &format!("{found:?} is not {wanted:?}"), self);
            }
        }
        match events.get(expected.len()) {
            Some(extra) => refuse("W3", &format!("{extra:?} did not happen"), self),
            None => Ok(()),
        }
    }

    /// A gap inside a revision splits it, one before the first delivery fails to resume.
    fn missing(&self, events: &[Event], wanted: &Event) -> &'static str {
        let at = revision(wanted);
        let split = events.iter().any(|event| revision(event) == at);
        match (split, self.last == 0 && self.create.start_revision > 0) {
            (true, _) => "W4",
            (_, true) => "W6",
            _ => "W5",
        }
    }

    /// Takes a promise that everything up to a revision was delivered.
    pub fn bookmark(&mut self, log: &EventLog, at: i64) -> Result<(), Violation> {
        if !self.fragments.is_empty() {
            return refuse("W15", "progress between fragments", self);
        }
        if at < self.last || at < self.bookmark {
            return refuse("W7", &format!("bookmark {at} goes back"), self);
        }
        if at > log.revision() {
            return refuse("W13", &format!("bookmark {at} is not committed"), self);
        }
        if let Some(missing) = self.expected(log, self.next, at).first() {
            return refuse("W7", &format!("bookmark {at} overtakes {missing:?}"), self);
        }
        self.bookmark = at;
        self.header = self.header.max(at);
        self.next = self.next.max(at + 1);
        Ok(())
    }

    /// Judges a cancellation for compaction.
    pub fn compacted(&self, log: &EventLog, at: i64) -> Result<(), Violation> {
        let lost = self.next < at && at <= log.compacted();
        if lost { Ok(()) } else { refuse("W11", &format!("cancelled by compaction {at}"), self) }
    }

    /// W16: everything that happened was delivered.
    pub fn finish(&self, log: &EventLog) -> Result<(), Violation> {
        match self.expected(log, self.next, log.revision()).first() {
            Some(missing) => refuse("W16", &format!("never delivered {missing:?}"), self),
            None => Ok(()),
        }
    }

    /// The events of some revisions as this watch must show them.
    fn expected(&self, log: &EventLog, from: i64, to: i64) -> Vec<Event> {
        let wanted = log.between(from, to).filter(|(_, event)| self.wants(event));
        let shown = wanted.map(|(_, event)| {
            let prev_kv = event.prev_kv.clone().filter(|_| self.create.prev_kv);
            Event { prev_kv, ..event.clone() }
        });
        shown.collect()
    }

    /// W1: the range and the filters. An empty key stands for the single key `\0`.
    fn wants(&self, event: &Event) -> bool {
        let first = if self.create.key.is_empty() { &[0][..] } else { &self.create.key[..] };
        let filtered = match event.r#type {
            kind if kind == EventType::Put as i32 => 0,
            _ => 1,
        };
        interval::contains(first, &self.create.range_end, key(event))
            && !self.create.filters.contains(&filtered)
    }
}

fn refuse<T>(rule: &'static str, seen: &str, cursor: &Cursor) -> Result<T, Violation> {
    let Cursor { create, next, last, .. } = cursor;
    let watch =
        format!("watch {:?}..{:?} from {}", create.key, create.range_end, create.start_revision);
    Violation::of(rule, format!("{watch}, delivered {last}, next {next}: {seen}"))
}

fn pair(event: &Event) -> Option<&KeyValue> {
    event.kv.as_ref()
}

fn key(event: &Event) -> &[u8] {
    pair(event).map_or(&[], |kv| &kv.key[..])
}

fn revision(event: &Event) -> i64 {
    pair(event).map_or(0, |kv| kv.mod_revision)
}
