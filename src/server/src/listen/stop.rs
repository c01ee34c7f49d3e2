//! The signal that ends serving: thrown once, seen by everybody who holds a [`Stop`].

use tokio::sync::watch;

/// The hand that throws the signal. Dropping it throws it too, so that nobody waits for a signal
/// that can no longer come.
#[derive(Debug)]
pub struct StopSwitch {
    sender: watch::Sender<bool>,
}

/// The signal as its observers see it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop {
    receiver: watch::Receiver<bool>,
}

impl Default for StopSwitch {
    fn default() -> StopSwitch {
        StopSwitch::new()
    }
}

impl StopSwitch {
    /// A switch that is not thrown.
    #[must_use]
    pub fn new() -> StopSwitch {
        StopSwitch { sender: watch::Sender::new(false) }
    }

    /// An observer.
    #[must_use]
    pub fn observer(&self) -> Stop {
        Stop { receiver: self.sender.subscribe() }
    }

    /// Throws the signal; without effect the second time.
    pub fn stop(&self) {
        self.sender.send_replace(true);
    }
}

impl Stop {
    /// Whether the signal was thrown.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }

    /// Returns once the signal is thrown, at once when it was.
    pub async fn stopped(&self) {
        let mut receiver = self.receiver.clone();
        // An error means that the switch is gone, which counts as thrown.
        let _ = receiver.wait_for(|stopped| *stopped).await;
    }
}

#[cfg(test)]
mod tests {
    use super::StopSwitch;

    #[tokio::test]
    async fn a_dropped_switch_counts_as_thrown() {
        let switch = StopSwitch::new();
        let stop = switch.observer();
        assert!(!stop.is_stopped());
        drop(switch);
        assert!(stop.is_stopped());
        stop.stopped().await;
    }
}
