//! The benchmark against etcd: real servers on this machine, in the same run, alternating.
//!
//! `cargo run --release -p tests --bin bench` builds Cairn, the empty tonic server and etcd (from
//! Go modules, kept under `target/bench`), then starts each in a fresh directory in turn, five
//! times, with default settings, and gives every case the same load from the same program. It
//! prints medians and ranges of one table: throughput, latencies, CPU time of the servers for each
//! request, resident memory, ratios, and whether the floors hold.
//!
//! What it does not show: anything beyond one machine; the load program and the servers share its
//! cores, so ratios carry further than figures.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

mod arguments;
mod case;
mod cluster;
mod connection;
mod fan_out;
mod floors;
mod leases;
mod load;
mod memory;
mod process;
mod programs;
mod requests;
mod results;
mod sample;
mod session;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(leases) = arguments.leases {
        return match session::leases(&arguments, leases) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match session::run(&arguments) {
        Ok(results) => {
            print!("{}", table::render(&results, arguments.format));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
