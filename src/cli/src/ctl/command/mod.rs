//! The commands: each checks its arguments, makes its calls and prints the answer.

mod alarm;
mod auth;
mod del;
mod downgrade;
mod elect;
mod endpoint;
mod get;
mod keep_alive;
mod lease;
mod lock;
mod maintenance;
mod member;
mod put;
mod queue;
mod role;
mod session;
mod signals;
mod snapshot;
mod txn;
mod user;
mod watch;
mod watching;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;

use super::args::Command;
use super::client::Client;
use super::failure::Failure;
use super::settings::Settings;

/// What a command works with.
pub struct Context<'a> {
    /// The global flags.
    pub settings: Settings,
    /// The environment of the process.
    pub environment: Vec<(String, String)>,
    /// Where answers go.
    pub out: &'a mut dyn Write,
    /// Where warnings go.
    pub errors: &'a mut dyn Write,
}

impl Context<'_> {
    /// A client for all endpoints.
    pub fn client(&self) -> Client<'_> {
        Client::new(&self.settings)
    }

    /// Prints an answer.
    pub fn print(&mut self, answer: &impl super::display::Show) -> Result<(), Failure> {
        self.settings.display.print(answer, self.out)
    }

    /// Prints a line that is no answer.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        super::display::write(self.out, format!("{text}\n").as_bytes())
    }

    /// Prints a line for people on standard error, which may be closed.
    pub fn warn(&mut self, text: &str) {
        let _ = writeln!(self.errors, "{text}");
    }
}

/// Runs a command that talks to a cluster.
pub async fn run(context: &mut Context<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Get(args) => get::run(context, &args).await,
        Command::Put(args) => put::run(context, &args).await,
        Command::Del(args) => del::run(context, &args).await,
        Command::Txn(args) => txn::run(context, &args).await,
        Command::Compaction(args) => maintenance::compact(context, &args).await,
        Command::Watch(args) => watch::run(context, &args).await,
        Command::Lease(args) => lease::run(context, &args).await,
        Command::Member(args) => member::run(context, &args).await,
        Command::Endpoint(args) => endpoint::run(context, &args).await,
        Command::Alarm(args) => alarm::run(context, &args).await,
        Command::Defrag(args) => maintenance::defragment(context, &args).await,
        Command::MoveLeader(args) => maintenance::move_leader(context, &args).await,
        Command::Snapshot(args) => snapshot::run(context, &args).await,
        Command::Lock(args) => lock::run(context, &args).await,
        Command::Elect(args) => elect::run(context, &args).await,
        Command::Downgrade(args) => downgrade::run(context, &args).await,
        Command::Auth(args) => auth::run(context, &args).await,
        Command::User(args) => user::run(context, &args).await,
        Command::Role(args) => role::run(context, &args).await,
        other => Err(Failure::not_supported(name(&other))),
    }
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::MakeMirror(_) => "make-mirror",
        Command::Check(_) => "check",
        _ => "this command",
    }
}

/// The bytes of an argument.
pub fn bytes(argument: &OsString) -> Bytes {
    Bytes::copy_from_slice(argument.as_bytes())
}

/// An argument as text, for numbers and names.
pub fn text(argument: &OsString) -> String {
    argument.to_string_lossy().into_owned()
}

/// The end of a range of everything with a prefix; of everything at all for an empty one.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let Some(at) = prefix.iter().rposition(|byte| *byte < 0xff) else {
        return Bytes::from_static(b"\0");
    };
    let mut end = prefix[..=at].to_vec();
    end[at] += 1;
    Bytes::from(end)
}

/// The key and end that `--prefix` and `--from-key` make of a key.
pub fn widen(key: Bytes, prefix: bool, from_key: bool) -> (Bytes, Bytes) {
    let open = || Bytes::from_static(b"\0");
    match (prefix || from_key, key.is_empty()) {
        (false, _) => (key, Bytes::new()),
        (true, true) => (open(), open()),
        (true, false) if prefix => {
            let end = prefix_end(&key);
            (key, end)
        }
        (true, false) => (key, open()),
    }
}

/// `s` asks for serializable answers, `l` for linearizable ones.
pub fn is_serializable(consistency: &str) -> Result<bool, Failure> {
    match consistency {
        "s" => Ok(true),
        "l" => Ok(false),
        other => {
            let text =
                format!("unknown consistency flag {}", super::text::quote::quote(other.as_bytes()));
            Err(Failure::bad_feature(text))
        }
    }
}
