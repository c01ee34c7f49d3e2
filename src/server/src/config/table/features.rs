//! Flags of features, of what can lose data, and of the command line itself.

use super::flags;
use crate::config::flag::Flag;
use crate::config::flag::Kind::{Bool, Duration, Gates, Int, Text};

pub(super) const FLAGS: &[Flag] = flags! { Features:
    "feature-gates" Gates, "", Built,
        "Features to switch: A=true,B=false.";
    "enable-grpc-gateway" Bool, "true", Built,
        "Serve the API as JSON under /v3/.";
    "corrupt-check-time" Duration, "0s", Built,
        "Time between comparisons of the members' hashes (0 for none).";
    "compact-hash-check-time" Duration, "1m0s", Built,
        "Time between comparisons of compaction hashes.";
    "compaction-batch-limit" Int, "0", Refused,
        "Revisions that etcd's compaction deletes at a time.";
    "compaction-sleep-interval" Duration, "0s", Refused,
        "Pause of etcd's compaction between two batches.";
    "watch-progress-notify-interval" Duration, "0s", Built,
        "Time between progress notifications of a watch (0 for ten minutes).";
    "downgrade-check-time" Duration, "5s", Built,
        "Time between two checks whether a downgrade is complete.";
};

pub(super) const UNSAFE: &[Flag] = flags! { Unsafe:
    "force-new-cluster" Bool, "false", Refused,
        "Make a cluster of this member alone.";
    "unsafe-no-fsync" Bool, "false", Built,
        "Do not wait for the disk: a crash loses acknowledged writes.";
};

pub(super) const META: &[Flag] = flags! { Meta:
    "config-file" Text, "", Built,
        "Path to a YAML file that replaces all other flags and the environment.";
    "version" Bool, "false", Built,
        "Print the version and exit.";
};
