//! What a leader learns from answers, and when it commits (§5.3, §5.4.2).

use base::{Index, MemberId, mark};

use super::Raft;
use crate::message::{Body, RejectHint};
use crate::quorum::Tally;
use crate::status::ProgressState;

impl Raft {
    /// A follower holds this leader's log up to `index`, durably.
    pub(super) fn take_acceptance(&mut self, from: MemberId, index: Index) {
        let (last, start) = (self.log.last().index, self.log.start().index);
        let Some(progress) = self.progress_mut(from) else { return };
        if index > last {
            mark!("raft: acknowledgement behind the log's end ignored");
            return;
        }
        progress.recent_active = true;
        if !progress.acknowledge(index) {
            return;
        }
        match progress.state() {
            ProgressState::Probe => {
                mark!("raft: probe to replicate");
                progress.become_replicate();
            }
            // Whatever it was that brought the follower up to where the log begins.
            ProgressState::Snapshot if progress.matched >= start => {
                mark!("raft: snapshot arrived");
                progress.become_replicate();
            }
            ProgressState::Snapshot | ProgressState::Replicate => {}
        }
        self.count_commit();
        self.hand_over_if_caught_up(from);
        self.hurry_farewell(from);
    }

    /// A follower refused what follows `refused`. The hint is its highest entry that may match;
    /// none of ours with a higher term can be in a log that has the hint's term there, so those are
    /// skipped too, and a probe is needed once a term, not once an entry.
    pub(super) fn take_refusal(&mut self, from: MemberId, refused: Index, hint: RejectHint) {
        let guess = match hint.hint_term.is_zero() {
            true => hint.hint_index,
            false => self.log.highest_at_most(hint.hint_index, hint.hint_term).index,
        };
        let Some(progress) = self.progress_mut(from) else { return };
        progress.recent_active = true;
        if !progress.back_off(refused, guess) {
            mark!("raft: stale refusal ignored");
        }
    }

    pub(super) fn take_heartbeat_reply(&mut self, from: MemberId, context: &[u8]) {
        let last = self.log.last().index;
        let Some(progress) = self.progress_mut(from) else { return };
        progress.recent_active = true;
        progress.resume(last);
        let Some(leader) = self.role.as_leader_mut() else { return };
        if let Some(number) = leader.reads.acknowledge(from, context) {
            self.confirm_reads();
            self.note_told(from, number);
        }
    }

    /// Commits what a majority holds durably, if it is of this term: an older entry may still be
    /// replaced even then (§5.4.2, M03); it commits with the first one behind it.
    pub(super) fn count_commit(&mut self) {
        let (own, stable, term) = (self.id, self.log.stable(), self.term);
        let Some(leader) = self.role.as_leader_mut() else { return };
        let reached = self.configuration.voters().reached(|id| match id == own {
            true => stable.get(),
            false => leader.progress.get(&id).map_or(0, |progress| progress.matched.get()),
        });
        let (index, commit) = (Index(reached), self.log.commit());
        if index <= commit || self.log.term_at(index) != Some(term) {
            return;
        }
        base::sometimes!(
            "raft: commit of an older-term entry via a newer one",
            self.log.term_at(commit.next()) != Some(term)
        );
        let bytes = self.log.commit_to(index).expect("the index is above the commit index");
        leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_sub(bytes);
        leader.reads.open(index);
        self.pending.counted = true;
        self.confirm_reads();
    }

    /// A message to a follower was probably lost.
    pub fn report_unreachable(&mut self, id: MemberId) {
        let Some(progress) = self.progress_mut(id) else { return };
        if progress.state() == ProgressState::Replicate {
            mark!("raft: follower unreachable, probing");
            progress.become_probe();
        }
    }

    /// A removed leader hurries to tell those that have just come to hold the removal.
    fn hurry_farewell(&mut self, from: MemberId) {
        let Some(leader) = self.role.as_leader_mut() else { return };
        let Some(farewell) = &leader.farewell else { return };
        let Some(progress) = leader.progress.get(&from) else { return };
        if progress.matched >= farewell.index && !farewell.sent.contains_key(&from) {
            leader.heartbeat_due = true;
        }
    }

    /// Steps down once a majority is known to know the commit index of the removal (V-a), and asks
    /// the best of them to campaign.
    fn note_told(&mut self, from: MemberId, number: u64) {
        let Some(leader) = self.role.as_leader_mut() else { return };
        let Some(farewell) = &mut leader.farewell else { return };
        if farewell.sent.get(&from).is_some_and(|&first| number >= first) {
            farewell.told.insert(from);
        }
        let voters = self.configuration.voters();
        let told = |id| farewell.told.contains(&id).then_some(true);
        if voters.tally(told) != Tally::Won {
            return;
        }
        let candidates = farewell.told.iter().filter(|&&id| voters.contains(id));
        let best = candidates.max_by_key(|id| leader.progress[id].matched).copied();
        mark!("raft: leader removes itself");
        if let Some(successor) = best {
            self.send(successor, Body::TimeoutNow);
        }
        self.become_follower(self.term, None);
    }
}
