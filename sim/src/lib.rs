//! The deterministic simulator: it runs the production code of a whole cluster in virtual time, on
//! disks, networks and backends that fail as the plan says, and judges everything that happens.
//!
//! A seed gives a plan ([`plan`]); [`run`] executes it in a world ([`world`]) made of members'
//! environments ([`env`]), disks ([`disk`]), a network ([`net`]) and backends ([`backend`]), with
//! clients ([`workload`]) and faults ([`nemesis`]); [`check`] judges; [`runner`] runs many seeds
//! and reports. Identifiers such as R3 or P6 are those of RELIABILITY.md in this folder.
//!
//! The simulator never decides anything by a clock, a thread or an address of its own process, and
//! never depends on the server's shell.

#[cfg(not(madsim))]
compile_error!("the simulator needs --cfg madsim; RUSTFLAGS in the environment replaces it");

pub mod audit;
pub mod backend;
pub mod check;
pub mod cluster;
pub mod counters;
pub mod disk;
pub mod env;
pub mod nemesis;
pub mod net;
pub mod operator;
pub mod outages;
pub mod plan;
pub mod run;
pub mod runner;
pub mod sync;
pub mod trace;
pub mod workload;
pub mod world;
