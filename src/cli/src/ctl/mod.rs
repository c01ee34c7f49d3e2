//! `cairnctl`: a client on the command line with `etcdctl`'s commands, flags, exit codes and
//! output.
//!
//! [`run`] parses, makes the calls and prints; it decides nothing about data. What `etcdctl` has
//! and this program has not yet ends with code 1 and says so.

mod args;
mod client;
mod command;
mod display;
mod failure;
mod options;
mod settings;
mod text;

use std::ffi::OsString;
use std::io::Write;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use command::Context;
use failure::Failure;
use settings::Settings;

/// Runs the program with these arguments; gives the exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let outcome = match Cli::try_parse_from(arguments) {
        Ok(cli) => perform(cli, out, errors),
        Err(error) => refuse(&error, out),
    };
    let Err(failure) = outcome else { return 0 };
    if !failure.text.is_empty() {
        // Standard error may be closed; the exit code still says what happened.
        let _ = writeln!(errors, "Error: {failure}");
    }
    failure.code
}

fn perform(cli: Cli, out: &mut dyn Write, errors: &mut dyn Write) -> Result<(), Failure> {
    match &cli.command {
        Command::Version => display::write(out, options::version().as_bytes()),
        Command::Options => display::write(out, options::TEXT.as_bytes()),
        Command::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "cairnctl", &mut script);
            display::write(out, &script)
        }
        _ => perform_remotely(cli, out, errors),
    }
}

fn perform_remotely(cli: Cli, out: &mut dyn Write, errors: &mut dyn Write) -> Result<(), Failure> {
    let environment = settings::environment();
    let settings = Settings::read(cli.global, &environment, errors)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::error)?;
    let mut context = Context { settings, environment, out, errors };
    let outcome = runtime.block_on(command::run(&mut context, cli.command));
    // A read of standard input cannot be taken back, so it is not waited for.
    runtime.shutdown_background();
    outcome
}

const USAGE: &str = "Run 'cairnctl --help' for usage.";

/// The command whose arguments were refused: the words of its usage in front of the placeholders.
fn asked(error: &clap::Error) -> String {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return "cairnctl".into();
    };
    let usage = usage.to_string();
    let words = usage.split_whitespace().skip_while(|word| *word != "cairnctl");
    let words: Vec<&str> = words.take_while(|word| !word.starts_with(['<', '['])).collect();
    words.join(" ")
}

fn unknown_command(command: &str, of: &str) -> String {
    let unknown = format!("unknown command \"{command}\" for \"{of}\"");
    match (of, command) {
        ("cairnctl snapshot", "status" | "restore") => {
            format!("{unknown}; files are the business of: cairnutl snapshot {command}")
        }
        _ => format!("{unknown}\nRun '{of} --help' for usage."),
    }
}

/// Help and versions are answers; anything else is an error in `etcdctl`'s words where it has some.
fn refuse(error: &clap::Error, out: &mut dyn Write) -> Result<(), Failure> {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if let DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion = error.kind() {
        return display::write(out, error.to_string().as_bytes());
    }
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let text = match error.kind() {
        ErrorKind::UnknownArgument => {
            let flag = named(ContextKind::InvalidArg).unwrap_or_default();
            format!("unknown flag: {flag}\n{USAGE}")
        }
        ErrorKind::ValueValidation => {
            let flag = named(ContextKind::InvalidArg).unwrap_or_default();
            let flag = flag.split(' ').next().unwrap_or_default();
            let value = named(ContextKind::InvalidValue).unwrap_or_default();
            let cause = text::number::parse_int(&value, 10).err().unwrap_or_default();
            format!("invalid argument \"{value}\" for \"{flag}\" flag: {cause}\n{USAGE}")
        }
        ErrorKind::InvalidSubcommand => {
            let command = named(ContextKind::InvalidSubcommand).unwrap_or_default();
            unknown_command(&command, &asked(error))
        }
        _ => {
            let text = error.to_string();
            text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
        }
    };
    Err(Failure::error(text))
}
