//! One other member: its addresses, its outgoing queues, whether it can be reached.

use std::sync::{Arc, Mutex, RwLock};

use base::{Instant, MemberId};
use prometheus::IntCounter;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::ask::Kept;
use super::net::Shared;
use super::queue::{OutQueue, Pushed};
use raft::Body;

/// The two streams between members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// Everything but appends.
    Message,
    /// Appends.
    Append,
}

impl StreamKind {
    /// The last part of the stream's path, before the reader's id.
    pub(super) fn path(self) -> &'static str {
        match self {
            StreamKind::Message => "message",
            StreamKind::Append => "msgapp",
        }
    }
}

/// Streams from a peer that are up, and since when at least one was.
#[derive(Debug, Default)]
struct Links {
    open: usize,
    since: Option<Instant>,
}

/// One other member.
pub(super) struct Remote {
    pub(super) id: MemberId,
    pub(super) shared: Arc<Shared>,
    urls: RwLock<Vec<String>>,
    messages: OutQueue,
    appends: OutQueue,
    posts: mpsc::Sender<raft::Message>,
    pub(super) kept: Kept,
    links: Mutex<Links>,
    /// The last refusal or failure, so that only changes are logged.
    trouble: Mutex<Option<String>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Remote {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: MemberId,
        urls: Vec<String>,
        posts: mpsc::Sender<raft::Message>,
    ) -> Remote {
        Remote {
            id,
            shared,
            urls: RwLock::new(urls),
            messages: OutQueue::new(),
            appends: OutQueue::new(),
            posts,
            kept: Kept::default(),
            links: Mutex::default(),
            trouble: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    pub(super) fn queue(&self, kind: StreamKind) -> &OutQueue {
        match kind {
            StreamKind::Message => &self.messages,
            StreamKind::Append => &self.appends,
        }
    }

    pub(super) fn sent_bytes(&self) -> IntCounter {
        self.shared.metrics.peers.sent_bytes.with_label_values(&[&self.id.to_string()])
    }

    /// The address to try at the `attempt`-th time.
    pub(super) fn url(&self, attempt: usize) -> Option<String> {
        let urls = self.urls.read().expect("nobody panics while holding it");
        urls.get(attempt % urls.len().max(1)).cloned()
    }

    pub(super) fn set_urls(&self, urls: Vec<String>) {
        let mut current = self.urls.write().expect("nobody panics while holding it");
        if *current != urls {
            *current = urls;
            self.kept.clear();
        }
    }

    pub(super) fn own(&self, task: AbortHandle) {
        self.tasks.lock().expect("nobody panics while holding it").push(task);
    }

    /// Sends without waiting, or drops and reports.
    pub(super) fn send(&self, message: raft::Message) {
        let single_posts = !matches!(message.body, Body::Propose { .. } | Body::Snapshot { .. });
        let pushed = match message.body {
            Body::Append { .. } => self.appends.push(message),
            _ => Pushed::Closed(message),
        };
        let pushed = match pushed {
            Pushed::Closed(message) => self.messages.push(message),
            pushed => pushed,
        };
        let sent = match pushed {
            Pushed::Queued => true,
            Pushed::Full => false,
            // A proposal must not be doubled, and a post does not say whether it arrived.
            Pushed::Closed(message) => single_posts && self.posts.try_send(message).is_ok(),
        };
        if !sent {
            self.count_send_failure();
            self.report_unreachable();
        }
    }

    pub(super) fn count_send_failure(&self) {
        let metrics = &self.shared.metrics.peers;
        metrics.sent_failures.with_label_values(&[&self.id.to_string()]).inc();
    }

    pub(super) fn report_unreachable(&self) {
        self.shared.report_unreachable(self.id);
    }

    /// A stream from the peer is up.
    pub(super) fn link_up(&self) {
        let mut links = self.links.lock().expect("nobody panics while holding it");
        links.open += 1;
        if links.open == 1 {
            links.since = Some(self.shared.now());
            drop(links);
            self.set_active(true);
            tracing::info!(peer = %self.id, "peer became active");
        }
        self.recovered();
    }

    /// A stream from the peer was cut.
    pub(super) fn link_down(&self) {
        let mut links = self.links.lock().expect("nobody panics while holding it");
        assert!(links.open > 0, "a stream of {} went down that was not up", self.id);
        links.open -= 1;
        if links.open == 0 {
            links.since = None;
            drop(links);
            self.set_active(false);
            tracing::warn!(peer = %self.id, "peer became inactive");
        }
    }

    pub(super) fn connected_since(&self) -> Option<Instant> {
        self.links.lock().expect("nobody panics while holding it").since
    }

    fn set_active(&self, active: bool) {
        let (local, remote) = (self.shared.member().to_string(), self.id.to_string());
        let metrics = &self.shared.metrics.peers;
        metrics.active.with_label_values(&[&local, &remote]).set(active.into());
        if !active {
            metrics.disconnected.with_label_values(&[&local, &remote]).inc();
        }
    }

    /// Logs a failure, once until it changes.
    pub(super) fn troubled(&self, trouble: String) {
        let mut last = self.trouble.lock().expect("nobody panics while holding it");
        if last.as_ref() != Some(&trouble) {
            tracing::warn!(peer = %self.id, trouble, "cannot reach peer");
            *last = Some(trouble);
        }
    }

    fn recovered(&self) {
        *self.trouble.lock().expect("nobody panics while holding it") = None;
    }

    /// Ends every connection with a member that is gone.
    pub(super) fn disconnect(&self) {
        for task in self.tasks.lock().expect("nobody panics while holding it").drain(..) {
            task.abort();
        }
        self.kept.clear();
        self.messages.close();
        self.appends.close();
    }
}
