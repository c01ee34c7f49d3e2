//! Entries that change the configuration.

use alloc::vec::Vec;

use bytes::Bytes;
use mvcc::Backend;

use super::{Applied, Committed, Effect, Machine, listed};
use crate::membership::{MemberChange, MemberError};
use crate::record;
use crate::reply::{Refusal, Reply};

impl<B: Backend> Machine<B> {
    /// Applies a configuration entry whose change was decoded; `None` for one that could not be.
    /// `configuration` is the Raft configuration that it leads to: the driver asks the core, with
    /// a change without effect when [`Machine::validate_change`] refuses.
    ///
    /// # Panics
    /// When the entry does not follow the last applied one.
    pub fn apply_configuration(
        &mut self,
        entry: &Committed<'_>,
        request: u64,
        change: Option<&MemberChange>,
        configuration: Bytes,
    ) -> Applied {
        self.advance(entry);
        let outcome = match change {
            None => Err(Refusal::NotSupported),
            Some(change) => match self.members.validate(change, self.learners_max) {
                Ok(()) => Ok(self.change_members(change)),
                Err(error) => Err(Refusal::Member(error)),
            },
        };
        self.configuration = configuration.clone();
        self.unrecorded.push(record::configuration(configuration));
        self.link(entry.index, &outcome);
        let effects = match &outcome {
            Ok(_) => alloc::vec![Effect::MembersChanged],
            Err(_) => Vec::new(),
        };
        let revision = self.store.revision();
        Applied {
            request,
            outcome,
            revision,
            logical_bytes: self.store.logical_bytes(),
            demand: None,
            events: Vec::new(),
            effects,
        }
    }

    /// Whether a change may take effect.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn validate_change(&self, change: &MemberChange) -> Result<(), MemberError> {
        self.members.validate(change, self.learners_max)
    }

    fn change_members(&mut self, change: &MemberChange) -> Reply {
        self.members.change(change);
        let id = change.id();
        match self.members.get(id) {
            Some(member) => self.unrecorded.push(record::member(member)),
            None => self.unrecorded.extend(record::member_removed(id)),
        }
        Reply::Members { changed: id, members: listed(&self.members) }
    }
}
