//! The members as the log defines them: who they are, where they listen, who was removed.
//!
//! A removed id is remembered for ever and never comes back. The Raft core keeps its own
//! configuration; both change by the same entry.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use base::MemberId;
use serde::{Deserialize, Serialize};

/// One member, in the shape of the JSON that etcd puts into configuration changes and its store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The id.
    pub id: u64,
    /// Where its peers reach it.
    #[serde(rename = "peerURLs", default)]
    pub peer_urls: Vec<String>,
    /// Whether it receives the log without voting.
    #[serde(rename = "isLearner", default, skip_serializing_if = "core::ops::Not::not")]
    pub is_learner: bool,
    /// Its name; empty until it has started once.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where clients reach it; empty until it has started once.
    #[serde(rename = "clientURLs", default, skip_serializing_if = "Vec::is_empty")]
    pub client_urls: Vec<String>,
}

impl Member {
    /// The id as a type.
    #[must_use]
    pub fn member_id(&self) -> MemberId {
        MemberId(self.id)
    }
}

/// The context of a configuration change entry: the member and whether it is being promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeContext {
    /// The member that is added or updated.
    #[serde(flatten)]
    pub member: Member,
    /// Whether an existing learner becomes a voter.
    #[serde(rename = "isPromote", default, skip_serializing_if = "core::ops::Not::not")]
    pub is_promote: bool,
}

/// What a configuration change does, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Adds a voter or learner.
    Add(Member),
    /// Makes a learner a voter.
    Promote(MemberId),
    /// Removes a member.
    Remove(MemberId),
    /// Gives a member other peer URLs.
    Update(Member),
}

/// Why a change has no effect; the log entry stays, as an empty change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberError {
    /// No such member, or it was removed.
    NotFound,
    /// The id is taken.
    Exists,
    /// A peer URL belongs to another member.
    PeerUrlExists,
    /// The member is a voter already.
    NotLearner,
    /// The bound on learners is reached.
    TooManyLearners,
}

/// All members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    members: BTreeMap<MemberId, Member>,
    removed: BTreeSet<MemberId>,
}

impl Membership {
    /// Checks whether a change may take effect, in etcd's order.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub fn validate(&self, change: &MemberChange, learners_max: usize) -> Result<(), MemberError> {
        let id = change.id();
        if self.removed.contains(&id) {
            return Err(MemberError::NotFound);
        }
        match change {
            MemberChange::Add(member) => {
                if self.members.contains_key(&id) {
                    return Err(MemberError::Exists);
                }
                self.check_urls(member)?;
                let learners = self.members.values().filter(|m| m.is_learner).count();
                if member.is_learner && learners >= learners_max {
                    return Err(MemberError::TooManyLearners);
                }
                Ok(())
            }
            MemberChange::Promote(_) => match self.members.get(&id) {
                None => Err(MemberError::NotFound),
                Some(member) if !member.is_learner => Err(MemberError::NotLearner),
                Some(_) => Ok(()),
            },
            MemberChange::Remove(_) if self.members.contains_key(&id) => Ok(()),
            MemberChange::Update(member) if self.members.contains_key(&id) => {
                self.check_urls(member)
            }
            MemberChange::Remove(_) | MemberChange::Update(_) => Err(MemberError::NotFound),
        }
    }

    fn check_urls(&self, member: &Member) -> Result<(), MemberError> {
        let others = self.members.values().filter(|other| other.id != member.id);
        let mut taken = others.flat_map(|other| &other.peer_urls);
        match taken.any(|url| member.peer_urls.contains(url)) {
            true => Err(MemberError::PeerUrlExists),
            false => Ok(()),
        }
    }

    /// Carries out a validated change.
    ///
    /// # Panics
    /// When the member it names is not as `validate` demands.
    pub fn change(&mut self, change: &MemberChange) {
        match change {
            MemberChange::Add(member) => {
                let earlier = self.members.insert(member.member_id(), member.clone());
                assert!(earlier.is_none(), "member {} was added twice", member.member_id());
            }
            MemberChange::Promote(id) => self.existing(*id).is_learner = false,
            MemberChange::Remove(id) => {
                assert!(self.members.remove(id).is_some(), "removed member {id} is unknown");
                self.removed.insert(*id);
            }
            MemberChange::Update(member) => {
                self.existing(member.member_id()).peer_urls = member.peer_urls.clone();
            }
        }
    }

    fn existing(&mut self, id: MemberId) -> &mut Member {
        let member = self.members.get_mut(&id);
        member.unwrap_or_else(|| panic!("changed member {id} is unknown"))
    }

    /// Sets what a member publishes about itself; false when it is not (or no longer) a member.
    pub fn publish(&mut self, id: MemberId, name: &str, client_urls: &[String]) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        member.name = name.into();
        member.client_urls = client_urls.to_vec();
        true
    }

    /// Puts back a member that was recorded or came with a snapshot.
    pub fn restore(&mut self, member: Member) {
        self.members.insert(member.member_id(), member);
    }

    /// Puts back the memory of a removed member.
    pub fn restore_removed(&mut self, id: MemberId) {
        self.members.remove(&id);
        self.removed.insert(id);
    }

    /// A member by id.
    #[must_use]
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// Whether this id was a member once.
    #[must_use]
    pub fn is_removed(&self, id: MemberId) -> bool {
        self.removed.contains(&id)
    }

    /// All members, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// All removed ids.
    pub fn removed(&self) -> impl Iterator<Item = MemberId> {
        self.removed.iter().copied()
    }
}

impl MemberChange {
    /// The member that the change names.
    #[must_use]
    pub fn id(&self) -> MemberId {
        match self {
            MemberChange::Add(member) | MemberChange::Update(member) => member.member_id(),
            MemberChange::Promote(id) | MemberChange::Remove(id) => *id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn member(id: u64, url: &str, is_learner: bool) -> Member {
        Member { id, peer_urls: vec![url.into()], is_learner, ..Member::default() }
    }

    #[test]
    fn changes_are_refused_in_etcds_order() {
        let mut members = Membership::default();
        members.change(&MemberChange::Add(member(1, "http://a", false)));
        members.change(&MemberChange::Add(member(2, "http://b", true)));
        let refusal = |change: MemberChange| members.validate(&change, 1).expect_err("refused");
        assert_eq!(refusal(MemberChange::Add(member(1, "http://c", false))), MemberError::Exists);
        let taken = MemberChange::Add(member(3, "http://a", false));
        assert_eq!(refusal(taken), MemberError::PeerUrlExists);
        let second = MemberChange::Add(member(3, "http://c", true));
        assert_eq!(refusal(second), MemberError::TooManyLearners);
        assert_eq!(refusal(MemberChange::Promote(MemberId(1))), MemberError::NotLearner);
        assert_eq!(refusal(MemberChange::Remove(MemberId(9))), MemberError::NotFound);
        members.change(&MemberChange::Promote(MemberId(2)));
        members.change(&MemberChange::Remove(MemberId(1)));
        let back = MemberChange::Add(member(1, "http://a", false));
        assert_eq!(members.validate(&back, 1), Err(MemberError::NotFound));
    }

    #[test]
    fn a_context_reads_and_writes_as_etcd_has_it() {
        let text = r#"{"id":5,"peerURLs":["http://x:1"],"isLearner":true,"isPromote":true}"#;
        let context: ChangeContext = serde_json::from_str(text).expect("valid");
        assert!(context.is_promote && context.member.is_learner);
        assert_eq!(serde_json::to_string(&context).expect("plain data"), text);
    }
}
