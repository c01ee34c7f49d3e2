//! The applier: takes committed entries in order, runs the state machine over them in memory,
//! publishes one view for the batch, and only then answers whoever waits.
//!
//! It owns the state machine; others ask it through [`Work::Query`]. It waits for nothing but the
//! log writer and the Raft task where the configuration changes, and the flusher when too much is
//! not yet in the backend.

mod clean;
mod hash;
mod install;
mod publish;
mod settle;
mod sweep;

use std::collections::VecDeque;
use std::sync::Arc;

use base::{Index, mark};
use bytes::Bytes;
use prost::Message;
use raft::{Entry, EntryKind, SnapshotMeta};
use state::{Applied, Committed, Effect, Machine};
use tokio::sync::{mpsc, oneshot};

pub use self::publish::{Published, Views};
pub(crate) use self::settle::Unsettled;
use crate::auth::SimpleTokens;
use crate::config::Knobs;
use crate::convert::{conf_state_message, decode_change, member_change};
use crate::env::{Env, Event, Net, PeerAddress, Role};
use crate::flusher::{Cut, Task};
use crate::hashes::CompactionHashes;
use crate::lessor::Lessor;
use crate::log_writer::Job;
use crate::metrics::Metrics;
use crate::raft_task::input::Notice;
use crate::shared::Shared;
use crate::snapshots::install::MachineSettings;
use crate::waiters::Waiters;
use crate::watch_task::News;
use crate::{Completed, Outcome, dawdle, observe};

/// A question to the state machine, answered between two batches.
pub(crate) type Query<E> = Box<dyn FnOnce(&mut Machine<<E as Env>::Backend>) + Send>;

/// What the applier is asked to do.
pub(crate) enum Work<E: Env> {
    /// Apply these, which follow what was given before.
    Entries(Vec<Entry>),
    /// Answer a question.
    Query(Query<E>),
    /// The flusher has recorded everything up to this entry.
    Flushed {
        /// The recorded applied index.
        index: Index,
        /// The revision up to which keys are in the backend.
        revision: i64,
    },
    /// The flusher has given the space of some segments back.
    Cleaned(mvcc::Cleaned),
    /// Look whether space can be given back now.
    Reclaim,
    /// Put the state of a received snapshot, whose mark is durable in the log, in the place of
    /// this one.
    Install(SnapshotMeta),
    /// Tell when a compaction is settled.
    Settle(Unsettled),
    /// Nothing came for a while: go on with the compaction.
    Sweep,
    /// Flush what is applied, then end.
    Stop,
}

/// The running applier.
pub(crate) struct Applier<E: Env> {
    pub env: E,
    pub machine: Machine<E::Backend>,
    pub work: mpsc::UnboundedReceiver<Work<E>>,
    pub notices: mpsc::UnboundedSender<Notice>,
    pub flushes: mpsc::UnboundedSender<Task<E>>,
    pub log: mpsc::UnboundedSender<Job>,
    pub lessor: Arc<Lessor>,
    pub hashes: Arc<CompactionHashes>,
    pub news: mpsc::UnboundedSender<News>,
    pub waiters: Waiters<Outcome>,
    pub shared: Arc<Shared>,
    pub views: Arc<Views<E>>,
    pub metrics: Arc<Metrics>,
    pub knobs: Knobs,
    pub settings: MachineSettings,
    pub election_timeout: std::time::Duration,
    pub own: base::MemberId,
    pub tokens: Arc<SimpleTokens>,
    /// How long a simple token lives without use; `None` where tokens are of another kind.
    pub token_ttl: Option<std::time::Duration>,
    /// Logical bytes before a write is answered as one too many; `None` for no quota.
    pub quota_bytes: Option<i64>,
    /// Fires when the next compaction slice is due though nothing came.
    pub sweep: E::Sleep,
    /// The entry up to which a cut was given to the flusher.
    pub cut: Index,
    /// Whether a cut or a cleaning is with the flusher; it never has more than one of them.
    pub is_flusher_busy: bool,
    /// Whether a change of the configuration could not be followed because the member stops: what
    /// is committed behind it is for the next start.
    pub stopping: bool,
    /// Compactions that somebody waits for.
    pub unsettled: Vec<Unsettled>,
    /// Work that arrived while the applier waited for the flusher.
    pub backlog: VecDeque<Work<E>>,
}

