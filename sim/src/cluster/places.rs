//! Who belongs to the cluster: members that join on empty disks, that are removed, that are lost
//! for good. What is true is what the log says; it is read from the checkers' own member list.

use std::sync::Arc;

use base::MemberId;
use madsim::runtime::NodeHandle;
use node::Api;

use super::{Cluster, Process, Slot, member_at};
use crate::check::Violation;
use crate::env::SimEnv;
use crate::sync::lock;
use crate::world::Life;

/// Why a member stops that was removed.
const REMOVAL: &str = "this member was removed";

/// How a member came, and whether it goes.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// It is to run.
    pub is_wanted: bool,
    /// It joins a running cluster.
    pub joins: bool,
    /// An operator has chosen it to be added.
    is_reserved: bool,
    /// An operator has tried to remove it, and may have done so.
    is_doomed: bool,
    /// It is gone with its disk.
    pub is_lost: bool,
}

impl Place {
    /// The place of a first member, or of one that may join.
    pub fn new(is_first: bool) -> Place {
        Place { is_wanted: is_first, ..Place::default() }
    }
}

impl Cluster {
    /// The members that the log names, whoever applied it first, in the order of their numbers.
    #[must_use]
    pub fn listed(&self) -> Vec<usize> {
        let checks = lock(&self.world.checks);
        let members = checks.membership.members().values();
        let mut listed: Vec<usize> =
            members.filter_map(|listed| member_at(listed.urls.first()?)).collect();
        listed.sort_unstable();
        listed
    }

    /// The members that belong to the cluster now; while it begins, the first ones.
    #[must_use]
    pub fn active(&self) -> Vec<usize> {
        let changes = lock(&self.world.checks).membership.changes();
        match changes < self.plan.members {
            true => (0..self.plan.members).collect(),
            false => self.listed(),
        }
    }

    /// The member that a fault with this number hits.
    #[must_use]
    pub fn active_at(&self, number: usize) -> usize {
        let active = self.active();
        active.get(number % active.len().max(1)).copied().unwrap_or(number % self.plan.members)
    }

    /// Whether the log names a member.
    #[must_use]
    pub fn is_listed(&self, member: usize) -> bool {
        self.active().contains(&member)
    }

    /// The id under which the log names a member, started or not.
    #[must_use]
    pub fn listed_id(&self, member: usize) -> Option<MemberId> {
        let checks = lock(&self.world.checks);
        let mut members = checks.membership.members().iter();
        let found = members
            .find(|(_, listed)| listed.urls.first().and_then(|url| member_at(url)) == Some(member));
        found.map(|(&id, _)| id)
    }

    /// Whether the log names a member as a voter.
    #[must_use]
    pub fn is_voter(&self, member: usize) -> bool {
        self.voters().contains(&member)
    }

    pub(super) fn voters(&self) -> Vec<usize> {
        let checks = lock(&self.world.checks);
        let voters = checks.membership.members().values().filter(|listed| !listed.is_learner);
        voters.filter_map(|listed| member_at(listed.urls.first()?)).collect()
    }

