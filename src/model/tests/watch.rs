//! The watch checker accepts a correct stream and names the rule that each wrong one breaks.

use model::check::watch::{EventLog, StreamChecker};
use model::{Generator, Oracle, Weights, contains};
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    ResponseHeader, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest,
    WatchResponse,
};
use proto::mvccpb::Event;

/// A history with many events of several keys in one revision, and its oracle.
fn history() -> (Oracle, EventLog) {
    let mut oracle = Oracle::default();
    let mut log = EventLog::default();
    let weights = Weights { compaction: 0, alarm: 0, ..Weights::default() };
    let mut generator = Generator::new(17, weights);
    while oracle.revision() < 80 {
        generator.observe(oracle.revision(), oracle.compacted());
        let events = oracle.call(&generator.request()).events;
        if !events.is_empty() {
            log.append(oracle.revision(), events);
        }
    }
    (oracle, log)
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..Default::default() })
}

fn all(start_revision: i64) -> WatchCreateRequest {
    WatchCreateRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        start_revision,
        prev_kv: true,
        ..Default::default()
    }
}

fn request(union: RequestUnion) -> WatchRequest {
    WatchRequest { request_union: Some(union) }
}

/// A stream with one watch, whose creation was answered at the head of the log.
fn opened(log: &EventLog, create: WatchCreateRequest) -> StreamChecker {
    let mut stream = StreamChecker::default();
    stream.requested(&request(RequestUnion::CreateRequest(create)));
    let created =
        WatchResponse { header: header(log.revision()), created: true, ..Default::default() };
    stream.received(log, &created).expect("a creation that was asked for");
    stream
}

fn revision(event: &Event) -> i64 {
    event.kv.as_ref().expect("an event has a pair").mod_revision
}

/// What a correct member sends for a watch of the past: batches cut between revisions.
fn answers(log: &EventLog, create: &WatchCreateRequest) -> Vec<WatchResponse> {
    let first = if create.key.is_empty() { &[0][..] } else { &create.key[..] };
    let mut batches: Vec<WatchResponse> = Vec::new();
    for (at, event) in log.between(create.start_revision, log.revision()) {
        let key = &event.kv.as_ref().expect("an event has a pair").key;
        if !contains(first, &create.range_end, key) || create.filters.contains(&event.r#type) {
            continue;
        }
        let prev_kv = event.prev_kv.clone().filter(|_| create.prev_kv);
        let event = Event { prev_kv, ..event.clone() };
        let room = |batch: &WatchResponse| {
            batch.events.len() < 4 || batch.events.last().is_some_and(|last| revision(last) == at)
        };
        match batches.last_mut().filter(|batch| room(batch)) {
            Some(batch) => batch.events.push(event),
            None => batches.push(WatchResponse {
                header: header(log.revision()),
                events: vec![event],
                ..Default::default()
            }),
        }
    }
    batches
}

/// The rule that a stream breaks when its answers are changed, or none.
fn broken(change: impl Fn(&mut Vec<WatchResponse>)) -> &'static str {
    let (_, log) = history();
    let mut stream = opened(&log, all(2));
    let mut answers = answers(&log, &all(2));
    change(&mut answers);
    for answer in &answers {
        if let Err(violation) = stream.received(&log, answer) {
            return violation.rule;
        }
    }
    stream.finish(&log).map_or_else(|violation| violation.rule, |()| "none")
}

/// The position of an answer whose last revision has several events, and how many.
fn several(answers: &[WatchResponse]) -> usize {
    let wide = |answer: &WatchResponse| {
        let last = revision(answer.events.last().expect("no empty batch"));
        answer.events.iter().filter(|event| revision(event) == last).count() > 1
    };
    answers.iter().skip(1).position(wide).expect("some revision has several events") + 1
}

#[test]
fn a_correct_stream_breaks_no_rule_whatever_is_watched() {
    let (_, log) = history();
    let mut generator = Generator::new(5, Weights::default());
    generator.observe(log.revision(), -1);
    let mut delivered = 0;
    for _ in 0..500 {
        let mut create = generator.watch_create();
        create.start_revision = create.start_revision.clamp(1, log.revision());
        create.watch_id = 0;
        let end = &create.range_end[..];
        if !end.is_empty() && end != [0] && create.key[..] >= *end {
            continue;
        }
        let mut stream = opened(&log, create.clone());
        for answer in answers(&log, &create) {
            delivered += answer.events.len();
            let judged = stream.received(&log, &answer);
            assert_eq!(judged, Ok(()), "{create:?}");
        }
        assert_eq!(stream.finish(&log), Ok(()), "{create:?}");
    }
    assert!(delivered > 2_000, "only {delivered} events were delivered");
}

