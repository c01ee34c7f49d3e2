//! What the member says of itself, as values taken at scrape time, and the health checks.
//!
//! [`Gauges`] is the seam to the node: whoever scrapes fills it. A value that nobody measures is
//! absent and its metric is not exported, rather than exported as a zero that means nothing.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{ServerLabels, register};

/// A histogram's state: one count for each bound, plus one beyond the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Upper bounds in seconds, ascending.
    pub bounds: Vec<f64>,
    /// Observations up to each bound and above the bound before; one more than bounds.
    pub counts: Vec<u64>,
    /// Sum of the observations.
    pub sum: f64,
}

impl Distribution {
    /// The state of a histogram whose bounds are milliseconds times powers of two.
    #[must_use]
    pub fn of(durations: &node::metrics::Durations) -> Distribution {
        let (counts, sum) = durations.read();
        let bounds = super::buckets(0.001, counts.len() - 1);
        Distribution { bounds, counts: counts.to_vec(), sum }
    }
}

macro_rules! gauges {
    ($($field:ident $kind:ident $name:literal $help:literal;)*) => {
        /// Values of one member at one moment.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Gauges {
            $(#[doc = concat!("`", $name, "`: ", $help)]
            pub $field: Option<i64>,)*
            /// This member, hexadecimal.
            pub member: String,
            /// `X.Y` of the cluster, empty while undecided.
            pub cluster_version: String,
            /// Active alarms: member (hexadecimal) and kind.
            pub alarms: Vec<(String, &'static str)>,
            /// Histograms by full name, with a help text.
            pub distributions: Vec<(&'static str, &'static str, Distribution)>,
        }

        impl Gauges {
            fn plain(&self) -> Vec<MetricFamily> {
                let mut families = Vec::new();
                $(if let Some(value) = self.$field {
                    families.push(plain($name, $help, MetricType::$kind, value as f64));
                })*
                families
            }
        }
    };
}

gauges! {
    has_leader GAUGE "etcd_server_has_leader" "Whether a leader is known.";
    is_leader GAUGE "etcd_server_is_leader" "Whether this member leads.";
    is_learner GAUGE "etcd_server_is_learner" "Whether this member is a learner.";
    leader_changes COUNTER "etcd_server_leader_changes_seen_total" "Changes of leader seen.";
    committed GAUGE "etcd_server_proposals_committed_total" "Committed index.";
    applied GAUGE "etcd_server_proposals_applied_total" "Applied index.";
    pending GAUGE "etcd_server_proposals_pending" "Proposals that wait.";
    failed COUNTER "etcd_server_proposals_failed_total" "Failed proposals.";
    slow_apply COUNTER "etcd_server_slow_apply_total" "Applies over the warning threshold.";
    slow_reads COUNTER "etcd_server_slow_read_indexes_total" "Slow or timed-out read barriers.";
    failed_reads COUNTER "etcd_server_read_indexes_failed_total" "Failed read barriers.";
    late_heartbeats COUNTER "etcd_server_heartbeat_send_failures_total" "Heartbeats sent late.";
    installing GAUGE "etcd_server_snapshot_apply_in_progress_total" "1 during an installation.";
    quota_bytes GAUGE "etcd_server_quota_backend_bytes" "Effective quota.";
    db_bytes GAUGE "etcd_mvcc_db_total_size_in_bytes" "Size of the store on disk.";
    db_used_bytes GAUGE "etcd_mvcc_db_total_size_in_use_in_bytes" "Size of what is in use.";
    cleanings COUNTER "cairn_backend_cleanings_total" "Rewritten segments.";
    cleaned_bytes COUNTER "cairn_backend_cleaned_bytes_total" "Bytes given back.";
    db_reads_open GAUGE "etcd_mvcc_db_open_read_transactions" "Open read views.";
    puts COUNTER "etcd_mvcc_put_total" "Puts.";
    deletes COUNTER "etcd_mvcc_delete_total" "Deletes.";
    ranges COUNTER "etcd_mvcc_range_total" "Ranges.";
    txns COUNTER "etcd_mvcc_txn_total" "Transactions with several operations.";
    wal_bytes GAUGE "etcd_disk_wal_write_bytes_total" "Bytes written to the log.";
    revision GAUGE "etcd_debugging_mvcc_current_revision" "Store revision.";
    compact_revision GAUGE "etcd_debugging_mvcc_compact_revision" "Last compaction revision.";
    keys GAUGE "etcd_debugging_mvcc_keys_total" "Live keys.";
    put_bytes GAUGE "etcd_debugging_mvcc_total_put_size_in_bytes" "Bytes of keys and values put.";
    compacted_keys COUNTER "etcd_debugging_mvcc_db_compaction_keys_total" "Revisions removed.";
    watchers GAUGE "etcd_debugging_mvcc_watcher_total" "Watchers.";
    watch_streams GAUGE "etcd_debugging_mvcc_watch_stream_total" "Open watch streams.";
    slow_watchers GAUGE "etcd_debugging_mvcc_slow_watcher_total" "Watchers that catch up.";
    events COUNTER "etcd_debugging_mvcc_events_total" "Watch events sent.";
    pending_events GAUGE "etcd_debugging_mvcc_pending_events_total" "Events that wait.";
    leases_granted COUNTER "etcd_debugging_lease_granted_total" "Leases granted.";
    leases_renewed COUNTER "etcd_debugging_lease_renewed_total" "Renewals by this leader.";
    leases_revoked COUNTER "etcd_debugging_lease_revoked_total" "Leases revoked.";
    leases_expired COUNTER "etcd_debugging_server_lease_expired_total" "Leases that expired.";
    auth_revision GAUGE "etcd_debugging_auth_revision" "Revision of the auth store.";
}

