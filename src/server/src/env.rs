//! The production environment: tokio's clock and tasks, real files, fjall.
//!
//! What a member calls through [`node::env::Env`] lands here and nowhere else. Peers are given from
//! outside as a [`Net`], because sockets are not this module's business; a member of a cluster of
//! one takes [`LonelyNet`].
//!
//! Facts are not observed and rare branches are not forced: both cost nothing here.

mod backend;
#[cfg(test)]
mod conformance;
mod disk;
mod lonely;
mod task;
mod timer;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base::{Instant, Prng};
use node::env::{Env, Event, Net};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

pub use backend::{FjallBackend, FjallSnapshot};
pub use disk::{FileDisk, RealFile};
pub use lonely::{LonelyNet, NoSnapshot};
pub use task::TokioTask;
pub use timer::TokioSleep;

/// Blocking calls that run at a time; further ones wait their turn.
pub const BLOCKING_MAX: usize = 32;

/// The world of one member in production.
#[derive(Clone)]
pub struct TokioEnv<N: Net> {
    shared: Arc<Shared>,
    disk: FileDisk,
    backend: FjallBackend,
    net: N,
}

struct Shared {
    runtime: Handle,
    origin: tokio::time::Instant,
    prng: Mutex<Prng>,
    blocking: Arc<Semaphore>,
}

impl<N: Net> TokioEnv<N> {
    /// An environment whose tasks run on `runtime` and whose time begins at `origin`, which a
    /// network that tells times must share.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn new(
        runtime: Handle,
        origin: tokio::time::Instant,
        disk: FileDisk,
        backend: FjallBackend,
        net: N,
    ) -> std::io::Result<TokioEnv<N>> {
        let shared = Shared {
            runtime,
            origin,
            prng: Mutex::new(Prng::new(os_random()?)),
            blocking: Arc::new(Semaphore::new(BLOCKING_MAX)),
        };
        Ok(TokioEnv { shared: Arc::new(shared), disk, backend, net })
    }
}

impl<N: Net> Env for TokioEnv<N> {
    type Disk = FileDisk;
    type Net = N;
    type Backend = FjallBackend;
    type Task = TokioTask;
    type Sleep = TokioSleep;

    fn disk(&self) -> &FileDisk {
        &self.disk
    }

    fn net(&self) -> &N {
        &self.net
    }

    fn backend(&self) -> &FjallBackend {
        &self.backend
    }

