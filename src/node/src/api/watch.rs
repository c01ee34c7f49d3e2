//! Watch streams: requests in, responses out, in the order in which the hub queued them.
//!
//! A stream is a task of its own that ends when nobody takes its responses any more, or when the
//! member stops. What a slow client does not take stays in the hub as a cursor.

mod encode;

use std::sync::Arc;

use base::{Instant, Prng};
use proto::etcdserverpb as pb;
use state::auth::check_range;
use tokio::sync::{Notify, mpsc};
use watch::{CreateError, Filters, KeyRange, StreamId, WatchSpec};

use super::{Answer, Api, Caller};
use crate::auth::Principal;
use crate::env::{Env, Sleep};
use crate::error::ApiError;

/// Responses between the stream and its transport.
const RESPONSES_MAX: usize = 16;

/// Looks without a leader after which a stream that demands one ends.
const LEADERLESS_LOOKS: u32 = 3;

impl<E: Env> Api<E> {
    /// Watch.Watch: encoded `WatchResponse`s; the stream ends when nobody
    /// takes its responses any more. A client that has asked for everything may close `requests`.
    ///
    /// # Errors
    /// `no leader` for a caller that demands one.
    pub async fn watch(
        &self,
        caller: &Caller,
        requests: mpsc::Receiver<pb::WatchRequest>,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        self.require_leader(caller)?;
        if self.inner.shared.is_stopping() {
            return Err(ApiError::STOPPED);
        }
        let (responses, taken) = mpsc::channel(RESPONSES_MAX);
        let (id, wake) = self.inner.watches.open();
        let stream = Stream {
            api: self.clone(),
            id,
            wake,
            requests: Some(requests),
            responses,
            caller: caller.clone(),
            leaderless: 0,
        };
        self.inner.env.spawn("watch-stream", stream.run());
        Ok(taken)
    }
}

/// One stream.
struct Stream<E: Env> {
    api: Api<E>,
    id: StreamId,
    wake: Arc<Notify>,
    /// `None` once the client has asked for everything; its watches go on, as in etcd.
    requests: Option<mpsc::Receiver<pb::WatchRequest>>,
    responses: mpsc::Sender<Answer>,
    caller: Caller,
    leaderless: u32,
}

impl<E: Env> Drop for Stream<E> {
    fn drop(&mut self) {
        self.api.inner.watches.close(self.id);
    }
}

/// What a stream woke up for.
enum Wake {
    Request(Option<pb::WatchRequest>),
    Responses,
    Progress,
    LeaderLook,
    Stopped,
    Abandoned,
}

/// The reason of a refused watch: the error as Go's clients print it.
fn forbidden(error: &ApiError) -> CreateError {
    CreateError::Forbidden(format!("rpc error: code = {:?} desc = {error}", error.code))
}

/// The next request; `None` at their end, and never after it.
async fn next_request(
    requests: &mut Option<mpsc::Receiver<pb::WatchRequest>>,
) -> Option<pb::WatchRequest> {
    match requests {
        Some(requests) => requests.recv().await,
        None => std::future::pending().await,
    }
}

impl<E: Env> Stream<E> {
    async fn run(mut self) {
        let ended = self.serve().await;
        if let Err(error) = ended {
            // A client that has gone needs no reason.
            let _gone = self.responses.send(Err(error)).await;
        }
    }

    async fn serve(&mut self) -> Result<(), ApiError> {
        let env = self.api.inner.env.clone();
        let shared = self.api.inner.shared.clone();
        let mut progress = env.sleep_until(self.next_progress());
        let mut look = env.sleep_until(self.next_look());
        loop {
            let wake = tokio::select! {
                biased;
                () = shared.wait_stopped() => Wake::Stopped,
                () = self.responses.closed() => Wake::Abandoned,
                request = next_request(&mut self.requests) => Wake::Request(request),
                () = self.wake.notified() => Wake::Responses,
                () = &mut progress => Wake::Progress,
                () = &mut look, if self.caller.require_leader => Wake::LeaderLook,
            };
            match wake {
                Wake::Stopped => return Err(ApiError::STOPPED),
                Wake::Abandoned => return Ok(()),
                Wake::Request(None) => self.requests = None,
                Wake::Request(Some(request)) => self.on_request(request).await?,
                Wake::Responses => {}
                Wake::Progress => {
                    self.api.inner.watches.hub().tick_progress(self.id);
                    progress.reset(self.next_progress());
                }
                Wake::LeaderLook => {
                    self.look_for_leader()?;
                    look.reset(self.next_look());
                }
            }
            if !self.send_all().await? {
                return Ok(());
            }
        }
    }

