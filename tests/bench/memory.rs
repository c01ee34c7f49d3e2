//! Memory and idle cost of one fresh server.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cluster::Cluster;
use crate::{load, requests};

/// How long an idle server is watched, after it has settled.
const IDLE: Duration = Duration::from_secs(3);
const SETTLE: Duration = Duration::from_secs(1);

/// What a server costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Footprint {
    /// Resident memory of an idle server.
    pub idle_mib: f64,
    /// CPU time of an idle server, in percent of one core.
    pub idle_cpu_percent: f64,
    /// Resident memory with the keys.
    pub full_mib: f64,
    /// How many keys those were.
    pub keys: usize,
}

/// Measures one fresh server; it is filled with `keys` keys of 150 B.
///
/// # Errors
/// A put that fails.
pub fn measure(cluster: &Cluster, keys: usize, idle: bool) -> Result<Footprint, String> {
    let (settle, watched) = match idle {
        true => (SETTLE, IDLE),
        false => (Duration::ZERO, Duration::from_millis(100)),
    };
    std::thread::sleep(settle);
    let (before, began) = (cluster.usage(), Instant::now());
    std::thread::sleep(watched);
    let (after, elapsed) = (cluster.usage(), began.elapsed());
    load::send_all(cluster.endpoints[0], &requests::many_keys(keys))?;
    std::thread::sleep(settle);
    let cpu = (after.cpu - before.cpu).as_secs_f64() / elapsed.as_secs_f64();
    Ok(Footprint {
        idle_mib: crate::sample::mib(after.resident_bytes),
        idle_cpu_percent: cpu * 100.0,
        full_mib: crate::sample::mib(cluster.usage().resident_bytes),
        keys,
    })
}
