//! One measurement, and what is said of several.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::process::Usage;

/// A measurement under way.
pub struct Meter {
    began: Instant,
    usage: Usage,
}

/// A measurement that has ended and waits for the latencies.
pub struct Stopped {
    elapsed: Duration,
    cpu: Duration,
    resident_bytes: u64,
}

/// What one run of a case gave. Latencies and the CPU time of all servers for each request are in
/// microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Measured {
    pub requests: usize,
    pub requests_per_second: f64,
    pub cpu_us: f64,
    pub resident_mib: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

impl Meter {
    /// Begins, with what the servers used so far.
    #[must_use]
    pub fn start(usage: Usage) -> Meter {
        Meter { began: Instant::now(), usage }
    }

    /// Ends, with what the servers used so far.
    #[must_use]
    pub fn stop(self, usage: Usage) -> Stopped {
        Stopped {
            elapsed: self.began.elapsed(),
            cpu: usage.cpu.saturating_sub(self.usage.cpu),
            resident_bytes: usage.resident_bytes,
        }
    }
}

impl Stopped {
    /// The whole measurement.
    #[must_use]
    pub fn measured(self, mut latencies: Vec<Duration>) -> Measured {
        latencies.sort_unstable();
        let requests = latencies.len();
        let at = |share: f64| {
            let place = (share * requests as f64).ceil() as usize;
            let latency = latencies.get(place.clamp(1, requests.max(1)) - 1);
            latency.map_or(0.0, |latency| micros(*latency))
        };
        Measured {
            requests,
            requests_per_second: requests as f64 / self.elapsed.as_secs_f64(),
            cpu_us: micros(self.cpu) / requests.max(1) as f64,
            resident_mib: mib(self.resident_bytes),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: at(1.0),
        }
    }
}

/// A number of microseconds.
#[must_use]
pub fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

/// A number of MiB.
#[must_use]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The middle of several figures and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median; of an even number, the mean of the middle two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one figure.
    #[must_use]
    pub fn of(figures: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Some(Spread { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Spread, Stopped};

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let stopped = Stopped {
            elapsed: Duration::from_secs(2),
            cpu: Duration::from_millis(500),
            resident_bytes: 3 << 20,
        };
        let measured = stopped.measured((1..=1000).rev().map(Duration::from_micros).collect());
        assert_eq!((measured.requests, measured.requests_per_second), (1000, 500.0));
        assert_eq!((measured.cpu_us, measured.resident_mib), (500.0, 3.0));
        assert_eq!((measured.p50_us, measured.p99_us), (500.0, 990.0));
        assert_eq!((measured.p999_us, measured.max_us), (999.0, 1000.0));
    }

    #[test]
    fn a_spread_has_its_middle() {
        let spread = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 2.0]), Some(Spread { median: 3.0, min: 2.0, max: 4.0 }));
    }
}
