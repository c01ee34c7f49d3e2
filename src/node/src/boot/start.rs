//! Starts the tasks of a recovered member and wires their queues.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base::{ClusterId, Index, Instant, MemberId, RequestId};
use proto::etcdserverpb::InternalRaftRequest;
use raft::{EntryKind, Raft};
use state::Machine;
use tokio::sync::{Semaphore, mpsc};

use super::identity::Identity;
use super::recover::Recovered;
use crate::api::{Api, Inner};
use crate::applier::{Applier, Views, Work};
use crate::auth::TokenKind;
use crate::barrier::Arrivals;
use crate::config::NodeConfig;
use crate::convert::decode_change;
use crate::env::{AppendedEntry, Env, Event, Net};
use crate::flusher::{Flusher, Task};
use crate::ids::RequestIds;
use crate::lessor::Lessor;
use crate::log_writer::{Job, LogFiles, LogWriter};
use crate::raft_task::RaftTask;
use crate::raft_task::input::{Command, Notice};
use crate::shared::Shared;
use crate::snapshots::install::MachineSettings;
use crate::snapshots::receive::Receiver;
use crate::snapshots::send::{Sender, Wanted};
use crate::space::Space;
use crate::waiters::Waiters;
use crate::watch_task::{News, WatchTask, Watches};
use crate::{log_reader, observe};

/// Passwords that are hashed or compared at a time: so that logins leave the pool to reads.
const PASSWORD_TURNS_MAX: usize = 2;

/// A running member.
pub struct Node<E: Env> {
    api: Api<E>,
}

impl<E: Env> Node<E> {
    /// The calls of this member.
    #[must_use]
    pub fn api(&self) -> Api<E> {
        self.api.clone()
    }

    /// This member's id.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.api.inner.member
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.api.inner.cluster
    }
}

/// Queues between the tasks, made before any of them runs.
struct Queues<E: Env> {
    commands: (mpsc::Sender<Command>, mpsc::Receiver<Command>),
    notices: Queue<Notice>,
    jobs: Queue<Job>,
    work: Queue<Work<E>>,
    reads: Queue<raft::Fetch>,
    snapshots: Queue<Wanted>,
    flushes: Queue<Task<E>>,
    news: Queue<News>,
}

type Queue<T> = (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>);

impl<E: Env> Queues<E> {
    fn new(items_max: usize) -> Queues<E> {
        Queues {
            commands: mpsc::channel(items_max),
            notices: mpsc::unbounded_channel(),
            jobs: mpsc::unbounded_channel(),
            work: mpsc::unbounded_channel(),
            reads: mpsc::unbounded_channel(),
            snapshots: mpsc::unbounded_channel(),
            flushes: mpsc::unbounded_channel(),
            news: mpsc::unbounded_channel(),
        }
    }
}

/// Starts all tasks. The queues that have no bound in items are bounded by what the Raft core lets
/// be in flight: appended, committed and unapplied bytes.
pub(super) fn start<E: Env>(
    env: E,
    config: NodeConfig,
    identity: Identity,
    recovered: Recovered<E>,
) -> Node<E> {
    let Recovered { writer, files, hard_state, boot, mut machine } = recovered;
    observe_recovery(&env, &boot, &machine);
    let queues = Queues::new(config.knobs.queue_items_max);
    let inner = share(&env, config, &identity, &boot, &mut machine, &queues);
    let raft = Raft::new(raft_config(&env, &inner.config, identity.member), boot, env.now());
    let log = (writer, files, hard_state);
    spawn(Arc::new(inner), queues, log, machine, raft)
}

/// What the tasks and the calls share.
fn share<E: Env>(
    env: &E,
    config: NodeConfig,
    identity: &Identity,
    boot: &raft::Boot,
    machine: &mut Machine<E::Backend>,
    queues: &Queues<E>,
) -> Inner<E> {
    let seen = greatest_own_id(&boot.entries, identity.member);
    let shared = Shared::default();
    let follows = crate::env::Role::Follower;
    shared.set_role(boot.hard_state.term, follows, MemberId::ZERO, Instant::ORIGIN);
    shared.set_committed(boot.hard_state.commit);
    shared.set_applied(machine.applied().0);
    let lessor = Lessor::new(config.lease_checkpoint_interval);
    lessor.restore(machine.leases());
    let queue_bytes = config.knobs.watch_queue_bytes;
    let password_turns = Arc::new(Semaphore::new(PASSWORD_TURNS_MAX));
    let snapshot_streams = Arc::new(Semaphore::new(config.knobs.snapshot_streams_max));
    Inner {
        env: env.clone(),
        config,
        cluster: identity.cluster,
        member: identity.member,
        ids: Arc::new(RequestIds::new(identity.member, env.unix_millis(), seen)),
        reads: AtomicU64::new(0),
        waiters: Waiters::default(),
        arrivals: Arc::new(Arrivals::default()),
        shared: Arc::new(shared),
        views: Arc::new(Views::new(machine)),
        commands: queues.commands.0.clone(),
        applier: queues.work.0.clone(),
        metrics: Arc::new(crate::metrics::Metrics::default()),
        room: Arc::default(),
        read_pace: crate::read_pace::ReadPace::default(),
        lessor: Arc::new(lessor),
        renewals: Arc::default(),
        hashes: Arc::default(),
        watches: Arc::new(Watches::new(machine.revision(), queue_bytes)),
        tokens: Arc::default(),
        password_turns,
        snapshot_streams,
    }
}

