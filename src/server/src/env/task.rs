//! Tasks: on the shared runtime, or on a thread of their own with a runtime of its own, where they
//! may block without delaying anybody else.

use std::future::Future;
use std::io;

use futures_util::future::{AbortHandle, abortable};
use node::env::Cancel;
use tokio::runtime::{Builder, Handle};

/// A running task; dropping this lets it run on.
#[derive(Debug)]
pub struct TokioTask(AbortHandle);

impl Cancel for TokioTask {
    fn cancel(&self) {
        self.0.abort();
    }
}

pub(super) fn on_runtime(
    runtime: &Handle,
    task: impl Future<Output = ()> + Send + 'static,
) -> TokioTask {
    let (task, handle) = abortable(task);
    runtime.spawn(task);
    TokioTask(handle)
}

pub(super) fn on_thread(
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> io::Result<TokioTask> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (task, handle) = abortable(task);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Cancelled or finished: either way the task is over.
        let _over = runtime.block_on(task);
    })?;
    Ok(TokioTask(handle))
}
