//! The environment of a simulated member: the production code's `Env` over madsim and the world.
//!
//! Each incarnation of a member has an `Env` of its own. When the incarnation is dead, what it
//! still asks for has no effect and never completes.

pub mod clock;

use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base::Instant;
use madsim::runtime::NodeHandle;
use madsim::task::AbortHandle;
use node::env::{Cancel, Env, Event, Sleep};

use crate::backend::SimBackend;
use crate::disk::SimDisk;
use crate::net::SimNet;
use crate::world::Life;
use clock::{MemberClock, Timer};

/// Wall-clock time at the beginning of each run: 2026-01-01 in milliseconds.
const UNIX_MILLIS_START: u64 = 1_767_225_600_000;

/// The world of one incarnation of a member.
#[derive(Clone)]
pub struct SimEnv {
    life: Life,
    disk: SimDisk,
    net: SimNet,
    backend: SimBackend,
    node: NodeHandle,
}

impl SimEnv {
    /// The environment of an incarnation whose tasks run on `node`.
    #[must_use]
    pub fn new(life: Life, net: SimNet, node: NodeHandle) -> SimEnv {
        let disk = SimDisk::new(life.seat().disk.clone(), life.clone());
        let backend = SimBackend::new(life.seat().store.clone(), life.clone());
        SimEnv { life, disk, net, backend, node }
    }

    /// The incarnation.
    #[must_use]
    pub fn life(&self) -> &Life {
        &self.life
    }
}

/// A task of a member.
pub struct SimTask(AbortHandle);

impl Cancel for SimTask {
    fn cancel(&self) {
        self.0.abort();
    }
}

/// A timer on a member's clock.
pub struct SimSleep {
    timer: Timer,
    clock: MemberClock,
}

impl Future for SimSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx)
    }
}

impl Sleep for SimSleep {
    fn reset(&mut self, at: Instant) {
        self.timer.reset(self.clock.to_world(at));
    }
}

impl Env for SimEnv {
    type Disk = SimDisk;
    type Net = SimNet;
    type Backend = SimBackend;
    type Task = SimTask;
    type Sleep = SimSleep;

    fn disk(&self) -> &SimDisk {
        &self.disk
    }

    fn net(&self) -> &SimNet {
        &self.net
    }

    fn backend(&self) -> &SimBackend {
        &self.backend
    }

    fn now(&self) -> Instant {
        self.life.seat().clock.from_world(self.life.world().clock.now())
    }

    fn unix_millis(&self) -> u64 {
        UNIX_MILLIS_START + self.now().as_nanos() / 1_000_000
    }

    fn sleep_until(&self, at: Instant) -> SimSleep {
        let clock = self.life.seat().clock;
        SimSleep { timer: self.life.world().clock.sleep_until(clock.to_world(at)), clock }
    }

    fn spawn_thread(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> SimTask {
        self.spawn(name, task)
    }

    fn spawn(
        &self,
        _name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> SimTask {
        let life = self.life.clone();
        // A dead incarnation's task may still be queued when the next one already runs.
        let guarded = async move {
            if life.is_alive() {
                task.await;
            }
        };
        SimTask(self.node.spawn(guarded).abort_handle())
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let life = self.life.clone();
        async move {
            let micros = life.world().choose(|prng| prng.between(1, 300));
            life.world().clock.sleep(Duration::from_micros(micros)).await;
            if !life.is_alive() {
                pending::<()>().await;
            }
            work()
        }
    }

    fn random(&self) -> u64 {
        self.life.world().random()
    }

    fn observe(&self, event: &Event) {
        if self.life.is_alive() {
            self.life.world().observe(self.life.member(), event);
        }
    }

    fn buggify(&self, _point: &'static str) -> bool {
        self.life.world().buggify()
    }

    fn warn(&self, text: &str) {
        self.life.world().say(self.life.member() + 1, format_args!("warns: {text}"));
    }

    fn fail_stop(&self, reason: &str) {
        self.life.world().fail_stop(&self.life, reason);
    }
}
