//! The network between members: each ordered pair is a link with its own delay, loss, duplication,
//! reordering and cuts (N1 to N7, N10). Members are named by number here and by id outside.
//!
//! A message travels as the bytes that the product's codecs write, and arrives whole or not at all
//! ([`wire`]). What only a connection can carry, a proposal, is never doubled and never overtakes
//! another on the same link (P-a).

pub mod handle;
pub mod link;
pub mod snapshot;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use base::{ClusterId, Instant, MemberId, Prng};
use raft::Message;
use tokio::sync::mpsc;

use crate::check::Violation;
use crate::sync::lock;
use crate::world::World;
use handle::PortSenders;
pub use handle::{SimNet, open_port};
pub use link::LinkFaults;
use link::{Arrival, Fate, Link};
pub use snapshot::SimSnapshot;
use wire::{Opened, Parcel};

/// All links and the members' ports.
pub struct Network {
    ids: Vec<MemberId>,
    links: Vec<Link>,
    ports: Vec<Option<Port>>,
    prng: Prng,
}

/// Where a living member takes what arrives.
pub struct Port {
    senders: PortSenders,
    incarnation: u64,
    since: Instant,
    /// Who it is, once it knows.
    identity: Option<(MemberId, ClusterId)>,
    /// Whom it turns away, because its log has removed them.
    removed: BTreeSet<MemberId>,
}

/// What a message's journey shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// It arrives after this time.
    Arrives(Duration),
    /// It is lost on the way, and nobody is told.
    Lost,
    /// The sender notices that there is no way.
    Unreachable,
}

impl Network {
    /// A network that works, between members with these ids.
    #[must_use]
    pub fn new(ids: Vec<MemberId>, prng: Prng) -> Network {
        let count = ids.len();
        let pairs = ids.iter().flat_map(|&from| ids.iter().map(move |&to| (from, to)));
        let links = pairs.map(|(from, to)| Link::new(from, to)).collect();
        Network { ids, links, ports: (0..count).map(|_| None).collect(), prng }
    }

    fn number(&self, id: MemberId) -> Option<usize> {
        self.ids.iter().position(|&known| known == id && !known.is_zero())
    }

    /// A member has learned its id.
    pub fn identify(&mut self, member: usize, id: MemberId, cluster: ClusterId) {
        self.ids[member] = id;
        for other in 0..self.ids.len() {
            let other_id = self.ids[other];
            self.link(member, other).wire.name(id, other_id);
            self.link(other, member).wire.name(other_id, id);
        }
        if let Some(port) = &mut self.ports[member] {
            port.identity = Some((id, cluster));
        }
    }

