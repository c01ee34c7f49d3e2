//! `lock`: holds a lock until a signal comes, or while a command runs.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

use super::Context;
use super::queue::{Place, Queue};
use super::session::{Session, TTL_SECONDS};
use super::signals::Signals;
use crate::ctl::args::Lock;
use crate::ctl::failure::Failure;
use crate::ctl::text::number::parse_int;

/// Takes the lock and lets it go again.
pub async fn run(context: &mut Context<'_>, args: &Lock) -> Result<(), Failure> {
    let Some((name, command)) = args.arguments.split_first() else {
        let text = "lock takes a lock name argument and an optional command to execute";
        return Err(Failure::bad_arguments(text));
    };
    let ttl = parse_int(&args.ttl, 10).map_err(|cause| {
        let ttl = &args.ttl;
        Failure::error(format!("invalid argument \"{ttl}\" for \"--ttl\" flag: {cause}"))
    })?;
    let ttl = if ttl > 0 { ttl } else { TTL_SECONDS };
    let mut session = Session::open(context, ttl).await?;
    let mut signals = Signals::listen()?;
    // The queue must not hold on to the context, which prints.
    let settings = context.settings.clone();
    let queue = Queue::new(crate::ctl::client::Client::new(&settings), name.as_bytes());
    let (place, revision) = acquire(&queue, &session, &mut signals).await?;
    if let [program, arguments @ ..] = command {
        let ran = execute(program, arguments, &place, revision).await;
        // The command had its own signals; only one that comes now is about this.
        let unlocked = Signals::listen()?.or(queue.unlock(&place)).await;
        return ran.and(unlocked);
    }
    let held = signals.or(queue.get(&place.key)).await?;
    if held.kvs.is_empty() {
        return Err(Failure::error("lock lost on init"));
    }
    context.print(&held)?;
    tokio::select! {
        () = signals.received() => signals.or(queue.unlock(&place)).await,
        () = session.lost() => Err(Failure::error("session expired")),
    }
}

/// Waits for the lock; gives the place and the revision that the lock was taken at.
async fn acquire(
    queue: &Queue<'_>,
    session: &Session,
    signals: &mut Signals,
) -> Result<(Place, i64), Failure> {
    // A place that was taken for nobody goes with its lease.
    let place = signals.or(queue.join(session.lease, bytes::Bytes::new())).await?;
    let turn = signals.or(turn(queue, &place)).await;
    if turn.is_err() {
        // The lease ends soon anyhow.
        let _left = signals.or(queue.unlock(&place)).await;
    }
    turn.map(|revision| (place, revision))
}

async fn turn(queue: &Queue<'_>, place: &Place) -> Result<i64, Failure> {
    if !queue.wait(place).await? {
        return Ok(place.header.revision);
    }
    let own = queue.get(&place.key).await?;
    match own.kvs.is_empty() {
        true => Err(Failure::error("mutex: session is expired")),
        false => Ok(own.header.unwrap_or_default().revision),
    }
}

/// Runs the command while the lock is held. Variables that are set already win, as with etcdctl.
async fn execute(
    program: &OsString,
    arguments: &[OsString],
    place: &Place,
    revision: i64,
) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let key = std::ffi::OsStr::from_bytes(&place.key).to_owned();
    for (name, value) in
        [("ETCD_LOCK_KEY", key), ("ETCD_LOCK_REV", OsString::from(revision.to_string()))]
    {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ended(status)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let program = super::super::text::quote::quote(program.as_bytes());
            Err(Failure::error(format!("exec: {program}: executable file not found in $PATH")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let program = program.to_string_lossy();
            Err(Failure::error(format!("fork/exec {program}: permission denied")))
        }
        Err(error) => Err(Failure::error(error)),
    }
}

/// A command's own code is this program's; one that a signal ended has 255.
fn ended(status: ExitStatus) -> Failure {
    match status.code() {
        Some(code) => {
            let text = format!("exit status {code}");
            Failure { code: u8::try_from(code).unwrap_or(1), text }
        }
        None => {
            use std::os::unix::process::ExitStatusExt;
            let signal = signal_name(status.signal().unwrap_or_default());
            let dumped = if status.core_dumped() { " (core dumped)" } else { "" };
            Failure { code: 255, text: format!("signal: {signal}{dumped}") }
        }
    }
}

/// The signals that commonly end a command, in Go's words.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".into(),
        2 => "interrupt".into(),
        3 => "quit".into(),
        6 => "aborted".into(),
        9 => "killed".into(),
        11 => "segmentation fault".into(),
        13 => "broken pipe".into(),
        14 => "alarm clock".into(),
        15 => "terminated".into(),
        other => format!("signal {other}"),
    }
}
