//! The flusher: brings what was applied into the backend, in the background, one cut at a time.
//!
//! A cut lies at an entry boundary. Its key revisions are ingested first; then one batch records
//! everything else up to the same entry (BK2, never the other way round); then the batch is made
//! durable. Every so many entries the log is told, which then marks that the backend stands in for
//! it up to there (BK5).

use std::sync::Arc;

use base::{Index, Term};
use bytes::Bytes;
use mvcc::{Backend, BackendError, Change, Flush};
use prost::Message;
use proto::raftpb::ConfState;
use tokio::sync::mpsc;

use crate::applier::Work;
use crate::config::Knobs;
use crate::env::Env;
use crate::log_writer::Job;
use crate::metrics::Metrics;
use crate::space::{self, Room};

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
    pub cuts: mpsc::UnboundedReceiver<Cut>,
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
        while let Some(cut) = self.cuts.recv().await {
            let began = self.env.now();
            let (index, revision) = (cut.index, cut.revision);
            let (term, configuration) = (cut.term, cut.configuration.clone());
            let room = space::make_room_for_flush(&self.env, &self.room, &self.knobs).await;
            if let Err(error) = room {
                self.env.fail_stop(&format!("the reserve cannot be let go: {error}"));
                return;
            }
            if let Err(error) = self.write(cut) {
                self.env.fail_stop(&format!("the backend cannot be written: {error}"));
                return;
            }
            self.metrics.backend_commit.record(self.env.now().since(began));
            let _stopping = self.applier.send(Work::Flushed { index, revision });
            self.checkpoint(index, term, configuration);
        }
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
