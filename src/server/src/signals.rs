//! SIGINT and SIGTERM: the first one asks for a stop, the second one ends the process at once.
//! After a stop the signal takes its default effect, so that a shell or service manager sees what
//! it sent; process 1, to which the kernel delivers no default, ends with code 0.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that end the process.
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSignal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl EndSignals {
    /// Takes the signals over, within a runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn take() -> io::Result<EndSignals> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(EndSignals { interrupt, terminate })
    }

    /// The next signal.
    pub async fn next(&mut self) -> EndSignal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => EndSignal::Terminate,
            _ = self.interrupt.recv() => EndSignal::Interrupt,
        }
    }
}

impl EndSignal {
    /// The name that logs show.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EndSignal::Interrupt => "interrupt",
            EndSignal::Terminate => "terminated",
        }
    }

    /// Lets the signal have its default effect on this process.
    pub fn end_process(self) -> ! {
        let number = match self {
            EndSignal::Interrupt => signal_hook::consts::SIGINT,
            EndSignal::Terminate => signal_hook::consts::SIGTERM,
        };
        if std::process::id() != 1 {
            // It does not return unless the system refuses; then the code says the same.
            let _refused = signal_hook::low_level::emulate_default_handler(number);
            std::process::exit(128 + number);
        }
        std::process::exit(0)
    }
}
