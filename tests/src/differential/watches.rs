//! A watch stream of one client, and what its watchers have been told.
//!
//! A server tells of an event when it likes, and in as many responses as it likes. So what is
//! compared is gathered for each watcher: what it was told, in order, with neighbouring responses
//! put together. To know when that is all, each stream has a watcher of its own on the fence, a key
//! that nothing else uses: once it was told of a put there, all watchers that had caught up have
//! been told everything before. Those that start in the past have caught up when a request for
//! progress is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use model::Normalise;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::mvccpb::Event;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use super::call;
use super::outcome::Told;

/// The key of the fence.
pub const FENCE: &[u8] = b"\xff\xff\xfe";

/// The id of the watcher of the fence.
const FENCE_ID: i64 = 1_000_000;

/// How long a response that must come may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between requests for progress: servers look for watchers to serve ten times a second.
const PROGRESS_EVERY: Duration = Duration::from_millis(120);

/// Requests for progress that may go without an answer.
const ASKED_MAX: u32 = 10;

/// How long a stream must be quiet to count as told all, when it cannot be asked for progress.
const QUIET: Duration = Duration::from_millis(250);

/// An open stream.
pub struct WatchStream {
    requests: mpsc::UnboundedSender<Bytes>,
    responses: mpsc::UnboundedReceiver<Result<Bytes, Status>>,
    /// Answers to creations that were received, and those that are of the stream's own.
    created: u64,
    own_created: Vec<u64>,
    sent_creations: u64,
    fence: i64,
    progress: Option<i64>,
    /// Some watcher may not have caught up.
    behind: bool,
    /// Some watcher waits for a revision that is yet to come, or was ended by a compaction and is
    /// still counted: then progress is never told.
    mute: bool,
    told: Vec<pb::WatchResponse>,
    ended: Option<(i32, String)>,
}

impl WatchStream {
    /// Opens a stream with its watcher of the fence.
    pub async fn open(channel: &Channel) -> WatchStream {
        let (requests, taken) = mpsc::unbounded_channel();
        let (sender, responses) = mpsc::unbounded_channel();
        let channel = channel.clone();
        // Answers begin with the first response, so the call is waited for elsewhere.
        tokio::spawn(async move {
            let taken = UnboundedReceiverStream::new(taken);
            let mut stream =
                match call::open(&channel, "/etcdserverpb.Watch/Watch", taken, &[]).await {
                    Ok(stream) => stream,
                    Err(status) => {
                        let _gone = sender.send(Err(status));
                        return;
                    }
                };
            while let Some(next) = stream.message().await.transpose() {
                let ends = next.is_err();
                if sender.send(next).is_err() || ends {
                    return;
                }
            }
        });
        let mut stream = WatchStream {
            requests,
            responses,
            created: 0,
            own_created: Vec::new(),
            sent_creations: 0,
            fence: 0,
            progress: None,
            behind: false,
            mute: false,
            told: Vec::new(),
            ended: None,
        };
        let key = Bytes::from_static(FENCE);
        let fence = pb::WatchCreateRequest { key, watch_id: FENCE_ID, ..Default::default() };
        stream.create_own(fence).await;
        stream
    }

    /// Sends a request and waits until the server has taken it. `revision` is the store's.
    pub async fn send(&mut self, request: &Bytes, revision: i64) {
        let union = pb::WatchRequest::decode(request.clone()).ok().and_then(|r| r.request_union);
        let _ended = self.requests.send(request.clone());
        if let Some(RequestUnion::CreateRequest(create)) = union {
            self.behind |= create.start_revision > 0;
            self.mute |= create.start_revision > revision;
            self.sent_creations += 1;
            self.wait_created().await;
            return;
        }
        if let Some(RequestUnion::ProgressRequest(_)) = union {
            // There may be no answer: then this is how long it is waited for.
            self.await_progress(QUIET).await;
            if let Some(revision) = self.progress.take() {
                let header = pb::ResponseHeader { revision, ..Default::default() };
                let header = Some(header);
                self.told.push(pb::WatchResponse { header, watch_id: -1, ..Default::default() });
            }
        }
        // Requests are taken in order, so the answer to this one says that the other was taken.
        let empty = pb::WatchCreateRequest {
            key: Bytes::from_static(b"b"),
            range_end: Bytes::from_static(b"a"),
            ..Default::default()
        };
        self.create_own(empty).await;
    }

