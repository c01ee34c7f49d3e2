//! G1: the cluster serves within a bound after it was started and after it was healed, comes to
//! rest, and its members then hold the same.
//!
//! A member whose log was damaged may refuse to start; it is left out of what must converge.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base::Instant;
use madsim::task::JoinHandle;
use node::{ApiError, Caller, Code};
use proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, HashKvRequest, HashKvResponse, InternalRaftRequest,
    PutRequest,
};

use super::Run;
use crate::audit;
use crate::check::{Violation, replica_hashes, wal_space};
use crate::cluster::Running;
use crate::operator::Operator;
use crate::sync::lock;
use crate::workload::client::decode;
use crate::workload::room;

/// Time in which the cluster must serve.
const SERVICE_TIME: Duration = Duration::from_secs(30);
/// Time in which members must have applied the same, and clients must have ended.
const REST_TIME: Duration = Duration::from_secs(40);
/// Under this name a run is counted in which the cluster rightly stands still.
pub(crate) const STANDSTILL: &str = "check: standstill excused";
/// Time in which a member at rest has flushed and released what it can.
const FLUSH_TIME: Duration = Duration::from_secs(2);
/// Time after which a member that does not answer is asked anew.
const PROBE_TIME: Duration = Duration::from_secs(8);
/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_millis(50);

