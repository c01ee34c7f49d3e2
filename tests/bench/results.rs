//! Everything that was measured.

use serde::Serialize;

use crate::case::Case;
use crate::memory::Footprint;
use crate::programs::Server;
use crate::sample::{Measured, Spread};

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Members of the cluster.
    pub members: usize,
    /// The case.
    pub case: &'static str,
    /// The server.
    pub server: &'static str,
    /// The turn, from zero.
    pub pair: usize,
    /// What it gave.
    pub measured: Measured,
}

/// The cost of one server at rest.
#[derive(Clone, Debug, Serialize)]
pub struct Rest {
    /// The server.
    pub server: &'static str,
    /// The turn, from zero.
    pub pair: usize,
    /// What it costs.
    pub footprint: Footprint,
}

/// All rows of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Results {
    /// The cases.
    pub rows: Vec<Row>,
    /// The servers at rest.
    pub rest: Vec<Rest>,
}

impl Results {
    /// One figure of all turns of a case.
    #[must_use]
    pub fn spread(
        &self,
        members: usize,
        case: &Case,
        server: Server,
        figure: impl Fn(&Measured) -> f64,
    ) -> Option<Spread> {
        let rows = self.rows.iter().filter(|row| {
            (row.members, row.case, row.server) == (members, case.name, server.name())
        });
        Spread::of(rows.map(|row| figure(&row.measured)))
    }

    /// One figure of all turns of a server at rest.
    #[must_use]
    pub fn at_rest(&self, server: Server, figure: impl Fn(&Footprint) -> f64) -> Option<Spread> {
        let rest = self.rest.iter().filter(|rest| rest.server == server.name());
        Spread::of(rest.map(|rest| figure(&rest.footprint)))
    }

    /// The sizes of clusters that were measured.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.rows.iter().map(|row| row.members).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}
