//! All streams of a member, and the matching of events to their watchers.
//!
//! Invariants: a watcher is in the index exactly when it is synced; a synced watcher has been given
//! every wanted event from its start up to `current`; an unsynced one every wanted event below its
//! `next`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use base::mark;

use crate::event::Batch;
use crate::interval::Intervals;
use crate::response::{NO_WATCH, Response};
use crate::stream::{Stream, StreamId};
use crate::watcher::{CreateError, WatchSpec, Watcher};

/// A stream that must be served from history before it can be told of new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The stream.
    pub stream: StreamId,
    /// The first revision it needs.
    pub from: i64,
    /// The last revision that history must cover.
    pub to: i64,
}

/// The watchers of a member.
#[derive(Debug)]
pub struct Hub {
    streams: BTreeMap<StreamId, Stream>,
    index: Intervals<(StreamId, i64)>,
    /// Streams with unsynced watchers.
    lagging: BTreeSet<StreamId>,
    /// Every event up to here was published or lies in history.
    current: i64,
    next_stream: u64,
    queue_bytes_max: usize,
}

impl Hub {
    /// A hub for a store at `current`; a stream's queue holds about `queue_bytes_max` bytes.
    #[must_use]
    pub fn new(current: i64, queue_bytes_max: usize) -> Hub {
        Hub {
            streams: BTreeMap::new(),
            index: Intervals::new(),
            lagging: BTreeSet::new(),
            current,
            next_stream: 0,
            queue_bytes_max,
        }
    }

    /// Opens a stream.
    pub fn open(&mut self) -> StreamId {
        let id = StreamId(self.next_stream);
        self.next_stream += 1;
        self.streams.insert(id, Stream::default());
        id
    }

    /// Closes a stream and forgets its watchers.
    pub fn close(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.lagging.remove(&id);
        for (watch_id, watcher) in &stream.watchers {
            if watcher.synced {
                self.index.remove(&watcher.spec.range, (id, *watch_id));
            }
        }
    }

    /// Creates a watcher; its `Created` or `Refused` response is queued either way.
    ///
    /// # Errors
    /// Why it was refused.
    ///
    /// # Panics
    /// When the stream is not open.
    pub fn create(
        &mut self,
        id: StreamId,
        wanted_id: i64,
        spec: WatchSpec,
    ) -> Result<i64, CreateError> {
        let revision = self.current;
        let stream = self.streams.get_mut(&id).expect("watchers are created on open streams");
        let error = if spec.start_revision < 0 {
            Some(CreateError::NegativeStart)
        } else if spec.range.is_empty() {
            Some(CreateError::EmptyRange)
        } else if wanted_id != 0 && stream.is_taken(wanted_id) {
            Some(CreateError::DuplicateId)
        } else {
            None
        };
        if let Some(error) = error {
            stream.push(Response::Refused { error: error.clone(), revision });
            return Err(error);
        }
        let watch_id = if wanted_id == 0 { stream.pick_id() } else { wanted_id };
        let synced = spec.start_revision == 0 || spec.start_revision > revision;
        let next = if synced { spec.start_revision.max(revision + 1) } else { spec.start_revision };
        stream.push(Response::Created { watch_id, revision });
        if synced {
            self.index.insert(&spec.range, (id, watch_id));
        } else {
            self.lagging.insert(id);
        }
        let told = false;
        stream.watchers.insert(watch_id, Watcher { spec, next, synced, told });
        Ok(watch_id)
    }

    /// Answers a request to watch that is refused before it is looked at.
    ///
    /// # Panics
    /// When the stream is not open.
    pub fn refuse(&mut self, id: StreamId, error: CreateError) {
        let revision = self.current;
        let stream = self.streams.get_mut(&id).expect("requests come on open streams");
        stream.push(Response::Refused { error, revision });
    }

    /// Ends a watcher, or frees the id of one that a compaction ended; nothing happens for an
    /// unknown id. True when there was one.
    pub fn cancel(&mut self, id: StreamId, watch_id: i64) -> bool {
        let revision = self.current;
        let had_ended = self.streams.get_mut(&id).is_some_and(|s| s.ended.remove(&watch_id));
        if !had_ended && !self.remove(id, watch_id) {
            return false;
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.push(Response::Canceled { watch_id, revision });
        }
        true
    }

