//! `cairnutl`, the offline tool: it looks at snapshot files and makes data directories from them.
//!
//! Commands, flags, outputs, error texts and exit codes are those of `etcdutl` 3.7, so that scripts
//! for one work with the other. What differs: files are only read, never opened for writing;
//! `defrag` and `migrate` say why there is nothing to do.
//!
//! It talks to no server and starts none.

mod args;
mod cluster;
mod file;
pub(crate) mod format;
mod log_line;
mod output;
mod progress;
pub mod restore;
mod snapshot;
pub(crate) mod table;

use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::io::Write;

use args::{Cli, Command, Snapshot};
pub use cluster::{Cluster, ClusterError, Member};
pub use file::{FileError, FileSource};
use output::Output;

/// The version of etcd that files and answers are compatible with.
const ETCD_VERSION: &str = "3.7.1";
const API_VERSION: &str = "3.7";

/// Why a command ended early: a text for people and an exit code for scripts.
#[derive(Debug)]
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    const ERROR: u8 = 1;
    const BAD_FEATURE: u8 = 4;
    const BAD_ARGS: u8 = 128;

    fn error(error: impl ToString) -> Failure {
        Failure { code: Failure::ERROR, text: error.to_string() }
    }

    fn bad_args(text: &str) -> Failure {
        Failure { code: Failure::BAD_ARGS, text: text.to_owned() }
    }

    fn bad_feature(text: &str) -> Failure {
        Failure { code: Failure::BAD_FEATURE, text: text.to_owned() }
    }
}

/// Runs one command line, the program's name first, and returns the exit code.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, out, err),
    };
    match dispatch(cli, out, err) {
        Ok(()) => 0,
        Err(failure) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(err, "Error: {}", failure.text);
            failure.code
        }
    }
}

/// Help goes to stdout with success; everything else that clap says is an error of code 1.
fn refuse(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand};
    let text = error.render();
    match error.kind() {
        DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = write!(out, "{text}");
            0
        }
        _ => {
            let _ = write!(err, "{text}");
            Failure::ERROR
        }
    }
}

fn dispatch(cli: Cli, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let timeout = cli.timeout;
    match cli.command {
        Command::Snapshot(Snapshot::Status(status)) => {
            let [path] = status.files.as_slice() else {
                return Err(Failure::bad_args("snapshot status requires exactly one argument"));
            };
            file::exists(path).map_err(Failure::error)?;
            let output = Output::parse(&cli.write_out)?;
            output.status(&snapshot::status(path, timeout)?, out)
        }
        Command::Snapshot(Snapshot::Restore(args)) => restore_command(&args, timeout, err),
        Command::Hashkv(hashkv) => {
            let output = Output::parse(&cli.write_out)?;
            file::exists(&hashkv.file).map_err(Failure::error)?;
            output.hash_kv(&snapshot::hash_kv(&hashkv.file, hashkv.rev, timeout)?, out)
        }
        Command::Defrag(_) => Err(Failure::error(
            "defrag is not needed: a Cairn member returns free space by itself, while it serves; \
             for the data directory of an etcd member use etcdutl",
        )),
        Command::Migrate(_) => Err(Failure::error(
            "migrate is not supported yet: there is one storage version so far; for the data \
             directory of an etcd member use etcdutl",
        )),
        Command::Version => version(out),
        Command::Completion(completion) => {
            let mut script = Vec::new();
            let mut command = Cli::command();
            clap_complete::generate(completion.shell(), &mut command, "cairnutl", &mut script);
            out.write_all(&script).map_err(Failure::error)
        }
    }
}

fn version(out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "etcdutl version: {ETCD_VERSION}\nAPI version: {API_VERSION}\ncairnutl version: {}",
        env!("CARGO_PKG_VERSION")
    )
    .map_err(Failure::error)
}

fn restore_command(
    args: &args::Restore,
    timeout: args::LockWait,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let [snapshot] = args.files.as_slice() else {
        return Err(Failure::bad_args("snapshot restore requires exactly one argument"));
    };
    if (args.bump_revision > 0) != args.mark_compacted {
        return Err(Failure::bad_args("--mark-compacted required if --revision-bump > 0"));
    }
    let plan = restore::Restore {
        snapshot: snapshot.clone(),
        name: args.name.clone(),
        data_dir: args.data_dir(),
        wal_dir: args.wal_dir(),
        peer_urls: args.initial_advertise_peer_urls.clone(),
        initial_cluster: args.initial_cluster.clone(),
        token: args.initial_cluster_token.clone(),
        skip_hash_check: args.skip_hash_check,
        bump_revision: args.bump_revision,
        lock_wait: timeout.0,
    };
    let fields = [
        ("path", snapshot.display().to_string()),
        ("wal-dir", plan.wal_dir.display().to_string()),
        ("data-dir", plan.data_dir.display().to_string()),
    ];
    log_line::info(err, "restoring snapshot", &fields);
    restore::restore(&plan, &mut restore::write_wal).map_err(Failure::error)?;
    log_line::info(err, "restored snapshot", &fields);
    Ok(())
}
