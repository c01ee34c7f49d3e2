//! One watch stream with its watches: printed as they deliver, resumed where they stopped when the
//! connection is lost, and a command run for each event where one was given.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::time::Duration;

use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use proto::mvccpb::Event;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status, Streaming};

use super::Context;
use crate::ctl::client::{describe, request_with_leader};
use crate::ctl::display::Watched;
use crate::ctl::failure::Failure;
use crate::ctl::text::quote::quote;

/// How long to wait before a lost stream is opened again.
const RETRY: Duration = Duration::from_millis(500);
/// Requests that may wait to be sent.
const REQUESTS_MAX: usize = 64;

/// What a watch is and how far it came.
#[derive(Clone, Debug)]
struct Watch {
    create: WatchCreateRequest,
    exec: Vec<OsString>,
}

/// The answers of a stream. A member may open it no sooner than it has a first request.
enum Answers {
    Opening(JoinHandle<Result<Response<Streaming<WatchResponse>>, Status>>),
    Open(Box<Streaming<WatchResponse>>),
}

/// A stream.
pub struct Watching {
    endpoint: String,
    requests: mpsc::Sender<WatchRequest>,
    answers: Answers,
    /// Asked for, in the order in which the member answers.
    asked: VecDeque<Watch>,
    watches: BTreeMap<i64, Watch>,
}

impl Watching {
    /// Opens a stream without watches.
    pub async fn open(context: &Context<'_>) -> Result<Watching, Failure> {
        let client = context.client();
        let (endpoint, channel) = client.any().await?;
        let (requests, stream) = mpsc::channel(REQUESTS_MAX);
        let call = request_with_leader(ReceiverStream::new(stream));
        let mut service = client.watch(channel);
        let answers = Answers::Opening(tokio::spawn(async move { service.watch(call).await }));
        let (asked, watches) = (VecDeque::new(), BTreeMap::new());
        Ok(Watching { endpoint: endpoint.to_owned(), requests, answers, asked, watches })
    }

    /// Whether anything was asked for, so that there is something to wait for.
    pub fn is_open(&self) -> bool {
        !self.asked.is_empty() || !self.watches.is_empty()
    }

    /// Asks for a watch, with a command to run for each of its events.
    pub async fn add(&mut self, create: WatchCreateRequest, exec: Vec<OsString>) {
        self.send(RequestUnion::CreateRequest(create.clone())).await;
        self.asked.push_back(Watch { create, exec });
    }

