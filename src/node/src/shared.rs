//! What the tasks of one member share: counters that readers poll, and the wake-ups that go with
//! them. Every field has one writer, named at the field.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use base::{Index, Instant, MemberId, Term};
use tokio::sync::Notify;

use crate::env::Role;

/// Counters and wake-ups of one member.
#[derive(Debug, Default)]
pub struct Shared {
    /// Written by the Raft task.
    leader: AtomicU64,
    /// Written by the Raft task: when the last leader became known, in nanoseconds.
    leader_since: AtomicU64,
    /// Written by the Raft task.
    term: AtomicU64,
    /// Written by the Raft task: 0 follower, 1 pre-candidate, 2 candidate, 3 leader.
    role: AtomicU8,
    /// Written by the Raft task.
    committed: AtomicU64,
    /// Written by the applier, after the view that contains the entry was published.
    applied: AtomicU64,
    /// Written by the Raft task: this member leads, has committed in its term and is the only
    /// voter, so that all that is committed anywhere is at or below its own commit index.
    sole_leader: AtomicBool,
    /// Tasks that must end before the member has stopped.
    running: AtomicUsize,
    /// Woken when one of them ends.
    ended: Notify,
    /// Set once, when the member has published itself.
    ready: AtomicBool,
    /// Set once, when the member stops.
    stopping: AtomicBool,
    /// Woken after `applied` rose.
    pub applied_rose: Notify,
    /// Woken after leader, term or role changed.
    pub role_changed: Notify,
    became_ready: Notify,
    /// Set once by the applier, when the log has removed this member.
    removed: AtomicBool,
    became_removed: Notify,
    /// Woken when the member stops.
    pub stopped: Notify,
    /// Leader changes seen, of any kind.
    pub leader_changes: AtomicU64,
}

impl Shared {
    /// The leader as far as known; zero for none.
    #[must_use]
    pub fn leader(&self) -> MemberId {
        MemberId(self.leader.load(Ordering::Acquire))
    }

    /// When the last leader that was known became known here.
    #[must_use]
    pub fn leader_since(&self) -> Instant {
        Instant::from_nanos(self.leader_since.load(Ordering::Acquire))
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> Term {
        Term(self.term.load(Ordering::Acquire))
    }

    /// The commit index.
    #[must_use]
    pub fn committed(&self) -> Index {
        Index(self.committed.load(Ordering::Acquire))
    }

    /// The applied index; a view loaded after this contains it.
    #[must_use]
    pub fn applied(&self) -> Index {
        Index(self.applied.load(Ordering::Acquire))
    }

    /// What the member is in its term.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.role.load(Ordering::Acquire) {
            3 => Role::Leader,
            2 => Role::Candidate,
            1 => Role::PreCandidate,
            _ => Role::Follower,
        }
    }

    /// Whether a linearizable read may be served from the current view at once.
    #[must_use]
    pub fn is_sole_leader(&self) -> bool {
        self.sole_leader.load(Ordering::SeqCst)
    }

    /// Whether the member is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn set_role(&self, term: Term, role: Role, leader: MemberId, now: Instant) {
        let code = match role {
            Role::Follower => 0,
            Role::PreCandidate => 1,
            Role::Candidate => 2,
            Role::Leader => 3,
        };
        self.term.store(term.get(), Ordering::Release);
        self.role.store(code, Ordering::Release);
        let before = self.leader.swap(leader.get(), Ordering::AcqRel);
        if before != leader.get() {
            self.leader_changes.fetch_add(1, Ordering::Relaxed);
            if !leader.is_zero() {
                self.leader_since.store(now.as_nanos(), Ordering::Release);
            }
        }
        self.role_changed.notify_waiters();
    }

    pub(crate) fn set_sole_leader(&self, sole: bool) {
        self.sole_leader.store(sole, Ordering::SeqCst);
    }

    pub(crate) fn set_committed(&self, index: Index) {
        self.committed.store(index.get(), Ordering::Release);
    }

    pub(crate) fn set_applied(&self, index: Index) {
        self.applied.store(index.get(), Ordering::Release);
        self.applied_rose.notify_waiters();
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
        self.became_ready.notify_waiters();
    }

    /// Whether the member has published itself.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Waits until the member has published itself, or stops.
    pub async fn wait_ready(&self) {
        let mut ready = std::pin::pin!(self.became_ready.notified());
        ready.as_mut().enable();
        if !self.is_ready() {
            ready.await;
        }
    }

    pub(crate) fn set_removed(&self) {
        self.removed.store(true, Ordering::Release);
        self.became_removed.notify_waiters();
    }

    /// Waits until this member has applied its own removal.
    pub(crate) async fn wait_removed(&self) {
        let mut removed = std::pin::pin!(self.became_removed.notified());
        removed.as_mut().enable();
        if !self.removed.load(Ordering::Acquire) {
            removed.await;
        }
    }

    /// From here on new work is refused.
    pub(crate) fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stopped.notify_waiters();
        self.applied_rose.notify_waiters();
        self.role_changed.notify_waiters();
        self.became_ready.notify_waiters();
    }

    /// Wraps a task that the stop waits for.
    pub(crate) fn running(
        self: Arc<Self>,
        task: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send {
        self.running.fetch_add(1, Ordering::AcqRel);
        async move {
            task.await;
            self.running.fetch_sub(1, Ordering::AcqRel);
            self.ended.notify_waiters();
        }
    }

    /// Waits until all wrapped tasks have ended.
    pub(crate) async fn wait_ended(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Waits until `index` is applied; false when the member stops first.
    pub async fn wait_applied(&self, index: Index) -> bool {
        loop {
            // Registered before the check, so that a rise in between is not missed.
            let mut rose = std::pin::pin!(self.applied_rose.notified());
            rose.as_mut().enable();
            if self.applied() >= index {
                return true;
            }
            if self.is_stopping() {
                return false;
            }
            rose.await;
        }
    }

    /// Waits until the member stops.
    pub async fn wait_stopped(&self) {
        let mut stopped = std::pin::pin!(self.stopped.notified());
        stopped.as_mut().enable();
        if !self.is_stopping() {
            stopped.await;
        }
    }
}
