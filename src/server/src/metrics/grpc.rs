//! Calls: by method, by outcome, by client version; bytes and failures of streams.

use std::sync::RwLock;
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use super::{register, seconds};
use crate::grpc::{CODE_NAMES, Rpc};

/// Bounds of `grpc_server_handling_seconds`, the usual ones of gRPC's Go metrics.
const HANDLING_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Client versions counted apart; further ones count as `unknown`. Clients choose the label, so it
/// needs a bound.
const CLIENT_VERSIONS_MAX: usize = 64;

struct MethodCounters {
    started: IntCounter,
    received: IntCounter,
    sent: IntCounter,
    /// By code.
    handled: Vec<IntCounter>,
    handling: Option<Histogram>,
}

/// `grpc_server_*` and the bytes of client calls.
pub struct GrpcMetrics {
    /// By the number of the RPC.
    methods: Vec<MethodCounters>,
    received_bytes: IntCounter,
    sent_bytes: IntCounter,
    stream_failures: IntCounterVec,
}

impl GrpcMetrics {
    pub(super) fn new(registry: &Registry, extensive: bool) -> GrpcMetrics {
        let labels = ["grpc_type", "grpc_service", "grpc_method"];
        let vector = |name: &str, help: &str| counters(registry, name, help, &labels);
        let started = vector("grpc_server_started_total", "Calls started on the server.");
        let received = vector("grpc_server_msg_received_total", "Messages received.");
        let sent = vector("grpc_server_msg_sent_total", "Messages sent.");
        let handled = counters(
            registry,
            "grpc_server_handled_total",
            "Calls completed on the server, by outcome.",
            &["grpc_type", "grpc_service", "grpc_method", "grpc_code"],
        );
        let handling = extensive.then(|| handling_times(registry, &labels));
        let of_method = |rpc: &Rpc| {
            let method = rpc.method();
            let values = [method.kind.label(), method.service, method.name];
            MethodCounters {
                started: started.with_label_values(&values),
                received: received.with_label_values(&values),
                sent: sent.with_label_values(&values),
                handled: CODE_NAMES
                    .iter()
                    .map(|code| handled.with_label_values(&[values[0], values[1], values[2], code]))
                    .collect(),
                handling: handling.as_ref().map(|times| times.with_label_values(&values)),
            }
        };
        let bytes = |name: &str, help: &str| {
            register(registry, IntCounter::new(name, help).expect("name is valid"))
        };
        GrpcMetrics {
            methods: Rpc::ALL.iter().map(of_method).collect(),
            received_bytes: bytes(
                "etcd_network_client_grpc_received_bytes_total",
                "Bytes received from gRPC clients.",
            ),
            sent_bytes: bytes(
                "etcd_network_client_grpc_sent_bytes_total",
                "Bytes sent to gRPC clients.",
            ),
            stream_failures: counters(
                registry,
                "etcd_network_server_stream_failures_total",
                "Failures of streams on this member.",
                &["Type", "API"],
            ),
        }
    }

    fn of(&self, rpc: Rpc) -> &MethodCounters {
        &self.methods[rpc as usize]
    }

    /// A call began.
    pub fn started(&self, rpc: Rpc) {
        self.of(rpc).started.inc();
    }

    /// A request message of `bytes` bytes arrived.
    pub fn received(&self, rpc: Rpc, bytes: usize) {
        self.of(rpc).received.inc();
        self.received_bytes.inc_by(bytes as u64);
    }

    /// An answer of `bytes` bytes leaves.
    pub fn sent(&self, rpc: Rpc, bytes: usize) {
        self.of(rpc).sent.inc();
        self.sent_bytes.inc_by(bytes as u64);
    }

    /// A call ended with this code.
    pub fn handled(&self, rpc: Rpc, code: u8, took: Duration) {
        let method = self.of(rpc);
        if let Some(counter) = method.handled.get(code as usize) {
            counter.inc();
        }
        if let Some(handling) = &method.handling {
            handling.observe(seconds(took));
        }
    }

    /// A request of a stream could not be read.
    pub fn receive_failed(&self, rpc: Rpc) {
        let api = match rpc {
            Rpc::LeaseKeepAlive => "lease-keepalive",
            Rpc::Watch => "watch",
            _ => return,
        };
        self.stream_failures.with_label_values(&["receive", api]).inc();
    }
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let vector = IntCounterVec::new(Opts::new(name, help), labels);
    register(registry, vector.expect("name and labels are valid"))
}

fn handling_times(registry: &Registry, labels: &[&str]) -> HistogramVec {
    let options =
        HistogramOpts::new("grpc_server_handling_seconds", "Time of calls on the server.")
            .buckets(HANDLING_BUCKETS.to_vec());
    register(registry, HistogramVec::new(options, labels).expect("name and labels are valid"))
}

/// `etcd_server_client_requests_total`, by the version that clients name.
pub struct ClientRequests {
    vector: IntCounterVec,
    /// Version, unary counter, stream counter; the first is `unknown`. Few, so a list is searched.
    known: RwLock<Vec<(String, [IntCounter; 2])>>,
}

impl ClientRequests {
    pub(super) fn new(registry: &Registry) -> ClientRequests {
        let vector = counters(
            registry,
            "etcd_server_client_requests_total",
            "Requests by client version.",
            &["type", "client_api_version"],
        );
        let unknown = ("unknown".to_owned(), pair(&vector, "unknown"));
        ClientRequests { vector, known: RwLock::new(vec![unknown]) }
    }

    /// Counts one request.
    ///
    /// # Panics
    /// When another thread panicked inside.
    pub fn count(&self, unary: bool, version: &str) {
        let side = usize::from(!unary);
        {
            let known = self.known.read().expect("nobody panics while holding it");
            let found = known.iter().find(|(name, _)| name == version);
            let full = known.len() > CLIENT_VERSIONS_MAX;
            if let Some((_, counters)) = found.or_else(|| known.first().filter(|_| full)) {
                counters[side].inc();
                return;
            }
        }
        let mut known = self.known.write().expect("nobody panics while holding it");
        let counters = pair(&self.vector, version);
        counters[side].inc();
        if known.iter().all(|(name, _)| name != version) {
            known.push((version.to_owned(), counters));
        }
    }
}

fn pair(vector: &IntCounterVec, version: &str) -> [IntCounter; 2] {
    ["unary", "stream"].map(|kind| vector.with_label_values(&[kind, version]))
}
