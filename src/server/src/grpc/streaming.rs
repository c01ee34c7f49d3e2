//! Calls with many answers: Watch, LeaseKeepAlive, RangeStream, Snapshot, Observe, health Watch,
//! reflection.
//!
//! The requests of a bidirectional call are forwarded by a task of its own, so that a client that
//! is slow to read answers can still cancel a watch; the bound of the queue to the service is the
//! back pressure on it.

use http::Response;
use node::{Answer, Caller};
use prost::Message;
use proto::etcdserverpb as pb;
use tokio::sync::{mpsc, oneshot};

use super::body::Body;
use super::call::{Metadata, Meter};
use super::ends::ends;
use super::health;
use super::method::Rpc;
use super::receive::Requests;
use super::reflection::Conversation;
use super::router::{Call, Router};
use super::service::{Answers, Service};
use super::status::{Status, open};
use super::stream::{Pump, StreamBody};

/// Requests of one stream that wait for the service.
const REQUESTS_WAITING_MAX: usize = 64;
/// Keepalive answers that wait for the client.
const RENEWALS_WAITING_MAX: usize = 16;
/// Answers about the API that wait for the client.
const REFLECTIONS_WAITING_MAX: usize = 2;

/// What opens a response side.
struct Opening {
    rpc: Rpc,
    metadata: Metadata,
    meter: Meter,
    answers: mpsc::Receiver<Answer>,
    /// The task that reads requests, and how it says that it cannot.
    requests: Option<(Pump, oneshot::Receiver<Status>)>,
}

impl<S: Service> Router<S> {
    /// Asks the gate, receives the request and begins to answer; what ends the answers counts from
    /// then on.
    pub(super) async fn server_stream<M, Run, Running>(
        &self,
        mut call: Call,
        for_learners: bool,
        run: Run,
    ) -> Response<Body>
    where
        M: Message + Default,
        Run: FnOnce(S, Caller, M) -> Running + Send,
        Running: Future<Output = Answers> + Send,
    {
        let request = match self.admit(&call, for_learners) {
            Ok(()) => call.requests.only::<M>().await,
            Err(status) => Err(status),
        };
        let request = match request {
            Ok(request) => request,
            Err(status) => return call.refuse(status),
        };
        let caller = call.metadata.caller.clone();
        let answers = match run(self.core.service.clone(), caller, request).await {
            Ok(answers) => answers,
            Err(error) => return call.refuse(error.into()),
        };
        let Call { rpc, metadata, meter, .. } = call;
        self.open(Opening { rpc, metadata, meter, answers, requests: None })
    }

    pub(super) async fn health_watch(&self, call: Call) -> Response<Body> {
        let watch = |_, _, request| async move { Ok(health::watch(&request)) };
        self.server_stream(call, false, watch).await
    }

    pub(super) async fn watch(&self, call: Call) -> Response<Body> {
        if let Err(status) = self.admit(&call, false) {
            return call.refuse(status);
        }
        let (forward, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        let answers = match self.core.service.watch(&call.metadata.caller, requests).await {
            Ok(answers) => answers,
            Err(error) => return call.refuse(error.into()),
        };
        let Call { rpc, metadata, requests, meter, .. } = call;
        let pump = pump(async move { (forward_all(requests, &forward).await, forward) });
        self.open(Opening { rpc, metadata, meter, answers, requests: Some(pump) })
    }

    pub(super) async fn lease_keep_alive(&self, call: Call) -> Response<Body> {
        if let Err(status) = self.admit(&call, false) {
            return call.refuse(status);
        }
        let (renewed, answers) = mpsc::channel(RENEWALS_WAITING_MAX);
        let service = self.core.service.clone();
        let Call { rpc, metadata, requests, meter, .. } = call;
        let caller = metadata.caller.clone();
        let pump =
            pump(async move { (renew_all(service, caller, requests, &renewed).await, renewed) });
        self.open(Opening { rpc, metadata, meter, answers, requests: Some(pump) })
    }

    /// What this server can do is no secret of the cluster: the gate is not asked.
    pub(super) async fn reflect(&self, call: Call) -> Response<Body> {
        let (reflected, answers) = mpsc::channel(REFLECTIONS_WAITING_MAX);
        let Call { rpc, metadata, requests, meter, .. } = call;
        let pump = pump(async move { (reflect_all(requests, &reflected).await, reflected) });
        self.open(Opening { rpc, metadata, meter, answers, requests: Some(pump) })
    }

    fn open(&self, opening: Opening) -> Response<Body> {
        let Opening { rpc, metadata, meter, answers, requests } = opening;
        let (pump, unreadable) = requests.unzip();
        let core = &self.core;
        let ends = ends(
            core.service.clone(),
            rpc,
            metadata,
            core.stop.clone(),
            core.settings.election_timeout,
            unreadable,
        );
        open(Body::Stream(Box::new(StreamBody::new(answers, Box::pin(ends), meter, pump))))
    }
}

/// Runs what reads requests as a task; when it fails, the call ends with that status. The task
/// gives back its queue, which is closed only after the failure was told: else the call could seem
/// to end in good order first.
fn pump<Q: Send + 'static>(
    reading: impl Future<Output = (Result<(), Status>, Q)> + Send + 'static,
) -> (Pump, oneshot::Receiver<Status>) {
    let (failed, failure) = oneshot::channel();
    let task = tokio::spawn(async move {
        let (result, queue) = reading.await;
        if let Err(status) = result {
            // The call may have ended meanwhile.
            let _ = failed.send(status);
        }
        drop(queue);
    });
    (Pump(task), failure)
}

/// Forwards watch requests until the client ends its side; dropping `forward` tells the service.
async fn forward_all(
    mut requests: Requests,
    forward: &mpsc::Sender<pb::WatchRequest>,
) -> Result<(), Status> {
    while let Some(request) = requests.next().await? {
        if forward.send(request).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Renews one lease after the other, in the order of the requests.
async fn renew_all<S: Service>(
    service: S,
    caller: Caller,
    mut requests: Requests,
    renewed: &mpsc::Sender<Answer>,
) -> Result<(), Status> {
    while let Some(request) = requests.next().await? {
        let answer = service.lease_keep_alive(&caller, request).await;
        let failed = answer.is_err();
        if renewed.send(answer).await.is_err() || failed {
            return Ok(());
        }
    }
    Ok(())
}

/// Answers one question about the API after the other.
async fn reflect_all(
    mut requests: Requests,
    reflected: &mpsc::Sender<Answer>,
) -> Result<(), Status> {
    let mut conversation = Conversation::default();
    while let Some(request) = requests.next().await? {
        let answer = conversation.answer(request)?;
        if reflected.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