    fn remove(&mut self, id: StreamId, watch_id: i64) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let Some(watcher) = stream.watchers.remove(&watch_id) else { return false };
        if watcher.synced {
            self.index.remove(&watcher.spec.range, (id, watch_id));
        }
        if stream.is_synced() {
            self.lagging.remove(&id);
        }
        true
    }

    /// Tells the watchers of one applied revision; gives the streams that have something new.
    ///
    /// # Panics
    /// When revisions do not come in order.
    pub fn publish(&mut self, batch: &Batch) -> BTreeSet<StreamId> {
        let revision = batch.revision;
        assert!(revision > self.current, "{revision} published after {}", self.current);
        self.current = revision;
        let mut wanted: BTreeMap<(StreamId, i64), Vec<usize>> = BTreeMap::new();
        for (at, event) in batch.events.iter().enumerate() {
            for watcher in self.index.at(&event.key) {
                wanted.entry(watcher).or_default().push(at);
            }
        }
        let mut woken = BTreeSet::new();
        for ((id, watch_id), positions) in wanted {
            self.tell(id, watch_id, batch, &positions);
            woken.insert(id);
        }
        woken
    }

    fn tell(&mut self, id: StreamId, watch_id: i64, batch: &Batch, positions: &[usize]) {
        let stream = self.streams.get_mut(&id).expect("the index names open streams");
        let has_room = stream.has_room(self.queue_bytes_max);
        let watcher = stream.watchers.get_mut(&watch_id).expect("the index names live watchers");
        if batch.revision < watcher.next {
            return;
        }
        if !has_room {
            mark!("watch: slow watcher demoted");
            watcher.synced = false;
            watcher.next = batch.revision;
            self.index.remove(&watcher.spec.range, (id, watch_id));
            self.lagging.insert(id);
            return;
        }
        let events = positions.iter().map(|at| &batch.events[*at]);
        let events: Vec<_> =
            events.filter(|event| watcher.wants(&event.key, event.is_delete)).cloned().collect();
        watcher.next = batch.revision + 1;
        if events.is_empty() {
            return;
        }
        watcher.told = true;
        let (prev_kv, fragment) = (watcher.spec.prev_kv, watcher.spec.fragment);
        let revision = batch.revision;
        stream.push(Response::Events { watch_id, revision, events, prev_kv, fragment });
    }

    /// The store advanced without an event (a snapshot was installed): everybody is served from
    /// history, and nobody goes back.
    pub fn jump(&mut self, current: i64) {
        if current <= self.current {
            return;
        }
        let was = self.current;
        self.current = current;
        for (id, stream) in &mut self.streams {
            for (watch_id, watcher) in &mut stream.watchers {
                if watcher.synced && watcher.next <= current {
                    watcher.next = watcher.next.max(was + 1);
                    watcher.synced = false;
                    self.index.remove(&watcher.spec.range, (*id, *watch_id));
                    self.lagging.insert(*id);
                }
            }
        }
    }

    /// Streams that need history and have room for it.
    #[must_use]
    pub fn lagging(&self) -> Vec<Lag> {
        let needs = |id: &StreamId| {
            let stream = self.streams.get(id).expect("lagging streams are open");
            if !stream.has_room(self.queue_bytes_max) {
                return None;
            }
            let unsynced = stream.watchers.values().filter(|watcher| !watcher.synced);
            let from = unsynced.map(|watcher| watcher.next).min()?;
            Some(Lag { stream: *id, from, to: self.current })
        };
        self.lagging.iter().filter_map(needs).collect()
    }

    /// Serves the unsynced watchers of a stream from history: `batches` are all revisions with
    /// events in `from..=through`, in order. Watchers that need what lies below `from` wait for
    /// another call. True when something was queued.
    pub fn deliver_history(
        &mut self,
        id: StreamId,
        from: i64,
        through: i64,
        batches: &[Batch],
    ) -> bool {
        let current = self.current;
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let mut queued = Vec::new();
        let mut caught_up = Vec::new();
        for (watch_id, watcher) in &mut stream.watchers {
            if watcher.synced || watcher.next < from {
                continue;
            }
            let events = history_of(watcher, through, batches);
            watcher.next = watcher.next.max(through + 1);
            if !events.is_empty() {
                watcher.told = true;
                let (prev_kv, fragment) = (watcher.spec.prev_kv, watcher.spec.fragment);
                let (watch_id, revision) = (*watch_id, current);
                queued.push(Response::Events { watch_id, revision, events, prev_kv, fragment });
            }
            if watcher.next > current {
                mark!("watch: slow watcher caught up");
                watcher.synced = true;
                caught_up.push((*watch_id, watcher.spec.range.clone()));
            }
        }
        let any = !queued.is_empty();
        queued.into_iter().for_each(|response| stream.push(response));
        if stream.is_synced() {
            self.lagging.remove(&id);
        }
        for (watch_id, range) in caught_up {
            self.index.insert(&range, (id, watch_id));
        }
        any
    }

    /// History up to `compact_revision` is gone: unsynced watchers of a stream that need it end.
    /// True when something was queued.
    pub fn compacted(&mut self, id: StreamId, compact_revision: i64) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let gone = stream.watchers.iter().filter(|(_, w)| !w.synced && w.next < compact_revision);
        let gone: Vec<i64> = gone.map(|(watch_id, _)| *watch_id).collect();
        for watch_id in &gone {
            mark!("watch: cancelled by compaction");
            self.remove(id, *watch_id);
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.ended.insert(*watch_id);
                stream.push(Response::Compacted { watch_id: *watch_id, compact_revision });
            }
        }
        !gone.is_empty()
    }

    /// A client asks how far its stream is: answered when every watcher is synced and has begun,
    /// forgotten otherwise, and, as in etcd, while one that a compaction ended is not cancelled.
    /// True when something was queued.
    pub fn request_progress(&mut self, id: StreamId) -> bool {
        let revision = self.current;
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let begun = |w: &Watcher| w.synced && w.spec.start_revision <= revision;
        let all_begun = stream.ended.is_empty() && stream.watchers.values().all(begun);
        if stream.watchers.is_empty() || !all_begun {
            return false;
        }
        stream.push(Response::Progress { watch_id: NO_WATCH, revision });
        true
    }

    /// The progress timer of a stream: its quiet, synced watchers that asked for it are told.
    pub fn tick_progress(&mut self, id: StreamId) -> bool {
        let revision = self.current;
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let mut quiet = Vec::new();
        for (watch_id, watcher) in &mut stream.watchers {
            let told = core::mem::take(&mut watcher.told);
            let wants = watcher.spec.progress_notify && watcher.synced && !told;
            if wants && watcher.spec.start_revision <= revision {
                quiet.push(*watch_id);
            }
        }
        let any = !quiet.is_empty();
        for watch_id in quiet {
            stream.push(Response::Progress { watch_id, revision });
        }
        any
    }

    /// The next response of a stream.
    pub fn take(&mut self, id: StreamId) -> Option<Response> {
        self.streams.get_mut(&id)?.pop()
    }

    /// Whether any watcher wants previous values of a key's event; asked before they are read.
    #[must_use]
    pub fn wants_prev_kv(&self, key: &[u8]) -> bool {
        self.index.at(key).any(|(id, watch_id)| {
            let watcher = self.streams.get(&id).and_then(|s| s.watchers.get(&watch_id));
            watcher.is_some_and(|watcher| watcher.spec.prev_kv)
        })
    }

    /// Whether an unsynced watcher of a stream wants previous values.
    #[must_use]
    pub fn history_wants_prev_kv(&self, id: StreamId) -> bool {
        let watchers = self.streams.get(&id).into_iter().flat_map(|s| s.watchers.values());
        watchers.filter(|watcher| !watcher.synced).any(|watcher| watcher.spec.prev_kv)
    }

    /// The revision up to which events were published.
    #[must_use]
    pub fn current(&self) -> i64 {
        self.current
    }

    /// How many watchers and streams there are, and how many streams lag.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let watchers = self.streams.values().map(|stream| stream.watchers.len()).sum();
        (watchers, self.streams.len(), self.lagging.len())
    }

    /// Checks the invariants; O(n).
    pub fn check(&self) {
        for (id, stream) in &self.streams {
            assert_eq!(
                self.lagging.contains(id),
                !stream.is_synced(),
                "stream {id:?} lags or does not"
            );
            for (watch_id, watcher) in &stream.watchers {
                let indexed = self.index.at(&watcher.spec.range.key).any(|w| w == (*id, *watch_id));
                assert_eq!(indexed, watcher.synced, "watcher {watch_id} of {id:?} in the index");
                let served = watcher.synced || watcher.next <= self.current;
                assert!(served, "unsynced watcher {watch_id} is ahead: {}", watcher.next);
            }
        }
    }
}

/// What history holds for one watcher, up to `through`.
fn history_of(watcher: &Watcher, through: i64, batches: &[Batch]) -> Vec<crate::WatchEvent> {
    let due = batches.iter().filter(|batch| (watcher.next..=through).contains(&batch.revision));
    let events = due.flat_map(|batch| &batch.events);
    events.filter(|event| watcher.wants(&event.key, event.is_delete)).cloned().collect()
}