    fn next_progress(&self) -> Instant {
        let inner = &self.api.inner;
        let interval = inner.config.watch_progress_interval;
        // Up to a tenth more, so that streams do not all report at once.
        let jitter = Prng::new(inner.env.random()).unit() * 0.1;
        inner.env.now() + interval.mul_f64(1.0 + jitter)
    }

    fn next_look(&self) -> Instant {
        self.api.inner.env.now() + self.api.inner.config.election_timeout
    }

    fn look_for_leader(&mut self) -> Result<(), ApiError> {
        match self.api.inner.shared.leader().is_zero() {
            true => self.leaderless += 1,
            false => self.leaderless = 0,
        }
        match self.leaderless >= LEADERLESS_LOOKS {
            true => Err(ApiError::NO_LEADER),
            false => Ok(()),
        }
    }

    /// Carries a request out behind everything that was applied here before: what was answered to
    /// anybody is past for a watch that begins now (W17).
    async fn on_request(&self, request: pb::WatchRequest) -> Result<(), ApiError> {
        use pb::watch_request::RequestUnion;
        let watches = &self.api.inner.watches;
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => {
                let wanted_id = create.watch_id;
                let spec = spec(create);
                let permitted = self.permit(&spec).await;
                self.catch_up().await?;
                // A refusal is queued as a response.
                match permitted {
                    Ok(()) => drop(watches.hub().create(self.id, wanted_id, spec)),
                    Err(error) if error == ApiError::STOPPED => return Err(error),
                    Err(error) => watches.hub().refuse(self.id, forbidden(&error)),
                }
                watches.may_serve();
            }
            Some(RequestUnion::CancelRequest(cancel)) => {
                self.catch_up().await?;
                watches.hub().cancel(self.id, cancel.watch_id);
            }
            Some(RequestUnion::ProgressRequest(_)) => {
                self.catch_up().await?;
                watches.hub().request_progress(self.id);
            }
            None => {}
        }
        Ok(())
    }

    /// Waits until the hub, which follows the applier, was told of what the published view shows.
    async fn catch_up(&self) -> Result<(), ApiError> {
        let inner = &self.api.inner;
        let revision = inner.views.peek(|view| view.keys.revision());
        tokio::select! {
            biased;
            () = inner.watches.reached(revision) => Ok(()),
            () = inner.shared.wait_stopped() => Err(ApiError::STOPPED),
        }
    }

    /// Whether the stream's caller may watch a range now; a watch that exists is not ended when
    /// its right is.
    async fn permit(&self, spec: &WatchSpec) -> Result<(), ApiError> {
        // Refused for itself, before anybody is asked who he is.
        if spec.start_revision < 0 {
            return Ok(());
        }
        let who = self.api.identify(&self.caller).await?;
        let identity = Principal::identity(who.as_ref());
        let (key, range_end) = spec.range.bounds();
        Ok(check_range(&self.api.auth(), identity, key, range_end)?)
    }

    /// Sends what is queued; false when nobody takes it any more.
    async fn send_all(&mut self) -> Result<bool, ApiError> {
        let shared = self.api.inner.shared.clone();
        loop {
            let response = self.api.inner.watches.hub().take(self.id);
            let Some(response) = response else { return Ok(true) };
            // What was taken made room, which a lagging watcher of this stream may need.
            self.api.inner.watches.may_serve();
            let bytes_max = self.api.inner.config.max_request_bytes + encode::FRAGMENT_SLACK;
            let header = self.api.header(0);
            for encoded in encode::responses(&response, header, bytes_max) {
                let sent = tokio::select! {
                    biased;
                    () = shared.wait_stopped() => return Err(ApiError::STOPPED),
                    sent = self.responses.send(Ok(encoded)) => sent,
                };
                if sent.is_err() {
                    return Ok(false);
                }
            }
        }
    }
}

/// A request in the hub's terms; unknown filters are ignored, as in etcd.
fn spec(create: pb::WatchCreateRequest) -> WatchSpec {
    use pb::watch_create_request::FilterType;
    let has = |wanted: FilterType| create.filters.contains(&(wanted as i32));
    let filters = Filters { no_put: has(FilterType::Noput), no_delete: has(FilterType::Nodelete) };
    WatchSpec {
        filters,
        range: KeyRange::new(create.key, create.range_end),
        start_revision: create.start_revision,
        prev_kv: create.prev_kv,
        progress_notify: create.progress_notify,
        fragment: create.fragment,
    }
}