impl Run<'_> {
    /// Waits until the cluster serves for the first time; false when it does not.
    pub(super) async fn first_service(&self) -> bool {
        let until = self.world.clock.now() + SERVICE_TIME;
        self.serves(until, "after the start").await
    }

    /// Puts through every member until one answer each came; false when the bound passed.
    async fn serves(&self, until: Instant, when: &str) -> bool {
        for member in self.cluster.active() {
            let mut last;
            loop {
                if self.world.violation().is_some() {
                    return false;
                }
                if self.cluster.is_lost(member) || !self.cluster.is_listed(member) {
                    break;
                }
                match self.probe(member).await {
                    Ok(()) => break,
                    Err(error) => last = error,
                }
                if self.world.clock.now() > until {
                    if self.cluster.may_stand_still() {
                        self.world.count(STANDSTILL);
                        return false;
                    }
                    let text = format!("member {} does not serve {when}: {last}", member + 1);
                    self.world.judge(Err(Violation { check: "G1", text }));
                    return false;
                }
                self.world.clock.sleep(LOOK_TIME).await;
            }
        }
        true
    }

    async fn probe(&self, member: usize) -> Result<(), String> {
        let Some(running) = self.cluster.running(member) else {
            return Err("it is not up".into());
        };
        let (key, value) = ("probe".into(), format!("{:?}", self.world.clock.now()).into());
        let put = PutRequest { key, value, ..Default::default() };
        let entry = InternalRaftRequest { put: Some(put.clone()), ..Default::default() };
        let now = self.world.clock.now();
        self.ledger.record(u64::MAX, (now, now), entry, None);
        let (node, asked) = (running.node.clone(), running.clone());
        let task = node.spawn(async move {
            let answer = asked.api.put(&Caller::root(), put).await.map(|_| ());
            if asked.life.is_alive() { answer } else { Err(ApiError::STOPPED) }
        });
        match madsim::time::timeout(PROBE_TIME, task).await {
            // A full disk that has room again is the product's affair; a quota is the operator's.
            Ok(Ok(Err(error))) if error == ApiError::NO_SPACE && self.cluster.has_quota() => {
                Err(self.make_room(running).await)
            }
            Ok(Ok(answer)) => answer.map_err(|error| error.to_string()),
            Ok(Err(_)) => Err("it crashed".into()),
            Err(_) => Err("no answer".into()),
        }
    }

    /// What an operator does about a full database; the probe is tried again then.
    async fn make_room(&self, running: Running) -> String {
        let (key, range_end) = (vec![b'k'].into(), vec![b'm'].into());
        let delete = DeleteRangeRequest { key, range_end, prev_kv: false };
        let entry = InternalRaftRequest {
            delete_range: Some(delete.clone()),
            ..InternalRaftRequest::default()
        };
        let now = self.world.clock.now();
        self.ledger.record(u64::MAX, (now, now), entry, None);
        let node = running.node.clone();
        let task = node.spawn(async move {
            let (api, caller) = (&running.api, Caller::root());
            api.delete_range(&caller, delete).await?;
            let revision = api.overview().revision;
            // Somebody else may have compacted as far.
            let _again =
                api.compact(&caller, CompactionRequest { revision, physical: false }).await;
            room::disarm(&running).await
        });
        match madsim::time::timeout(Duration::from_secs(20), task).await {
            Ok(Ok(Ok(_))) => "the database was full".into(),
            Ok(Ok(Err(error))) => format!("the database is full: {error}"),
            _ => "the database is full, and nobody makes room".into(),
        }
    }

    /// After the healing: service, rest, equality.
    pub(super) async fn settle(&self, clients: Vec<JoinHandle<()>>, operator: &Operator) {
        let until = self.world.clock.now() + SERVICE_TIME;
        let serves = self.world.violation().is_none()
            && self.serves(until, "after healing").await
            && self.changes_members(operator).await;
        self.ledger.is_over.store(true, Ordering::Relaxed);
        let until = self.world.clock.now() + REST_TIME;
        while clients.iter().any(|client| !client.is_finished()) {
            if self.world.violation().is_some() {
                return;
            }
            if self.world.clock.now() > until {
                let text = format!("clients still wait {REST_TIME:?} after healing");
                self.world.judge(Err(Violation { check: "G1", text }));
                return;
            }
            self.world.clock.sleep(LOOK_TIME).await;
        }
        if serves && self.converge().await {
            self.world.count("check: rest reached");
            lock(&self.world.checks).tally().hit("G1");
            self.compare_contents().await;
            self.compare_hashes().await;
            self.world.clock.sleep(FLUSH_TIME).await;
            self.measure_logs();
        }
    }

    /// Every member's log is as small as its settings say (L7).
    fn measure_logs(&self) {
        for member in 0..self.cluster.size() {
            if self.cluster.running(member).is_none() {
                continue;
            }
            let knobs = self.cluster.config(member).knobs;
            let bounds = wal_space::Bounds {
                checkpoint_entries: knobs.checkpoint_entries,
                log_bytes_max: knobs.log_bytes_max,
                segment_bytes: knobs.segment_bytes,
            };
            let segments = lock(&self.world.seats[member].disk).segments();
            let checks = lock(&self.world.checks);
            let applied = checks.ghost().members[member].applied;
            let verdict = wal_space::bounded(checks.tally(), member, bounds, applied, &segments);
            drop(checks);
            self.world.judge(verdict);
        }
    }

    /// A membership change succeeds: one more member joins, catches up and gets a vote.
    async fn changes_members(&self, operator: &Operator) -> bool {
        if self.plan.cluster.spares == 0 {
            return true;
        }
        let until = self.world.clock.now() + REST_TIME;
        if operator.last_change(until).await {
            self.world.count("check: membership changed at the end");
            return self.serves(until + SERVICE_TIME, "after the last change").await;
        }
        if self.world.violation().is_none() {
            let text = format!("no membership change in {REST_TIME:?} after healing");
            self.world.judge(Err(Violation { check: "G1", text }));
        }
        false
    }

    /// Waits until all members that are up have applied what is committed anywhere.
    async fn converge(&self) -> bool {
        let until = self.world.clock.now() + REST_TIME;
        loop {
            let (active, lingering) = (self.cluster.active(), self.cluster.lingering());
            let (commit, behind) = {
                let checks = lock(&self.world.checks);
                let ghost = checks.ghost();
                let up = active.iter().copied().filter(|&member| !self.cluster.is_lost(member));
                let behind: Vec<(usize, u64)> = up
                    .map(|member| (member + 1, ghost.members[member].applied))
                    .filter(|&(_, applied)| applied < ghost.commit())
                    .collect();
                (ghost.commit(), behind)
            };
            let is_at_rest = behind.is_empty() && lingering.is_empty();
            if is_at_rest || self.world.violation().is_some() {
                return self.world.violation().is_none();
            }
            if self.world.clock.now() > until {
                let text = format!(
                    "{commit} is committed; (member, applied) lag: {behind:?}; \
                     removed and up: {lingering:?}"
                );
                self.world.judge(Err(Violation { check: "G1", text }));
                return false;
            }
            self.world.clock.sleep(LOOK_TIME).await;
        }
    }

    /// Every member's whole content is the oracle's (A1, X1 after snapshots).
    async fn compare_contents(&self) {
        for member in self.cluster.active() {
            let Some(running) = self.cluster.running(member) else { continue };
            let was_installed = lock(&self.world.checks).ghost().members[member].was_installed;
            let check = if was_installed { "X1" } else { "A1" };
            if let Err(error) = audit::contents(&self.world, &running, check).await {
                self.refused("a serializable range", member, &error);
            }
        }
    }

    async fn compare_hashes(&self) {
        let mut answers = Vec::new();
        for member in self.cluster.active() {
            let Some(running) = self.cluster.running(member) else { continue };
            let task = running.node.spawn(async move {
                let request = HashKvRequest::default();
                decode::<HashKvResponse>(running.api.hash_kv(&Caller::root(), request).await?)
            });
            match task.await {
                Ok(Ok(answer)) => answers.push((member, answer)),
                Ok(Err(error)) if error.code == Code::Unimplemented => {}
                Ok(Err(error)) => self.refused("HashKV", member, &error),
                Err(_) => {}
            }
        }
        let checks = lock(&self.world.checks);
        let oracle = checks.timeline.oracle();
        let verdict = replica_hashes::agree(oracle, checks.tally(), &answers);
        drop(checks);
        self.world.judge(verdict);
    }

    fn refused(&self, what: &str, member: usize, error: &ApiError) {
        let text = format!("member {} refuses {what} at rest: {error}", member + 1);
        self.world.judge(Err(Violation { check: "G1", text }));
    }
}
