//! Runs third-party clients against clusters of one and of three members of Cairn.
//!
//! `clients [--server cairn|etcd] [etcdctl] [clientv3] [etcd-client]`;
//! with `--server etcd` the same against a real etcd, which shows that what is expected is etcd's.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use tests::binaries::built;
use tests::clients::Client;
use tests::cluster::{Cluster, Member};
use tests::go;

/// Sizes of clusters.
const SIZES: [usize; 2] = [1, 3];

/// Whom the clients talk to.
#[derive(Clone, Copy, Debug, ValueEnum)]
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
    /// The clients: etcdctl, clientv3, etcd-client; all when none is named.
    clients: Vec<String>,
}

fn chosen(names: &[String]) -> Result<Vec<Client>, String> {
    if names.is_empty() {
        return Ok(Client::ALL.to_vec());
    }
    let find = |name: &String| {
        let found = Client::ALL.into_iter().find(|client| client.name() == name);
        found.ok_or_else(|| format!("no client {name:?}: etcdctl, clientv3, etcd-client"))
    };
    names.iter().map(find).collect()
}

/// Runs one client against a fresh cluster.
fn phase(client: Client, program: &Path, server: &Path, size: usize) -> Result<(), String> {
    let began = Instant::now();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let name = |number: usize| format!("m{number}");
    let members: Vec<Member> =
        (1..=size).map(|number| Member::new(&name(number), folder.path())).collect();
    let cluster = Cluster::of(server, &members);
    let told = client.run(program, &cluster).map_err(|why| {
        let log = folder.keep();
        format!("{} on {size}: {why}\nlogs of the members: {}", client.name(), log.display())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    println!("== {} on {size}: {told}; {seconds:.1} s", client.name());
    Ok(())
}

fn run(options: &Options) -> Result<(), String> {
    let server = match options.server {
        Server::Cairn => built("cairn"),
        Server::Etcd => go::etcd().to_path_buf(),
    };
    let mut failed = Vec::new();
    for client in chosen(&options.clients)? {
        let began = Instant::now();
        let program = client.build();
        println!("== {} built: {:.1} s", client.name(), began.elapsed().as_secs_f64());
        for size in SIZES {
            failed.extend(phase(client, &program, &server, size).err());
        }
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
