//! etcd's watch guarantees, judged response by response for one watch of one client.
//!
//! W1 filter, W2 ordered, W3 unique, W4 atomic, W5 reliable (the oracle's events between the first
//! expected and the last delivered revision, deep equality), W6 resumable (W5 from the start
//! revision), W7 bookmarkable; beyond them W8 (prev_kv exact, absent only where it may be), W10
//! (nothing below the start), W11 (a cancellation by compaction only of what was compacted), W13
//! (nothing that is not committed), W14 (the header's revision covers the events), W17 (what its
//! member had answered before it was asked for lies before it), E3 (a lease's keys end in order).
//!
//! It does not verify fragments; the workload does not ask for them.

use proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use proto::mvccpb::Event;

use super::timeline::Timeline;
use super::{Tally, Verdict, violated};

/// One watch as its client sees it.
#[derive(Clone, Debug)]
pub struct WatchStream {
    request: WatchCreateRequest,
    /// The first revision that was not yet seen or ruled out; unknown until the watch is created.
    next: Option<i64>,
    /// The revision that its member had answered before the watch was asked for.
    known: i64,
    /// The revision of the last event.
    last: i64,
    /// The header of the last response.
    header: i64,
    is_canceled: bool,
}

impl WatchStream {
    /// A watch that was asked for, of a member that had applied and answered `known` before.
    #[must_use]
    pub fn new(request: WatchCreateRequest, known: i64) -> WatchStream {
        WatchStream { request, next: None, known, last: 0, header: 0, is_canceled: false }
    }

