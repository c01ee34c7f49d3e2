//! What endpoints say about themselves: health, status, hash.

use proto::etcdserverpb::{HashKvResponse, StatusResponse};

use super::json::{self, Object};
use super::{Display, Show, fields};
use crate::utl::format::human_bytes;
use crate::utl::table::table;

/// The health of one endpoint.
#[derive(Clone, Debug)]
pub struct Health {
    /// The endpoint.
    pub endpoint: String,
    /// Whether it answered and no alarm is raised.
    pub health: bool,
    /// How long it took.
    pub took: String,
    /// Why it is not healthy; empty otherwise.
    pub error: String,
}

/// The status of one endpoint.
#[derive(Clone, Debug)]
pub struct Status {
    /// The endpoint.
    pub endpoint: String,
    /// What it said.
    pub answer: StatusResponse,
}

/// The hash of one endpoint.
#[derive(Clone, Debug)]
pub struct Hash {
    /// The endpoint.
    pub endpoint: String,
    /// What it said.
    pub answer: HashKvResponse,
}

/// Of all endpoints that were asked.
#[derive(Debug)]
pub struct Healths(pub Vec<Health>);

/// Of all endpoints that answered.
#[derive(Debug)]
pub struct Statuses(pub Vec<Status>);

/// Of all endpoints that answered.
#[derive(Debug)]
pub struct Hashes(pub Vec<Hash>);

/// What Go prints for a list: an empty one that was never made is `null`.
fn list(values: Vec<String>) -> String {
    if values.is_empty() { "null".to_owned() } else { json::array(values) }
}

fn joined(rows: &[Vec<String>]) -> Vec<u8> {
    rows.iter().map(|row| row.join(", ") + "\n").collect::<String>().into_bytes()
}

impl Show for Healths {
    /// The unhealthy ones go to standard error, which the command does.
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let healthy = self.0.iter().filter(|health| health.error.is_empty());
        let lines = healthy.map(|Health { endpoint, took, .. }| {
            format!("{endpoint} is healthy: successfully committed proposal: took = {took}\n")
        });
        Some(lines.collect::<String>().into_bytes())
    }

    fn fields(&self, _display: Display) -> Option<String> {
        let blocks = self.0.iter().map(|health| {
            let endpoint = fields::quoted("Endpoint", health.endpoint.as_bytes());
            let healthy = fields::line("Health", health.health);
            let took = fields::line("Took", &health.took);
            endpoint + &healthy + &took + &fields::line("Error", &health.error) + "\n"
        });
        Some(blocks.collect())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let objects = self.0.iter().map(|health| {
            Object::default()
                .raw("endpoint", &json::text(health.endpoint.as_bytes()))
                .raw("health", if health.health { "true" } else { "false" })
                .raw("took", &json::text(health.took.as_bytes()))
                .text("error", &health.error)
                .end()
        });
        Some(list(objects.collect()))
    }

    fn table(&self) -> Option<String> {
        let row = |health: &Health| {
            let Health { endpoint, health, took, error } = health.clone();
            vec![endpoint, health.to_string(), took, error]
        };
        let rows: Vec<_> = self.0.iter().map(row).collect();
        Some(table(&["endpoint", "health", "took", "error"], &rows))
    }
}

const STATUS_COLUMNS: [&str; 16] = [
    "endpoint",
    "ID",
    "version",
    "storage version",
    "db size",
    "in use",
    "percentage not in use",
    "quota",
    "is leader",
    "is learner",
    "raft term",
    "raft index",
    "raft applied index",
    "errors",
    "downgrade target version",
    "downgrade enabled",
];

impl Status {
    fn row(&self) -> Vec<String> {
        let answer = &self.answer;
        let member = answer.header.as_ref().map_or(0, |header| header.member_id);
        let downgrade = answer.downgrade_info.clone().unwrap_or_default();
        // A member that has no file yet has nothing that is not in use.
        let used = (answer.db_size_in_use * 100).checked_div(answer.db_size).unwrap_or(100);
        vec![
            self.endpoint.clone(),
            format!("{member:x}"),
            answer.version.clone(),
            answer.storage_version.clone(),
            human_bytes(answer.db_size as u64),
            human_bytes(answer.db_size_in_use as u64),
            format!("{}%", 100 - used),
            human_bytes(answer.db_size_quota as u64),
            (answer.leader == member).to_string(),
            answer.is_learner.to_string(),
            answer.raft_term.to_string(),
            answer.raft_index.to_string(),
            answer.raft_applied_index.to_string(),
            answer.errors.join(", "),
            downgrade.target_version,
            downgrade.enabled.to_string(),
        ]
    }

