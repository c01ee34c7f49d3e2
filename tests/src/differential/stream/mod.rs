//! What clients do, drawn from a seed: every field of every request, errors too.
//!
//! Requests of the key space, leases and watches come from `model::Generator`, which also feeds the
//! oracle, the simulator and the fuzzers. What is asked of a member itself is drawn here. A stream
//! never asks for what ends a real etcd or its quorum: a second voter, an alarm that it does not
//! know, addresses that are none.

mod auth;
mod bad;
mod cluster;
mod concurrency;
mod kv;
mod lease;
mod maintenance;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::Prng;
use model::rename::NAMES;
use model::{Generator, Weights};
use proto::etcdserverpb as pb;

use super::server::Flavour;
use super::step::{Action, Call, Step};

/// The name of the lone member's id.
const OWN: u64 = NAMES;

/// What a stream asks for beside what every server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Users, roles, permissions and calls under them.
    pub auth: bool,
    /// The services of locks and elections.
    pub concurrency: bool,
}

/// A stream of steps.
pub struct Stream {
    prng: Prng,
    generator: Generator,
    clients: usize,
    flavour: Flavour,
    features: Features,
    /// Whether this is one of the streams in which users call.
    of_users: bool,
    /// Steps that must come next, in this order.
    queue: VecDeque<Step>,
    /// Calls that must come after so many more draws.
    due: Vec<(u32, Call)>,
    names: u64,
    /// The learner of the cluster, if there is one.
    learner: Option<u64>,
    /// Creations on each open watch stream.
    watches: BTreeMap<(usize, usize), u32>,
    revision: i64,
    compacted: i64,
    /// The step before this one may have let a key die and be born at once.
    may_revive: bool,
    /// Revisions in which a key may have died and been born.
    reborn: BTreeSet<i64>,
    auth: auth::Auth,
}

/// A kind of step: its weight, and what draws it.
type Draw = (u32, fn(&mut Stream));

/// What may be drawn, and how often.
const DRAWS: [Draw; 16] = [
    (600, Stream::request),
    (40, Stream::range_stream),
    (25, Stream::keep_alive),
    (25, Stream::time_to_live),
    (8, Stream::leases),
    (6, Stream::chosen_lease),
    (70, Stream::watch),
    (10, Stream::settle),
    (3, Stream::close),
    (30, Stream::cluster),
    (30, Stream::hash_kv),
    (25, Stream::maintenance),
    (8, Stream::alarm),
    (8, Stream::health),
    (40, Stream::bad),
    (12, Stream::concurrency),
];

impl Stream {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64, clients: usize, flavour: Flavour, features: Features) -> Stream {
        // Alarms are drawn here, since they must be taken back; checkpoints are no client's.
        let weights = Weights { alarm: 0, lease_checkpoint: 0, ..Weights::default() };
        let mut stream = Stream {
            prng: Prng::new(seed),
            generator: Generator::new(seed, weights),
            clients,
            flavour,
            features,
            of_users: features.auth && seed % 3 == 1,
            queue: VecDeque::new(),
            due: Vec::new(),
            names: OWN,
            learner: None,
            watches: BTreeMap::new(),
            revision: 1,
            compacted: -1,
            may_revive: false,
            reborn: BTreeSet::new(),
            auth: auth::Auth::default(),
        };
        let list = pb::MemberListRequest { linearizable: true };
        let mut list = Call::new("/etcdserverpb.Cluster/MemberList", &list);
        list.binds = Some(OWN);
        stream.push(list);
        stream
    }

    /// The next step, for a store at this revision with this compaction.
    pub fn next(&mut self, revision: i64, compacted: i64) -> Step {
        (self.revision, self.compacted) = (revision, compacted);
        self.generator.observe(revision, compacted);
        if self.may_revive {
            self.reborn.insert(revision);
        }
        let mut step = self.drawn();
        self.may_revive = kv::revives(&step.action);
        if let Action::Call(call) = &mut step.action {
            lease::outlive(call);
        }
        step
    }

    /// What comes next as it was drawn.
    fn drawn(&mut self) -> Step {
        if let Some(step) = self.queue.pop_front() {
            return step;
        }
        for (left, _) in &mut self.due {
            *left = left.saturating_sub(1);
        }
        if let Some(at) = self.due.iter().position(|(left, _)| *left == 0) {
            let (_, call) = self.due.remove(at);
            return self.step(call.into());
        }
        loop {
            if self.of_users {
                self.as_user()
            } else {
                self.draw()
            }
            if let Some(step) = self.queue.pop_front() {
                return step;
            }
        }
    }

    /// Draws what comes next, one step or several.
    fn draw(&mut self) {
        let total: u32 = DRAWS.iter().map(|(weight, _)| weight).sum();
        let mut at = self.prng.below(u64::from(total)) as u32;
        for (weight, draw) in DRAWS {
            if at < weight {
                return draw(self);
            }
            at -= weight;
        }
        unreachable!("below the total")
    }

    fn client(&mut self) -> usize {
        self.prng.below(self.clients as u64) as usize
    }

    fn step(&mut self, action: Action) -> Step {
        Step { client: self.client(), action }
    }

    /// Puts a step at the end of those that must come next.
    fn push(&mut self, action: impl Into<Action>) {
        let step = self.step(action.into());
        self.queue.push_back(step);
    }

    /// A name for an id that a server will choose.
    fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.prng.below(times) == 0
    }

    /// One of several, by value.
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        self.prng.pick(of).clone()
    }

    fn settle(&mut self) {
        self.push(Action::Settle);
    }
}
