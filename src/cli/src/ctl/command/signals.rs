//! Signals that end a command in good order.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ctl::failure::Failure;

/// The first of SIGINT and SIGTERM is a request to end; from here on neither ends the process.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> Result<Signals, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::error);
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for one.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Does something that may hang: a signal ends the wait.
    pub async fn or<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            () = self.received() => Err(Failure::error("context canceled")),
        }
    }
}