impl Gauges {
    /// What `/health` and the RPCs know too. The rest stays absent.
    #[must_use]
    pub fn of(overview: &node::Overview) -> Gauges {
        let number = |value: u64| Some(i64::try_from(value).unwrap_or(i64::MAX));
        let leads = !overview.leader.is_zero() && overview.leader == overview.member;
        let version = overview.cluster_version.rsplit_once('.').map_or("", |(minor, _)| minor);
        let alarm = |kind: i32| match kind {
            1 => "NOSPACE",
            2 => "CORRUPT",
            _ => "NONE",
        };
        let alarms = overview.alarms.iter();
        Gauges {
            has_leader: Some((!overview.leader.is_zero()).into()),
            is_leader: Some(leads.into()),
            is_learner: Some(overview.is_learner.into()),
            committed: number(overview.committed.get()),
            applied: number(overview.applied.get()),
            revision: Some(overview.revision),
            auth_revision: number(overview.auth_revision),
            compact_revision: Some(overview.compact_revision),
            member: overview.member.to_string(),
            cluster_version: version.to_owned(),
            alarms: alarms.map(|(member, kind)| (member.to_string(), alarm(*kind))).collect(),
            ..Gauges::default()
        }
    }

    /// Adds how many watchers and watch streams there are.
    #[must_use]
    pub fn with_watches(mut self, watchers: usize, streams: usize) -> Gauges {
        let read = |count: usize| Some(i64::try_from(count).unwrap_or(i64::MAX));
        self.watchers = read(watchers);
        self.watch_streams = read(streams);
        self
    }

    /// Adds what the member counts about itself.
    #[must_use]
    pub fn with_counts(mut self, counts: &node::metrics::Metrics) -> Gauges {
        let read =
            |count: &node::metrics::Count| Some(i64::try_from(count.get()).unwrap_or(i64::MAX));
        self.failed = read(&counts.proposals_failed);
        self.installing = read(&counts.installing);
        self.cleanings = read(&counts.cleanings);
        self.cleaned_bytes = read(&counts.cleaned_bytes);
        self.puts = read(&counts.puts);
        self.deletes = read(&counts.deletes);
        self.ranges = read(&counts.ranges);
        self.txns = read(&counts.txns);
        self.slow_reads = read(&counts.slow_read_indexes);
        let [granted, revoked, renewed, expired] = counts.leases.each_ref().map(read);
        self.leases_granted = granted;
        self.leases_revoked = revoked;
        self.leases_renewed = renewed;
        self.leases_expired = expired;
        self.distributions.push((
            "etcd_disk_wal_fsync_duration_seconds",
            "Time of one sync of the log.",
            Distribution::of(&counts.wal_fsync),
        ));
        self.distributions.push((
            "etcd_disk_backend_commit_duration_seconds",
            "Time of one recorded flush to the backend.",
            Distribution::of(&counts.backend_commit),
        ));
        self
    }