    /// Asks how far the watches are.
    pub async fn progress(&mut self) {
        self.send(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
    }

    /// A request that cannot be sent is made again when the stream is: its end shows as an answer.
    async fn send(&mut self, union: RequestUnion) {
        let _ = self.requests.send(WatchRequest { request_union: Some(union) }).await;
    }

    /// Waits for the next answer or the end of the stream; nothing is lost if it is given up.
    pub async fn receive(&mut self) -> Result<WatchResponse, Status> {
        if let Answers::Opening(call) = &mut self.answers {
            let opened = call.await.unwrap_or_else(|error| Err(Status::unknown(error.to_string())));
            self.answers = Answers::Open(Box::new(opened?.into_inner()));
        }
        let Answers::Open(answers) = &mut self.answers else {
            return Err(Status::unavailable("stream not opened"));
        };
        answers.message().await?.ok_or_else(|| Status::unavailable("stream closed"))
    }

    /// Handles what was received; false when the last watch is gone.
    pub async fn handle(
        &mut self,
        context: &mut Context<'_>,
        received: Result<WatchResponse, Status>,
    ) -> Result<bool, Failure> {
        let answer = match received {
            Ok(answer) => answer,
            Err(status) => return self.resume(context, status).await,
        };
        if answer.created && !answer.canceled {
            self.created(&answer);
            return Ok(true);
        }
        if answer.created {
            self.asked.pop_front();
        }
        self.show(context, &answer).await?;
        if answer.canceled {
            self.watches.remove(&answer.watch_id);
        }
        Ok(!self.watches.is_empty() || !self.asked.is_empty())
    }

    /// A watch of the future is pinned to where it began, so that resuming it misses nothing.
    fn created(&mut self, answer: &WatchResponse) {
        let Some(mut watch) = self.asked.pop_front() else { return };
        if watch.create.start_revision == 0 {
            let revision = answer.header.as_ref().map_or(0, |header| header.revision);
            watch.create.start_revision = revision + 1;
        }
        self.watches.insert(answer.watch_id, watch);
    }

    async fn show(
        &mut self,
        context: &mut Context<'_>,
        answer: &WatchResponse,
    ) -> Result<(), Failure> {
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if answer.canceled {
            context.warn(&format!("watch was canceled ({})", cause(answer)));
        } else if answer.events.is_empty() && answer.compact_revision == 0 && revision != 0 {
            context.line(&format!("progress notify: {revision}"))?;
        }
        context.print(&Watched(answer))?;
        let Some(watch) = self.watches.get_mut(&answer.watch_id) else { return Ok(()) };
        if let Some(kv) = answer.events.last().and_then(|event| event.kv.as_ref()) {
            watch.create.start_revision = kv.mod_revision + 1;
        }
        let exec = watch.exec.clone();
        for event in &answer.events {
            execute(context, &exec, revision, event).await?;
        }
        Ok(())
    }

    /// Opens the stream again and asks for every watch from where it stopped.
    async fn resume(&mut self, context: &mut Context<'_>, lost: Status) -> Result<bool, Failure> {
        let final_codes = [Code::PermissionDenied, Code::Unauthenticated, Code::Unimplemented];
        let cause = describe(&self.endpoint, &lost);
        if final_codes.contains(&lost.code()) {
            context.warn(&format!("watch was canceled ({cause})"));
            return Ok(false);
        }
        let mut fresh = loop {
            tokio::time::sleep(RETRY).await;
            match Watching::open(context).await {
                Ok(fresh) => break fresh,
                Err(failure) => context.warn(&format!("watch interrupted ({failure})")),
            }
        };
        let held = std::mem::take(&mut self.watches).into_values();
        for Watch { create, exec } in held.chain(std::mem::take(&mut self.asked)) {
            fresh.add(create, exec).await;
        }
        *self = fresh;
        Ok(true)
    }
}

/// Why a watch was cancelled, in the words of Go's client.
fn cause(answer: &WatchResponse) -> String {
    match answer {
        _ if answer.compact_revision != 0 => {
            "etcdserver: mvcc: required revision has been compacted".to_owned()
        }
        _ if answer.cancel_reason.is_empty() => {
            "etcdserver: mvcc: required revision is a future revision".to_owned()
        }
        _ if answer.cancel_reason.starts_with("etcdserver: ") => answer.cancel_reason.clone(),
        _ => format!("rpc error: code = FailedPrecondition desc = {}", answer.cancel_reason),
    }
}

/// Runs the command of a watch for one event and waits for its end.
async fn execute(
    context: &mut Context<'_>,
    exec: &[OsString],
    revision: i64,
    event: &Event,
) -> Result<(), Failure> {
    let [program, arguments @ ..] = exec else { return Ok(()) };
    let kv = event.kv.clone().unwrap_or_default();
    let kind = event.r#type().as_str_name();
    let status = Command::new(program)
        .args(arguments)
        .env("ETCD_WATCH_REVISION", revision.to_string())
        .env("ETCD_WATCH_EVENT_TYPE", quote(kind.as_bytes()))
        .env("ETCD_WATCH_KEY", quote(&kv.key))
        .env("ETCD_WATCH_VALUE", quote(&kv.value))
        .status()
        .await;
    let cause = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => match status.code() {
            Some(code) => format!("exit status {code}"),
            None => status.to_string(),
        },
        Err(error) => error.to_string(),
    };
    let words: Vec<String> = exec.iter().map(|word| quote(word.as_encoded_bytes())).collect();
    context.warn(&format!("command [{}] error ({cause})", words.join(" ")));
    Err(Failure::silent(1))
}
