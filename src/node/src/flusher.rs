//! The flusher: brings what was applied into the backend, in the background, one cut at a time.
//!
//! A cut lies at an entry boundary. Its key revisions are ingested first; then one batch records
//! everything else up to the same entry (BK2, never the other way round); then the batch is made
//! durable; and only then may the log behind it go (BK5).

use std::sync::Arc;

use base::{Index, Term};
use bytes::Bytes;
use mvcc::{Backend, BackendError, Change, Flush};
use prost::Message;
use tokio::sync::mpsc;

use crate::applier::Work;
use crate::config::Knobs;
use crate::env::Env;
use crate::log_writer::Job;
use crate::metrics::Metrics;

/// What is to be brought into the backend.
pub(crate) struct Cut {
    /// The entry at whose boundary the cut lies.
    pub index: Index,
    /// Its term.
    pub term: Term,
    /// The store's revision there.
    pub revision: i64,
    /// The Raft configuration there, encoded.
    pub configuration: Bytes,
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
    pub knobs: Knobs,
}

impl<E: Env> Flusher<E> {
    /// Runs until nobody can give it work or the backend fails.
    pub(crate) async fn run(mut self) {
        while let Some(cut) = self.cuts.recv().await {
            let began = self.env.now();
            if let Err(error) = self.write(&cut) {
                self.env.fail_stop(&format!("the backend cannot be written: {error}"));
                return;
            }
            self.metrics.backend_commit.record(self.env.now().since(began));
            self.report(cut);
        }
    }

    fn write(&self, cut: &Cut) -> Result<(), BackendError> {
        let backend = self.env.backend();
        mvcc::flusher::write(backend, cut.flush.as_ref(), cut.record.clone())?;
        backend.persist()
    }

    fn report(&self, cut: Cut) {
        let release = Index(cut.index.get().saturating_sub(self.knobs.catch_up_entries));
        let conf_state = proto::raftpb::ConfState::decode(cut.configuration)
            .expect("the applier encoded this configuration");
        let mark = wal::SnapshotMark { index: cut.index, term: cut.term, conf_state };
        // A configuration comes with the first entries; before them there is nothing to release.
        if !mark.conf_state.voters.is_empty() {
            let _stopping = self.log.send(Job::Checkpoint { mark, release });
        }
        let (index, revision) = (cut.index, cut.revision);
        let _stopping = self.applier.send(Work::Flushed { index, revision });
    }
}
