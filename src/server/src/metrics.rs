//! What a member exports: etcd's metric names, so that dashboards and alerts keep working.
//!
//! Promises: counters on hot paths are one atomic addition through a handle found by number;
//! values that the member keeps are read at scrape time only. Names and types are etcd's exactly,
//! gauges whose names end in `_total` included.

mod grpc;
mod member;
mod network;
mod process;

use std::time::Duration;

use prometheus::{Encoder, Registry, TextEncoder};

pub use grpc::{ClientRequests, GrpcMetrics};
pub use member::{Distribution, Gauges, MemberMetrics};
pub use network::PeerMetrics;
pub use process::ProcessMetrics;

/// What is fixed about a server when it starts.
#[derive(Clone, Debug)]
pub struct ServerLabels {
    /// The version that clients and peers see.
    pub server_version: &'static str,
    /// Cairn's own version.
    pub cairn_version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
    /// Whether times of single calls are exported (`--metrics extensive`).
    pub extensive: bool,
}

/// All metrics of one server.
pub struct Metrics {
    registry: Registry,
    /// Calls by method.
    pub grpc: GrpcMetrics,
    /// Calls by client version.
    pub client_requests: ClientRequests,
    /// Peer connections.
    pub peers: PeerMetrics,
    /// Health checks over HTTP, and what the member says of itself.
    pub member: MemberMetrics,
    process: ProcessMetrics,
}

impl Metrics {
    /// Metrics with every counter at zero.
    #[must_use]
    pub fn new(labels: &ServerLabels) -> Metrics {
        let registry = Registry::new();
        Metrics {
            grpc: GrpcMetrics::new(&registry, labels.extensive),
            client_requests: ClientRequests::new(&registry),
            peers: PeerMetrics::new(&registry),
            member: MemberMetrics::new(&registry, labels),
            process: ProcessMetrics::new(&registry),
            registry,
        }
    }

    /// Everything as Prometheus text; `gauges` is what the member says of itself now.
    #[must_use]
    pub fn text(&self, gauges: &Gauges) -> Vec<u8> {
        self.process.refresh();
        let mut families = self.registry.gather();
        families.extend(gauges.families());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text).expect("writing to memory cannot fail");
        text
    }
}

/// Registers a metric whose name is used once.
fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: C) -> C {
    registry.register(Box::new(metric.clone())).expect("each metric name is registered once");
    metric
}

/// Upper bounds that grow by two.
fn buckets(first: f64, count: usize) -> Vec<f64> {
    prometheus::exponential_buckets(first, 2.0, count).expect("start and count are positive")
}

/// Seconds as Prometheus counts them.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Gauges, Metrics, ServerLabels};
    use crate::grpc::Rpc;

    fn metrics(extensive: bool) -> Metrics {
        Metrics::new(&ServerLabels {
            server_version: "3.7.1",
            cairn_version: "0.1.0",
            commit: "0000000",
            extensive,
        })
    }

    fn text(metrics: &Metrics, gauges: &Gauges) -> String {
        String::from_utf8(metrics.text(gauges)).expect("text")
    }

    #[test]
    fn every_method_starts_at_zero_and_counts() {
        let metrics = metrics(false);
        let labels = r#"grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary""#;
        let before = text(&metrics, &Gauges::default());
        assert!(before.contains(&format!("grpc_server_started_total{{{labels}}} 0\n")));
        let handled = r#"grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV""#;
        assert!(before.contains(&format!("handled_total{{{handled},grpc_type=\"unary\"}} 0\n")));
        assert!(!before.contains("grpc_server_handling_seconds"));
        metrics.grpc.started(Rpc::Put);
        metrics.grpc.handled(Rpc::Put, 0, Duration::from_millis(1));
        let after = text(&metrics, &Gauges::default());
        assert!(after.contains(&format!("grpc_server_started_total{{{labels}}} 1\n")));
        assert!(after.contains(&format!("handled_total{{{handled},grpc_type=\"unary\"}} 1\n")));
    }

    #[test]
    fn times_of_calls_are_exported_only_when_asked() {
        let metrics = metrics(true);
        metrics.grpc.handled(Rpc::Range, 0, Duration::from_millis(7));
        let text = text(&metrics, &Gauges::default());
        assert!(text.contains("# TYPE grpc_server_handling_seconds histogram"));
    }

    #[test]
    fn gauges_keep_names_that_end_in_total() {
        let metrics = metrics(false);
        let gauges = Gauges { committed: Some(7), has_leader: Some(1), ..Gauges::default() };
        let text = text(&metrics, &gauges);
        assert!(text.contains("# TYPE etcd_server_proposals_committed_total gauge\n"));
        assert!(text.contains("\netcd_server_proposals_committed_total 7\n"));
        assert!(text.contains("\netcd_server_has_leader 1\n"));
        assert!(text.contains("etcd_server_version{server_version=\"3.7.1\"} 1\n"));
        assert!(text.contains("\nprocess_resident_memory_bytes "));
        assert!(text.contains("\nos_fd_limit "));
    }

    #[test]
    fn counts_of_the_member_are_exported_as_etcd_names_them() {
        let counts = node::metrics::Metrics::default();
        counts.puts.add(3);
        counts.wal_fsync.record(Duration::from_micros(1500));
        let gauges = Gauges::default().with_counts(&counts);
        let text = text(&metrics(false), &gauges);
        assert!(text.contains("\netcd_mvcc_put_total 3\n"));
        let fsync = "etcd_disk_wal_fsync_duration_seconds";
        assert!(text.contains(&format!("# TYPE {fsync} histogram\n")));
        assert!(text.contains(&format!("{fsync}_bucket{{le=\"0.001\"}} 0\n")));
        assert!(text.contains(&format!("{fsync}_bucket{{le=\"0.002\"}} 1\n")));
        assert!(text.contains(&format!("{fsync}_bucket{{le=\"8.192\"}} 1\n")));
        assert!(text.contains(&format!("{fsync}_bucket{{le=\"+Inf\"}} 1\n")));
        assert!(text.contains(&format!("{fsync}_sum 0.0015\n")));
    }

    #[test]
    fn client_versions_are_bounded() {
        let metrics = metrics(false);
        for number in 0..1000 {
            metrics.client_requests.count(true, &format!("3.{number}"));
        }
        metrics.client_requests.count(true, "3.1");
        let text = text(&metrics, &Gauges::default());
        let versions = text.lines().filter(|line| {
            line.starts_with("etcd_server_client_requests_total") && line.contains("unary")
        });
        assert!(versions.count() <= 65);
        let of_one = "{client_api_version=\"3.1\",type=\"unary\"} 2\n";
        assert!(text.contains(of_one), "{text}");
    }
}
