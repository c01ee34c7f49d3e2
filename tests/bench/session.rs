//! The order of a run: in each turn every server once, started fresh, stopped before the next one;
//! who comes first changes from turn to turn.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Arguments;
use crate::case::{Case, Kind};
use crate::cluster::Cluster;
use crate::load::{self, Limit};
use crate::memory;
use crate::programs::{Programs, Server};
use crate::results::{Rest, Results, Row};
use crate::{fan_out, requests};

/// Keys of the memory case.
const MANY_KEYS: usize = 250_000;
/// Requests of each case of a smoke run, and keys of its memory case.
const SMOKE_REQUESTS: u64 = 512;

/// What is run, how often, and for how long.
struct Plan {
    programs: Programs,
    servers: Vec<Server>,
    cases: Vec<&'static Case>,
    sizes: Vec<usize>,
    pairs: usize,
    limit: Limit,
    smoke: bool,
}

/// Runs everything that the arguments ask for.
///
/// # Errors
/// What could not be built, started or answered.
pub fn run(arguments: &Arguments) -> Result<Results, String> {
    let plan = Plan::of(arguments)?;
    let bar = ProgressBar::new(plan.steps() as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} (left {eta}) {msg}");
    bar.set_style(style.map_err(|error| error.to_string())?);
    let mut results = Results::default();
    for pair in 0..plan.pairs {
        for &members in &plan.sizes {
            let mut servers = plan.servers.clone();
            if pair % 2 == 1 {
                servers.reverse();
            }
            for server in servers {
                let context = |error| format!("{} of {members}: {error}", server.name());
                plan.load(server, members, pair, &bar, &mut results).map_err(context)?;
                if members == 1 && server != Server::Empty {
                    plan.rest(server, pair, &bar, &mut results).map_err(context)?;
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(results)
}

/// Measures many leases against each server that is not left out, and prints what came of it.
///
/// # Errors
/// As [`run`].
#[allow(clippy::print_stdout, reason = "a program for the command line")]
pub fn leases(arguments: &Arguments, leases: i64) -> Result<(), String> {
    let plan = Plan::of(arguments)?;
    let over = Duration::try_from_secs_f64(arguments.over)
        .map_err(|error| format!("--over {}: {error}", arguments.over))?;
    let mut failed = Vec::new();
    for server in plan.servers.iter().filter(|server| **server != Server::Empty) {
        for &members in &plan.sizes {
            let cluster = plan.start(*server, members)?;
            let idle = if plan.smoke { Duration::from_millis(100) } else { Duration::MAX };
            let over = if plan.smoke { Duration::ZERO } else { over };
            // One that cannot do it does not keep the others from being measured.
            let report = crate::leases::run(cluster.endpoints[0], leases, over, idle);
            match report {
                Ok(report) => println!("{} of {members}: {report}", server.name()),
                Err(error) => failed.push(format!("{} of {members}: {error}", server.name())),
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

impl Plan {
    fn of(arguments: &Arguments) -> Result<Plan, String> {
        let cases = arguments.selected()?;
        let requests = arguments.requests.unwrap_or(u64::MAX);
        let limit = Limit { duration: arguments.duration(), requests };
        let (sizes, smoke) = (arguments.members.clone(), arguments.smoke);
        if smoke {
            let limit = Limit { requests: SMOKE_REQUESTS, ..limit };
            let (programs, servers) = (Programs::beside()?, vec![Server::Cairn]);
            return Ok(Plan { programs, servers, cases, sizes, pairs: 1, limit, smoke });
        }
        let all = [Server::Etcd, Server::Cairn, Server::Empty];
        let wanted = |server: &Server| !arguments.without.iter().any(|name| name == server.name());
        let servers: Vec<Server> = all.into_iter().filter(wanted).collect();
        let programs = Programs::build(&servers)?;
        Ok(Plan { programs, servers, cases, sizes, pairs: arguments.pairs, limit, smoke })
    }

    /// The cases that a server can answer, but for memory.
    fn cases_of(&self, server: Server, members: usize) -> Vec<&'static Case> {
        let is_load = |case: &&&Case| match server {
            Server::Empty => members == 1 && case.has_limit(),
            Server::Etcd | Server::Cairn => case.kind != Kind::Memory,
        };
        self.cases.iter().filter(is_load).copied().collect()
    }

    fn has_rest(&self) -> bool {
        self.cases.iter().any(|case| case.kind == Kind::Memory)
    }

    fn steps(&self) -> usize {
        let sizes = self.sizes.iter();
        let of_size = |&members: &usize| {
            let cases = self.servers.iter().map(|server| self.cases_of(*server, members).len());
            let at_rest = self.servers.iter().filter(|server| **server != Server::Empty).count();
            cases.sum::<usize>() + if members == 1 && self.has_rest() { at_rest } else { 0 }
        };
        self.pairs * sizes.map(of_size).sum::<usize>()
    }

    fn start(&self, server: Server, members: usize) -> Result<Cluster, String> {
        let mut cluster = Cluster::start(&self.programs, server, members)?;
        let endpoints = cluster.endpoints.clone();
        cluster.wait_ready(|| endpoints.iter().all(|endpoint| load::serves(*endpoint)))?;
        Ok(cluster)
    }

    fn load(
        &self,
        server: Server,
        members: usize,
        pair: usize,
        bar: &ProgressBar,
        results: &mut Results,
    ) -> Result<(), String> {
        let cases = self.cases_of(server, members);
        if cases.is_empty() {
            return Ok(());
        }
        let cluster = self.start(server, members)?;
        load::send_all(cluster.endpoints[0], &requests::puts())?;
        for case in cases {
            bar.set_message(format!("{} of {members}: {}", server.name(), case.name));
            let usage = || cluster.usage();
            let measured = match case.kind {
                Kind::Watch => fan_out::run(case, &cluster.endpoints, self.limit, usage),
                _ => load::run(case, &cluster.endpoints, self.limit, usage),
            };
            let measured = measured.map_err(|error| format!("{}: {error}", case.name))?;
            let (case, server) = (case.name, server.name());
            results.rows.push(Row { members, case, server, pair, measured });
            bar.inc(1);
        }
        Ok(())
    }

    fn rest(
        &self,
        server: Server,
        pair: usize,
        bar: &ProgressBar,
        results: &mut Results,
    ) -> Result<(), String> {
        if !self.has_rest() {
            return Ok(());
        }
        bar.set_message(format!("{}: memory", server.name()));
        let keys = if self.smoke { SMOKE_REQUESTS as usize } else { MANY_KEYS };
        let footprint = memory::measure(&self.start(server, 1)?, keys, !self.smoke)?;
        results.rest.push(Rest { server: server.name(), pair, footprint });
        bar.inc(1);
        Ok(())
    }
}