#[test]
fn each_wrong_stream_breaks_its_rule() {
    assert_eq!(broken(|_| {}), "none");
    let foreign = |answers: &mut Vec<WatchResponse>| {
        answers[1].events[0].kv.as_mut().expect("a pair").key.clear();
    };
    assert_eq!(broken(foreign), "W1");
    assert_eq!(broken(|a| a[1].events.reverse()), "W2");
    assert_eq!(broken(|a| a.swap(1, 2)), "W5");
    assert_eq!(
        broken(|a| {
            let twice = a[1].clone();
            a.insert(2, twice)
        }),
        "W3"
    );
    assert_eq!(broken(|a| drop(a.remove(1))), "W5");
    assert_eq!(broken(|a| drop(a.remove(0))), "W6");
    assert_eq!(broken(|a| drop(a.pop())), "W16");
    assert_eq!(broken(|a| a[1].events[0].kv.as_mut().expect("a pair").version += 1), "W9");
    assert_eq!(broken(|a| a[1].events.iter_mut().for_each(|e| e.prev_kv = None)), "W8");
    assert_eq!(broken(|a| a[1].header = header(2)), "W14");
    assert_eq!(broken(|a| a[1].header = header(10_000)), "W13");
    assert_eq!(broken(|a| a[1].fragment = true), "W15");
    assert_eq!(broken(|a| a[1].watch_id = 9), "W12");
    assert_eq!(broken(|a| a[1].canceled = true), "W12");
}

#[test]
fn a_split_revision_is_no_delivery() {
    let cut_tail = |answers: &mut Vec<WatchResponse>| {
        let at = several(answers);
        answers[at].events.pop();
    };
    assert_eq!(broken(cut_tail), "W4");
    let split = |answers: &mut Vec<WatchResponse>| {
        let at = several(answers);
        let mut rest = answers[at].clone();
        let last = answers[at].events.pop().expect("several events");
        rest.events = vec![last];
        answers.insert(at + 1, rest);
    };
    assert_eq!(broken(split), "W4");
}

#[test]
fn progress_never_overtakes_events() {
    let progress = |at: i64| WatchResponse { header: header(at), ..Default::default() };
    let early = |answers: &mut Vec<WatchResponse>| answers.insert(1, progress(70));
    assert_eq!(broken(early), "W7");
    let back = |answers: &mut Vec<WatchResponse>| {
        answers.push(progress(80));
        answers.push(progress(79));
    };
    assert_eq!(broken(back), "W7");
    assert_eq!(broken(|answers| answers.push(progress(80))), "none");
}

#[test]
fn fragments_are_judged_when_they_are_whole() {
    let (_, log) = history();
    let create = WatchCreateRequest { fragment: true, ..all(2) };
    let mut stream = opened(&log, create.clone());
    for answer in answers(&log, &create) {
        let mut pieces = answer.events.chunks(1).peekable();
        while let Some(piece) = pieces.next() {
            let fragment = pieces.peek().is_some();
            let piece = WatchResponse { events: piece.to_vec(), fragment, ..answer.clone() };
            assert_eq!(stream.received(&log, &piece), Ok(()));
        }
    }
    assert_eq!(stream.finish(&log), Ok(()));
}

#[test]
fn a_cancelled_watch_is_heard_of_once() {
    let (_, log) = history();
    let mut stream = opened(&log, all(0));
    let cancel = WatchCancelRequest { watch_id: 0 };
    stream.requested(&request(RequestUnion::CancelRequest(cancel)));
    let gone = WatchResponse { header: header(80), canceled: true, ..Default::default() };
    assert_eq!(stream.received(&log, &gone), Ok(()));
    let again = stream.received(&log, &gone).expect_err("the watch is gone");
    assert_eq!(again.rule, "W12");
}

#[test]
fn compaction_cancels_only_what_it_took() {
    let (_, mut log) = history();
    log.compact(40);
    let gone = |at| WatchResponse { canceled: true, compact_revision: at, ..Default::default() };
    assert_eq!(opened(&log, all(39)).received(&log, &gone(40)), Ok(()));
    let kept = opened(&log, all(40)).received(&log, &gone(40)).expect_err("40 is still there");
    assert_eq!(kept.rule, "W11");
    let future = opened(&log, all(39)).received(&log, &gone(41)).expect_err("not compacted");
    assert_eq!(future.rule, "W11");
}

#[test]
fn a_stream_bookmark_binds_every_watch() {
    let (_, log) = history();
    let mut stream = opened(&log, all(2));
    let answer = WatchResponse { header: header(80), watch_id: -1, ..Default::default() };
    assert_eq!(stream.received(&log, &answer).expect_err("not asked for").rule, "W12");
    stream.requested(&request(RequestUnion::ProgressRequest(WatchProgressRequest {})));
    assert_eq!(stream.received(&log, &answer).expect_err("events are missing").rule, "W7");
}
