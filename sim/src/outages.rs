//! How long a cluster with quiet links and disks does without a leader that died: from its death to
//! the first entry that a later leader commits.
//!
//! A measure, and not a check of a single run: an election may need several rounds. What is not
//! quiet is not measured: a fault that begins, another death, a minority left.

use std::time::Duration;

use base::Instant;

/// The outages of one run.
#[derive(Debug, Default)]
pub struct Outages {
    /// When the leader died, and its term.
    open: Option<(Instant, u64)>,
    noisy_until: Instant,
    taken: Vec<Duration>,
}

impl Outages {
    /// The leader of a term died, and the others can go on.
    pub fn leader_died(&mut self, now: Instant, term: u64) {
        self.open = (now >= self.noisy_until).then_some((now, term));
    }

    /// Something else goes wrong: what is being measured does not count.
    pub fn disturbed(&mut self) {
        self.open = None;
    }

    /// Links or disks are not quiet until then.
    pub fn noisy_until(&mut self, until: Instant) {
        self.noisy_until = self.noisy_until.max(until);
    }

    /// A leader of a term has committed by counting.
    pub fn served(&mut self, now: Instant, term: u64) {
        if let Some((died, old)) = self.open
            && term > old
        {
            self.taken.push(now.since(died));
            self.open = None;
        }
    }

    /// All that were measured.
    #[must_use]
    pub fn taken(&self) -> &[Duration] {
        &self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(seconds)
    }

    #[test]
    fn only_undisturbed_outages_are_measured() {
        let mut outages = Outages::default();
        outages.leader_died(at(10), 3);
        outages.served(at(11), 3);
        outages.served(at(12), 4);
        assert_eq!(outages.taken(), [Duration::from_secs(2)], "its own term does not count");
        outages.leader_died(at(20), 4);
        outages.disturbed();
        outages.served(at(21), 5);
        outages.noisy_until(at(40));
        outages.leader_died(at(30), 5);
        outages.served(at(31), 6);
        assert_eq!(outages.taken().len(), 1);
        outages.leader_died(at(40), 6);
        outages.served(at(41), 7);
        assert_eq!(outages.taken().len(), 2);
    }
}