    fn block(&self, display: Display) -> String {
        let answer = &self.answer;
        let downgrade = answer.downgrade_info.clone().unwrap_or_default();
        let parts = [
            fields::header(answer.header.as_ref(), display),
            fields::quoted("Version", answer.version.as_bytes()),
            fields::quoted("StorageVersion", answer.storage_version.as_bytes()),
            fields::line("DBSize", answer.db_size),
            fields::line("DBSizeInUse", answer.db_size_in_use),
            fields::line("DBSizeQuota", answer.db_size_quota),
            fields::line("Leader", answer.leader),
            fields::line("IsLearner", answer.is_learner),
            fields::line("RaftIndex", answer.raft_index),
            fields::line("RaftTerm", answer.raft_term),
            fields::line("RaftAppliedIndex", answer.raft_applied_index),
            fields::line("Errors", format_args!("[{}]", answer.errors.join(" "))),
            fields::quoted("Endpoint", self.endpoint.as_bytes()),
            fields::quoted("DowngradeTargetVersion", downgrade.target_version.as_bytes()),
            fields::line("DowngradeEnabled", downgrade.enabled),
        ];
        parts.concat() + "\n"
    }

    fn object(&self) -> String {
        let answer = &self.answer;
        let downgrade = answer.downgrade_info.as_ref().map(|info| {
            let object = Object::default().flag("enabled", info.enabled);
            object.text("targetVersion", &info.target_version).end()
        });
        let status = Object::default()
            .header(answer.header.as_ref())
            .text("version", &answer.version)
            .number("dbSize", answer.db_size)
            .number("leader", answer.leader)
            .number("raftIndex", answer.raft_index)
            .number("raftTerm", answer.raft_term)
            .number("raftAppliedIndex", answer.raft_applied_index)
            .list("errors", answer.errors.iter().map(|error| json::text(error.as_bytes())))
            .number("dbSizeInUse", answer.db_size_in_use)
            .flag("isLearner", answer.is_learner)
            .text("storageVersion", &answer.storage_version)
            .number("dbSizeQuota", answer.db_size_quota)
            .optional("downgradeInfo", downgrade);
        let endpoint = json::text(self.endpoint.as_bytes());
        Object::default().raw("Endpoint", &endpoint).raw("Status", &status.end()).end()
    }
}

impl Show for Statuses {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let rows: Vec<_> = self.0.iter().map(Status::row).collect();
        Some(joined(&rows))
    }

    fn fields(&self, display: Display) -> Option<String> {
        Some(self.0.iter().map(|status| status.block(display)).collect())
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(list(self.0.iter().map(Status::object).collect()))
    }

    fn table(&self) -> Option<String> {
        let rows: Vec<_> = self.0.iter().map(Status::row).collect();
        Some(table(&STATUS_COLUMNS, &rows))
    }
}

impl Hash {
    fn row(&self) -> Vec<String> {
        let HashKvResponse { hash, hash_revision, .. } = &self.answer;
        vec![self.endpoint.clone(), hash.to_string(), hash_revision.to_string()]
    }
}

impl Show for Hashes {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let rows: Vec<_> = self.0.iter().map(Hash::row).collect();
        Some(joined(&rows))
    }

    fn fields(&self, display: Display) -> Option<String> {
        let blocks = self.0.iter().map(|Hash { endpoint, answer }| {
            let header = fields::header(answer.header.as_ref(), display);
            let endpoint = fields::quoted("Endpoint", endpoint.as_bytes());
            let hash = fields::line("Hash", answer.hash);
            header + &endpoint + &hash + &fields::line("HashRevision", answer.hash_revision) + "\n"
        });
        Some(blocks.collect())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let objects = self.0.iter().map(|Hash { endpoint, answer }| {
            let hash = Object::default()
                .header(answer.header.as_ref())
                .number("hash", answer.hash)
                .number("compact_revision", answer.compact_revision)
                .number("hash_revision", answer.hash_revision);
            let endpoint = json::text(endpoint.as_bytes());
            Object::default().raw("Endpoint", &endpoint).raw("HashKV", &hash.end()).end()
        });
        Some(list(objects.collect()))
    }

    fn table(&self) -> Option<String> {
        let rows: Vec<_> = self.0.iter().map(Hash::row).collect();
        Some(table(&["endpoint", "hash", "hash revision"], &rows))
    }
}
