//! The watch task: tells watchers what was applied, and serves those that lag from history.
//!
//! The applier hands over what it applied after it has answered whoever waited (X-d). Streams take
//! their responses by themselves; the lock around the hub is held for matching and queueing only,
//! never across a wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::mark;
use mvcc::ReadError;
use tokio::sync::{Notify, mpsc};
use watch::{Batch, Hub, Lag, StreamId, WatchEvent};

use crate::applier::{Published, Views};
use crate::env::Env;
use crate::shared::Shared;

/// The watchers of a member, shared by the watch task and the streams.
pub(crate) struct Watches {
    hub: Mutex<Hub>,
    wakes: Mutex<BTreeMap<StreamId, Arc<Notify>>>,
    /// Woken when a lagging stream may have room.
    room: Notify,
    /// Woken after the hub was told of more.
    advanced: Notify,
}

impl Watches {
    pub(crate) fn new(current: i64, queue_bytes_max: usize) -> Watches {
        Watches {
            hub: Mutex::new(Hub::new(current, queue_bytes_max)),
            wakes: Mutex::default(),
            room: Notify::new(),
            advanced: Notify::new(),
        }
    }

    /// The hub; never held across a wait.
    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wakes(&self) -> MutexGuard<'_, BTreeMap<StreamId, Arc<Notify>>> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once the hub was told of everything up to a revision. Whoever has seen an applied
    /// revision waits for it here before he asks the hub for anything, which follows the applier.
    pub(crate) async fn reached(&self, revision: i64) {
        loop {
            let mut advanced = std::pin::pin!(self.advanced.notified());
            // From here on no wake-up is missed.
            advanced.as_mut().enable();
            if self.hub().current() >= revision {
                return;
            }
            advanced.await;
        }
    }

    /// Opens a stream, with the wake-up that tells of new responses.
    pub(crate) fn open(&self) -> (StreamId, Arc<Notify>) {
        let id = self.hub().open();
        let wake = Arc::new(Notify::new());
        self.wakes().insert(id, wake.clone());
        (id, wake)
    }

    /// Closes a stream.
    pub(crate) fn close(&self, id: StreamId) {
        self.hub().close(id);
        self.wakes().remove(&id);
    }

    /// Wakes the task because a stream that lags may be served.
    pub(crate) fn may_serve(&self) {
        self.room.notify_one();
    }

    fn wake(&self, streams: impl IntoIterator<Item = StreamId>) {
        let wakes = self.wakes();
        for id in streams {
            if let Some(wake) = wakes.get(&id) {
                wake.notify_one();
            }
        }
    }
}

/// What the applier tells.
pub(crate) enum News {
    /// Events of whole revisions, in order.
    Events(Vec<mvcc::Event>),
    /// A snapshot brought the store to this revision: everybody is served from history.
    Jump(i64),
}

/// The running task.
pub(crate) struct WatchTask<E: Env> {
    pub env: E,
    pub news: mpsc::UnboundedReceiver<News>,
    pub watches: Arc<Watches>,
    pub views: Arc<Views<E>>,
    pub shared: Arc<Shared>,
    pub history_bytes_max: usize,
}

impl<E: Env> WatchTask<E> {
    /// Runs until the member stops or the backend fails.
    pub(crate) async fn run(mut self) {
        let watches = self.watches.clone();
        loop {
            let news = tokio::select! {
                biased;
                () = self.shared.wait_stopped() => return,
                news = self.news.recv() => match news {
                    Some(news) => Some(news),
                    None => return,
                },
                () = watches.room.notified() => None,
            };
            let told = match news {
                Some(News::Events(events)) => self.publish(events).await,
                Some(News::Jump(revision)) => {
                    watches.hub().jump(revision);
                    watches.advanced.notify_waiters();
                    Ok(())
                }
                None => Ok(()),
            };
            let served = match told {
                Ok(()) => self.serve_lagging().await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                self.env.fail_stop(&format!("the backend cannot be read for a watch: {error}"));
                return;
            }
        }
    }

    async fn publish(&self, events: Vec<mvcc::Event>) -> Result<(), mvcc::BackendError> {
        for batch in batches(&events) {
            self.publish_one(batch).await?;
        }
        Ok(())
    }

