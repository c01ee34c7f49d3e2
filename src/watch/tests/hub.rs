//! The hub against a naive history: whatever clients and slow readers do, each watcher receives
//! exactly the events it wants, in order, once, whole revisions at a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use watch::{Batch, Filters, Hub, KeyRange, Response, StreamId, WatchEvent, WatchSpec};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Step {
    /// Applies one revision that changes these keys (index, whether deleted).
    Publish(Vec<(usize, bool)>),
    /// Creates a watcher over `[first, last]`, starting this far back (0 for now).
    Create {
        first: usize,
        last: usize,
        back: i64,
        no_put: bool,
    },
    Cancel(usize),
    /// Takes some responses.
    Take(usize),
    /// Serves lagging watchers, this many revisions at a time.
    Serve(i64),
    Progress,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = (0..KEYS.len(), any::<bool>());
    let step = prop_oneof![
        6 => prop::collection::vec(change, 1..4).prop_map(Step::Publish),
        2 => (0..KEYS.len(), 0..KEYS.len(), 0..6i64, any::<bool>())
            .prop_map(|(first, last, back, no_put)| Step::Create { first, last, back, no_put }),
        1 => (0..6usize).prop_map(Step::Cancel),
        3 => (0..4usize).prop_map(Step::Take),
        3 => (1..4i64).prop_map(Step::Serve),
        1 => Just(Step::Progress),
    ];
    prop::collection::vec(step, 1..80)
}

/// What one watcher was promised and has received.
#[derive(Debug)]
struct Seen {
    spec: WatchSpec,
    /// The first revision it must be told of.
    from: i64,
    events: Vec<(i64, Bytes, bool)>,
    /// Nothing at or below may follow.
    progress: i64,
    canceled: bool,
    /// Its `Created` was taken; only then a progress response binds it.
    created: bool,
}

struct Run {
    hub: Hub,
    stream: StreamId,
    history: Vec<Batch>,
    seen: BTreeMap<i64, Seen>,
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

impl Run {
    fn new() -> Run {
        // A queue this small is full after one revision.
        let mut hub = Hub::new(1, 1);
        let stream = hub.open();
        Run { hub, stream, history: Vec::new(), seen: BTreeMap::new() }
    }

    fn publish(&mut self, changes: Vec<(usize, bool)>) {
        let revision = self.hub.current() + 1;
        let event = |(key, is_delete): (usize, bool)| WatchEvent {
            key: bytes(KEYS[key]),
            is_delete,
            kv: bytes(&format!("{revision}")),
            prev_kv: None,
        };
        let batch = Batch { revision, events: changes.into_iter().map(event).collect() };
        self.hub.publish(&batch);
        self.history.push(batch);
    }

    fn create(&mut self, first: usize, last: usize, back: i64, no_put: bool) {
        let current = self.hub.current();
        let start_revision = if back == 0 { 0 } else { (current - back).max(1) };
        let end = if last > first { KEYS[last] } else { "" };
        let spec = WatchSpec {
            range: KeyRange::new(bytes(KEYS[first]), bytes(end)),
            start_revision,
            filters: Filters { no_put, no_delete: false },
            prev_kv: false,
            progress_notify: false,
            fragment: false,
        };
        let created = self.hub.create(self.stream, 0, spec.clone());
        let id = created.expect("the range is not empty and the id is free");
        let from = if start_revision == 0 { current + 1 } else { start_revision };
        let seen =
            Seen { spec, from, events: Vec::new(), progress: 0, canceled: false, created: false };
        assert!(self.seen.insert(id, seen).is_none(), "id {id} was given twice");
    }

    fn serve(&mut self, revisions: i64) {
        for lag in self.hub.lagging() {
            let through = lag.to.min(lag.from + revisions - 1);
            let part = self.history.iter().filter(|b| (lag.from..=through).contains(&b.revision));
            let part: Vec<Batch> = part.cloned().collect();
            self.hub.deliver_history(lag.stream, lag.from, through, &part);
        }
    }

    fn take(&mut self) -> bool {
        let Some(response) = self.hub.take(self.stream) else { return false };
        match response {
            Response::Events { watch_id, events, revision, .. } => {
                let seen = self.seen.get_mut(&watch_id).expect("a known watcher");
                assert!(!seen.canceled, "events after the end");
                for event in events {
                    let at: i64 = std::str::from_utf8(&event.kv).expect("text").parse().expect("n");
                    assert!(at > seen.progress, "event {at} after progress {}", seen.progress);
                    assert!(at <= revision, "event {at} above its header {revision}");
                    seen.events.push((at, event.key, event.is_delete));
                }
            }
            Response::Progress { revision, .. } => {
                let live = self.seen.values_mut().filter(|seen| seen.created);
                live.for_each(|seen| seen.progress = revision);
            }
            Response::Canceled { watch_id, .. } => {
                self.seen.get_mut(&watch_id).expect("a known watcher").canceled = true;
            }
            Response::Created { watch_id, .. } => {
                self.seen.get_mut(&watch_id).expect("a known watcher").created = true;
            }
            other => panic!("unexpected {other:?}"),
        }
        true
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(changes) => self.publish(changes),
            Step::Create { first, last, back, no_put } => self.create(first, last, back, no_put),
            Step::Cancel(at) => {
                if let Some(id) = self.seen.keys().nth(at).copied() {
                    self.hub.cancel(self.stream, id);
                }
            }
            Step::Take(count) => {
                for _ in 0..count {
                    self.take();
                }
            }
            Step::Serve(revisions) => self.serve(revisions),
            Step::Progress => {
                self.hub.request_progress(self.stream);
            }
        }
        self.hub.check();
    }

