//! Clients: what they do, and the way between them and the members.

pub mod auth;
pub mod client;
pub mod eager;
pub mod kv;
pub mod lease;
pub mod lock;
pub mod long_lease;
pub mod room;
pub mod txn;
pub mod watch;

use std::sync::{Arc, Mutex};

pub use client::{Client, Outcome, Request};

use crate::plan::{Workload, WorkloadKind};
use crate::sync::lock;

/// Whether clients reach a member, and hear its answers (N11).
#[derive(Debug)]
pub struct Doors {
    requests_cut: Mutex<Vec<bool>>,
    answers_cut: Mutex<Vec<bool>>,
}

impl Doors {
    /// All open.
    #[must_use]
    pub fn new(members: usize) -> Doors {
        Doors {
            requests_cut: Mutex::new(vec![false; members]),
            answers_cut: Mutex::new(vec![false; members]),
        }
    }

    /// Cuts the way to a member, or only the way back, or mends it.
    pub fn cut(&self, member: usize, answers_only: bool, cut: bool) {
        if !answers_only {
            lock(&self.requests_cut)[member] = cut;
        }
        lock(&self.answers_cut)[member] = cut;
    }

    /// Mends all.
    pub fn open(&self) {
        lock(&self.requests_cut).fill(false);
        lock(&self.answers_cut).fill(false);
    }

    /// Whether a request arrives.
    #[must_use]
    pub fn lets_in(&self, member: usize) -> bool {
        !lock(&self.requests_cut)[member]
    }

    /// Whether an answer arrives.
    #[must_use]
    pub fn lets_out(&self, member: usize) -> bool {
        !lock(&self.answers_cut)[member]
    }
}

/// Runs one client until it is told to stop.
pub async fn run(client: Arc<Client>, workload: Workload) {
    match workload.kind {
        WorkloadKind::Kv => kv::run(&client, &workload).await,
        WorkloadKind::Txn => txn::run(&client, &workload).await,
        WorkloadKind::Watch => watch::run(&client, &workload).await,
        WorkloadKind::Lease => lease::run(&client, &workload).await,
        WorkloadKind::Lock => lock::run(&client, &workload).await,
        WorkloadKind::LongLease => long_lease::run(&client, &workload).await,
        WorkloadKind::Auth => auth::run(&client, &workload).await,
        WorkloadKind::Idle => {}
    }
}
