//! The flusher: brings what was applied into the backend, in the background, one cut at a time.
//!
//! A cut lies at an entry boundary. Its key revisions are ingested first; then one batch records
//! everything else up to the same entry (BK2, never the other way round); then the batch is made
//! durable. Every so many entries the log is told, which then marks that the backend stands in for
//! it up to there (BK5).

use std::sync::Arc;

use base::{Index, Term, mark};
use bytes::Bytes;
use mvcc::{Backend, BackendError, Change, Clean, Flush};
use prost::Message;
use proto::raftpb::ConfState;
use tokio::sync::mpsc;

use crate::applier::Work;
use crate::config::Knobs;
use crate::dawdle;
use crate::env::Env;
use crate::log_writer::Job;
use crate::metrics::Metrics;
use crate::space::{self, Room};

/// What the flusher is given. It does one thing at a time, so nobody else writes the segment map.
pub(crate) enum Task<E: Env> {
    /// Bring this into the backend.
    Cut(Cut),
    /// Give the space of dead revisions back.
    Clean(Clean<<E::Backend as Backend>::Snapshot>),
}

/// What is to be brought into the backend.
pub(crate) struct Cut {
    /// The entry at whose boundary the cut lies.
    pub index: Index,
    /// Its term.
    pub term: Term,
    /// The configuration there, as it is recorded.
    pub configuration: Bytes,
    /// The store's revision there.
    pub revision: i64,
    /// The key revisions; `None` when no key changed.
    pub flush: Option<Flush>,
    /// Everything else, ending with the applied index.
    pub record: Vec<Change>,
}

/// The running flusher.
pub(crate) struct Flusher<E: Env> {
    pub env: E,
    pub tasks: mpsc::UnboundedReceiver<Task<E>>,
    pub applier: mpsc::UnboundedSender<Work<E>>,
    pub log: mpsc::UnboundedSender<Job>,
    pub metrics: Arc<Metrics>,
    pub room: Arc<Room>,
    pub knobs: Knobs,
    /// The entry up to which the log was told to mark.
    pub marked: Index,
}

impl<E: Env> Flusher<E> {
    /// Runs until nobody can give it work or the backend fails.
    pub(crate) async fn run(mut self) {
        while let Some(task) = self.tasks.recv().await {
            let done = match task {
                Task::Cut(cut) => self.flush(cut).await,
                Task::Clean(clean) => self.clean(&clean).await,
            };
            if let Err(reason) = done {
                self.env.fail_stop(&reason);
                return;
            }
        }
    }

    async fn flush(&mut self, cut: Cut) -> Result<(), String> {
        let began = self.env.now();
        let (index, revision) = (cut.index, cut.revision);
        let (term, configuration) = (cut.term, cut.configuration.clone());
        self.make_room().await?;
        self.write(cut).map_err(|error| format!("the backend cannot be written: {error}"))?;
        self.metrics.backend_commit.record(self.env.now().since(began));
        let _stopping = self.applier.send(Work::Flushed { index, revision });
        self.checkpoint(index, term, configuration);
        Ok(())
    }

    /// A cleaning writes what lives before it frees what is dead, so it needs room like a flush.
    async fn clean(&self, clean: &Clean<<E::Backend as Backend>::Snapshot>) -> Result<(), String> {
        self.make_room().await?;
        dawdle(&self.env, "clean: late").await;
        let cleaned = clean.run(self.env.backend());
        let cleaned = cleaned.map_err(|error| format!("the backend cannot be cleaned: {error}"))?;
        mark!("cleaner: segments rewritten");
        self.metrics.cleanings.add(1);
        self.metrics.cleaned_bytes.add(cleaned.dropped_bytes);
        let _stopping = self.applier.send(Work::Cleaned(cleaned));
        Ok(())
    }

    async fn make_room(&self) -> Result<(), String> {
        let room = space::make_room_for_flush(&self.env, &self.room, &self.knobs).await;
        room.map_err(|error| format!("the reserve cannot be let go: {error}"))
    }

    /// Tells the log, if enough entries lie behind its last mark.
    fn checkpoint(&mut self, index: Index, term: Term, configuration: Bytes) {
        let is_due = index.get() >= self.marked.get() + self.knobs.checkpoint_entries;
        let Ok(conf_state) = ConfState::decode(configuration) else { return };
        // Before the first configuration entry there is nothing to mark.
        if is_due && !conf_state.voters.is_empty() {
            self.marked = index;
            let _stopping = self.log.send(Job::Checkpoint { index, term, conf_state });
        }
    }

    fn write(&self, cut: Cut) -> Result<(), BackendError> {
        let backend = self.env.backend();
        mvcc::flusher::write(backend, cut.flush.as_ref(), cut.record)?;
        backend.persist()
    }
}
