//! Carries out steps on one server.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::Audit;
use model::normalise::normalise_encoded;
use model::rename::Names;
use model::schema::{Schema, Value, try_walk};
use prost::Message;
use proto::etcdserverpb as pb;
use tonic::transport::Channel;

use super::call;
use super::outcome::{Outcome, Told};
use super::server::Server;
use super::step::{Action, Call, Step};
use super::watches::{FENCE, WatchStream};

/// Watch streams by client and number.
type Streams = BTreeMap<(usize, usize), WatchStream>;

/// One server with its clients.
pub struct Side {
    server: Server,
    schema: Schema,
    clients: Vec<Channel>,
    names: Names,
    tokens: BTreeMap<String, String>,
    streams: Streams,
    fences: u64,
    /// The revision of the last header, as far as answers told.
    revision: i64,
    compacted: i64,
    /// What the fields of its answers were.
    seen: Audit,
}

impl Side {
    /// Connects so many clients.
    #[must_use]
    pub fn new(server: Server, clients: usize) -> Side {
        let clients = (0..clients).map(|_| server.connect()).collect();
        Side {
            server,
            schema: Schema::of_protocol(),
            clients,
            names: Names::default(),
            tokens: BTreeMap::new(),
            streams: Streams::new(),
            fences: 0,
            revision: 1,
            compacted: -1,
            seen: Audit::default(),
        }
    }

    /// The fields of calls' answers that were set at least once.
    #[must_use]
    pub fn fields_seen(&self) -> BTreeSet<String> {
        self.seen.present()
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The store's revision and its last compaction, as far as answers told.
    #[must_use]
    pub fn horizon(&self) -> (i64, i64) {
        (self.revision, self.compacted)
    }

    /// Carries out a step.
    pub async fn step(&mut self, step: &Step) -> Outcome {
        match &step.action {
            Action::Call(call) => self.call(step.client, call).await,
            Action::Settle => self.settle().await,
            Action::Watch { stream, request } => {
                let key = (step.client, *stream);
                if !self.streams.contains_key(&key) {
                    let first = self.streams.is_empty();
                    let opened = WatchStream::open(&self.clients[step.client]).await;
                    self.streams.insert(key, opened);
                    if first {
                        // No stream was there to settle; this one has been told nothing yet.
                        self.settle().await;
                    }
                }
                let revision = self.revision;
                let stream = self.streams.get_mut(&key).expect("it was just opened");
                stream.send(request, revision).await;
                Outcome::default()
            }
            Action::Close(stream) => {
                self.streams.remove(&(step.client, *stream));
                Outcome::default()
            }
        }
    }

    async fn call(&mut self, client: usize, call: &Call) -> Outcome {
        let method = self.schema.method(&call.path).cloned();
        let request = method.as_ref().map_or("", |method| method.request.as_str());
        let named = |bytes: &Bytes| self.names.in_request(&self.schema, request, bytes).into();
        let messages: Vec<Bytes> = call.messages.iter().map(named).collect();
        let mut sent = call.clone();
        if let Some(token) = call.user.as_ref().and_then(|user| self.tokens.get(user)) {
            sent.metadata.push(("token".into(), token.clone()));
        }
        let (answers, ended) = call::make(&self.clients[client], &sent, messages).await;
        let response = method.as_ref().map_or("", |method| method.response.as_str());
        for answer in &answers {
            self.learn(call, answer);
            if !response.is_empty() {
                self.seen.record(response, answer);
            }
        }
        let told = answers.iter().map(|answer| {
            let named = self.names.in_answer(&self.schema, response, answer);
            let message = normalise_encoded(response, &named).into();
            Told { to: String::new(), message }
        });
        let error = ended.err().map(|status| (status.code() as i32, status.message().to_owned()));
        let outcome = Outcome { answers: told.collect(), error };
        if outcome.error.is_none() {
            self.follow(call);
        }
        outcome
    }

    /// Reads from an answer what later steps refer to.
    fn learn(&mut self, call: &Call, answer: &Bytes) {
        if let Some(header) = header(answer) {
            self.revision = self.revision.max(header.revision);
        }
        if let Some(name) = call.binds
            && let Some(id) = chosen_id(&call.path, answer)
        {
            self.names.bind(name, id);
        }
        if call.path == "/etcdserverpb.Auth/Authenticate"
            && let Ok(response) = pb::AuthenticateResponse::decode(answer.clone())
        {
            let request = call.messages.first().cloned().unwrap_or_default();
            let asked = pb::AuthenticateRequest::decode(request).unwrap_or_default();
            self.tokens.insert(asked.name, response.token);
        }
    }

    /// Follows what a call that went well has changed.
    fn follow(&mut self, call: &Call) {
        if call.path == "/etcdserverpb.KV/Compact" {
            let request = call.messages.first().cloned().unwrap_or_default();
            let request = pb::CompactionRequest::decode(request).unwrap_or_default();
            self.compacted = self.compacted.max(request.revision);
        }
    }

    async fn settle(&mut self) -> Outcome {
        if self.streams.is_empty() {
            return Outcome::default();
        }
        self.fences += 1;
        let (key, value) = (Bytes::from_static(FENCE), self.fences.to_string().into());
        let put = pb::PutRequest { key, value, ..Default::default() };
        let put = Call::new("/etcdserverpb.KV/Put", &put);
        // An alarm may forbid it.
        let put = call::make(&self.clients[0], &put, put.messages.clone()).await;
        let header = put.0.first().and_then(header);
        let fence = header.map(|header| header.revision);
        self.revision = self.revision.max(fence.unwrap_or(0));
        let mut outcome = Outcome::default();
        // All at once: what takes long is to wait until nothing more comes.
        let settled = self.streams.values_mut().map(|stream| stream.settle(fence));
        futures_util::future::join_all(settled).await;
        for ((client, number), stream) in &mut self.streams {
            let (told, ended) = stream.take(&format!("client {client} stream {number}"));
            outcome.answers.extend(told);
            outcome.error = outcome.error.or(ended);
        }
        outcome
    }
}

/// The header, which is the first field of every answer that has one.
fn header(answer: &Bytes) -> Option<pb::ResponseHeader> {
    match try_walk(answer)?.into_iter().next()? {
        (1, Value::Bytes(bytes)) => pb::ResponseHeader::decode(bytes).ok(),
        _ => None,
    }
}

/// The id that the server chose: of a lease, of a member that was added, or of the lone member.
fn chosen_id(path: &str, answer: &Bytes) -> Option<u64> {
    match path {
        "/etcdserverpb.Lease/LeaseGrant" => {
            pb::LeaseGrantResponse::decode(answer.clone()).ok().map(|granted| granted.id as u64)
        }
        "/etcdserverpb.Cluster/MemberAdd" => {
            let added = pb::MemberAddResponse::decode(answer.clone()).ok()?;
            added.member.map(|member| member.id)
        }
        "/etcdserverpb.Cluster/MemberList" => {
            let listed = pb::MemberListResponse::decode(answer.clone()).ok()?;
            let [lone] = &listed.members[..] else {
                panic!("{} members instead of one", listed.members.len())
            };
            Some(lone.id)
        }
        other => unreachable!("no step binds the answer of {other}"),
    }
}
