//! Everything outside the member, behind one trait: time, tasks, randomness, disk, network and
//! backend. The same node runs on tokio with real files and in the simulator.
//!
//! Rules for code above this trait: no other clock, thread, file, socket or source of randomness;
//! a task waits only on what `Env` or `tokio::sync` (without `watch`) gives it; `select!` is
//! `biased`.

mod disk;
mod event;
mod net;

use core::future::Future;

use base::Instant;

pub use disk::{Disk, DiskEntry, DiskError, DiskErrorKind, DiskFile};
pub use event::{AppendedEntry, Event, Role};
pub use net::{CallError, Net, PeerAddress, PeerCall, PeerRequest, PeerResponse, SnapshotStream};

/// A task that was spawned; dropping it lets the task run on.
pub trait Cancel: Send + Sync + 'static {
    /// Ends the task at its next wait. Without effect on a task that has ended.
    fn cancel(&self);
}

/// A timer that can be stored in a struct and set anew without allocating.
pub trait Sleep: Future<Output = ()> + Unpin + Send + 'static {
    /// Moves the deadline; a timer that had fired can fire again.
    fn reset(&mut self, at: Instant);
}

/// The world of one member.
pub trait Env: Clone + Send + Sync + 'static {
    /// Files of the data directory.
    type Disk: Disk;
    /// The other members.
    type Net: Net;
    /// The store behind MVCC.
    type Backend: mvcc::Backend;
    /// A spawned task.
    type Task: Cancel;
    /// A timer.
    type Sleep: Sleep;

    /// The data directory.
    fn disk(&self) -> &Self::Disk;
    /// The other members.
    fn net(&self) -> &Self::Net;
    /// The store behind MVCC.
    fn backend(&self) -> &Self::Backend;
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Wall-clock milliseconds since 1970, for ids, log lines and token times only: safety never
    /// depends on it.
    fn unix_millis(&self) -> u64;
    /// A timer that fires at `at`, or at once when that has passed.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
    /// Runs a task on a thread of its own in production, where it may block; in the simulator it
    /// is a task like any other.
    fn spawn_thread(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Self::Task;
    /// Runs a task that never blocks.
    fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Self::Task;
    /// Runs blocking work on a bounded pool.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;
    /// 64 random bits.
    fn random(&self) -> u64;
    /// 64 random bits that nobody can guess, whatever he has seen of others.
    fn secret(&self) -> u64 {
        self.random()
    }
    /// A typed fact, for checkers; production ignores it.
    fn observe(&self, event: &Event);
    /// Whether anybody listens to [`Env::observe`]; when not, facts are not even made.
    fn observes(&self) -> bool {
        true
    }
    /// Whether the simulator wants the rare branch at this point; constant false in production.
    fn buggify(&self, point: &'static str) -> bool;
    /// A line for the operator's log.
    fn warn(&self, text: &str);
    /// Ends the process: a local fault (failed sync, corrupt file, broken invariant of storage)
    /// leaves nothing that this process may still say. In the simulator the member stops.
    fn fail_stop(&self, reason: &str);
}
