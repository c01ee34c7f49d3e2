//! The Raft task: the only owner of the consensus core. It takes everything that is waiting as one
//! batch, feeds the core, and carries out what the core asks for. It never waits for a disk, an
//! apply or a client.

pub(crate) mod input;
mod proposals;
mod snapshots;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{Index, Instant, MemberId, mark};
use bytes::Bytes;
use raft::{ConfState, Output, Raft};
use tokio::sync::mpsc;

use self::input::{Command, Notice};
use self::proposals::Proposals;
use self::snapshots::Snapshots;
use crate::applier::Work;
use crate::barrier::{Arrivals, Rounds};
use crate::env::{AppendedEntry, Env, Event, Net, Role, Sleep};
use crate::error::ApiError;
use crate::ids::RequestIds;
use crate::lessor::Lessor;
use crate::log_writer::Job;
use crate::shared::Shared;
use crate::snapshots::send::Wanted;
use crate::waiters::Waiters;
use crate::{Outcome, observe};

/// How often a read confirmation is asked for again while it is not answered.
const READ_RETRY: Duration = Duration::from_millis(500);

/// Inputs taken in one go before the core's output is looked at.
const BATCH_MAX: usize = 4096;

/// Forwarded configuration changes that may wait; further ones are left to the core to refuse.
const DEFERRED_MAX: usize = 64;

/// Everything the Raft task is given.
pub(crate) struct RaftTask<E: Env> {
    pub env: E,
    pub raft: Raft,
    pub commands: mpsc::Receiver<Command>,
    pub notices: mpsc::UnboundedReceiver<Notice>,
    pub log: mpsc::UnboundedSender<Job>,
    pub applier: mpsc::UnboundedSender<Work<E>>,
    pub readers: mpsc::UnboundedSender<raft::Fetch>,
    pub snapshots: mpsc::UnboundedSender<Wanted>,
    pub arrivals: Arc<Arrivals>,
    pub shared: Arc<Shared>,
    pub lessor: Arc<Lessor>,
    pub waiters: Waiters<Outcome>,
    pub ids: Arc<RequestIds>,
    /// Members that the log has removed: what they still say is not heard (MB2).
    pub removed: BTreeSet<MemberId>,
    /// Entries behind a checkpoint that followers may ask for.
    pub catch_up_entries: u64,
    /// Bytes of log files that may be kept for followers.
    pub log_bytes_max: u64,
}

/// The state of the running task.
struct Driver<E: Env> {
    task: RaftTask<E>,
    proposals: Proposals,
    rounds: Rounds,
    read_retry: Option<Instant>,
    reads_refused: bool,
    /// Whether this member has committed as the leader of its term.
    has_committed: bool,
    /// Whether the configuration names this member as its only voter.
    alone: bool,
    /// Whether recovery left a doubt that no leader has removed yet.
    suspect: bool,
    /// Configuration changes of other members that wait until the present one is applied.
    deferred: VecDeque<raft::Message>,
    snapshots: Snapshots,
    stopping: bool,
}

impl<E: Env> RaftTask<E> {
    /// Runs until the member stops.
    pub(crate) async fn run(self) {
        let proposals = Proposals::new(self.waiters.clone());
        let mut driver = Driver {
            task: self,
            proposals,
            rounds: Rounds::default(),
            read_retry: None,
            reads_refused: false,
            has_committed: false,
            alone: false,
            suspect: false,
            deferred: VecDeque::new(),
            snapshots: Snapshots::default(),
            stopping: false,
        };
        let status = driver.task.raft.status();
        driver.suspect = status.suspect;
        if !status.conf_state.voters.is_empty() {
            driver.learn_configuration(status.applied, &status.conf_state);
        }
        driver.run().await;
    }
}

/// What woke the task.
enum Wake {
    Notice(Notice),
    Command(Command),
    Message(raft::Message),
    Reads,
    Time,
    Ended,
}

impl<E: Env> Driver<E> {
    async fn run(&mut self) {
        let env = self.task.env.clone();
        let net = env.net().clone();
        let arrivals = self.task.arrivals.clone();
        let mut timer = env.sleep_until(self.deadline());
        loop {
            let wake = tokio::select! {
                biased;
                notice = self.task.notices.recv() => notice.map_or(Wake::Ended, Wake::Notice),
                message = net.receive() => Wake::Message(message),
                () = arrivals.arrived() => Wake::Reads,
                command = self.task.commands.recv() => command.map_or(Wake::Ended, Wake::Command),
                () = &mut timer => Wake::Time,
            };
            self.task.raft.tick(env.now());
            match wake {
                Wake::Notice(notice) => self.on_notice(notice),
                Wake::Command(command) => self.on_command(command),
                Wake::Message(message) => self.on_message(message),
                Wake::Time => self.release(),
                Wake::Reads => {}
                Wake::Ended => return,
            }
            self.take_waiting();
            self.open_round();
            self.retry_reads();
            for peer in net.take_unreachable() {
                self.task.raft.report_unreachable(peer);
            }
            self.hand_over_deferred();
            self.proposals.hand_over(&mut self.task.raft);
            self.carry_out();
            if self.stopping && !self.must_hand_over() {
                return;
            }
            timer.reset(self.deadline());
        }
    }