    /// Everything that is known, as Prometheus has it.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let mut families = self.plain();
        let mut push = |name: &str, help: &str, rows: Vec<Vec<(&str, &str)>>| {
            if !rows.is_empty() {
                let metrics = rows.iter().map(|labels| gauge(labels, 1.0)).collect();
                families.push(family(name, help, MetricType::GAUGE, metrics));
            }
        };
        let version = ("cluster_version", self.cluster_version.as_str());
        let versions = (!version.1.is_empty()).then(|| vec![version]);
        push("etcd_cluster_version", "Version of the cluster.", versions.into_iter().collect());
        let id = (!self.member.is_empty()).then(|| vec![("server_id", self.member.as_str())]);
        push("etcd_server_id", "This member.", id.into_iter().collect());
        let alarms = self.alarms.iter();
        let rows = alarms.map(|(id, kind)| vec![("server_id", id.as_str()), ("alarm_type", kind)]);
        push("etcd_debugging_server_alarms", "Active alarms.", rows.collect());
        let distributions = self.distributions.iter();
        families.extend(distributions.map(|(name, help, of)| histogram(name, help, of)));
        families
    }
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::default();
    metric.set_label(labels.iter().map(pair).collect());
    metric.set_gauge(gauge);
    metric
}

fn plain(name: &str, help: &str, kind: MetricType, value: f64) -> MetricFamily {
    let mut metric = Metric::default();
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        metric = gauge(&[], value);
    }
    family(name, help, kind, vec![metric])
}

fn histogram(name: &str, help: &str, of: &Distribution) -> MetricFamily {
    assert_eq!(of.counts.len(), of.bounds.len() + 1, "{name}: counts do not fit the bounds");
    let mut total = 0;
    let mut buckets = Vec::with_capacity(of.bounds.len());
    for (bound, count) in of.bounds.iter().zip(&of.counts) {
        total += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(total);
        buckets.push(bucket);
    }
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(total + of.counts.last().copied().unwrap_or(0));
    histogram.set_sample_sum(of.sum);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    family(name, help, MetricType::HISTOGRAM, vec![metric])
}

/// Health checks over HTTP, and what never changes about a server.
pub struct MemberMetrics {
    /// `/health` that said true.
    pub health_success: IntCounter,
    /// `/health` that said false.
    pub health_failures: IntCounter,
    checks: IntGaugeVec,
    checks_total: IntCounterVec,
}

impl MemberMetrics {
    pub(super) fn new(registry: &Registry, labels: &ServerLabels) -> MemberMetrics {
        constant(registry, "etcd_server_version", &[("server_version", labels.server_version)]);
        // etcd states its Go runtime here; what is true of this server stands in its own metric.
        let build = [("version", labels.cairn_version), ("commit", labels.commit)];
        constant(registry, "cairn_build_info", &build);
        let counter = |name: &str, help: &str| {
            register(registry, IntCounter::new(name, help).expect("name is valid"))
        };
        let options = Opts::new("etcd_server_healthcheck", "Last result of each check.");
        let checks = IntGaugeVec::new(options, &["type", "name"]).expect("labels are valid");
        let options = Opts::new("etcd_server_healthchecks_total", "Checks by result.");
        let total = IntCounterVec::new(options, &["type", "name", "status"]);
        MemberMetrics {
            health_success: counter("etcd_server_health_success", "Successful /health calls."),
            health_failures: counter("etcd_server_health_failures", "Failed /health calls."),
            checks: register(registry, checks),
            checks_total: register(registry, total.expect("labels are valid")),
        }
    }

    /// Records the result of one check of `/livez` or `/readyz`.
    pub fn checked(&self, endpoint: &str, name: &str, ok: bool) {
        self.checks.with_label_values(&[endpoint, name]).set(ok.into());
        let status = if ok { "success" } else { "error" };
        self.checks_total.with_label_values(&[endpoint, name, status]).inc();
    }
}

/// A gauge that is 1 for good: its labels are the message.
fn constant(registry: &Registry, name: &str, labels: &[(&str, &str)]) {
    let (names, values): (Vec<_>, Vec<_>) = labels.iter().copied().unzip();
    let vector = IntGaugeVec::new(Opts::new(name, "What runs."), &names).expect("labels are valid");
    let vector = register(registry, vector);
    vector.with_label_values(&values).set(1);
}
