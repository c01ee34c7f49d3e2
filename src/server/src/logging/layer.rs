//! The tracing layer that turns events into lines. Spans are not kept: a line stands for itself.

use std::fmt::Debug;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::level_name;
use super::line::Line;
use super::sink::Sink;

/// Events of the `log` crate arrive under this target, with their origin in fields.
const LOG_BRIDGE: &str = "log";

pub(super) struct Lines {
    sink: Sink,
}

impl Lines {
    pub(super) fn new(sink: Sink) -> Lines {
        Lines { sink }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line::of_process(level_name(metadata.level()), "");
        line.caller = metadata
            .file()
            .filter(|_| metadata.target() != LOG_BRIDGE)
            .map(|file| format!("{}:{}", short(file), metadata.line().unwrap_or_default()));
        event.record(&mut Fields(&mut line));
        self.sink.write(&line);
    }
}

/// The last parts of a source path: `src/raft_task.rs` of `/somewhere/src/node/src/raft_task.rs`.
fn short(file: &str) -> &str {
    file.rfind("src/").map_or(file, |start| &file[start..])
}

struct Fields<'a>(&'a mut Line);

impl Fields<'_> {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.0.message = text,
            ("log.target", Value::String(target)) => self.0.logger = Some(target),
            ("log.module_path" | "log.file" | "log.line", _) => {}
            (name, value) => self.0.push(name, value),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Value::from(value));
    }
}
