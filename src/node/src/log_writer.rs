//! The log writer: takes all appends that wait, writes them as one batch with one sync, and then
//! tells the Raft task. It runs on a thread of its own, because it waits for the disk.
//!
//! A batch is written only after the one before it is synced (L-a). A failed write or sync ends the
//! process: what reached the disk is unknown, and nothing may be said on top of it (L5).

pub(crate) mod files;

use std::sync::Arc;
use std::time::Duration;

use base::{Index, Instant, Term, mark};
use proto::raftpb::ConfState;
use raft::SnapshotMeta;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::files::LogFiles;
use crate::applier::Work;
use crate::convert::conf_state_message;
use crate::env::{DiskError, DiskErrorKind, Env};
use crate::metrics::Metrics;
use crate::raft_task::input::Notice;
use crate::space::{self, Room};

/// What the log writer is asked to do.
pub(crate) enum Job {
    /// Write entries and hard state.
    Append(raft::Append),
    /// A leader has caught this member up: what recovery found suspect is whole again.
    ClearSuspect,
    /// There may be room for the next segment again.
    PrepareSegment,
    /// The backend has persisted everything up to this entry, with the configuration at it.
    Checkpoint { index: Index, term: Term, conf_state: ConfState },
    /// Remove the segments that hold only entries up to this one.
    Release(Index),
    /// A received snapshot, whose file is durable, replaces the log.
    Install(SnapshotMeta),
    /// Make durable that this entry is committed, and say when it is.
    Commit { index: Index, done: oneshot::Sender<()> },
}

/// The running log writer.
pub(crate) struct LogWriter<E: Env> {
    pub env: E,
    pub writer: wal::Writer,
    pub files: LogFiles<E>,
    pub jobs: mpsc::UnboundedReceiver<Job>,
    pub notices: mpsc::UnboundedSender<Notice>,
    pub applier: mpsc::UnboundedSender<Work<E>>,
    pub metrics: Arc<Metrics>,
    pub room: Arc<Room>,
    pub hard_state: wal::HardState,
    /// The entry of the newest mark.
    pub marked: Index,
    pub fsync: bool,
}