    /// Previous values are read only for keys whose watchers want them; a watcher that comes while
    /// they are read is seen by the next look under the lock.
    async fn publish_one(&self, mut pending: Pending<'_>) -> Result<(), mvcc::BackendError> {
        loop {
            let missing = {
                let mut hub = self.watches.hub();
                let missing = pending.missing(&hub);
                if missing.is_empty() {
                    let woken = hub.publish(&pending.batch);
                    drop(hub);
                    self.watches.wake(woken);
                    self.watches.advanced.notify_waiters();
                    return Ok(());
                }
                missing
            };
            let view = self.views.load();
            for at in missing {
                let before = self.previous(&view, &pending.events[at]).await?;
                pending.set(at, before);
            }
        }
    }

    async fn previous(
        &self,
        view: &Arc<Published<E>>,
        event: &mvcc::Event,
    ) -> Result<Option<bytes::Bytes>, mvcc::BackendError> {
        if event.is_create() {
            return Ok(None);
        }
        let (view, event) = (view.clone(), event.clone());
        let read = move || view.keys.previous(&event);
        self.env.blocking(read).await
    }

    /// Serves every stream that lags and has room, a bounded part of history at a time.
    async fn serve_lagging(&self) -> Result<(), mvcc::BackendError> {
        loop {
            let lagging = self.watches.hub().lagging();
            if lagging.is_empty() {
                return Ok(());
            }
            for lag in lagging {
                self.serve(lag).await?;
            }
            if !self.news.is_empty() {
                // Live events first: whoever lags is woken again below.
                self.watches.may_serve();
                return Ok(());
            }
        }
    }

    async fn serve(&self, lag: Lag) -> Result<(), mvcc::BackendError> {
        let view = self.views.load();
        let compacted = view.keys.compact_revision();
        if lag.from < compacted {
            mark!("watch: needs what was compacted");
            if self.watches.hub().compacted(lag.stream, compacted) {
                self.watches.wake([lag.stream]);
            }
        }
        let from = lag.from.max(compacted);
        let with_previous = self.watches.hub().history_wants_prev_kv(lag.stream);
        let bytes_max = self.history_bytes_max;
        let read = move || history(&view, from, lag.to, bytes_max, with_previous);
        let (through, batches) = match self.env.blocking(read).await {
            Ok(part) => part,
            Err(ReadError::Backend(error)) => return Err(error),
            // Compacted since the view was loaded: the next look ends the watcher.
            Err(ReadError::Refused(_)) => return Ok(()),
        };
        if self.watches.hub().deliver_history(lag.stream, from, through, &batches) {
            self.watches.wake([lag.stream]);
        }
        Ok(())
    }
}

/// A bounded part of the events of `from..=to` from a view, and how far it reaches.
fn history<E: Env>(
    view: &Published<E>,
    from: i64,
    to: i64,
    bytes_max: usize,
    with_previous: bool,
) -> Result<(i64, Vec<Batch>), ReadError> {
    let part = view.keys.read_revisions(from, to, bytes_max)?;
    let mut found: Vec<Batch> = Vec::new();
    for event in &part.events {
        let prev_kv = match with_previous && !event.is_create() {
            true => view.keys.previous(event)?,
            false => None,
        };
        push(&mut found, event, prev_kv);
    }
    Ok((part.through, found))
}

fn push(batches: &mut Vec<Batch>, event: &mvcc::Event, prev_kv: Option<bytes::Bytes>) {
    let revision = event.revision().main;
    let told = WatchEvent {
        key: event.key().clone(),
        is_delete: event.is_delete(),
        kv: event.kv().clone(),
        prev_kv,
    };
    match batches.last_mut() {
        Some(batch) if batch.revision == revision => batch.events.push(told),
        _ => batches.push(Batch { revision, events: vec![told] }),
    }
}

/// A revision on its way to its watchers.
struct Pending<'a> {
    events: &'a [mvcc::Event],
    batch: Batch,
    loaded: Vec<bool>,
}

impl Pending<'_> {
    fn missing(&self, hub: &Hub) -> Vec<usize> {
        let wanted = |at: &usize| !self.loaded[*at] && hub.wants_prev_kv(self.events[*at].key());
        (0..self.events.len()).filter(wanted).collect()
    }

    fn set(&mut self, at: usize, before: Option<bytes::Bytes>) {
        self.batch.events[at].prev_kv = before;
        self.loaded[at] = true;
    }
}

/// Cuts events at revision boundaries.
fn batches(events: &[mvcc::Event]) -> impl Iterator<Item = Pending<'_>> {
    events.chunk_by(|a, b| a.revision().main == b.revision().main).map(|events| {
        let mut found = Vec::new();
        for event in events {
            push(&mut found, event, None);
        }
        let batch = found.pop().expect("a chunk holds at least one event");
        Pending { events, batch, loaded: vec![false; events.len()] }
    })
}