type LogParts<E> = (wal::Writer, LogFiles<E>, wal::HardState);

fn spawn<E: Env>(
    inner: Arc<Inner<E>>,
    queues: Queues<E>,
    log: LogParts<E>,
    machine: Machine<E::Backend>,
    raft: Raft,
) -> Node<E> {
    let env = &inner.env;
    let shared = &inner.shared;
    let notices = queues.notices.0;
    let (jobs, flushes) = (queues.jobs.0, queues.flushes.0);
    let marked = log.0.mark();
    let log_reader = log_reader::run(env.clone(), queues.reads.1, notices.clone());
    env.spawn_thread("log-reader", log_reader);
    let space = space(&inner, jobs.clone());
    env.spawn_thread("space", shared.clone().running(space.run()));
    let writer = log_writer(&inner, log, queues.jobs.1, notices.clone());
    env.spawn_thread("log-writer", shared.clone().running(writer.run()));
    let flusher = flusher(&inner, queues.flushes.1, jobs.clone(), marked);
    env.spawn_thread("flusher", shared.clone().running(flusher.run()));
    let sinks = Sinks { notices: notices.clone(), flushes, log: jobs.clone(), news: queues.news.0 };
    let applier = applier(&inner, machine, queues.work.1, sinks);
    let removed = applier.machine.members().removed().collect();
    applier.publish_peers();
    env.spawn_thread("applier", shared.clone().running(applier.run()));
    let task = RaftTask {
        env: env.clone(),
        raft,
        commands: queues.commands.1,
        notices: queues.notices.1,
        log: jobs,
        applier: inner.applier.clone(),
        readers: queues.reads.0,
        snapshots: queues.snapshots.0,
        arrivals: inner.arrivals.clone(),
        shared: shared.clone(),
        lessor: inner.lessor.clone(),
        waiters: inner.waiters.clone(),
        ids: inner.ids.clone(),
        removed,
        catch_up_entries: inner.config.knobs.catch_up_entries,
        log_bytes_max: inner.config.knobs.log_bytes_max,
    };
    env.spawn_thread("raft", shared.clone().running(task.run()));
    env.spawn("snapshots", sender(&inner, queues.snapshots.1, notices.clone()).run());
    let receiver = Receiver {
        env: env.clone(),
        notices,
        shared: shared.clone(),
        space_low_bytes: inner.config.knobs.space_low_bytes,
    };
    env.spawn_thread("snapshot-receiver", receiver.run());
    env.spawn("watch", watch_task(&inner, queues.news.1).run());
    let api = Api { inner: inner.clone() };
    env.spawn("housekeeping", crate::housekeeping::run(api.clone()));
    env.spawn("compare-compactions", crate::corruption::compare_compactions(api.clone()));
    env.spawn("compare-everything", crate::corruption::compare_everything(api.clone()));
    env.spawn("auto-compaction", crate::compactor::run(api.clone()));
    env.spawn("peer-calls", crate::peer_calls::run(api.clone()));
    env.spawn("timeouts", crate::timeouts::run(api.clone()));
    env.spawn("lease-expiry", crate::expiry::run(api.clone()));
    for _ in 0..crate::renewals::CALLS_MAX {
        env.spawn("lease-renewals", crate::renewals::run(api.clone()));
    }
    env.spawn("space-alarm", crate::space::alarm::run(api.clone()));
    Node { api }
}

fn log_writer<E: Env>(
    inner: &Inner<E>,
    (writer, files, hard_state): LogParts<E>,
    jobs: mpsc::UnboundedReceiver<Job>,
    notices: mpsc::UnboundedSender<Notice>,
) -> LogWriter<E> {
    let marked = writer.mark();
    LogWriter {
        env: inner.env.clone(),
        writer,
        files,
        jobs,
        notices,
        applier: inner.applier.clone(),
        metrics: inner.metrics.clone(),
        room: inner.room.clone(),
        hard_state,
        marked,
        fsync: inner.config.fsync,
    }
}

fn sender<E: Env>(
    inner: &Inner<E>,
    wanted: mpsc::UnboundedReceiver<Wanted>,
    notices: mpsc::UnboundedSender<Notice>,
) -> Sender<E> {
    Sender {
        env: inner.env.clone(),
        own: inner.member,
        wanted,
        notices,
        applier: inner.applier.clone(),
        sending_max: inner.config.knobs.snapshots_sending_max,
        chunk_bytes: inner.config.knobs.snapshot_chunk_bytes,
    }
}

fn flusher<E: Env>(
    inner: &Inner<E>,
    tasks: mpsc::UnboundedReceiver<Task<E>>,
    log: mpsc::UnboundedSender<Job>,
    marked: Index,
) -> Flusher<E> {
    Flusher {
        env: inner.env.clone(),
        tasks,
        applier: inner.applier.clone(),
        log,
        metrics: inner.metrics.clone(),
        room: inner.room.clone(),
        knobs: inner.config.knobs.clone(),
        marked,
    }
}