    /// Where a watch has to start that goes on after this one.
    #[must_use]
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// Whether the server ended it.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.is_canceled
    }

    /// Judges a response.
    pub fn response(
        &mut self,
        timeline: &Timeline,
        tally: &Tally,
        response: &WatchResponse,
    ) -> Verdict {
        let header = response.header.as_ref().map_or(0, |header| header.revision);
        if response.created {
            let start = self.request.start_revision;
            self.next = Some(if start == 0 { header + 1 } else { start });
        }
        if response.canceled {
            return self.canceled(timeline, tally, response);
        }
        if response.created {
            tally.hit("W17");
            if header < self.known {
                let known = self.known;
                return violated!("W17", "a watch begins at {header}, behind answers at {known}");
            }
        }
        if response.created && response.events.is_empty() {
            self.header = header;
            return Ok(());
        }
        let Some(next) = self.next else {
            return violated!("W12", "{response:?} came before the watch was created");
        };
        tally.hit("W14");
        if header < self.header {
            return violated!("W14", "header {header} after header {}: {response:?}", self.header);
        }
        self.header = header;
        if response.events.is_empty() {
            return self.progress(timeline, tally, next, header);
        }
        self.events(timeline, tally, next, header, &response.events)
    }

    fn canceled(
        &mut self,
        timeline: &Timeline,
        tally: &Tally,
        response: &WatchResponse,
    ) -> Verdict {
        self.is_canceled = true;
        let compacted = response.compact_revision;
        let Some(next) = self.next.filter(|_| compacted > 0) else { return Ok(()) };
        tally.hit("W11");
        let known = timeline.oracle().compacted();
        if compacted > known || next >= compacted {
            return violated!(
                "W11",
                "a watch whose next revision is {next} is canceled as compacted at {compacted}; \
                 the compaction stands at {known}"
            );
        }
        Ok(())
    }

    fn progress(&mut self, timeline: &Timeline, tally: &Tally, next: i64, header: i64) -> Verdict {
        tally.hit("W7");
        let missed = self.expected(timeline, next, header.min(timeline.oracle().revision()));
        if let Some((revision, event)) = missed.first() {
            return violated!(
                "W7",
                "progress {header} overtakes revision {revision}: {event:?}; next was {next}"
            );
        }
        self.next = Some(next.max(header + 1));
        Ok(())
    }

    fn events(
        &mut self,
        timeline: &Timeline,
        tally: &Tally,
        next: i64,
        header: i64,
        events: &[Event],
    ) -> Verdict {
        for check in ["W1", "W2", "W3", "W4", "W5", "W6"] {
            tally.hit(check);
        }
        let mut before = (self.last, None);
        for (number, event) in events.iter().enumerate() {
            let kv = event.kv.clone().unwrap_or_default();
            let revision = kv.mod_revision;
            if !self.wants(event) {
                return violated!("W1", "{:?} does not want {event:?}", self.request);
            }
            if revision < before.0 {
                return violated!("W2", "revision {revision} after {}: {event:?}", before.0);
            }
            if number == 0 && revision == self.last {
                return violated!("W4", "revision {revision} is split over two responses");
            }
            if (revision, Some(&kv.key)) == (before.0, before.1.as_ref()) {
                return violated!("W3", "{event:?} is delivered twice");
            }
            if revision < next {
                return violated!("W7", "revision {revision}, but {next} was the next: {event:?}");
            }
            before = (revision, Some(kv.key));
        }
        let last = before.0;
        if last > timeline.oracle().revision() {
            return violated!("W13", "revision {last} is not committed");
        }
        if header < last {
            return violated!("W14", "header {header} is below event {last}");
        }
        self.reliable(timeline, tally, next, last, events)?;
        if events.iter().any(|event| is_of_revocation(timeline, event)) {
            tally.hit("E3");
        }
        self.last = last;
        self.next = Some(last + 1);
        Ok(())
    }

    fn reliable(
        &self,
        timeline: &Timeline,
        tally: &Tally,
        next: i64,
        last: i64,
        events: &[Event],
    ) -> Verdict {
        let expected = self.expected(timeline, next, last);
        let compacted = timeline.oracle().compacted();
        for (number, (revision, wanted)) in expected.iter().enumerate() {
            // What came was right so far and ends at `last`: the rest of that revision is missing.
            let Some(event) = events.get(number) else {
                return violated!("W4", "revision {revision} is cut before {wanted:?}");
            };
            let mut wanted = wanted.clone();
            if self.request.prev_kv {
                tally.hit("W8");
            }
            let may_lack = *revision - 1 < compacted && event.prev_kv.is_none();
            if !self.request.prev_kv || may_lack {
                wanted.prev_kv = None;
            }
            if *event != wanted {
                self.in_order(timeline, *revision, &expected, events)?;
                return violated!("W5", "expected {wanted:?}, delivered {event:?}");
            }
        }
        if expected.len() != events.len() {
            return violated!("W5", "{} events expected, delivered {events:?}", expected.len());
        }
        Ok(())
    }

    /// A watch that delivers a lease's deletions in another order got them so: each member deletes
    /// the keys in their order (E3).
    fn in_order(
        &self,
        timeline: &Timeline,
        revision: i64,
        expected: &[(i64, Event)],
        events: &[Event],
    ) -> Verdict {
        let mut delivered: Vec<&[u8]> = keys_at(events.iter(), revision);
        let mut wanted: Vec<&[u8]> = keys_at(expected.iter().map(|(_, event)| event), revision);
        if !timeline.is_revocation(revision) || delivered == wanted {
            return Ok(());
        }
        let text = format!("lease keys end in the order {delivered:?}, not {wanted:?}");
        delivered.sort_unstable();
        wanted.sort_unstable();
        match delivered == wanted {
            true => violated!("E3", "{text}"),
            false => Ok(()),
        }
    }

    /// Judges, at the end, that nothing is outstanding (W16): the first event that is.
    pub fn caught_up(&self, timeline: &Timeline, tally: &Tally) -> Verdict {
        let Some(next) = self.next.filter(|_| !self.is_canceled) else { return Ok(()) };
        tally.hit("W16");
        match self.expected(timeline, next, timeline.oracle().revision()).first() {
            None => Ok(()),
            Some((revision, event)) => violated!(
                "W16",
                "the watch {:?} never received revision {revision}: {event:?}",
                self.request
            ),
        }
    }

    fn expected(&self, timeline: &Timeline, from: i64, to: i64) -> Vec<(i64, Event)> {
        let wanted = timeline.events(from, to).filter(|(_, event)| self.wants(event));
        wanted.map(|(revision, event)| (revision, event.clone())).collect()
    }

    fn wants(&self, event: &Event) -> bool {
        // A filter's number is the type of event that it drops.
        let filtered = self.request.filters.contains(&event.r#type);
        let key = event.kv.as_ref().map_or(&[][..], |kv| &kv.key);
        !filtered && model::contains(&self.request.key, &self.request.range_end, key)
    }
}

