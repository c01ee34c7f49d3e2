//! MB1: the configuration is a function of the log. MB2: a removed member has no influence.
//!
//! MB1 is judged against a member list of its own, which follows the payloads of the applied
//! entries by etcd's rules and shares no code with the product's. MB2: once every voter has applied
//! a removal, the removed member is never again followed or elected in a later term, and serves
//! nothing that was asked for after that. It does not verify that the removed member's requests
//! are not even looked at: a term that it raises would show as a lost leader in G1 and G5.

use std::collections::{BTreeMap, BTreeSet};

use base::MemberId;
use node::env::{Event, Role};
use prost::Message;
use proto::raftpb::{ConfChange, ConfChangeType};

use super::ghost::GhostConfiguration;
use super::{Ghost, Step, Verdict, membership_durable, violated};

/// Learners at a time: the default of `--max-learners`, which the simulator leaves alone.
const LEARNERS_MAX: usize = 1;

/// A member as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where its peers reach it.
    pub urls: Vec<String>,
    /// Whether it has no vote.
    pub is_learner: bool,
}

/// The member list after the last applied change, and those before.
#[derive(Default)]
pub struct Membership {
    members: BTreeMap<MemberId, Listed>,
    removed: BTreeMap<MemberId, u64>,
    history: BTreeMap<u64, GhostConfiguration>,
    /// For removed members: the highest term anywhere when the last voter applied the removal.
    gone: BTreeMap<MemberId, u64>,
    last: u64,
}

#[derive(serde::Deserialize)]
struct Context {
    #[serde(rename = "peerURLs", default)]
    urls: Vec<String>,
    #[serde(rename = "isPromote", default)]
    is_promote: bool,
}

impl Membership {
    /// Judges configurations and leaders.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        match step.event {
            Event::Applied { index, data, .. } if index.get() == self.last + 1 => {
                self.last = index.get();
                let entry = step.ghost.members[step.member].log.get(&index.get());
                if entry.is_some_and(|entry| entry.is_change) {
                    self.follow(data);
                    self.history.insert(self.last, self.configuration());
                    return self.first_applied(step);
                }
                Ok(())
            }
            Event::Configured { index, .. } if (1..=self.last).contains(&index.get()) => {
                self.configured(step, index.get())
            }
            Event::RoleChanged { term, role, leader, .. } => {
                let own = step.ghost.ids[step.member];
                let leader = if *role == Role::Leader { own } else { *leader };
                self.led(step, leader, term.get())
            }
            _ => Ok(()),
        }
    }

    /// Who applies a change first has stated the configuration that it leads to just before.
    fn first_applied(&self, step: &Step<'_>) -> Verdict {
        step.tally.hit("MB1");
        let expected = self.configuration();
        let stated = step.ghost.configurations.get(&self.last);
        match stated == Some(&expected) {
            true => Ok(()),
            false => violated!(
                "MB1",
                "member {} has {stated:?} after entry {}, the log leads to {expected:?}",
                step.member + 1,
                self.last
            ),
        }
    }

    fn configured(&self, step: &Step<'_>, index: u64) -> Verdict {
        let Event::Configured { voters, voters_outgoing, learners, .. } = step.event else {
            return Ok(());
        };
        step.tally.hit("MB1");
        let stated = GhostConfiguration {
            voters: voters.clone(),
            outgoing: voters_outgoing.clone(),
            learners: learners.clone(),
        };
        let expected = self.history.range(..=index).next_back().map(|(_, found)| found);
        match expected == Some(&stated) {
            true => Ok(()),
            false => violated!(
                "MB1",
                "member {} has {stated:?} at entry {index}, the log leads to {expected:?}",
                step.member + 1
            ),
        }
    }

    fn led(&self, step: &Step<'_>, leader: MemberId, term: u64) -> Verdict {
        if self.gone.is_empty() || leader.is_zero() {
            return Ok(());
        }
        step.tally.hit("MB2");
        match self.gone.get(&leader) {
            Some(&known) if term > known => violated!(
                "MB2",
                "member {} is in term {term} with leader {leader}, which all voters had removed \
                 in term {known}",
                step.member + 1
            ),
            _ => Ok(()),
        }
    }

    /// Notes which removals every voter has applied; called after the ghost took an event.
    pub fn settle(&mut self, ghost: &Ghost) {
        if self.gone.len() == self.removed.len() {
            return;
        }
        let Some((_, newest)) = self.history.last_key_value() else { return };
        let voters = newest.voters.iter();
        let known = |id: &MemberId| {
            let number = ghost.ids.iter().position(|known| known == id);
            number.map_or(0, |number| ghost.members[number].configured)
        };
        let least = voters.map(known).min().unwrap_or(0);
        let term = ghost.members.iter().map(|member| member.term).max().unwrap_or(0);
        for (&id, &index) in &self.removed {
            if index <= least {
                self.gone.entry(id).or_insert(term);
            }
        }
    }

    /// The members, by id.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<MemberId, Listed> {
        &self.members
    }

    /// How many changes were applied.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.history.len()
    }

    /// Whether the log has removed this id.
    #[must_use]
    pub fn is_removed(&self, id: MemberId) -> bool {
        self.removed.contains_key(&id)
    }

    /// Judges a removed member that leaves because its own log says so (MB5).
    pub fn leaves(&self, ghost: &Ghost, id: MemberId) -> Verdict {
        let Some(index) = self.removed.get(&id) else { return Ok(()) };
        membership_durable::leaves(ghost, id, *index, &self.history[index])
    }

    /// Whether every voter has removed this id.
    #[must_use]
    pub fn is_gone(&self, id: MemberId) -> bool {
        self.gone.contains_key(&id)
    }

    fn configuration(&self) -> GhostConfiguration {
        let of = |is_learner: bool| {
            let members = self.members.iter();
            let found = members.filter(move |(_, listed)| listed.is_learner == is_learner);
            found.map(|(&id, _)| id).collect()
        };
        GhostConfiguration { voters: of(false), outgoing: Vec::new(), learners: of(true) }
    }

    fn follow(&mut self, data: &[u8]) {
        let Ok(change) = ConfChange::decode(data) else { return };
        let id = MemberId(change.node_id());
        let context: Option<Context> = serde_json::from_slice(change.context()).ok();
        if self.removed.contains_key(&id) {
            return;
        }
        match (change.r#type(), context) {
            (ConfChangeType::ConfChangeRemoveNode, _) => {
                if self.members.remove(&id).is_some() {
                    self.removed.insert(id, self.last);
                }
            }
            (ConfChangeType::ConfChangeAddNode, Some(Context { is_promote: true, .. })) => {
                if let Some(listed) = self.members.get_mut(&id) {
                    listed.is_learner = false;
                }
            }
            (ConfChangeType::ConfChangeUpdateNode, Some(context)) => {
                let is_free = self.is_free(&context.urls, Some(id));
                if let Some(listed) = self.members.get_mut(&id).filter(|_| is_free) {
                    listed.urls = context.urls;
                }
            }
            (kind, Some(context)) => {
                let is_learner = kind == ConfChangeType::ConfChangeAddLearnerNode;
                self.add(id, Listed { urls: context.urls, is_learner });
            }
            (_, None) => {}
        }
    }

    fn add(&mut self, id: MemberId, listed: Listed) {
        let learners = self.members.values().filter(|other| other.is_learner).count();
        let fits = !listed.is_learner || learners < LEARNERS_MAX;
        if fits && !self.members.contains_key(&id) && self.is_free(&listed.urls, None) {
            self.members.insert(id, listed);
        }
    }

    fn is_free(&self, urls: &[String], own: Option<MemberId>) -> bool {
        let others = self.members.iter().filter(|(id, _)| Some(**id) != own);
        let taken: BTreeSet<&String> = others.flat_map(|(_, listed)| &listed.urls).collect();
        urls.iter().all(|url| !taken.contains(url))
    }
}

