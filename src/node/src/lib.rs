//! One member, generic over its environment: the Raft task, the log writer, the applier, the
//! flusher, the read barrier, and the logic of every RPC, free of transport.
//!
//! The tasks talk through queues. What each may wait for:
//!
//! | task | waits for | never waits for |
//! |---|---|---|
//! | Raft | its inputs, time | disk, apply, clients |
//! | log writer | its jobs, the disk | anything else |
//! | applier | entries, the Raft task's word on a configuration, a full flusher | disk, clients |
//! | flusher | cuts, the backend | anything else |
//!
//! `node` knows no socket, no file descriptor, no runtime and no wall clock: all that is behind
//! [`env::Env`].

pub mod api;
mod applier;
pub mod auth;
mod barrier;
pub mod boot;
mod compactor;
pub mod config;
mod convert;
mod corruption;
pub mod env;
pub mod error;
mod expiry;
mod flusher;
mod hashes;
mod housekeeping;
pub mod ids;
pub mod lessor;
mod log_reader;
mod log_writer;
pub mod marker;
pub mod metrics;

pub mod peer;
mod peer_calls;
mod raft_task;
mod read_pace;
mod removal;
mod renewals;
mod shared;
mod snapshots;
mod space;
mod stop;
mod ticks;
mod timeouts;
pub mod version;
mod versions;
mod waiters;
mod watch_task;

pub use api::{Answer, Api, Caller, Overview, Standing};
pub use boot::{BootError, JoinError, Node, boot};
pub use config::{
    AutoCompaction, CorruptionChecks, InitialMember, InitialState, Knobs, NodeConfig,
};
pub use error::{ApiError, Code};
pub use removal::Removal;
pub use shared::Shared;

/// What an applied request answered, with the store's revision after it.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub reply: state::Reply,
    pub revision: i64,
}

/// What a waiter is told.
pub(crate) type Outcome = Result<Completed, ApiError>;

/// States a fact, without the cost of making it where nobody listens.
pub(crate) fn observe<E: env::Env>(env: &E, event: impl FnOnce() -> env::Event) {
    if env.observes() {
        env.observe(&event());
    }
}

/// Waits a little where the simulator wants a task to be late (P10); nothing in production.
pub(crate) async fn dawdle<E: env::Env>(env: &E, point: &'static str) {
    if env.buggify(point) {
        let micros = env.random() % LATE_MICROS_MAX;
        let late = std::time::Duration::from_micros(micros);
        env::Env::sleep_until(env, env.now() + late).await;
    }
}

/// How late a task may be made, in microseconds.
const LATE_MICROS_MAX: u64 = 50_000;
