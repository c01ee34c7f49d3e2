//! One log line: what it holds and how it is written in either format.

use std::fmt::Write;
use std::time::SystemTime;

use serde_json::Value;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as Clock};

/// Parts of field names whose content is never written.
const NEVER_SHOWN: [&str; 6] =
    ["password", "token", "value", "authorization", "secret", "private_key"];

/// A line before it is formatted.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub level: &'static str,
    pub logger: Option<String>,
    pub caller: Option<String>,
    pub message: String,
    pub fields: Vec<(String, Value)>,
}

impl Line {
    /// A line of the process itself, without a place in the code.
    pub(super) fn of_process(level: &'static str, message: &str) -> Line {
        let message = message.to_owned();
        Line { level, logger: None, caller: None, message, fields: Vec::new() }
    }

    /// Adds a field, unless its name says that nobody should read it.
    pub(super) fn push(&mut self, name: &str, value: Value) {
        let shown = !NEVER_SHOWN.iter().any(|part| name.contains(part));
        let value = if shown { value } else { Value::from("(not shown)") };
        self.fields.push((name.to_owned(), value));
    }

    /// etcd's JSON, with a line break.
    pub(super) fn json(&self) -> String {
        let mut text = format!(r#"{{"level":"{}","ts":"{}""#, self.level, now());
        let mut add = |key: &str, value: &Value| {
            // Writing to a string does not fail.
            let _infallible = write!(text, ",{}:{value}", Value::from(key));
        };
        if let Some(logger) = &self.logger {
            add("logger", &Value::from(logger.as_str()));
        }
        if let Some(caller) = &self.caller {
            add("caller", &Value::from(caller.as_str()));
        }
        add("msg", &Value::from(self.message.as_str()));
        for (name, value) in &self.fields {
            add(name, value);
        }
        text.push_str("}\n");
        text
    }

    /// A line for people, with a line break.
    pub(super) fn console(&self) -> String {
        let level = self.level.to_uppercase();
        let mut text = format!("{} {level:>5} {}", now(), self.message);
        for (name, value) in &self.fields {
            let _infallible = match value {
                Value::String(value) if !value.contains(char::is_whitespace) => {
                    write!(text, " {name}={value}")
                }
                value => write!(text, " {name}={value}"),
            };
        }
        text.push('\n');
        text
    }
}

/// The time in UTC with microseconds: `2006-01-02T15:04:05.000000Z`.
fn now() -> String {
    let mut text = String::with_capacity(27);
    if Clock.format_time(&mut Writer::new(&mut text)).is_err() {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        text = format!("{:?}", since.unwrap_or_default());
    }
    text
}
