//! A watch of the member for itself: of one key or of a prefix, without a client's stream around
//! it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use watch::{Filters, KeyRange, Response, StreamId, WatchEvent, WatchSpec};

use super::super::Api;
use crate::env::Env;
use crate::error::{ApiError, Code};

/// An open watch; dropping it ends it.
pub(in super::super) struct KeyWatch<E: Env> {
    api: Api<E>,
    stream: StreamId,
    wake: Arc<Notify>,
}

/// Events of whole revisions.
pub(in super::super) struct Told {
    /// The revision of the response's header.
    pub(in super::super) revision: i64,
    /// In order.
    pub(in super::super) events: Vec<WatchEvent>,
}

/// What a watch sees.
pub(in super::super) enum Seen {
    /// Events.
    Events(Told),
    /// What comes next was compacted before it was seen: the watch has ended, and the state has to
    /// be read again.
    Compacted,
}

impl<E: Env> KeyWatch<E> {
    /// Watches from a revision on, which may lie in the future.
    pub(in super::super) fn open(
        api: &Api<E>,
        key: Bytes,
        range_end: Bytes,
        start_revision: i64,
    ) -> KeyWatch<E> {
        assert!(start_revision > 0, "a watch of {key:?} from revision {start_revision}");
        let watches = &api.inner.watches;
        let (stream, wake) = watches.open();
        let watch = KeyWatch { api: api.clone(), stream, wake };
        let spec = WatchSpec {
            range: KeyRange::new(key, range_end),
            start_revision,
            filters: Filters::default(),
            prev_kv: false,
            progress_notify: false,
            fragment: false,
        };
        // A refusal is queued as a response.
        let _refused = watches.hub().create(stream, 0, spec);
        watches.may_serve();
        watch
    }

    /// Waits for the next events; nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// `server stopped`.
    pub(in super::super) async fn next(&mut self) -> Result<Seen, ApiError> {
        let inner = &self.api.inner;
        loop {
            let response = inner.watches.hub().take(self.stream);
            let Some(response) = response else {
                // A response that comes in between has left its wake-up.
                tokio::select! {
                    biased;
                    () = inner.shared.wait_stopped() => return Err(ApiError::STOPPED),
                    () = self.wake.notified() => continue,
                }
            };
            inner.watches.may_serve();
            match response {
                Response::Events { revision, events, .. } => {
                    return Ok(Seen::Events(Told { revision, events }));
                }
                Response::Compacted { .. } => return Ok(Seen::Compacted),
                Response::Refused { error, .. } => {
                    let text = error.reason().to_owned();
                    return Err(ApiError::with_text(Code::Internal, text));
                }
                Response::Created { .. }
                | Response::Progress { .. }
                | Response::Canceled { .. } => {}
            }
        }
    }
}

impl<E: Env> Drop for KeyWatch<E> {
    fn drop(&mut self) {
        self.api.inner.watches.close(self.stream);
    }
}