    /// The member that leads in the highest term, by its own account.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let checks = lock(&self.world.checks);
        let members = checks.ghost().members.iter().enumerate();
        let leaders = members.filter(|(_, member)| member.is_leader && member.is_up);
        leaders.max_by_key(|(_, member)| member.term).map(|(member, _)| member)
    }

    /// Whether the rest has a quorum for good when this member is gone, before and after it is
    /// removed. Who is damaged, lost or perhaps removed does not count.
    #[must_use]
    pub fn can_lose(&self, member: usize) -> bool {
        let voters = self.voters();
        if !voters.contains(&member) {
            return true;
        }
        let slots = lock(&self.slots);
        let sound = sound_others(&slots, &voters, member);
        let goes_itself = !slots[member].is_damaged && !slots[member].place.is_lost;
        let now = sound + usize::from(goes_itself);
        now > voters.len() / 2 && sound > (voters.len() - 1) / 2
    }

    /// Whether the rest has a quorum when this member is lost and still counted.
    #[must_use]
    pub fn can_spare(&self, member: usize) -> bool {
        let voters = self.voters();
        let slots = lock(&self.slots);
        let sound = sound_others(&slots, &voters, member);
        // A removal that is under way takes a sound member and a seat.
        !voters.contains(&member) || sound > voters.len() / 2
    }

    /// A member that has never been started, for an operator to add. The last one is kept.
    pub fn take_spare(&self, is_last: bool) -> Option<usize> {
        let mut slots = lock(&self.slots);
        let end = if is_last { slots.len() } else { slots.len() - 1 };
        let spare = (self.plan.members..end).find(|&at| !slots[at].place.is_reserved)?;
        slots[spare].place.is_reserved = true;
        Some(spare)
    }

    /// An operator is about to remove a member.
    pub fn doom(&self, member: usize) {
        lock(&self.slots)[member].place.is_doomed = true;
    }

    /// Starts a member that was added.
    pub fn join(self: &Arc<Cluster>, member: usize) {
        {
            let place = &mut lock(&self.slots)[member].place;
            (place.joins, place.is_wanted) = (true, true);
        }
        self.start(member);
    }

    /// Starts who was added although nobody heard so.
    pub fn join_added(self: &Arc<Cluster>) {
        for member in self.active() {
            let is_forgotten = {
                let place = &lock(&self.slots)[member].place;
                place.is_reserved && !place.joins
            };
            if is_forgotten {
                self.join(member);
            }
        }
    }

    /// A member loses its power and its disk, for good.
    pub fn lose(&self, member: usize) {
        {
            let place = &mut lock(&self.slots)[member].place;
            (place.is_lost, place.is_wanted) = (true, false);
        }
        self.crash(member);
    }

    /// Members that run although the log has removed them.
    #[must_use]
    pub fn lingering(&self) -> Vec<usize> {
        let checks = lock(&self.world.checks);
        let slots = lock(&self.slots);
        let runs = |member: usize| !matches!(slots[member].process, Process::Down);
        let removed = |member: usize| checks.membership.is_removed(self.world.seats[member].id());
        (0..slots.len()).filter(|&member| runs(member) && removed(member)).collect()
    }

    /// Stops a member when it says that it was removed.
    pub(super) fn await_removal(&self, life: &Life, node: &NodeHandle, api: &Api<SimEnv>) {
        let (life, api) = (life.clone(), api.clone());
        node.spawn(async move {
            let how = api.removed().await;
            if how.told_by.is_none() && how.is_known {
                let verdict = lock(&life.world().checks).leaves(life.member());
                life.world().judge(verdict);
            }
            life.world().fail_stop(&life, &format!("{REMOVAL}: {how:?}"));
        });
    }

    /// Whether a member stops, or does not start, because it was removed; then it stays down.
    pub(super) fn ends_removed(&self, member: usize, reason: &str) -> bool {
        if !reason.contains("was removed") {
            return false;
        }
        let id = self.world.seats[member].id();
        if !lock(&self.world.checks).membership.is_removed(id) {
            let text = format!("member {} is in the cluster and stops: {reason}", member + 1);
            self.world.judge(Err(Violation { check: "MB2", text }));
        }
        self.world.count("cluster: removed members that stopped");
        lock(&self.slots)[member].place.is_wanted = false;
        self.crash(member);
        true
    }
}

/// The voters but this one that stay for good.
fn sound_others(slots: &[Slot], voters: &[usize], member: usize) -> usize {
    let is_sound = |other: &usize| {
        let slot = &slots[*other];
        !(slot.is_damaged || slot.place.is_lost || slot.place.is_doomed) && slot.place.is_wanted
    };
    voters.iter().filter(|other| **other != member && is_sound(other)).count()
}
