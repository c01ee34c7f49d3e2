//! The messages and services of the etcd v3 API, of its peer protocol and of its files.
//!
//! Each module is one protobuf package, generated at build time from the `.proto` files beside
//! `src/`. Encoding is canonical: fields ascend, zero values of proto3 fields are left out, varints
//! are minimal; etcd's hashes are taken over such bytes, so two members agree on them.
//!
//! `bytes` fields are [`bytes::Bytes`], so decoding from a `Bytes` shares the buffer. Fields of
//! proto2 packages (`raftpb`, `walpb`, `snappb`, `etcdserverpb::Metadata`) are `Option`s: absent
//! and present-but-zero must be read alike, because older members write zeros out. `peerURLs` and
//! `clientURLs` are named `peer_urls` and `client_urls` in Rust.
//!
//! Without the feature `grpc` the crate is `no_std`; with it, each service has a client and a
//! server module for tonic. No semantics live here: nothing is validated beyond its encoding.

#![cfg_attr(not(feature = "grpc"), no_std)]

/// Every descriptor, as an encoded `google.protobuf.FileDescriptorSet`, options and original names
/// included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($(#[$doc:meta])* $module:ident, $file:literal) => {
        $(#[$doc])*
        pub mod $module {
            #![allow(missing_docs, reason = "generated; the API documents its messages")]
            #![allow(clippy::all, reason = "generated")]
            include!(concat!(env!("OUT_DIR"), "/", $file, ".rs"));
        }
    };
}

package!(
    /// Users, roles and permissions, as the auth buckets store them.
    authpb,
    "authpb"
);
package!(
    /// The client API, the payload of Raft log entries and the log's metadata record.
    etcdserverpb,
    "etcdserverpb"
);
package!(
    /// Leases as they are stored, and what members ask the leader about them.
    leasepb,
    "leasepb"
);
package!(
    /// Changes of cluster version and member attributes, as log entries carry them.
    membershippb,
    "membershippb"
);
package!(
    /// Key-value pairs and events.
    mvccpb,
    "mvccpb"
);
package!(
    /// Raft messages, log entries and configuration changes.
    raftpb,
    "raftpb"
);
package!(
    /// The checksummed envelope of a snapshot file.
    snappb,
    "snappb"
);
package!(
    /// The election service.
    v3electionpb,
    "v3electionpb"
);
package!(
    /// The lock service.
    v3lockpb,
    "v3lockpb"
);
package!(
    /// The records of the write-ahead log.
    walpb,
    "walpb"
);

/// Packages of gRPC itself.
pub mod grpc {
    /// The health protocol.
    pub mod health {
        package!(
            /// Version 1 of the health protocol.
            v1,
            "grpc.health.v1"
        );
    }

    /// The reflection protocol.
    pub mod reflection {
        package!(
            /// Version 1 of the reflection protocol.
            v1,
            "grpc.reflection.v1"
        );
        package!(
            /// The same messages under the name that older clients ask for.
            v1alpha,
            "grpc.reflection.v1alpha"
        );
    }
}