fn keys_at<'a>(events: impl Iterator<Item = &'a Event>, revision: i64) -> Vec<&'a [u8]> {
    let kvs = events.filter_map(|event| event.kv.as_ref());
    kvs.filter(|kv| kv.mod_revision == revision).map(|kv| &kv.key[..]).collect()
}

fn is_of_revocation(timeline: &Timeline, event: &Event) -> bool {
    event.kv.as_ref().is_some_and(|kv| timeline.is_revocation(kv.mod_revision))
}

#[cfg(test)]
mod tests {
    use model::Settings;
    use model::oracle::header;
    use proto::etcdserverpb::request_op::Request as Op;
    use proto::etcdserverpb::{
        InternalRaftRequest, LeaseGrantRequest, LeaseRevokeRequest, PutRequest, RequestOp,
        TxnRequest,
    };

    use super::*;
    use crate::check::testing::timeline;

    fn put(value: &'static str) -> InternalRaftRequest {
        let put = PutRequest { key: "key".into(), value: value.into(), ..Default::default() };
        InternalRaftRequest { put: Some(put), ..Default::default() }
    }

    struct Stream(Timeline, Tally, WatchStream);

    impl Stream {
        fn new() -> Stream {
            let timeline = timeline(Settings::default(), &[put("a"), put("b"), put("c")]);
            let request =
                WatchCreateRequest { key: "key".into(), start_revision: 2, ..Default::default() };
            Stream::created(timeline, request)
        }

        /// Of keys `a` and `b`, from a revision on.
        fn over_a_and_b(timeline: Timeline, start_revision: i64) -> Stream {
            let (key, range_end) = ("a".into(), "c".into());
            let request =
                WatchCreateRequest { key, range_end, start_revision, ..Default::default() };
            Stream::created(timeline, request)
        }

        fn created(timeline: Timeline, request: WatchCreateRequest) -> Stream {
            let before = response(request.start_revision - 1);
            let mut stream = Stream(timeline, Tally::default(), WatchStream::new(request, 1));
            stream.give(WatchResponse { created: true, ..before }).expect("created");
            stream
        }

        fn give(&mut self, response: WatchResponse) -> Verdict {
            self.2.response(&self.0, &self.1, &response)
        }

        fn deliver(&mut self, revisions: &[i64]) -> Verdict {
            let mut events = Vec::new();
            for &revision in revisions {
                let of = self.0.events(revision, revision).map(|(r, e)| (r, e.clone()));
                events.extend(of.map(|(_, event)| Event { prev_kv: None, ..event }));
            }
            let last = *revisions.last().expect("some revision");
            self.give(WatchResponse { events, ..response(last) })
        }
    }

    fn response(revision: i64) -> WatchResponse {
        WatchResponse { header: header(revision), ..Default::default() }
    }

    #[test]
    fn a_gap_breaks_w5_and_a_repetition_w4() {
        let mut stream = Stream::new();
        stream.deliver(&[2]).expect("the first");
        assert_eq!(stream.deliver(&[2]).expect_err("again").check, "W4");
        assert_eq!(stream.deliver(&[4]).expect_err("3 is missing").check, "W5");
        stream.deliver(&[3, 4]).expect("both");
        stream.2.caught_up(&stream.0, &stream.1).expect("all");
    }

