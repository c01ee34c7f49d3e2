//! A part of a run on fresh members: long enough for state to gather, short enough that no lease
//! ends.

use super::compare::Difference;
use super::recording::{Line, Recording};
use super::server::{Flavour, Server};
use super::side::Side;
use super::step::Step;
use super::stream::{Features, Stream};
use crate::kind::Kind;

/// What an episode is made of.
#[derive(Clone, Copy, Debug)]
pub struct Episode {
    /// What decides its stream.
    pub seed: u64,
    /// Steps.
    pub steps: usize,
    /// Clients.
    pub clients: usize,
    /// What is asked for beside the usual.
    pub features: Features,
}

impl Episode {
    /// Every fourth seed has small limits.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        if self.seed % 4 == 3 { Flavour::Small } else { Flavour::Usual }
    }

    fn stream(&self) -> Stream {
        Stream::new(self.seed, self.clients, self.flavour(), self.features)
    }
}

/// Runs an episode against two servers; all differences in order, and all steps.
///
/// Steps go on behind a difference, so that one run shows several.
pub async fn run_episode(episode: &Episode, kinds: [Kind; 2]) -> (Vec<Step>, Vec<Difference>) {
    let flavour = episode.flavour();
    let (left, right) =
        tokio::join!(Server::start(kinds[0], flavour), Server::start(kinds[1], flavour));
    let mut left = Side::new(left, episode.clients);
    let mut right = Side::new(right, episode.clients);
    let mut stream = episode.stream();
    let (mut steps, mut found) = (Vec::new(), Vec::new());
    for number in 0..episode.steps {
        let (revision, compacted) = left.horizon();
        let step = stream.next(revision, compacted);
        let (expected, got) = tokio::join!(left.step(&step), right.step(&step));
        found.extend(Difference::of(number, &step, &expected, &got));
        steps.push(step);
    }
    (steps, found)
}

/// Records what a real etcd gives in an episode.
pub async fn record(episode: &Episode) -> Recording {
    let flavour = episode.flavour();
    let mut side = Side::new(Server::start(Kind::Etcd, flavour).await, episode.clients);
    let mut stream = episode.stream();
    let mut lines = Vec::new();
    for _ in 0..episode.steps {
        let (revision, compacted) = side.horizon();
        let step = stream.next(revision, compacted);
        let outcome = side.step(&step).await;
        lines.push(Line { step, outcome });
    }
    Recording { clients: episode.clients, flavour, fields: side.fields_seen(), lines }
}
