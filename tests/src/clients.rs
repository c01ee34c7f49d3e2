//! Clients that others wrote, run against a cluster: each is a phase with its seconds.

use std::path::{Path, PathBuf};
use std::process::Command;

use proto::etcdserverpb::StatusRequest;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use tonic::transport::Endpoint;

use crate::binaries::profile_folder;
use crate::cluster::{Cluster, Member};
use crate::go;
use crate::repository::root;
use crate::transcript::{Names, Script, Session};

/// A client of someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// etcd's command-line client.
    Etcdctl,
    /// etcd's Go client, with its locks and elections.
    Clientv3,
    /// The Rust crate `etcd-client`.
    EtcdClient,
}

impl Client {
    /// All of them.
    pub const ALL: [Client; 3] = [Client::Etcdctl, Client::Clientv3, Client::EtcdClient];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Client::Etcdctl => "etcdctl",
            Client::Clientv3 => "clientv3",
            Client::EtcdClient => "etcd-client",
        }
    }

    /// Builds it, in the version that the tree pins.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn build(self) -> PathBuf {
        match self {
            Client::Etcdctl => go::etcdctl().to_path_buf(),
            Client::Clientv3 => go::clientv3().to_path_buf(),
            Client::EtcdClient => build_etcd_client(),
        }
    }

    /// Runs it against a cluster; what it says of itself.
    ///
    /// # Errors
    /// The first answer that is not as it should be.
    pub fn run(self, program: &Path, cluster: &Cluster) -> Result<String, String> {
        match self {
            Client::Etcdctl => {
                let scripts = Script::all(&root().join("tests/interop/etcdctl"));
                run_transcripts(program, cluster, &scripts)
            }
            Client::Clientv3 | Client::EtcdClient => run_program(program, cluster),
        }
    }
}

/// Runs the transcripts that are for clusters of this size; how many there were.
///
/// # Errors
/// All that is not as it is written; also when no transcript fits.
pub fn run_transcripts(
    tool: &Path,
    cluster: &Cluster,
    scripts: &[Script],
) -> Result<String, String> {
    let size = cluster.members().len();
    let fitting = |script: &&Script| script.members.is_none_or(|members| members == size);
    let scripts: Vec<&Script> = scripts.iter().filter(fitting).collect();
    if scripts.is_empty() {
        return Err(format!("no transcript is for {size} members"));
    }
    let failed: Vec<String> = scripts
        .iter()
        .filter_map(|script| Session::new(tool.to_path_buf(), names(cluster)).run(script).err())
        .collect();
    match failed.is_empty() {
        true => Ok(format!("{} transcripts", scripts.len())),
        false => Err(failed.join("\n")),
    }
}

fn run_program(program: &Path, cluster: &Cluster) -> Result<String, String> {
    let endpoints: Vec<String> = cluster.members().iter().map(Member::client_url).collect();
    let ended = Command::new(program).args(&endpoints).output().map_err(|e| e.to_string())?;
    let out = String::from_utf8_lossy(&ended.stdout);
    if !ended.status.success() {
        let errors = String::from_utf8_lossy(&ended.stderr);
        return Err(format!("{}\n{out}{errors}", ended.status));
    }
    Ok(out.lines().last().unwrap_or_default().to_owned())
}

/// Without a scheme, as tools print it.
fn address(member: &Member) -> String {
    member.client_url().replace("http://", "")
}

/// What transcripts may name: addresses, and who leads.
fn names(cluster: &Cluster) -> Names {
    let members = cluster.members();
    let all: Vec<String> = members.iter().map(address).collect();
    let mut names = Names::from([
        ("endpoint".to_owned(), all[0].clone()),
        ("endpoints".to_owned(), all.join(",")),
    ]);
    for member in members {
        let (id, leader) = status(&member.client_url());
        if id == leader {
            names.insert("leader".to_owned(), address(member));
        } else {
            names.insert("follower".to_owned(), address(member));
            names.insert("follower_id".to_owned(), format!("{id:x}"));
        }
    }
    names
}

/// The ids of a member and of the leader that it knows.
fn status(url: &str) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.expect("a runtime").block_on(async {
        let channel = Endpoint::from_shared(url.to_owned()).expect("a URL").connect().await;
        let mut client = MaintenanceClient::new(channel.expect("the member serves"));
        client.status(StatusRequest {}).await.expect("the member answers").into_inner()
    });
    (answer.header.map_or(0, |header| header.member_id), answer.leader)
}

/// The crate needs `protoc` to build, so it is no part of the workspace.
fn build_etcd_client() -> PathBuf {
    let target = profile_folder().with_file_name("etcd-client");
    let manifest = root().join("tests/interop/etcd-client/Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--manifest-path"]).arg(manifest);
    let output = cargo.arg("--target-dir").arg(&target).output().expect("cargo can be started");
    assert!(
        output.status.success(),
        "etcd-client cannot be built; it needs protoc (Debian: protobuf-compiler):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    target.join("debug/etcd-client-under-test")
}