    #[test]
    fn going_back_breaks_w2_and_foreign_keys_w1() {
        let mut stream = Stream::new();
        assert_eq!(stream.deliver(&[3, 2]).expect_err("backwards").check, "W2");
        let mut stream = Stream::new();
        let mut event = stream.0.events(2, 2).next().expect("a put").1.clone();
        if let Some(kv) = &mut event.kv {
            kv.key = "other".into();
        }
        let foreign = WatchResponse { events: vec![event], ..response(2) };
        assert_eq!(stream.give(foreign).expect_err("not its key").check, "W1");
    }

    #[test]
    fn beginning_behind_what_was_answered_breaks_w17() {
        let request = WatchCreateRequest { key: "key".into(), ..Default::default() };
        let timeline = timeline(Settings::default(), &[put("a"), put("b")]);
        let mut stream = Stream(timeline, Tally::default(), WatchStream::new(request, 3));
        let created = WatchResponse { created: true, ..response(2) };
        assert_eq!(stream.give(created).expect_err("behind").check, "W17");
    }

    #[test]
    fn progress_ahead_of_events_breaks_w7_and_silence_w16() {
        let mut stream = Stream::new();
        assert_eq!(stream.give(response(3)).expect_err("2 was not delivered").check, "W7");
        assert_eq!(stream.2.caught_up(&stream.0, &stream.1).expect_err("behind").check, "W16");
    }

    #[test]
    fn a_part_of_a_revision_breaks_w4() {
        let put = |key: &'static str| RequestOp {
            request: Some(Op::RequestPut(PutRequest { key: key.into(), ..Default::default() })),
        };
        let txn = TxnRequest { success: vec![put("a"), put("b")], ..Default::default() };
        let txn = InternalRaftRequest { txn: Some(txn), ..Default::default() };
        let timeline = timeline(Settings::default(), &[txn]);
        let events = timeline.events(2, 2).map(|(_, event)| event.clone());
        let mut events: Vec<Event> = events.collect();
        events.truncate(1);
        let mut stream = Stream::over_a_and_b(timeline, 2);
        let part = WatchResponse { events, ..response(2) };
        assert_eq!(stream.give(part).expect_err("b is missing").check, "W4");
    }

    #[test]
    fn lease_keys_that_end_in_another_order_break_e3() {
        let grant = LeaseGrantRequest { id: 7, ttl: 10 };
        let grant = InternalRaftRequest { lease_grant: Some(grant), ..Default::default() };
        let attach = |key: &'static str| {
            let put = PutRequest { key: key.into(), lease: 7, ..Default::default() };
            InternalRaftRequest { put: Some(put), ..Default::default() }
        };
        let revoke = LeaseRevokeRequest { id: 7 };
        let revoke = InternalRaftRequest { lease_revoke: Some(revoke), ..Default::default() };
        let log = [grant, attach("a"), attach("b"), revoke];
        let timeline = timeline(Settings::default(), &log);
        let mut events: Vec<Event> =
            timeline.events(4, 4).map(|(_, event)| event.clone()).collect();
        events.iter_mut().for_each(|event| event.prev_kv = None);
        events.reverse();
        let mut stream = Stream::over_a_and_b(timeline, 4);
        let reversed = WatchResponse { events, ..response(4) };
        assert_eq!(stream.give(reversed).expect_err("b before a").check, "E3");
    }

    #[test]
    fn a_cancellation_without_compaction_breaks_w11() {
        let mut stream = Stream::new();
        let canceled = WatchResponse { canceled: true, compact_revision: 3, ..response(0) };
        assert_eq!(stream.give(canceled).expect_err("nothing was compacted").check, "W11");
    }
}
