//! The process's log: tracing events as lines, written by a thread of its own.
//!
//! Promises: a log line never blocks who writes it; when the queue is full, lines are dropped and
//! their number is logged later; what stands before a stop of the process is written before it.
//! Fields that carry secrets or a user's data are not written, whatever is put into them.
//!
//! The format is etcd's JSON (`level`, `ts`, `logger`, `caller`, `msg`, then the fields), or lines
//! for people.

mod layer;
mod line;
mod sink;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use layer::Lines;
use line::Line;
use sink::Sink;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// Appended to a file.
    File(PathBuf),
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Console on a terminal, JSON elsewhere.
    Automatic,
    /// etcd's JSON.
    Json,
    /// Lines for people.
    Console,
}

/// The least severe level that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Details for whoever looks for a fault.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What may need attention.
    Warn,
    /// What failed.
    Error,
    /// Only what ends the process (etcd's `panic` and `fatal`).
    Fatal,
}

/// What the log is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Least severe level.
    pub severity: Severity,
    /// Format.
    pub format: Format,
    /// All places that lines go to.
    pub outputs: Vec<Output>,
}

static SINK: OnceLock<Sink> = OnceLock::new();

/// Libraries below whose warnings matter and whose progress does not.
const QUIET: [&str; 9] =
    ["fjall", "lsm_tree", "sfa", "h2", "hyper", "hyper_util", "tonic", "tower", "rustls"];

/// Starts the log of this process; a second call changes nothing.
///
/// # Errors
/// A file cannot be opened; the error names it.
pub fn start(settings: &Settings) -> io::Result<()> {
    let json = match settings.format {
        Format::Json => true,
        Format::Console => false,
        Format::Automatic => !settings.outputs.iter().all(is_terminal),
    };
    let sink = Sink::open(&settings.outputs, json)?;
    if SINK.set(sink.clone()).is_ok() {
        let layer = Lines::new(sink).with_filter(filter(settings.severity));
        // It fails only where a subscriber was set before, and then that one stays.
        let _set_before = Registry::default().with(layer).try_init();
    }
    Ok(())
}

fn filter(severity: Severity) -> Targets {
    let level = match severity {
        Severity::Debug => LevelFilter::DEBUG,
        Severity::Info => LevelFilter::INFO,
        Severity::Warn => LevelFilter::WARN,
        Severity::Error => LevelFilter::ERROR,
        Severity::Fatal => LevelFilter::OFF,
    };
    let quiet = level.min(LevelFilter::WARN);
    Targets::new().with_default(level).with_targets(QUIET.map(|name| (name, quiet)))
}

fn is_terminal(output: &Output) -> bool {
    match output {
        Output::Stderr => io::stderr().is_terminal(),
        Output::Stdout => io::stdout().is_terminal(),
        Output::File(_) => false,
    }
}

/// Waits until everything logged before is written, for a second at most.
pub fn flush() {
    if let Some(sink) = SINK.get() {
        sink.flush();
    }
}

/// Ends the process with exit code 1 after a line of level `fatal`. For faults after which this
/// process has nothing left that it may say.
pub fn stop_process(reason: &str) -> ! {
    say_last("fatal", reason);
    std::process::exit(1)
}

/// Lets a panic anywhere end the process: a member without one of its tasks must not go on.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        say_last("panic", &info.to_string());
        std::process::exit(1);
    }));
}

fn say_last(level: &'static str, text: &str) {
    match SINK.get() {
        Some(sink) => {
            sink.write_surely(&Line::of_process(level, text));
            sink.flush();
        }
        None => complain(text),
    }
}

/// Writes to standard error directly: for the time before the log is started.
pub fn complain(text: &str) {
    use io::Write;
    let mut stderr = io::stderr().lock();
    // Whoever closed standard error does not want to be told.
    let _closed = writeln!(stderr, "{text}");
}

fn level_name(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `act` with a log of its own and gives the lines.
    fn lines(severity: Severity, json: bool, act: impl FnOnce()) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("log");
        let sink = Sink::open(&[Output::File(path.clone())], json).expect("opened");
        let layer = Lines::new(sink.clone()).with_filter(filter(severity));
        tracing::subscriber::with_default(Registry::default().with(layer), act);
        sink.flush();
        let text = std::fs::read_to_string(path).expect("it was written");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_lines_have_the_keys_of_etcd() {
        let lines = lines(Severity::Info, true, || {
            tracing::warn!(count = 3, ok = true, who = "a\"b", id = %"x", "some text");
        });
        let value: serde_json::Value = serde_json::from_str(&lines[0]).expect("it is JSON");
        let keys = ["level", "ts", "caller", "msg", "count", "ok", "who", "id"];
        let places: Vec<_> = keys.iter().map(|key| lines[0].find(&format!("\"{key}\":"))).collect();
        assert!(places[0].is_some() && places.is_sorted(), "{}", lines[0]);
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(keys.len()));
        assert_eq!((&value["level"], &value["msg"]), (&"warn".into(), &"some text".into()));
        assert_eq!((&value["count"], &value["ok"]), (&3.into(), &true.into()));
        assert_eq!((&value["who"], &value["id"]), (&"a\"b".into(), &"x".into()));
        let ts = value["ts"].as_str().expect("a text");
        assert!(ts.len() == 27 && ts.ends_with('Z') && ts.as_bytes()[10] == b'T', "{ts}");
        let caller = value["caller"].as_str().expect("a text");
        assert!(caller.starts_with("src/logging.rs:"), "{caller}");
    }

    #[test]
    fn console_lines_are_for_people() {
        let lines = lines(Severity::Info, false, || tracing::info!(count = 3, "some text"));
        assert!(lines[0].ends_with("  INFO some text count=3"), "{}", lines[0]);
    }

    #[test]
    fn levels_and_libraries_are_filtered() {
        let all = || {
            tracing::debug!("1");
            tracing::info!("2");
            tracing::warn!("3");
            tracing::error!("4");
            tracing::info!(target: "fjall::journal", "5");
            tracing::warn!(target: "fjall::journal", "6");
        };
        let cases = [
            (Severity::Debug, 5),
            (Severity::Info, 4),
            (Severity::Warn, 3),
            (Severity::Error, 1),
            (Severity::Fatal, 0),
        ];
        for (severity, count) in cases {
            assert_eq!(lines(severity, true, all).len(), count, "{severity:?}");
        }
    }

    #[test]
    fn secrets_and_values_are_not_written() {
        let secret = "s3cret";
        let lines = lines(Severity::Debug, true, || {
            tracing::info!(password = secret, "1");
            tracing::info!(token = %secret, auth_token = ?secret, "2");
            tracing::info!(value = secret, prev_value = secret, "3");
            tracing::info!(authorization = secret, client_secret = secret, "4");
        });
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| !line.contains(secret)), "{lines:?}");
        assert!(lines[0].contains(r#""password":"(not shown)""#), "{}", lines[0]);
    }

    #[test]
    fn file_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("no/such");
        let error = Sink::open(&[Output::File(path)], true).err().expect("no such directory");
        assert!(error.to_string().contains("no/such"), "{error}");
    }
}
