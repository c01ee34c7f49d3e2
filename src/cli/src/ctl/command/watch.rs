//! `watch`: what is watched, and the lines of interactive mode.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use bytes::Bytes;
use clap::Parser;
use proto::etcdserverpb::WatchCreateRequest;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::watching::Watching;
use super::{Context, bytes, prefix_end};
use crate::ctl::args::{Watch, WatchLine};
use crate::ctl::failure::Failure;
use crate::ctl::text::words;

const BAD_COUNT: &str = "bad number of arguments";
const CONFLICT: &str = "bad number of arguments (found conflicting environment key)";
const NO_COMMAND: &str = "bad number of arguments (found separator --, but no commands)";

const EXCLUSIVE: &str = "`range_end` and `--prefix` are mutually exclusive";

/// Key and end from the environment, for scripts that cannot pass them as arguments.
#[derive(Debug, Default)]
struct Preset {
    key: String,
    range_end: String,
}

impl Preset {
    fn read(environment: &[(String, String)]) -> Result<Preset, Failure> {
        let value = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let key = value("ETCDCTL_WATCH_KEY");
        let range_end = value("ETCDCTL_WATCH_RANGE_END");
        if key.is_empty() && !range_end.is_empty() {
            let text = "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END";
            return Err(Failure::bad_arguments(format!("{text}={range_end:?}")));
        }
        Ok(Preset { key, range_end })
    }

    fn is_set(&self) -> bool {
        !self.key.is_empty()
    }

    /// The arguments that stand for the key and the end.
    fn arguments(&self) -> Vec<OsString> {
        let set = [&self.key, &self.range_end].into_iter().filter(|value| !value.is_empty());
        set.map(OsString::from).collect()
    }
}

/// Watches until the stream is cancelled, or as lines of standard input ask.
pub async fn run(context: &mut Context<'_>, args: &Watch) -> Result<(), Failure> {
    let preset = Preset::read(&context.environment)?;
    if args.interactive {
        return interactive(context, &preset).await;
    }
    let separated = std::env::args_os().any(|argument| argument == "--");
    let create = create(args, &preset, separated && args.exec.is_empty())?;
    let mut watching = Watching::open(context).await?;
    watching.add(create, args.exec.clone()).await;
    loop {
        let received = watching.receive().await;
        if !watching.handle(context, received).await? {
            break;
        }
    }
    Err(Failure::interrupted("watch is canceled by the server"))
}

/// The request that the arguments ask for.
fn create(args: &Watch, preset: &Preset, dangling: bool) -> Result<WatchCreateRequest, Failure> {
    if dangling && args.arguments.is_empty() {
        return Err(Failure::bad_arguments(NO_COMMAND));
    }
    if preset.is_set() && !args.arguments.is_empty() {
        return Err(Failure::bad_arguments(CONFLICT));
    }
    let arguments = if preset.is_set() { preset.arguments() } else { args.arguments.clone() };
    let (key, end) = match arguments.as_slice() {
        [] => return Err(Failure::bad_arguments(BAD_COUNT)),
        [key] => (bytes(key), None),
        [key, end] => (bytes(key), Some(bytes(end))),
        // What is more is passed over, as etcdctl does.
        [key, ..] => (bytes(key), None),
    };
    if end.is_some() && args.prefix {
        return Err(Failure::bad_arguments(EXCLUSIVE));
    }
    let (key, range_end) = match (end, args.prefix) {
        (Some(end), _) => (key, end),
        (None, false) => (key, Bytes::new()),
        (None, true) if key.is_empty() => (Bytes::from_static(b"\0"), Bytes::from_static(b"\0")),
        (None, true) => {
            let end = prefix_end(&key);
            (key, end)
        }
    };
    Ok(WatchCreateRequest {
        key,
        range_end,
        start_revision: args.rev,
        progress_notify: args.progress_notify,
        prev_kv: args.prev_kv,
        ..WatchCreateRequest::default()
    })
}

/// Takes `watch …` and `progress` lines while events are printed.
async fn interactive(context: &mut Context<'_>, preset: &Preset) -> Result<(), Failure> {
    let mut watching = Watching::open(context).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).split(b'\n');
    loop {
        let line = tokio::select! {
            biased;
            received = watching.receive(), if watching.is_open() => {
                watching.handle(context, received).await?;
                continue;
            }
            line = lines.next_segment() => line,
        };
        let line = line.map_err(|error| unread(&error.to_string()))?;
        let line = line.ok_or_else(|| unread("EOF"))?;
        take_line(context, &mut watching, &line, preset).await?;
    }
}

fn unread(cause: &str) -> Failure {
    Failure::invalid_input(format!("error reading watch request line: {cause}"))
}

async fn take_line(
    context: &mut Context<'_>,
    watching: &mut Watching,
    line: &[u8],
    preset: &Preset,
) -> Result<(), Failure> {
    let shown = String::from_utf8_lossy(line).into_owned();
    let words = words::split(line).map_err(Failure::invalid_input)?;
    let Some((command, words)) = words.split_first() else {
        context.warn(&format!("Invalid command: {shown} (watch and progress supported)"));
        return Ok(());
    };
    match command.as_slice() {
        b"watch" if words.is_empty() && !preset.is_set() => {
            let cause = "command type or key is not provided";
            context.warn(&format!("Invalid command {shown} ({cause})"));
        }
        b"watch" => {
            let dangling = words.last().is_some_and(|word| word == b"--");
            let words = words.iter().cloned().map(OsString::from_vec);
            let parsed = WatchLine::try_parse_from(words).map_err(|error| {
                Failure::bad_arguments(error.to_string().lines().next().unwrap_or_default())
            })?;
            match create(&parsed.watch, preset, dangling) {
                Ok(create) => watching.add(create, parsed.watch.exec).await,
                // The other refusals end the program, as they do in etcdctl.
                Err(failure) if failure.text == EXCLUSIVE => {
                    context.warn(&format!("Invalid command {shown} ({failure})"));
                }
                Err(failure) => return Err(failure),
            }
        }
        b"progress" => watching.progress().await,
        _ => context.warn(&format!("Invalid command {shown} (only support watch)")),
    }
    Ok(())
}
