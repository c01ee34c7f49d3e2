//! The configuration changes when its entry is applied, as in etcd-raft (V-a).

use base::mark;

use super::Raft;
use crate::configuration::{ConfChange, Configuration};
use crate::entry::ConfState;
use crate::progress::Progress;
use crate::role::{Farewell, RoleState};

impl Raft {
    /// Carries out a committed change, at its place in the order of applied entries and before
    /// [`Raft::applied`] reports it. A change that cannot be carried out changes nothing, on every
    /// member alike.
    pub fn apply_configuration(&mut self, change: &ConfChange) -> ConfState {
        match self.configuration.after(change) {
            Ok(next) => self.switch(next),
            Err(_) => mark!("raft: impossible configuration change applied as none"),
        }
        self.configuration.conf_state()
    }

    pub(super) fn switch(&mut self, next: Configuration) {
        self.configuration = next;
        match &self.role {
            RoleState::Follower(_) => {}
            RoleState::Candidate(_) if self.is_voter(self.id) => self.count_votes(),
            RoleState::Candidate(_) => self.become_follower(self.term, None),
            RoleState::Leader(_) => self.switch_leader(),
        }
    }

    fn switch_leader(&mut self) {
        self.adjust_progress();
        let (own, commit) = (self.id, self.log.commit());
        let voters = self.configuration.voters();
        let Some(leader) = self.role.as_leader_mut() else { return };
        if leader.transfer.is_some_and(|transfer| !voters.contains(transfer.to)) {
            mark!("raft: leader transfer aborted");
            leader.transfer = None;
        }
        if voters.contains(own) {
            leader.farewell = None;
            leader.leaving = false;
        } else if leader.farewell.is_none() {
            leader.transfer = None;
            leader.farewell = Some(Farewell::new(commit));
            leader.heartbeat_due = true;
        }
        // With other voters, more may be committed and more reads confirmed.
        self.count_commit();
        self.confirm_reads();
    }

    /// A progress for exactly the other members. A new one counts as heard, or the quorum check
    /// might depose the leader before it had a chance to answer.
    fn adjust_progress(&mut self) {
        let (last, window) = (self.log.last().index, self.new_window());
        let mut others = self.configuration.members();
        others.remove(&self.id);
        let Some(leader) = self.role.as_leader_mut() else { return };
        leader.progress.retain(|id, _| others.contains(id));
        for id in others {
            leader.progress.entry(id).or_insert_with(|| {
                let mut progress = Progress::new(last, window.clone());
                progress.recent_active = true;
                progress
            });
        }
    }
}
