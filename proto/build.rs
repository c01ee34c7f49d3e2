//! Compiles the `.proto` files into Rust messages and, with the feature `grpc`, services.
//!
//! The descriptor set that the crate embeds keeps every option (HTTP bindings, versions) and every
//! original name. The code generator sees a copy without the packages that only carry options, and
//! with Rust names for the fields whose mixed case would come out as `peer_ur_ls`.

use std::error::Error;
use std::path::PathBuf;

use prost_types::FileDescriptorSet;

const FILES: &[&str] = &[
    "authpb/auth.proto",
    "etcdserverpb/etcdserver.proto",
    "etcdserverpb/raft_internal.proto",
    "etcdserverpb/rpc.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
    "leasepb/lease.proto",
    "membershippb/membership.proto",
    "mvccpb/kv.proto",
    "raftpb/raft.proto",
    "snappb/snap.proto",
    "v3electionpb/v3election.proto",
    "v3lockpb/v3lock.proto",
    "versionpb/version.proto",
    "walpb/record.proto",
];

/// Packages that exist for their options only; no message of theirs is sent or stored.
const OPTION_PACKAGES: &[&str] = &["google.api", "google.protobuf", "versionpb"];

const RUST_NAMES: &[(&str, &str)] = &[("peerURLs", "peer_urls"), ("clientURLs", "client_urls")];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES.iter().chain(&["google/api/annotations.proto", "google/api/http.proto"]) {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(false).include_imports(true).open_files(FILES)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    generate(compiler.file_descriptor_set())
}

fn generate(mut set: FileDescriptorSet) -> Result<(), Box<dyn Error>> {
    set.file.retain(|file| !OPTION_PACKAGES.contains(&file.package()));
    for message in set.file.iter_mut().flat_map(|file| &mut file.message_type) {
        for field in &mut message.field {
            if let Some((_, rust)) = RUST_NAMES.iter().find(|(proto, _)| field.name() == *proto) {
                field.name = Some((*rust).into());
            }
        }
    }
    let mut config = prost_build::Config::new();
    config.bytes(["."]).btree_map(["."]);
    if std::env::var_os("CARGO_FEATURE_GRPC").is_some() {
        let services = tonic_prost_build::configure().build_transport(false);
        config.service_generator(services.service_generator());
    }
    config.compile_fds(set)?;
    Ok(())
}
