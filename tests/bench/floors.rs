//! What the figures must at least be, as ratios to etcd in the same run.

use crate::case::{CASES, Case, Kind};
use crate::programs::Server;
use crate::results::Results;
use crate::sample::Measured;

/// CPU time of Cairn at most, by etcd's, for one member.
const CPU_MAX: f64 = 0.6;

/// Whether one case of one size reaches its floor.
pub struct Verdict {
    /// Case and size.
    pub name: String,
    /// Cairn's throughput by etcd's, and the least.
    pub throughput: (f64, f64),
    /// Cairn's CPU time a request by etcd's, and the most, where there is one.
    pub cpu: (f64, Option<f64>),
}

impl Verdict {
    /// Both bounds hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.throughput.0 >= self.throughput.1 && self.cpu.1.is_none_or(|most| self.cpu.0 <= most)
    }
}

/// The floors for puts and reads at 64 and 256 clients.
#[must_use]
pub fn verdicts(results: &Results) -> Vec<Verdict> {
    let sizes = results.sizes();
    let cases = CASES.iter().filter(|case| matches!(case.clients, 64 | 256));
    let all = cases.flat_map(|case| sizes.iter().map(move |size| (case, *size)));
    all.filter_map(|(case, size)| verdict(results, case, size)).collect()
}

fn verdict(results: &Results, case: &Case, members: usize) -> Option<Verdict> {
    let least = match (members, case.kind) {
        (1, Kind::Put) => 1.5,
        (1, Kind::Get { serializable: false }) => 1.3,
        (3, Kind::Put | Kind::Get { serializable: false }) => 1.2,
        _ => return None,
    };
    let ratio = |figure: fn(&Measured) -> f64| {
        let of = |server| results.spread(members, case, server, figure);
        Some(of(Server::Cairn)?.median / of(Server::Etcd)?.median)
    };
    Some(Verdict {
        name: format!("{} of {members}", case.name),
        throughput: (ratio(|measured| measured.requests_per_second)?, least),
        cpu: (ratio(|measured| measured.cpu_us)?, (members == 1).then_some(CPU_MAX)),
    })
}