    /// Whether a member that is up would turn this one away, could both talk now.
    fn turns_away(&self, by: usize, member: usize) -> bool {
        let count = self.ids.len();
        let (there, back) = (&self.links[member * count + by], &self.links[by * count + member]);
        let port = self.ports[by].as_ref();
        !there.is_cut
            && !back.is_cut
            && port.is_some_and(|port| port.removed.contains(&self.ids[member]))
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link {
        let count = self.ids.len();
        &mut self.links[from * count + to]
    }

    /// Sets the faults of one direction between two members.
    pub fn set_faults(&mut self, from: usize, to: usize, faults: LinkFaults) {
        self.link(from, to).faults = faults;
    }

    /// The faults of one direction between two members.
    #[must_use]
    pub fn faults(&self, from: usize, to: usize) -> LinkFaults {
        self.links[from * self.ids.len() + to].faults.clone()
    }

    /// Cuts or mends one direction between two members.
    pub fn set_cut(&mut self, now: Instant, from: usize, to: usize, cut: bool) {
        let with_losses = self.prng.chance(0.5);
        let link = self.link(from, to);
        if link.is_cut && !cut {
            link.since = now;
        }
        if cut && !link.is_cut {
            link.wire.reset(with_losses);
        }
        link.is_cut = cut;
    }

    /// Holds back all messages on a link, or lets go of them in a flood (N7).
    fn set_clogged(&mut self, from: usize, to: usize, clogged: bool) -> Vec<Message> {
        let link = self.link(from, to);
        link.is_clogged = clogged;
        if clogged { Vec::new() } else { std::mem::take(&mut link.held) }
    }

    /// Mends everything.
    pub fn heal(&mut self, now: Instant, faults: &LinkFaults) {
        let count = self.ids.len();
        for from in 0..count {
            for to in 0..count {
                self.set_cut(now, from, to, false);
                self.set_faults(from, to, faults.clone());
            }
        }
    }

    fn is_up(&self, member: usize) -> bool {
        self.ports[member].is_some()
    }

    /// Closes a member's port: what arrives from now on is lost.
    pub fn close(&mut self, member: usize) {
        self.ports[member] = None;
    }

    /// How something else than a message would travel.
    fn route(&mut self, from: usize, to: usize) -> Route {
        if self.link(from, to).is_cut || !self.is_up(to) {
            return Route::Unreachable;
        }
        let count = self.ids.len();
        let link = &mut self.links[from * count + to];
        match link.is_clogged || self.prng.chance(link.faults.loss) {
            true => Route::Lost,
            false => Route::Arrives(link.faults.delay(&mut self.prng)),
        }
    }

    fn connected_since(&self, from: usize, to: usize) -> Option<Instant> {
        let count = self.ids.len();
        let (there, back) = (&self.links[from * count + to], &self.links[to * count + from]);
        let port = self.ports[to].as_ref()?;
        if there.is_cut || back.is_cut {
            return None;
        }
        Some(there.since.max(back.since).max(port.since))
    }

    /// Where copies of a message arrive, and when.
    fn send(&mut self, now: Instant, from: usize, to: usize, message: &Message) -> Fate {
        let is_up = self.is_up(to);
        let count = self.ids.len();
        let ends = (self.incarnation(from), self.incarnation(to));
        let link = &mut self.links[from * count + to];
        if link.is_cut || !is_up {
            return Fate::Unreachable;
        }
        if link.is_clogged {
            link.held.push(message.clone());
            return Fate::Held;
        }
        link.decide(now, ends, message, &mut self.prng)
    }

    /// The incarnation behind a port; zero for none.
    fn incarnation(&self, member: usize) -> u64 {
        self.ports[member].as_ref().map_or(0, |port| port.incarnation)
    }

    /// Hands over what arrives; false when nobody takes it.
    ///
    /// # Errors
    /// When the bytes are not read as what was written.
    fn deliver(&mut self, from: usize, to: usize, parcel: Parcel) -> Result<bool, Violation> {
        let Some(port) = &self.ports[to] else { return Ok(false) };
        let (messages, incarnation) = (port.senders.messages.clone(), port.incarnation);
        let cut = if self.prng.chance(CUT_CHANCE) { self.prng.below(40) as usize } else { 0 };
        match self.link(from, to).wire.read(parcel, incarnation, cut) {
            Opened::Message(message) => Ok(messages.try_send(message).is_ok()),
            Opened::Gone => Ok(false),
            Opened::Wrong(text) => Err(Violation { check: "R16", text }),
        }
    }
}

/// How often a frame arrives in two pieces.
const CUT_CHANCE: f64 = 0.1;

/// Sends a message from a member; its fate is the network's.
fn transmit(world: &Arc<World>, from: usize, to: usize, message: Message) -> bool {
    let now = world.clock.now();
    let fate = lock(&world.net).send(now, from, to, &message);
    match fate {
        Fate::Unreachable => {
            world.count("net: unreachable");
            return false;
        }
        Fate::Held => world.count("net: held"),
        Fate::Lost => world.count("net: lost"),
        Fate::Arrives { first, again, is_reset, is_late } => {
            if is_late {
                world.count("net: overtaken");
            }
            schedule(world, from, to, first);
            if let Some(again) = again {
                world.count("net: duplicated");
                schedule(world, from, to, again);
            }
            if is_reset {
                world.count("net: connection reset");
            }
        }
    }
    true
}

fn schedule(world: &Arc<World>, from: usize, to: usize, arrival: Arrival) {
    let Arrival { at, parcel } = arrival;
    let world: Weak<World> = Arc::downgrade(world);
    let clock = world.upgrade().map(|world| world.clock.clone());
    let Some(clock) = clock else { return };
    clock.run_at(at, move || {
        if let Some(world) = world.upgrade() {
            let arrived = lock(&world.net).deliver(from, to, parcel);
            match arrived {
                Ok(arrived) => {
                    world.count(if arrived { "net: delivered" } else { "net: nobody there" });
                }
                Err(violation) => world.judge(Err(violation)),
            }
        }
    });
}

/// Holds back what one member sends to another, or lets go of it all at once (N7).
pub fn clog(world: &Arc<World>, from: usize, to: usize, clogged: bool) {
    let flood = lock(&world.net).set_clogged(from, to, clogged);
    for message in flood {
        transmit(world, from, to, message);
    }
}

/// Channels between the network and a member are bounded; what does not fit is lost (N9).
const PORT_ITEMS_MAX: usize = 4096;

fn port_channel<T>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel(PORT_ITEMS_MAX)
}