/// What a batch leaves to be done after its view is published.
struct Batch {
    answers: Vec<(base::RequestId, Bytes, Outcome)>,
    events: Vec<mvcc::Event>,
    effects: Vec<Effect>,
    last: Index,
}

impl<E: Env> Applier<E> {
    /// Runs until told to stop.
    pub(crate) async fn run(mut self) {
        self.clean_if_worth();
        while let Some(work) = self.next_work().await {
            if self.stops_faulty() {
                return;
            }
            match work {
                Work::Entries(_) | Work::Install(_) if self.stopping => {}
                Work::Entries(entries) => self.apply_all(entries).await,
                Work::Query(query) => query(&mut self.machine),
                Work::Flushed { index, revision } => self.flushed(index, revision),
                Work::Cleaned(cleaned) => self.cleaned(&cleaned),
                Work::Reclaim => self.clean_if_worth(),
                Work::Install(meta) => self.install(meta).await,
                Work::Settle(unsettled) => {
                    self.unsettled.push(unsettled);
                    self.settle();
                }
                Work::Sweep => self.sweep(),
                Work::Stop => return self.stop(),
            }
        }
    }

    async fn apply_all(&mut self, mut entries: Vec<Entry>) {
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(self.knobs.apply_entries_max));
            self.wait_for_room().await;
            dawdle(&self.env, "apply: late").await;
            if !self.apply_batch(entries).await {
                return;
            }
            self.sweep();
            entries = rest;
        }
    }

    /// Whether the backend could not be read. Then the member stops itself: answers made from it
    /// are void, and nothing may be built on it (BK6).
    pub(super) fn stops_faulty(&self) -> bool {
        let Some(fault) = self.machine.store().fault() else { return false };
        self.env.fail_stop(&format!("the backend cannot be read: {fault}"));
        true
    }

    /// Whether the member goes on behind it.
    async fn apply_batch(&mut self, entries: Vec<Entry>) -> bool {
        let mut batch =
            Batch { answers: Vec::new(), events: Vec::new(), effects: Vec::new(), last: Index(0) };
        for entry in entries {
            batch.last = entry.index;
            let applied = self.apply(&entry).await;
            let Some(applied) = applied else {
                self.stopping = true;
                return false;
            };
            self.collect(&mut batch, &entry, applied);
        }
        if self.stops_faulty() {
            return false;
        }
        self.finish(batch);
        true
    }

    /// `None` when the member is stopping.
    async fn apply(&mut self, entry: &Entry) -> Option<Applied> {
        let committed = Committed { term: entry.term, index: entry.index, data: &entry.data };
        match entry.kind {
            EntryKind::Normal => Some(self.machine.apply(&committed)),
            EntryKind::ConfChange | EntryKind::ConfChangeV2 => {
                self.apply_configuration(entry, &committed).await
            }
        }
    }

    async fn apply_configuration(
        &mut self,
        entry: &Entry,
        committed: &Committed<'_>,
    ) -> Option<Applied> {
        let decoded = match entry.kind {
            EntryKind::ConfChange => member_change(&entry.data),
            _ => None,
        };
        let admitted = match &decoded {
            Some((_, change)) => self.machine.validate_change(change).is_ok(),
            // A joint change carries no member: only the core's configuration follows it.
            None => entry.kind == EntryKind::ConfChangeV2,
        };
        let change = admitted.then(|| decode_change(entry.kind, &entry.data)).flatten();
        let (answer, configured) = oneshot::channel();
        let removed = match &decoded {
            Some((_, state::MemberChange::Remove(id))) if admitted => Some(*id),
            _ => None,
        };
        let index = entry.index;
        self.record_commit(index).await?;
        self.notices.send(Notice::Configure { index, change, removed, answer }).ok()?;
        let conf_state = configured.await.ok()?;
        let encoded = Bytes::from(conf_state_message(&conf_state).encode_to_vec());
        let request = decoded.as_ref().map_or(0, |(id, _)| *id);
        let change = decoded.as_ref().map(|(_, change)| change);
        Some(self.machine.apply_configuration(committed, request, change, encoded))
    }

    /// A configuration is followed only once nothing can make this member forget that it is
    /// committed: whoever leaves the cluster relies on those who stay.
    async fn record_commit(&mut self, index: Index) -> Option<()> {
        let (done, recorded) = oneshot::channel();
        self.log.send(Job::Commit { index, done }).ok()?;
        recorded.await.ok()
    }

    fn collect(&mut self, batch: &mut Batch, entry: &Entry, applied: Applied) {
        observe(&self.env, || Event::Applied {
            index: entry.index,
            term: entry.term,
            data: entry.data.clone(),
            answer: match &applied.outcome {
                Ok(reply) => reply.checksum(),
                Err(refusal) => refusal.checksum(),
            },
            revision: applied.revision,
            chain: self.machine.chain(),
            logical_bytes: applied.logical_bytes,
        });
        batch.events.extend(applied.events);
        self.hash_compaction();
        for effect in &applied.effects {
            self.lessor.follow(effect, self.env.now());
            self.follow_tokens(effect);
        }
        if entry.kind == EntryKind::Normal && entry.data.is_empty() {
            self.begin_term(entry.term);
        }
        batch.effects.extend(applied.effects);
        self.count(&applied.outcome);
        let is_over = self.quota_bytes.zip(applied.demand).is_some_and(|(max, size)| size >= max);
        let outcome = match applied.outcome {
            Ok(_) if is_over => {
                mark!("quota: a write stands that was one too many");
                Err(crate::error::ApiError::NO_SPACE)
            }
            Ok(reply) => Ok(Completed { reply, revision: applied.revision }),
            Err(refusal) => Err(crate::error::ApiError::from(refusal)),
        };
        if applied.request != 0 {
            let id = base::RequestId(applied.request);
            batch.answers.push((id, entry.data.clone(), outcome));
        }
    }

    fn follow_tokens(&self, effect: &Effect) {
        match (effect, self.token_ttl) {
            (Effect::TokenAssigned { user, token }, Some(ttl)) => {
                self.tokens.assign(token.clone(), user, self.env.now(), ttl);
            }
            (Effect::TokensVoid(user), _) => self.tokens.forget(user.as_deref()),
            _ => {}
        }
    }

    fn count(&self, outcome: &Result<state::Reply, state::Refusal>) {
        let metrics = &self.metrics;
        match outcome {
            Ok(state::Reply::Kv(mvcc::Answer::Put(_))) => metrics.puts.add(1),
            Ok(state::Reply::Kv(mvcc::Answer::DeleteRange(_))) => metrics.deletes.add(1),
            Ok(state::Reply::Kv(mvcc::Answer::Txn(_))) => metrics.txns.add(1),
            Ok(state::Reply::LeaseGranted { .. }) => metrics.leases[0].add(1),
            Ok(state::Reply::LeaseRevoked { .. }) => metrics.leases[1].add(1),
            _ => {}
        }
    }

    /// The first entry of a term is applied: if this member still leads it, it counts leases from
    /// here on.
    fn begin_term(&self, term: base::Term) {
        let leads = || self.shared.term() == term && self.shared.role() == Role::Leader;
        if leads() {
            let extend = self.election_timeout;
            self.lessor.promote(term, self.env.now(), extend);
        }
        // Deposed in between: the Raft task's demotion may have come before the promotion.
        if !leads() {
            self.lessor.demote();
        }
    }

    /// The order matters: a waiter that is answered finds the view that contains its entry, and
    /// waiters come before watchers (X-d).
    fn finish(&mut self, batch: Batch) {
        let rest_changed = batch.effects.iter().any(changes_rest);
        self.views.publish(&mut self.machine, rest_changed);
        self.shared.set_applied(batch.last);
        for (id, payload, outcome) in batch.answers {
            // Entries that other members proposed have no waiter here.
            let _foreign = self.waiters.complete(id, &payload, outcome);
        }
        if !batch.events.is_empty() {
            let _stopping = self.news.send(News::Events(batch.events));
        }
        if batch.effects.contains(&Effect::MembersChanged) {
            self.publish_peers();
        }
        let _stopping = self.notices.send(Notice::Applied(batch.last));
    }

    /// Tells the network where the other members are and who was removed for ever.
    pub(crate) fn publish_peers(&self) {
        let members = self.machine.members();
        self.env.net().set_removed(members.removed().collect());
        if members.is_removed(self.own) {
            self.shared.set_removed();
        }
        let others = members.iter().filter(|m| m.member_id() != self.own);
        self.env.net().set_peers(others.map(PeerAddress::from).collect());
    }

    /// Too many revisions that are not in the backend: apply waits, Raft goes on (X-b).
    async fn wait_for_room(&mut self) {
        while self.is_flusher_busy
            && self.machine.store().unflushed_bytes() >= self.knobs.unflushed_bytes_max
        {
            mark!("apply: waits for the flusher");
            match self.work.recv().await {
                Some(Work::Flushed { index, revision }) => self.flushed(index, revision),
                Some(Work::Cleaned(cleaned)) => self.cleaned(&cleaned),
                Some(Work::Query(query)) => query(&mut self.machine),
                Some(later) => self.backlog.push_back(later),
                None => return,
            }
        }
    }

    fn flush_if_due(&mut self) {
        let (applied, _) = self.machine.applied();
        let many = applied.since(self.cut) >= self.knobs.checkpoint_entries;
        let large = self.machine.store().unflushed_bytes() >= self.knobs.flush_bytes;
        if !self.is_flusher_busy && (many || large) {
            self.send_cut();
        }
    }

    fn send_cut(&mut self) {
        let (index, term) = self.machine.applied();
        let flush = self.machine.store_mut().take_flush();
        let record = self.machine.take_record();
        let configuration = self.machine.configuration().clone();
        let revision = self.machine.revision();
        let cut = Cut { index, term, configuration, revision, flush, record };
        self.cut = index;
        self.is_flusher_busy = self.flushes.send(Task::Cut(cut)).is_ok();
    }

    fn note_flushed(&mut self, index: Index, revision: i64) {
        self.is_flusher_busy = false;
        self.machine.store_mut().flushed(revision);
        observe(&self.env, || Event::Persisted { applied: index });
    }

    fn flushed(&mut self, index: Index, revision: i64) {
        self.note_flushed(index, revision);
        if self.stops_faulty() {
            return;
        }
        // Under steady load a cut is always due. A cleaning goes before it while memory has room
        // for what is applied meanwhile, or space would never come back.
        if self.machine.store().unflushed_bytes() < self.knobs.unflushed_bytes_max / 2 {
            self.clean_if_worth();
        }
        self.flush_if_due();
        self.settle();
        self.clean_if_worth();
    }

    fn stop(&mut self) {
        if !self.is_flusher_busy && self.machine.applied().0 > self.cut {
            self.send_cut();
        }
    }
}

fn changes_rest(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::MembersChanged
            | Effect::ClusterVersion(_)
            | Effect::DowngradeChanged
            | Effect::AlarmsChanged
            | Effect::AuthChanged
    )
}
