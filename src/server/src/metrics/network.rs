//! Connections between members: bytes, failures, round trips, snapshots; labelled with hexadecimal
//! member ids as etcd labels them.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{buckets, register};

/// `etcd_network_*` of the peer port.
pub struct PeerMetrics {
    /// Connected peers: 1 by (Local, Remote).
    pub active: IntGaugeVec,
    /// Known peers: 1 by (Local, Remote).
    pub known: IntGaugeVec,
    /// Times that a peer was lost, by (Local, Remote).
    pub disconnected: IntCounterVec,
    /// By To.
    pub sent_bytes: IntCounterVec,
    /// By From.
    pub received_bytes: IntCounterVec,
    /// By To.
    pub sent_failures: IntCounterVec,
    /// By From.
    pub received_failures: IntCounterVec,
    /// By To.
    pub round_trip: HistogramVec,
    /// Snapshots sent, by To.
    pub snapshots_sent: IntCounterVec,
    /// Snapshots that failed to be sent, by To.
    pub snapshot_send_failures: IntCounterVec,
    /// Snapshots being sent, by To.
    pub snapshots_sending: IntGaugeVec,
    /// Snapshots received, by From.
    pub snapshots_received: IntCounterVec,
    /// Snapshots that failed to be received, by From.
    pub snapshot_receive_failures: IntCounterVec,
    /// Snapshots being received, by From.
    pub snapshots_receiving: IntGaugeVec,
}

impl PeerMetrics {
    pub(super) fn new(registry: &Registry) -> PeerMetrics {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let options = Opts::new(format!("etcd_network_{name}"), help);
            register(registry, IntCounterVec::new(options, labels).expect("labels are valid"))
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let options = Opts::new(format!("etcd_network_{name}"), help);
            register(registry, IntGaugeVec::new(options, labels).expect("labels are valid"))
        };
        let (pair, to, from) = (["Local", "Remote"], ["To"], ["From"]);
        PeerMetrics {
            active: gauges("active_peers", "Connected peers.", &pair),
            known: gauges("known_peers", "Known peers.", &pair),
            disconnected: counters("disconnected_peers_total", "Lost peers.", &pair),
            sent_bytes: counters("peer_sent_bytes_total", "Bytes sent to peers.", &to),
            received_bytes: counters("peer_received_bytes_total", "Bytes of peers.", &from),
            sent_failures: counters("peer_sent_failures_total", "Failed sends.", &to),
            received_failures: counters("peer_received_failures_total", "Failed reads.", &from),
            round_trip: round_trip(registry),
            snapshots_sent: counters("snapshot_send_success", "Snapshots sent.", &to),
            snapshot_send_failures: counters("snapshot_send_failures", "Failed sends.", &to),
            snapshots_sending: gauges("snapshot_send_inflights_total", "Being sent.", &to),
            snapshots_received: counters("snapshot_receive_success", "Received.", &from),
            snapshot_receive_failures: counters(
                "snapshot_receive_failures",
                "Snapshots that failed to be received.",
                &from,
            ),
            snapshots_receiving: gauges(
                "snapshot_receive_inflights_total",
                "Snapshots being received.",
                &from,
            ),
        }
    }
}

fn round_trip(registry: &Registry) -> HistogramVec {
    let name = "etcd_network_peer_round_trip_time_seconds";
    let options = HistogramOpts::new(name, "Round trips to peers.").buckets(buckets(0.0001, 16));
    register(registry, HistogramVec::new(options, &["To"]).expect("labels are valid"))
}
