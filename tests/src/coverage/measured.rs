//! What the recordings show.

use std::collections::{BTreeMap, BTreeSet};

use model::Audit;
use model::schema::{Kind, Schema, try_walk};
use prost::Message;
use proto::etcdserverpb::WatchResponse;

use crate::differential::{Action, Recording};

/// Requests, fields and errors that were recorded.
pub struct Measured {
    /// Calls of each path.
    pub calls: BTreeMap<String, u64>,
    /// What each field of each request was given.
    pub requests: Audit,
    /// Fields of answers that were set.
    pub answers: BTreeSet<String>,
    /// Errors, by text: the codes and how often.
    pub errors: BTreeMap<String, (BTreeSet<i32>, u64)>,
}

impl Measured {
    /// Reads all recordings of the repository.
    #[must_use]
    pub fn of_repository() -> Measured {
        let mut measured = Measured {
            calls: BTreeMap::new(),
            requests: Audit::default(),
            answers: BTreeSet::new(),
            errors: BTreeMap::new(),
        };
        let schema = Schema::of_protocol();
        for (_, recording) in Recording::all() {
            measured.answers.extend(recording.fields.iter().cloned());
            for line in &recording.lines {
                measured.step(&schema, &line.step.action);
                measured.outcome(&line.step.action, &line.outcome);
            }
        }
        measured
    }

    fn step(&mut self, schema: &Schema, action: &Action) {
        let (path, messages) = match action {
            Action::Call(call) => (call.path.as_str(), call.messages.clone()),
            Action::Watch { request, .. } => ("/etcdserverpb.Watch/Watch", vec![request.clone()]),
            Action::Settle | Action::Close(_) => return,
        };
        let Some(method) = schema.method(path) else { return };
        *self.calls.entry(path.to_owned()).or_default() += 1;
        for message in messages {
            if is_message(schema, &method.request, &message) {
                self.requests.record(&method.request, &message);
            }
        }
    }

    fn outcome(&mut self, action: &Action, outcome: &crate::differential::Outcome) {
        if let Some((code, text)) = &outcome.error {
            self.error(*code, text);
        }
        if matches!(action, Action::Call(_)) {
            return;
        }
        for told in &outcome.answers {
            let mut audit = Audit::default();
            audit.record("etcdserverpb.WatchResponse", &told.message);
            self.answers.extend(audit.present());
            let response = WatchResponse::decode(told.message.clone()).unwrap_or_default();
            if !response.cancel_reason.is_empty() {
                self.error(0, &response.cancel_reason);
            }
        }
    }

    fn error(&mut self, code: i32, text: &str) {
        let (codes, count) = self.errors.entry(text.to_owned()).or_default();
        codes.insert(code);
        *count += 1;
    }
}

/// Whether bytes are a message of this name, and all that is in it too.
fn is_message(schema: &Schema, name: &str, bytes: &[u8]) -> bool {
    let (Some(found), Some(fields)) = (try_walk(bytes), schema.find(name)) else { return false };
    found.iter().all(|(number, value)| {
        let field = fields.iter().find(|field| field.number == *number);
        match (field.map(|field| &field.kind), value) {
            (Some(Kind::Message(inner)), model::schema::Value::Bytes(bytes)) => {
                is_message(schema, inner, bytes)
            }
            (Some(_), _) => true,
            (None, _) => false,
        }
    })
}