impl<E: Env> LogWriter<E> {
    /// Runs until nobody can give it work or the disk fails.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.jobs.recv().await {
            let mut jobs = vec![first];
            while let Ok(job) = self.jobs.try_recv() {
                jobs.push(job);
            }
            if let Err(error) = self.process(jobs).await {
                let remedy = match error.kind {
                    DiskErrorKind::NoSpace => {
                        "; free space on its disk and start the member again: nothing that was \
                         acknowledged is lost"
                    }
                    _ => "",
                };
                self.env.fail_stop(&format!("the log cannot be written: {error}{remedy}"));
                return;
            }
        }
    }

    async fn process(&mut self, jobs: Vec<Job>) -> Result<(), DiskError> {
        let mut appends = Vec::new();
        for job in jobs {
            match job {
                Job::Append(append) => appends.push(append),
                other => {
                    self.append(std::mem::take(&mut appends)).await?;
                    self.maintain(other).await?;
                }
            }
        }
        self.append(appends).await?;
        self.prepare_next().await
    }

    /// Everything that changes what the log is, beside its end.
    async fn maintain(&mut self, job: Job) -> Result<(), DiskError> {
        match job {
            Job::Append(append) => self.append(vec![append]).await,
            Job::ClearSuspect => {
                let ops = self.writer.clear_suspect();
                self.run_ops(ops).await
            }
            Job::PrepareSegment => self.try_prepare().await,
            Job::Checkpoint { index, term, conf_state } => {
                self.checkpoint(wal::SnapshotMark { index, term, conf_state }).await
            }
            Job::Release(through) => self.release(through).await,
            Job::Install(meta) => self.install(meta).await,
            Job::Commit { index, done } => {
                self.commit(index).await?;
                let _stopping = done.send(());
                Ok(())
            }
        }
    }

    /// The commit index is a hint that rides on other writes, but where a configuration hangs on
    /// it: a member that forgets a committed removal would count on who has left.
    async fn commit(&mut self, index: Index) -> Result<(), DiskError> {
        self.hard_state.commit = self.hard_state.commit.max(index);
        let ops = self.writer.append(Some(self.hard_state), std::iter::empty(), true);
        self.run_ops(ops).await
    }

    /// Hard state and mark become durable together; only behind them may segments go (BK5).
    async fn checkpoint(&mut self, mark: wal::SnapshotMark) -> Result<(), DiskError> {
        let index = mark.index;
        if index <= self.marked {
            // A snapshot that was installed meanwhile covers it.
            return Ok(());
        }
        // What the backend has applied is committed, however late the log hears of it.
        self.hard_state.commit = self.hard_state.commit.max(index);
        let ops = self.writer.snapshot(&mark, self.hard_state);
        self.run_ops(ops).await?;
        self.marked = index;
        mark!("log: checkpoint");
        self.notify(Notice::Checkpointed { index, log_bytes: self.writer.bytes_total() });
        Ok(())
    }

    async fn release(&mut self, through: Index) -> Result<(), DiskError> {
        let ops = self.writer.release(through.min(self.marked));
        if ops.is_empty() {
            return Ok(());
        }
        self.run_ops(ops).await?;
        mark!("log: segments released");
        self.notify(Notice::Released(self.first_segment().prev()));
        Ok(())
    }

    /// The first index that the oldest segment may hold.
    fn first_segment(&self) -> Index {
        let oldest = self.writer.segments().first().expect("a writer always has a segment");
        oldest.first.max(Index(1))
    }

    /// The mark of a received snapshot becomes durable; then the applier takes over. What the log
    /// held before is of no use to anybody: it lies behind the snapshot or contradicts it.
    async fn install(&mut self, meta: SnapshotMeta) -> Result<(), DiskError> {
        let conf_state = conf_state_message(&meta.conf_state);
        let mark = wal::SnapshotMark { index: meta.index, term: meta.term, conf_state };
        self.hard_state.commit = meta.index;
        let ops = self.writer.install(&mark, self.hard_state);
        self.run_ops(ops).await?;
        self.marked = meta.index;
        let ops = self.writer.release(meta.index);
        self.run_ops(ops).await?;
        let _stopping = self.applier.send(Work::Install(meta));
        Ok(())
    }

    /// One batch: everything in it becomes durable with one sync, then all of it is reported.
    async fn append(&mut self, appends: Vec<raft::Append>) -> Result<(), DiskError> {
        let Some(last) = appends.last() else { return Ok(()) };
        let token = last.token;
        let state = last.hard_state;
        self.hard_state =
            wal::HardState { term: state.term, vote: state.vote, commit: state.commit };
        if !appends.iter().any(|append| append.must_sync) {
            // Only the commit index moved: a hint, which the next batch carries.
            return Ok(());
        }
        let entries = appends.iter().flat_map(|append| &append.entries).map(entry_ref);
        let ops = self.writer.append(Some(self.hard_state), entries, true);
        if appends.len() > 1 {
            mark!("log: several appends share a sync");
        }
        self.run_ops(ops).await?;
        let state = self.hard_state;
        self.notify(Notice::Persisted { token, term: state.term, vote: state.vote });
        Ok(())
    }

    /// Prepares the next segment while nobody waits for it. After one refusal the space task says
    /// when it is worth another attempt.
    async fn prepare_next(&mut self) -> Result<(), DiskError> {
        match self.room.is_segment_missing() {
            true => Ok(()),
            false => self.try_prepare().await,
        }
    }

    /// A segment that is prepared ahead may find no room: nothing depends on it yet.
    async fn try_prepare(&mut self) -> Result<(), DiskError> {
        for op in self.writer.prepare_next() {
            match self.files.run(op).await {
                Err(error) if error.kind == DiskErrorKind::NoSpace => {
                    self.writer.forget_prepared();
                    self.room.segment_refused();
                    return Ok(());
                }
                done => done?,
            }
        }
        self.room.segment_prepared();
        Ok(())
    }

    async fn run_ops(&mut self, ops: Vec<wal::Op>) -> Result<(), DiskError> {
        for op in ops {
            let is_sync = matches!(op, wal::Op::Sync { .. });
            if is_sync && !self.fsync {
                continue;
            }
            let began = self.env.now();
            self.run_op(op).await?;
            if is_sync {
                self.record_sync(began);
            }
        }
        Ok(())
    }

    /// What is accepted must be written: a new segment may take the reserve's room. Where even that
    /// is too little, the process ends, and nothing of the batch was acknowledged.
    async fn run_op(&mut self, op: wal::Op) -> Result<(), DiskError> {
        if !matches!(op, wal::Op::Create { .. }) {
            return self.files.run(op).await;
        }
        match self.files.run(op.clone()).await {
            Err(error) if error.kind == DiskErrorKind::NoSpace => {
                space::release_held(&self.env, &self.room).await?;
                self.files.run(op).await
            }
            done => done,
        }
    }

    fn record_sync(&self, began: Instant) {
        let took: Duration = self.env.now().since(began);
        self.metrics.wal_fsync.record(took);
    }

    fn notify(&self, notice: Notice) {
        // Without a Raft task the member is stopping, and nobody needs to know.
        let _stopped = self.notices.send(notice);
    }
}

pub(crate) fn entry_ref(entry: &raft::Entry) -> wal::EntryRef<'_> {
    wal::EntryRef {
        term: entry.term,
        index: entry.index,
        kind: crate::convert::entry_kind(entry.kind),
        data: &entry.data,
    }
}