    /// Everybody catches up; then each live watcher has seen exactly what it was promised.
    fn finish(mut self) {
        for _ in 0..10_000 {
            self.serve(2);
            let took = self.take();
            if !took && self.hub.lagging().is_empty() {
                break;
            }
        }
        assert!(!self.take() && self.hub.lagging().is_empty(), "streams never caught up");
        for (id, seen) in self.seen {
            let due = self.history.iter().filter(|batch| batch.revision >= seen.from);
            let all = due.flat_map(|batch| batch.events.iter().map(move |e| (batch.revision, e)));
            let wants = |event: &WatchEvent| {
                seen.spec.range.contains(&event.key)
                    && (event.is_delete || !seen.spec.filters.no_put)
            };
            let wanted = all.filter(|(_, event)| wants(event));
            let wanted: Vec<_> = wanted.map(|(r, e)| (r, e.key.clone(), e.is_delete)).collect();
            match seen.canceled {
                false => assert_eq!(seen.events, wanted, "watcher {id} from {}", seen.from),
                true => assert!(wanted.starts_with(&seen.events), "watcher {id} before its end"),
            }
        }
    }
}

proptest! {
    #[test]
    fn every_watcher_sees_its_part_of_history_once_and_in_order(steps in steps()) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
        }
        run.finish();
    }
}

fn event_batch(revision: i64) -> Batch {
    let kv = bytes(&format!("{revision}"));
    let event = WatchEvent { key: bytes("a"), is_delete: false, kv, prev_kv: None };
    Batch { revision, events: vec![event] }
}

#[test]
fn what_lags_behind_a_compaction_ends_with_its_revision() {
    let mut run = Run::new();
    for revision in 2..=5 {
        run.hub.publish(&event_batch(revision));
    }
    run.create(0, 0, 3, false);
    assert!(run.hub.compacted(run.stream, 4));
    run.hub.check();
    assert!(matches!(run.hub.take(run.stream), Some(Response::Created { .. })));
    let expected = Response::Compacted { watch_id: 0, compact_revision: 4 };
    assert_eq!(run.hub.take(run.stream), Some(expected));
    assert!(run.hub.lagging().is_empty());
    // As in etcd, its id is free again only when the client has cancelled it.
    run.create(0, 0, 0, false);
    assert_eq!(run.hub.take(run.stream), Some(Response::Created { watch_id: 1, revision: 5 }));
    assert!(!run.hub.request_progress(run.stream));
    assert!(run.hub.cancel(run.stream, 0));
    assert!(run.hub.request_progress(run.stream));
    assert_eq!(run.hub.take(run.stream), Some(Response::Canceled { watch_id: 0, revision: 5 }));
    assert!(!run.hub.cancel(run.stream, 0));
    run.hub.check();
}

#[test]
fn a_jump_sends_watchers_to_history_and_never_back() {
    let mut run = Run::new();
    run.create(0, 0, 0, false);
    while run.take() {}
    run.hub.publish(&event_batch(2));
    while run.take() {}
    run.hub.jump(9);
    run.hub.check();
    let [lag] = run.hub.lagging()[..] else { panic!("one stream lags") };
    assert_eq!((lag.from, lag.to), (3, 9));
    run.hub.deliver_history(lag.stream, 3, 9, &[event_batch(7)]);
    run.hub.check();
    assert!(run.take());
    assert_eq!(run.seen[&0].events.iter().map(|e| e.0).collect::<Vec<_>>(), [2, 7]);
}

#[test]
fn refusals_name_their_reason_and_leave_the_stream_alone() {
    let mut run = Run::new();
    let spec = |key: &str, end: &str, start_revision| WatchSpec {
        range: KeyRange::new(bytes(key), bytes(end)),
        start_revision,
        filters: Filters::default(),
        prev_kv: false,
        progress_notify: false,
        fragment: false,
    };
    assert_eq!(run.hub.create(run.stream, 7, spec("a", "", 0)), Ok(7));
    for (id, spec) in [(7, spec("b", "", 0)), (0, spec("b", "a", 0)), (0, spec("b", "", -1))] {
        assert!(run.hub.create(run.stream, id, spec).is_err());
    }
    assert_eq!(run.hub.counts(), (1, 1, 0));
    run.hub.close(run.stream);
    run.hub.check();
    assert_eq!(run.hub.counts(), (0, 0, 0));
}
