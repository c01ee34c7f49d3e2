//! Clients that others wrote, run against a cluster: each is a phase with its seconds.

mod etcdctl;
mod gotests;
mod installed;
mod off;
mod program;
mod python;

pub use etcdctl::{known_names, run_transcripts};
pub use off::{Off, Part};
pub use program::Program;

use crate::cluster::Cluster;
use crate::go;
use crate::repository::root;
use crate::transcript::Script;

/// A client of someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// etcd's command-line client.
    Etcdctl,
    /// The same of 3.5.
    Etcdctl35,
    /// The same of 3.4.
    Etcdctl34,
    /// etcd's Go client, with its locks and elections.
    Clientv3,
    /// The Rust crate `etcd-client`.
    EtcdClient,
    /// Java's jetcd.
    Jetcd,
    /// The Python package `etcd3`, through its own tests.
    PythonEtcd3,
    /// The Python package `etcd3gw`, which speaks JSON, through its own tests.
    Etcd3gw,
    /// The npm package `etcd3`.
    Node,
    /// curl on the JSON gateway.
    Curl,
    /// The storage of Kubernetes' apiserver, through its own tests.
    Kubernetes,
    /// etcd's own tests of a server that it starts as a process.
    EtcdTests,
    /// etcd's own tests of its processes: of its gateway and of its tool.
    EtcdE2e,
}

/// How a client is run.
pub struct Run<'a> {
    /// What it is run against.
    pub cluster: &'a Cluster,
    /// The server's program, for tests that start members themselves.
    pub server: &'a std::path::Path,
    /// The parts of it that are left out.
    pub off: Vec<&'a Part>,
    /// Everything, instead of what a change is checked with.
    pub whole: bool,
}

impl Run<'_> {
    /// The names of what is left out.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        self.off.iter().map(|part| part.name.as_str())
    }
}

impl Client {
    /// All of them.
    pub const ALL: [Client; 13] = [
        Client::Etcdctl,
        Client::Etcdctl35,
        Client::Etcdctl34,
        Client::Clientv3,
        Client::EtcdClient,
        Client::Jetcd,
        Client::PythonEtcd3,
        Client::Etcd3gw,
        Client::Node,
        Client::Curl,
        Client::Kubernetes,
        Client::EtcdTests,
        Client::EtcdE2e,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Client::Etcdctl => "etcdctl",
            Client::Etcdctl35 => "etcdctl-3.5",
            Client::Etcdctl34 => "etcdctl-3.4",
            Client::Clientv3 => "clientv3",
            Client::EtcdClient => "etcd-client",
            Client::Jetcd => "jetcd",
            Client::PythonEtcd3 => "python-etcd3",
            Client::Etcd3gw => "etcd3gw",
            Client::Node => "node",
            Client::Curl => "curl",
            Client::Kubernetes => "kubernetes",
            Client::EtcdTests => "etcd-tests",
            Client::EtcdE2e => "etcd-e2e",
        }
    }

    /// Whether it is only part of the whole set: it would take a change too long.
    #[must_use]
    pub fn is_long(self) -> bool {
        let others = matches!(self, Client::PythonEtcd3 | Client::Kubernetes);
        others || self.takes_fixed_ports()
    }

    /// Whether its tests start members themselves, always on the same ports.
    #[must_use]
    pub fn takes_fixed_ports(self) -> bool {
        matches!(self, Client::EtcdTests | Client::EtcdE2e)
    }

    /// The names of the members that it is run against. Python's tests want their own names on
    /// three members: they stop those that end with 1 and 2, and ask the first.
    #[must_use]
    pub fn names_of_members(self, size: usize) -> Vec<String> {
        match (self, size) {
            (Client::PythonEtcd3, 3) => (0..3).map(|number| format!("pifpaf{number}")).collect(),
            _ => (1..=size).map(|number| format!("m{number}")).collect(),
        }
    }

    /// Builds or installs it, in the version that the tree pins.
    ///
    /// # Errors
    /// What it needs and cannot have.
    ///
    /// # Panics
    /// When it cannot be built though all that it needs is there.
    pub fn build(self) -> Result<Program, String> {
        match self {
            Client::Etcdctl => Ok(Program::of(go::etcdctl())),
            Client::Etcdctl35 => python::etcdctl_of_3_5(),
            Client::Etcdctl34 => installed::etcdctl_of_3_4(),
            Client::Clientv3 => Ok(Program::of(go::clientv3())),
            Client::EtcdClient => installed::etcd_client(),
            Client::Jetcd => installed::jetcd(),
            Client::PythonEtcd3 => python::etcd3(),
            Client::Etcd3gw => python::etcd3gw(),
            Client::Node => installed::node(),
            Client::Curl => installed::curl(),
            Client::Kubernetes => gotests::kubernetes(),
            Client::EtcdTests => gotests::etcd_tests(),
            Client::EtcdE2e => gotests::etcd_e2e(),
        }
    }

    /// Runs it against a cluster; what it says of itself.
    ///
    /// # Errors
    /// The first answer that is not as it should be.
    pub fn run(self, program: &Program, run: &Run<'_>) -> Result<String, String> {
        match self {
            Client::Etcdctl => scripted(program, run, "etcdctl", "3.7"),
            Client::Etcdctl35 => scripted(program, run, "etcdctl", "3.5"),
            Client::Etcdctl34 => scripted(program, run, "etcdctl", "3.4"),
            Client::Curl => scripted(program, run, "curl", "any"),
            Client::Clientv3 | Client::EtcdClient | Client::Jetcd | Client::Node => {
                program.run_chapters(run)
            }
            Client::PythonEtcd3 | Client::Etcd3gw => python::run_tests(program, run),
            Client::Kubernetes => gotests::run_kubernetes(program, run),
            Client::EtcdTests => gotests::run_etcd_tests(program, run),
            Client::EtcdE2e => gotests::run_etcd_e2e(program, run),
        }
    }
}

/// Runs the transcripts of a folder as a tool of this version would be used.
fn scripted(
    program: &Program,
    run: &Run<'_>,
    folder: &str,
    version: &str,
) -> Result<String, String> {
    let scripts = Script::all(&root().join("tests/interop").join(folder), version);
    let is_off = |script: &Script| run.skipped().any(|name| name == script.name);
    let scripts: Vec<Script> = scripts.into_iter().filter(|script| !is_off(script)).collect();
    run_transcripts(program, run.cluster, &scripts)
}
