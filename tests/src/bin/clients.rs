//! Runs third-party clients against clusters of one and of three members of Cairn.
//!
//! `clients [--server cairn|etcd] [--all] [CLIENT]...`: without names those that a change is
//! checked with, and each in its short form; with `--all` all of them, whole. With `--server etcd`
//! the same against a real etcd, which shows that what is expected is etcd's. What is left out is
//! in `tests/interop/off.txt` and printed. A client that this machine cannot have is named; with
//! `CAIRN_SKIP_NOTHING` set that is a failure.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use tests::binaries::built;
use tests::clients::{Client, Off, Program, Run};
use tests::cluster::{Cluster, Member};
use tests::go;

/// Sizes of clusters.
const SIZES: [usize; 2] = [1, 3];

/// How often progress is told without being asked for; Kubernetes' tests wait for it.
const PROGRESS: &str = "--watch-progress-notify-interval=1s";

/// Whom the clients talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Server {
    Cairn,
    Etcd,
}

#[derive(Debug, Parser)]
#[command(about = "Runs third-party clients against one and three members")]
struct Options {
    /// The server.
    #[arg(long, value_enum, default_value = "cairn")]
    server: Server,
    /// All clients, and all that each of them has.
    #[arg(long)]
    all: bool,
    /// The clients; those that a change is checked with when none is named.
    clients: Vec<String>,
}

impl Options {
    fn chosen(&self) -> Result<Vec<Client>, String> {
        if self.clients.is_empty() {
            let fits = |client: &Client| self.all || !client.is_long();
            return Ok(Client::ALL.into_iter().filter(fits).collect());
        }
        let find = |name: &String| {
            let found = Client::ALL.into_iter().find(|client| client.name() == name);
            let all = Client::ALL.map(Client::name).join(", ");
            found.ok_or_else(|| format!("no client {name:?}: {all}"))
        };
        self.clients.iter().map(find).collect()
    }

    fn program(&self) -> PathBuf {
        match self.server {
            Server::Cairn => built("cairn"),
            Server::Etcd => go::etcd().to_path_buf(),
        }
    }
}

/// Runs one client against a fresh cluster.
fn phase(
    client: Client,
    program: &Program,
    (options, off): (&Options, &Off),
    size: usize,
) -> Result<(), String> {
    let began = Instant::now();
    let off = off.of(client.name(), options.server == Server::Cairn, size);
    if let Some(part) = off.iter().find(|part| part.is_whole()) {
        println!("== {} on {size}: not run: {}", client.name(), part.reason);
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let members: Vec<Member> = client
        .names_of_members(size)
        .iter()
        .map(|name| Member::new(name, folder.path()).with_flag(PROGRESS))
        .collect();
    let server = options.program();
    let cluster = Cluster::of(&server, &members);
    for part in &off {
        println!("   without {}: {}", part.name, part.reason);
    }
    let run = Run { cluster: &cluster, server: &server, off, whole: options.all };
    let told = client.run(program, &run).map_err(|why| {
        let log = folder.keep();
        format!("{} on {size}: {why}\nlogs of the members: {}", client.name(), log.display())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    println!("== {} on {size}: {told}; {seconds:.1} s", client.name());
    Ok(())
}

/// Runs one client against clusters of both sizes; what failed. They run beside each other, since
/// much of their time is waiting for leases and watches.
fn phases(client: Client, program: &Program, with: (&Options, &Off)) -> Vec<String> {
    if client.takes_fixed_ports() {
        let one_by_one = SIZES.map(|size| phase(client, program, with, size).err());
        return one_by_one.into_iter().flatten().collect();
    }
    std::thread::scope(|scope| {
        let running = SIZES.map(|size| scope.spawn(move || phase(client, program, with, size)));
        let stopped = || Err(format!("{} panicked", client.name()));
        let ended = running.map(|thread| thread.join().unwrap_or_else(|_| stopped()).err());
        ended.into_iter().flatten().collect()
    })
}

fn run(options: &Options) -> Result<(), String> {
    let off = Off::read();
    let mut failed = Vec::new();
    for client in options.chosen()? {
        let began = Instant::now();
        let program = match client.build() {
            Ok(program) => program,
            Err(why) => {
                println!("== {} cannot be had, so it is not run: {why}", client.name());
                if std::env::var_os("CAIRN_SKIP_NOTHING").is_some() {
                    failed.push(format!("{} is not run", client.name()));
                }
                continue;
            }
        };
        println!("== {} built: {:.1} s", client.name(), began.elapsed().as_secs_f64());
        failed.extend(phases(client, &program, (options, &off)));
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}\n== clients: failed");
            ExitCode::FAILURE
        }
    }
}
