//! Flags of this member.

use super::flags;
use crate::config::flag::Flag;
use crate::config::flag::Kind::{Bool, Duration, Int, Text, Uint, Uint32, Urls};

pub(super) const FLAGS: &[Flag] = flags! { Member:
    "name" Text, "default", Built,
        "Human-readable name of this member; a key of the initial cluster.";
    "data-dir" Text, "", Built,
        "Path to the data directory; empty for ${name}.etcd.";
    "wal-dir" Text, "", Built,
        "Path to a directory for the log alone; empty for one in the data directory.";
    "snapshot-count" Uint, "10000", Built,
        "Applied entries between two checkpoints.";
    "snapshot-catchup-entries" Uint, "5000", Built,
        "Log entries kept behind a checkpoint for followers that lag.";
    "max-wals" Uint, "5", Refused,
        "Log files to retain (0 is unlimited); segments are released behind checkpoints.";
    "heartbeat-interval" Uint, "100", Built,
        "Time (in milliseconds) between heartbeats.";
    "election-timeout" Uint, "1000", Built,
        "Time (in milliseconds) without a leader before an election.";
    "initial-election-tick-advance" Bool, "true", Refused,
        "Whether a starting member campaigns sooner.";
    "listen-peer-urls" Urls, "http://localhost:2380", Built,
        "URLs to listen on for peer traffic.";
    "listen-client-urls" Urls, "http://localhost:2379", Built,
        "URLs to listen on for client gRPC, and for HTTP unless --listen-client-http-urls is set.";
    "listen-client-http-urls" Urls, "", Built,
        "URLs to listen on for client HTTP only.";
    "listen-metrics-urls" Urls, "", Built,
        "URLs to listen on for metrics and health.";
    "quota-backend-bytes" Int, "0", Built,
        "Size of the store at which writes are refused (0 for 2 GiB, negative for no quota).";
    "backend-bbolt-freelist-type" Text, "", Refused,
        "Free list of etcd's backend (array or map); this backend has none.";
    "backend-batch-interval" Duration, "0s", Refused,
        "Longest time that a transaction of etcd's backend stays open.";
    "backend-batch-limit" Int, "0", Refused,
        "Most operations in a transaction of etcd's backend.";
    "max-txn-ops" Uint, "128", Built,
        "Operations permitted in a transaction.";
    "max-request-bytes" Uint, "1572864", Built,
        "Largest client request in bytes.";
    "max-concurrent-streams" Uint32, "4294967295", Built,
        "Streams that a client may have open at a time on a connection.";
    "grpc-keepalive-min-time" Duration, "5s", Refused,
        "Least time that a client waits between two pings.";
    "grpc-keepalive-interval" Duration, "2h0m0s", Built,
        "Time between pings of the server to a client (0 to disable).";
    "grpc-keepalive-timeout" Duration, "20s", Built,
        "Time that a ping may go unanswered before the connection is closed (0 to disable).";
    "socket-reuse-port" Bool, "false", Built,
        "Set SO_REUSEPORT on listeners.";
    "socket-reuse-address" Bool, "false", Built,
        "Set SO_REUSEADDR on listeners.";
    "raft-read-timeout" Duration, "5s", Refused,
        "Read timeout of connections to peers (at least 5s).";
    "raft-write-timeout" Duration, "5s", Refused,
        "Write timeout of connections to peers (at least 5s).";
    "memory-mlock" Bool, "false", Refused,
        "Keep the pages of etcd's backend in memory.";
    "bootstrap-defrag-threshold-megabytes" Uint, "0", Refused,
        "Defragment at start if this much becomes free; this backend frees space by itself.";
};