#[cfg(test)]
mod tests {
    use base::{Index, MemberId, Term};
    use node::env::Event;
    use proto::raftpb::{ConfChange, ConfChangeType};

    use crate::check::testing::{Play, configured_at, leads};

    fn change(kind: ConfChangeType, member: u64) -> Vec<u8> {
        let context = format!("{{\"id\":{member},\"peerURLs\":[\"http://m{member}:2380\"]}}");
        let change = ConfChange {
            id: Some(1),
            r#type: Some(kind as i32),
            node_id: Some(member),
            context: Some(context.into_bytes().into()),
        };
        prost::Message::encode_to_vec(&change)
    }

    fn applied(index: u64, data: Vec<u8>) -> Event {
        let (index, term) = (Index(index), Term(1));
        Event::Applied {
            index,
            term,
            data: data.into(),
            answer: 0,
            revision: 1,
            chain: 0,
            logical_bytes: 0,
        }
    }

    /// Applies a change on a member, which states that it leads to these voters.
    fn apply(
        play: &mut Play,
        member: usize,
        index: u64,
        data: Vec<u8>,
        voters: &[u64],
    ) -> crate::check::Verdict {
        play.commit_change(member, index);
        let voters: Vec<MemberId> = voters.iter().copied().map(MemberId).collect();
        play.event(member, &configured_at(index, &voters))?;
        play.event(member, &applied(index, data))
    }

    #[test]
    fn a_configuration_that_does_not_follow_from_the_log_breaks_mb1() {
        let add = |member| change(ConfChangeType::ConfChangeAddNode, member);
        let mut play = Play::new(2);
        apply(&mut play, 0, 1, add(1), &[1]).expect("the first");
        let broken = apply(&mut play, 0, 2, add(2), &[1]).expect_err("the second is missing");
        assert_eq!(broken.check, "MB1");
        let mut play = Play::new(2);
        apply(&mut play, 0, 1, add(1), &[1]).expect("the first");
        let broken = apply(&mut play, 1, 1, add(1), &[1, 2]).expect_err("another one elsewhere");
        assert_eq!(broken.check, "MB1");
    }

    #[test]
    fn a_removed_member_that_is_followed_later_breaks_mb2() {
        let add = |member| change(ConfChangeType::ConfChangeAddNode, member);
        let mut play = Play::new(2);
        for member in 0..2 {
            apply(&mut play, member, 1, add(1), &[1]).expect("the first");
            apply(&mut play, member, 2, add(2), &[1, 2]).expect("the second");
        }
        let remove = change(ConfChangeType::ConfChangeRemoveNode, 1);
        apply(&mut play, 0, 3, remove.clone(), &[2]).expect("removes itself");
        play.event(1, &leads(1, MemberId(1))).expect("member 2 does not know yet");
        apply(&mut play, 1, 3, remove, &[2]).expect("the last voter knows");
        let broken = play.event(1, &leads(5, MemberId(1))).expect_err("followed after all");
        assert_eq!(broken.check, "MB2");
    }
}
