//! Whom a member talks to: the members that its log names, and guests. A guest has spoken, or was
//! met while joining, before the log names it: a member that lags behind the change which added its
//! leader must be able to answer. Who was removed for ever is neither.
//!
//! Invariant (`check`): named members, guests and removed members are three disjoint sets, but for
//! a removed one that the log has still to take off the list.

use std::collections::BTreeSet;

use base::MemberId;

/// Guests at a time: more than a cluster ever adds at once, and a bound for what strangers cost.
const GUESTS_MAX: usize = 16;

/// Whom a member knows.
#[derive(Clone, Debug, Default)]
pub struct Acquaintances {
    own: MemberId,
    named: BTreeSet<MemberId>,
    guests: BTreeSet<MemberId>,
    removed: BTreeSet<MemberId>,
}

impl Acquaintances {
    /// Says who this member is, whom it never meets.
    pub fn identify(&mut self, own: MemberId) {
        self.own = own;
    }

    /// Replaces the members that the log names; guests among them are guests no more.
    pub fn name(&mut self, named: BTreeSet<MemberId>) {
        assert!(!named.contains(&self.own), "member {} as its own peer", self.own);
        self.guests.retain(|id| !named.contains(id));
        self.named = named;
        self.check();
    }

    /// Meets a member; true when it is a guest from now on that was none before.
    pub fn meet(&mut self, id: MemberId) -> bool {
        let is_new = !id.is_zero() && id != self.own && !self.knows(id) && !self.is_removed(id);
        let welcome = is_new && self.guests.len() < GUESTS_MAX;
        if welcome {
            self.guests.insert(id);
        }
        welcome
    }

    /// Adds members that were removed for ever.
    pub fn remove(&mut self, removed: impl IntoIterator<Item = MemberId>) {
        self.removed.extend(removed);
        self.guests.retain(|id| !self.removed.contains(id));
        self.check();
    }

    /// Whether messages go to a member.
    #[must_use]
    pub fn knows(&self, id: MemberId) -> bool {
        self.named.contains(&id) || self.guests.contains(&id)
    }

    /// Whether a member was removed for ever.
    #[must_use]
    pub fn is_removed(&self, id: MemberId) -> bool {
        self.removed.contains(&id)
    }

    /// All that are known: members that the log names, and guests.
    pub fn all(&self) -> impl Iterator<Item = MemberId> {
        self.named.union(&self.guests).copied()
    }

    fn check(&self) {
        assert!(self.guests.is_disjoint(&self.named), "{self:?}");
        assert!(self.guests.is_disjoint(&self.removed), "{self:?}");
        assert!(self.guests.len() <= GUESTS_MAX, "{self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(all: &[u64]) -> BTreeSet<MemberId> {
        all.iter().copied().map(MemberId).collect()
    }

    #[test]
    fn a_guest_is_met_once_and_becomes_a_member() {
        let mut known = Acquaintances::default();
        known.identify(MemberId(1));
        known.name(ids(&[2]));
        assert!(!known.meet(MemberId(1)) && !known.meet(MemberId(2)) && !known.meet(MemberId(0)));
        assert!(known.meet(MemberId(3)) && known.knows(MemberId(3)) && !known.meet(MemberId(3)));
        known.name(ids(&[2, 3]));
        assert_eq!(known.all().collect::<BTreeSet<_>>(), ids(&[2, 3]));
        known.name(ids(&[2]));
        assert!(!known.knows(MemberId(3)), "it was named, and is named no more");
    }

    #[test]
    fn who_was_removed_is_not_met_again() {
        let mut known = Acquaintances::default();
        assert!(known.meet(MemberId(7)));
        known.remove([MemberId(7)]);
        assert!(known.is_removed(MemberId(7)) && !known.knows(MemberId(7)));
        assert!(!known.meet(MemberId(7)));
    }

    #[test]
    fn strangers_are_bounded() {
        let mut known = Acquaintances::default();
        let met = (1..100).filter(|id| known.meet(MemberId(*id))).count();
        assert_eq!(met, GUESTS_MAX);
    }
}