fn space<E: Env>(inner: &Inner<E>, log: mpsc::UnboundedSender<Job>) -> Space<E> {
    Space {
        env: inner.env.clone(),
        room: inner.room.clone(),
        knobs: inner.config.knobs.clone(),
        shared: inner.shared.clone(),
        log,
    }
}

/// Where the applier hands things on.
struct Sinks<E: Env> {
    notices: mpsc::UnboundedSender<Notice>,
    flushes: mpsc::UnboundedSender<Task<E>>,
    log: mpsc::UnboundedSender<Job>,
    news: mpsc::UnboundedSender<News>,
}

fn applier<E: Env>(
    inner: &Inner<E>,
    machine: Machine<E::Backend>,
    work: mpsc::UnboundedReceiver<Work<E>>,
    sinks: Sinks<E>,
) -> Applier<E> {
    Applier {
        env: inner.env.clone(),
        cut: machine.applied().0,
        machine,
        work,
        notices: sinks.notices,
        flushes: sinks.flushes,
        log: sinks.log,
        lessor: inner.lessor.clone(),
        hashes: inner.hashes.clone(),
        news: sinks.news,
        waiters: inner.waiters.clone(),
        shared: inner.shared.clone(),
        views: inner.views.clone(),
        metrics: inner.metrics.clone(),
        knobs: inner.config.knobs.clone(),
        settings: MachineSettings::of(&inner.config),
        election_timeout: inner.config.election_timeout,
        own: inner.member,
        tokens: inner.tokens.clone(),
        token_ttl: match inner.config.tokens {
            TokenKind::Simple { ttl } => Some(ttl),
            TokenKind::Signed(_) | TokenKind::Off => None,
        },
        quota_bytes: inner.config.quota_bytes,
        sweep: inner.env.sleep_until(inner.env.now()),
        is_flusher_busy: false,
        stopping: false,
        unsettled: Vec::new(),
        backlog: VecDeque::new(),
    }
}

fn watch_task<E: Env>(inner: &Inner<E>, news: mpsc::UnboundedReceiver<News>) -> WatchTask<E> {
    WatchTask {
        env: inner.env.clone(),
        news,
        watches: inner.watches.clone(),
        views: inner.views.clone(),
        shared: inner.shared.clone(),
        history_bytes_max: inner.config.knobs.watch_queue_bytes,
    }
}

fn raft_config<E: Env>(env: &E, config: &NodeConfig, member: MemberId) -> raft::Config {
    let mut settings = raft::Config::new(member, env.random(), decode_change);
    settings.election_timeout = config.election_timeout;
    settings.heartbeat_interval = config.heartbeat_interval;
    settings.pre_vote = config.pre_vote;
    settings.append_entries_max = config.knobs.append_entries_max;
    settings.inflight_max = config.knobs.inflight_max;
    settings.cache_bytes_max = config.knobs.log_cache_bytes;
    settings
}

/// The greatest request id of this member in the recovered log (P-b).
fn greatest_own_id(entries: &[raft::Entry], member: MemberId) -> RequestId {
    let ids = RequestIds::new(member, 0, RequestId::ZERO);
    let own = entries.iter().filter_map(|entry| {
        let id = match entry.kind {
            EntryKind::Normal => {
                let request = <InternalRaftRequest as prost::Message>::decode(entry.data.clone());
                state::request_id(&request.ok()?)
            }
            _ => crate::convert::member_change(&entry.data)?.0,
        };
        Some(RequestId(id)).filter(|id| ids.is_own(*id))
    });
    own.max().unwrap_or(RequestId::ZERO)
}

fn observe_recovery<E: Env>(env: &E, boot: &raft::Boot, machine: &state::Machine<E::Backend>) {
    observe(env, || Event::Recovered {
        term: boot.hard_state.term,
        vote: boot.hard_state.vote,
        commit: boot.hard_state.commit,
        snapshot: boot.snapshot.0,
        entries: boot.entries.iter().map(AppendedEntry::of).collect(),
        applied: machine.applied().0,
    });
}

impl<E: Env> Node<E> {
    /// Members without a connection, for whoever waits for them. A member that was never fed knows
    /// nobody by its log.
    #[must_use]
    pub fn unconnected(&self) -> Vec<state::Member> {
        let rest = self.api.inner.views.load().rest.clone();
        let own = self.api.inner.member;
        let net = self.api.inner.env.net();
        let is_missing = |member: &&state::Member| {
            let id = member.member_id();
            id != own && net.connected_since(id).is_none()
        };
        rest.members.iter().filter(is_missing).cloned().collect()
    }

    /// Waits until this member has published itself, which needs a quorum: only then does it serve.
    pub async fn ready(&self) {
        self.api.inner.shared.wait_ready().await;
    }

    /// Stops in order: refuse new work, hand leadership over, drain, sync, record.
    pub async fn stop(self) {
        crate::stop::stop(&self.api).await;
    }
}