    /// Waits until every watcher has been told everything up to the fence at this revision.
    pub async fn settle(&mut self, fence: Option<i64>) {
        while fence.is_some_and(|fence| self.fence < fence) {
            if !self.receive(PATIENCE).await {
                let text =
                    self.ended.take().map_or("the fence was not told".into(), |ended| ended.1);
                self.ended = Some((2, text));
                return;
            }
        }
        if fence.is_some() && !self.behind {
            return;
        }
        let mut asked = 0;
        while !self.mute && fence.is_some() && self.progress.is_none() && asked < ASKED_MAX {
            self.send_own(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}));
            self.await_progress(PROGRESS_EVERY).await;
            asked += 1;
        }
        // A second answer may be on its way: the one that took too long.
        let pause = if self.progress.is_some() { Duration::from_millis(2) } else { QUIET };
        while self.receive(pause).await {}
        self.progress = None;
        self.behind = false;
    }

    /// What the watchers have been told since the last time, and how the stream ended.
    pub fn take(&mut self, name: &str) -> (Vec<Told>, Option<(i32, String)>) {
        let mut watchers: BTreeMap<(i64, bool), Vec<pb::WatchResponse>> = BTreeMap::new();
        for response in self.told.drain(..) {
            let key = (response.watch_id, response.created);
            // Of a watcher all is in one order; what has no id is told apart by what it is.
            let key = if response.watch_id == -1 { key } else { (key.0, false) };
            gather(watchers.entry(key).or_default(), response);
        }
        let told = watchers.into_iter().flat_map(|((id, _), responses)| {
            let to = format!("{name}/{id}");
            responses.into_iter().map(move |mut response| {
                response.normalise();
                Told { to: to.clone(), message: response.encode_to_vec().into() }
            })
        });
        (told.collect(), self.ended.clone())
    }

    fn send_own(&self, union: RequestUnion) {
        let request = pb::WatchRequest { request_union: Some(union) };
        let _ended = self.requests.send(request.encode_to_vec().into());
    }

    async fn create_own(&mut self, create: pb::WatchCreateRequest) {
        self.sent_creations += 1;
        self.own_created.push(self.sent_creations);
        self.send_own(RequestUnion::CreateRequest(create));
        self.wait_created().await;
    }

    async fn wait_created(&mut self) {
        while self.created < self.sent_creations {
            if !self.receive(PATIENCE).await {
                self.ended.get_or_insert((2, "a creation was not answered".into()));
                return;
            }
        }
    }

    async fn await_progress(&mut self, patience: Duration) {
        let asked = tokio::time::Instant::now() + patience;
        while self.progress.is_none() {
            let left = asked.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() || !self.receive(left).await {
                return;
            }
        }
    }

    /// Takes the next response; false when none comes in this time, or no more.
    async fn receive(&mut self, patience: Duration) -> bool {
        match timeout(patience, self.responses.recv()).await {
            Err(_) => false,
            Ok(None) => {
                self.ended.get_or_insert((0, String::new()));
                false
            }
            Ok(Some(Err(status))) => {
                self.ended = Some((status.code() as i32, status.message().to_owned()));
                false
            }
            Ok(Some(Ok(bytes))) => {
                let response = pb::WatchResponse::decode(bytes).expect("a server's response");
                self.on_response(response);
                true
            }
        }
    }

    fn on_response(&mut self, mut response: pb::WatchResponse) {
        if response.created {
            self.created += 1;
            if self.own_created.contains(&self.created) {
                return;
            }
        }
        self.mute |= response.compact_revision != 0;
        if response.watch_id == FENCE_ID {
            let revisions = response.events.iter().filter_map(|event| event.kv.as_ref());
            let last = revisions.map(|kv| kv.mod_revision).max().unwrap_or(0);
            self.fence = self.fence.max(last);
            return;
        }
        if response.watch_id == -1 && !response.created {
            self.progress = response.header.map(|header| header.revision);
            return;
        }
        let had_events = !response.events.is_empty();
        let is_fence = |event: &Event| event.kv.as_ref().is_some_and(|kv| kv.key == FENCE);
        response.events.retain(|event| !is_fence(event));
        if !had_events || !response.events.is_empty() {
            self.told.push(response);
        }
    }
}

/// Puts events behind those that the watcher was told just before. Pieces of one response stay as
/// they are: where they are cut is the same everywhere.
fn gather(all: &mut Vec<pb::WatchResponse>, mut response: pb::WatchResponse) {
    if response.events.is_empty() {
        all.push(response);
        return;
    }
    // When it was sent is the server's choice, and with it the revision in the header.
    response.header = None;
    if let Some(last) = all.last_mut()
        && !last.events.is_empty()
        && !last.fragment
        && !response.fragment
    {
        last.events.append(&mut response.events);
        return;
    }
    all.push(response);
}