    fn now(&self) -> Instant {
        Instant::ORIGIN.after(self.shared.origin.elapsed())
    }

    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A clock before 1970 is a clock that was never set.
        since.unwrap_or(Duration::ZERO).as_millis() as u64
    }

    fn sleep_until(&self, at: Instant) -> TokioSleep {
        TokioSleep::new(self.shared.origin, at)
    }

    fn spawn_thread(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> TokioTask {
        match task::on_thread(name, task) {
            Ok(task) => task,
            Err(error) => crate::logging::stop_process(&format!("no thread for {name}: {error}")),
        }
    }

    fn spawn(
        &self,
        _name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> TokioTask {
        task::on_runtime(&self.shared.runtime, task)
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let turn = Arc::clone(&self.shared.blocking).acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        // The turn ends with the work, which goes on when its caller has gone.
        let work = move || {
            let _turn = turn;
            work()
        };
        match self.shared.runtime.spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }

    fn random(&self) -> u64 {
        let mut prng = self.shared.prng.lock().expect("nothing panics while it holds the lock");
        prng.next_u64()
    }

    fn secret(&self) -> u64 {
        os_random().expect("the operating system gave random bits when the process began")
    }

    fn observe(&self, _event: &Event) {}

    fn observes(&self) -> bool {
        false
    }

    fn buggify(&self, _point: &'static str) -> bool {
        false
    }

    fn warn(&self, text: &str) {
        tracing::warn!("{text}");
    }

    fn fail_stop(&self, reason: &str) {
        crate::logging::stop_process(reason)
    }
}

/// 64 bits from the operating system.
fn os_random() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    let mut filled = 0;
    while filled < bytes.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags)?;
    }
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use node::env::{Cancel, Sleep};
    use tokio::sync::oneshot;

    use super::*;

    fn lonely_env(dir: &std::path::Path) -> TokioEnv<LonelyNet> {
        let disk = FileDisk::open(dir, None).expect("a temporary directory");
        let backend = FjallBackend::at(dir.join("member/backend"));
        TokioEnv::new(Handle::current(), tokio::time::Instant::now(), disk, backend, LonelyNet)
            .expect("randomness")
    }

    #[tokio::test]
    async fn timer_fires_at_its_deadline_and_again_after_a_reset() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = lonely_env(dir.path());
        let began = env.now();
        let mut sleep = env.sleep_until(began + Duration::from_millis(20));
        (&mut sleep).await;
        assert!(env.now() - began >= Duration::from_millis(20));
        sleep.reset(began + Duration::from_millis(40));
        (&mut sleep).await;
        assert!(env.now() - began >= Duration::from_millis(40));
        sleep.reset(Instant::from_nanos(u64::MAX));
        let never = tokio::time::timeout(Duration::from_millis(20), &mut sleep).await;
        assert!(never.is_err(), "the end of time was reached");
        sleep.reset(Instant::ORIGIN);
        (&mut sleep).await;
    }

    #[tokio::test]
    async fn thread_has_its_name_and_runs_timers() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = lonely_env(dir.path());
        let (send, receive) = oneshot::channel();
        let inner = env.clone();
        env.spawn_thread("cairn-test", async move {
            inner.sleep_until(inner.now() + Duration::from_millis(1)).await;
            let name = std::thread::current().name().map(str::to_owned);
            send.send(name).expect("the test waits");
        });
        assert_eq!(receive.await.expect("an answer").as_deref(), Some("cairn-test"));
    }

    #[tokio::test]
    async fn cancelled_task_is_dropped_and_others_run_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = lonely_env(dir.path());
        for on_thread in [false, true] {
            let (kept, dropped) = oneshot::channel::<()>();
            let waiting = async move {
                let _kept = kept;
                std::future::pending::<()>().await;
            };
            let task = match on_thread {
                true => env.spawn_thread("cairn-test", waiting),
                false => env.spawn("cairn-test", waiting),
            };
            task.cancel();
            assert!(dropped.await.is_err(), "the cancelled future lives on");
        }
        let (send, receive) = oneshot::channel();
        drop(env.spawn("cairn-test", async move { send.send(7).expect("the test waits") }));
        assert_eq!(receive.await, Ok(7), "dropping the handle ended the task");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn blocking_work_is_bounded() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = lonely_env(dir.path());
        let calls = (0..3 * BLOCKING_MAX).map(|i| {
            env.blocking(move || {
                let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                MOST.fetch_max(running, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                i
            })
        });
        let results = futures_util::future::join_all(calls).await;
        assert_eq!(results, (0..3 * BLOCKING_MAX).collect::<Vec<_>>());
        // Callers that go away leave their work behind, and it counts until it ends.
        let abandoned = (0..3 * BLOCKING_MAX).map(|_| {
            let left = env.blocking(|| {
                let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                MOST.fetch_max(running, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(50));
                RUNNING.fetch_sub(1, Ordering::SeqCst);
            });
            tokio::time::timeout(Duration::from_millis(5), left)
        });
        futures_util::future::join_all(abandoned).await;
        env.blocking(|| ()).await;
        let most = MOST.load(Ordering::SeqCst);
        assert!((2..=BLOCKING_MAX).contains(&most), "{most} ran at a time");
    }

    #[tokio::test]
    async fn two_environments_draw_different_numbers() {
        let dirs = [tempfile::tempdir(), tempfile::tempdir()];
        let [a, b] = dirs.map(|dir| lonely_env(dir.expect("a temporary directory").path()));
        assert_ne!([a.random(), a.random()], [b.random(), b.random()]);
    }
}
