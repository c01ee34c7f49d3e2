//! Flags of metrics, profiles, traces and the log.

use super::flags;
use crate::config::flag::Flag;
use crate::config::flag::Kind::{Bool, Duration, Int, Text, UniqueTexts};

pub(super) const FLAGS: &[Flag] = flags! { Monitoring:
    "enable-pprof" Bool, "false", Built,
        "Serve profiles at /debug/pprof/ of the client URLs.";
    "metrics" Text, "basic", Built,
        "Level of detail: 'basic', or 'extensive' with times of calls.";
    "warning-apply-duration" Duration, "100ms", Refused,
        "Time after which an apply is logged as slow.";
    "warning-unary-request-duration" Duration, "300ms", Built,
        "Time after which a call is logged as slow.";
    "enable-distributed-tracing" Bool, "false", Refused,
        "Send traces to an OpenTelemetry collector.";
    "distributed-tracing-address" Text, "localhost:4317", Unused,
        "Address of the collector.";
    "distributed-tracing-service-name" Text, "etcd", Unused,
        "Service name in traces.";
    "distributed-tracing-instance-id" Text, "", Unused,
        "Instance id in traces.";
    "distributed-tracing-sampling-rate" Int, "0", Unused,
        "Traces per million calls.";
};

pub(super) const LOGGING: &[Flag] = flags! { Logging:
    "logger" Text, "zap", Built,
        "Only 'zap', the name of etcd's log format, is supported.";
    "log-outputs" UniqueTexts, "default", Built,
        "Where the log goes: 'stderr', 'stdout' or paths, with commas between them.";
    "log-level" Text, "info", Built,
        "Least severe level: debug, info, warn, error, panic or fatal.";
    "log-format" Text, "json", Built,
        "json or console; without this flag, console on a terminal.";
    "enable-log-rotation" Bool, "false", Refused,
        "Rotate the log file.";
    "log-rotation-config-json" Text,
        "{\"maxsize\": 100, \"maxage\": 0, \"maxbackups\": 0, \"localtime\": false, \
            \"compress\": false}",
        Unused, "How the log file is rotated.";
};