    fn deadline(&self) -> Instant {
        let raft = self.task.raft.deadline();
        self.read_retry.map_or(raft, |retry| retry.min(raft))
    }

    /// Takes what else is waiting, so that one pass serves many.
    fn take_waiting(&mut self) {
        for _ in 0..BATCH_MAX {
            let Ok(notice) = self.task.notices.try_recv() else { break };
            self.on_notice(notice);
        }
        for _ in 0..BATCH_MAX {
            let Ok(command) = self.task.commands.try_recv() else { break };
            self.on_command(command);
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Propose { id, payload } => self.proposals.push(id, payload),
            Command::ProposeConfiguration { id, payload } => {
                self.proposals.push_configuration(id, payload);
            }
            Command::ProposeInTerm { term, payload } => {
                self.proposals.push_in_term(term, payload);
            }
            Command::Transfer { to, answer } => {
                let begun = self.task.raft.transfer_leadership(to);
                // The caller may have gone; the transfer runs all the same.
                let _gone = answer.send(begun.map_err(|_| ApiError::BAD_LEADER_TRANSFEREE));
            }
            Command::StepAside { avoid } => self.step_aside(&avoid),
            Command::Status { answer } => {
                let _gone = answer.send(self.task.raft.status());
            }
            Command::Stop => self.begin_stop(),
        }
    }

    /// The network turns removed members away, but what was under way when the removal was applied
    /// may still arrive.
    fn on_message(&mut self, message: raft::Message) {
        if self.task.removed.contains(&message.from) {
            mark!("membership: message of a removed member ignored");
            return;
        }
        if changes_configuration(&message)
            && self.task.raft.has_unapplied_change()
            && self.deferred.len() < DEFERRED_MAX
        {
            mark!("membership: forwarded change waits for the one before");
            self.deferred.push_back(message);
            return;
        }
        self.task.raft.step(message);
    }

    /// A change that another member proposed right after one that it saw applied is not refused
    /// because this leader applies a little later.
    fn hand_over_deferred(&mut self) {
        while !self.deferred.is_empty() && !self.task.raft.has_unapplied_change() {
            if let Some(message) = self.deferred.pop_front() {
                self.task.raft.step(message);
            }
        }
    }

    fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Persisted { token, term, vote } => {
                self.task.raft.persisted(token);
                observe(&self.task.env, || {
                    let last = self.task.raft.status().stable;
                    Event::Synced { last, term, vote }
                });
            }
            Notice::Applied(index) => {
                self.task.raft.applied(index);
                if self.suspect && !self.task.raft.status().suspect {
                    self.suspect = false;
                    let _stopped = self.task.log.send(Job::ClearSuspect);
                }
            }
            Notice::Configure { index, change, removed, answer } => {
                // What was counted so far was counted by the voters so far.
                self.carry_out();
                self.task.removed.extend(removed);
                // While a configuration may change, reads go through the quorum again.
                self.task.shared.set_sole_leader(false);
                let change = change.unwrap_or_else(crate::convert::without_effect);
                let state = self.task.raft.apply_configuration(&change);
                self.learn_configuration(index, &state);
                let _gone = answer.send(state);
            }
            Notice::Fetched { fetch, entries } => self.task.raft.fetched(fetch, entries),
            other => self.on_snapshot_notice(other),
        }
    }

    /// One round for all reads that have arrived.
    fn open_round(&mut self) {
        if self.task.arrivals.is_empty() {
            return;
        }
        let context = self.task.ids.next().get();
        if let Some(context) = self.rounds.open(&self.task.arrivals, context) {
            self.ask(context);
        }
    }

    fn ask(&mut self, context: Bytes) {
        // Refused without a leader; the retry asks again once there may be one.
        self.reads_refused = self.task.raft.read_index(context).is_err();
        self.read_retry = Some(self.task.env.now() + READ_RETRY);
    }

    fn retry_reads(&mut self) {
        let due = self.read_retry.is_some_and(|at| at <= self.task.env.now());
        let leader_appeared = self.reads_refused && !self.task.shared.leader().is_zero();
        if !due && !leader_appeared {
            return;
        }
        self.read_retry = None;
        self.reads_refused = false;
        let context = self.task.ids.next().get();
        if let Some(context) = self.rounds.retry(context) {
            mark!("read: barrier retried");
            self.ask(context);
        }
    }

    /// Carries out what the core asks for, until it asks for nothing more.
    fn carry_out(&mut self) {
        while let Some(output) = self.task.raft.output() {
            self.carry_out_one(output);
        }
        self.snapshots.refuse_arrived();
    }

    fn carry_out_one(&mut self, output: Output) {
        if let Some(change) = output.role {
            self.on_role(change);
        }
        if let Some(append) = output.append {
            observe(&self.task.env, || Event::Appended {
                entries: append.entries.iter().map(AppendedEntry::of).collect(),
            });
            let _stopped = self.task.log.send(Job::Append(append));
        }
        for message in output.messages {
            self.task.env.net().send(message);
        }
        if let Some(commit) = output.commit {
            self.on_commit(&commit);
        }
        if !output.committed.is_empty() {
            let _stopped = self.task.applier.send(Work::Entries(output.committed));
        }
        for read in output.reads {
            self.rounds.confirm(&read.context, read.index);
        }
        if !output.reads_dropped.is_empty() {
            self.rounds.fail(&ApiError::LEADER_CHANGED);
        }
        if self.rounds.is_empty() {
            self.read_retry = None;
        }
        for fetch in output.fetches {
            let _stopped = self.task.readers.send(fetch);
        }
        if !output.snapshots.is_empty() {
            self.send_snapshots(&output.snapshots);
        }
        if let Some((meta, _)) = output.install {
            self.begin_install(meta);
        }
    }

    fn on_role(&mut self, change: raft::RoleChange) {
        let role = Role::from(change.role);
        let leader = change.leader.unwrap_or(MemberId::ZERO);
        observe(&self.task.env, || Event::RoleChanged {
            term: change.term,
            role,
            leader,
            last: self.task.raft.status().last,
        });
        self.has_committed = false;
        self.update_sole_leader();
        if role != Role::Leader || self.task.shared.term() != change.term {
            self.task.lessor.demote();
        }
        let shared = &self.task.shared;
        let had = shared.leader();
        shared.set_role(change.term, role, leader, self.task.env.now());
        if !had.is_zero() && had != leader {
            self.rounds.fail(&ApiError::LEADER_CHANGED);
        }
    }

    fn on_commit(&mut self, commit: &raft::CommitAdvance) {
        observe(&self.task.env, || Event::Committed {
            commit: commit.index,
            term: self.task.raft.status().term,
            by_counting: commit.counted,
        });
        self.task.shared.set_committed(commit.index);
        if commit.counted && !self.has_committed {
            self.has_committed = true;
            self.update_sole_leader();
        }
    }

    fn learn_configuration(&mut self, index: Index, state: &ConfState) {
        observe(&self.task.env, || Event::Configured {
            index,
            voters: state.voters.clone(),
            voters_outgoing: state.voters_outgoing.clone(),
            learners: state.learners.clone(),
        });
        let id = self.task.raft.status().id;
        self.alone = state.voters == [id] && state.voters_outgoing.is_empty();
        self.update_sole_leader();
    }

    /// Keeps the flag under which reads skip the quorum: no other member can lead or acknowledge,
    /// and everything acknowledged before this term is known to be committed.
    fn update_sole_leader(&self) {
        self.task.shared.set_sole_leader(self.alone && self.has_committed);
    }

    /// Stopping: no new proposals, and a leader hands over to the member that is furthest.
    fn begin_stop(&mut self) {
        self.stopping = true;
        self.proposals.refuse_all(&ApiError::STOPPED);
        self.rounds.fail(&ApiError::STOPPED);
        let status = self.task.raft.status();
        let others = status.progress.iter().filter(|peer| peer.id != status.id && !peer.learner);
        if let Some(best) = others.max_by_key(|peer| (peer.matched, peer.id)) {
            mark!("leader transfer: on stop");
            // Without a willing follower the election timeout does what the transfer would have.
            let _refused = self.task.raft.transfer_leadership(best.id);
        }
    }

    /// Leadership goes to the best of the voters that are heard and not to be avoided.
    fn step_aside(&mut self, avoid: &[MemberId]) {
        let status = self.task.raft.status();
        let fit = |peer: &&raft::PeerProgress| {
            peer.id != status.id && !peer.learner && peer.recent_active && !avoid.contains(&peer.id)
        };
        let best = status.progress.iter().filter(fit).max_by_key(|peer| (peer.matched, peer.id));
        if let Some(best) = best {
            mark!("leader transfer: for lack of space");
            // One that cannot be reached gives leadership back after an election timeout.
            let _refused = self.task.raft.transfer_leadership(best.id);
        }
    }

    fn must_hand_over(&self) -> bool {
        let status = self.task.raft.status();
        status.role == raft::Role::Leader && status.transferee.is_some()
    }
}

fn changes_configuration(message: &raft::Message) -> bool {
    match &message.body {
        raft::Body::Propose { entries } => entries.iter().any(|(kind, _)| kind.is_configuration()),
        _ => false,
    }
}
