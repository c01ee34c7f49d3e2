//! What a member is told by its command line, its environment or a configuration file: etcd's
//! flags, read and checked as etcd does, with its texts and exit codes.
//!
//! A flag whose effect is not built ends the start as soon as it is set to anything but its
//! default. None is accepted and ignored, but those that etcd itself ignores.

pub mod cluster;
mod command_line;
pub(crate) mod duration;
mod environment;
mod exit;
mod file;
pub mod flag;
mod gates;
mod help;
pub mod host;
mod member;
mod security;
pub mod table;
pub(crate) mod url;
mod validate;
mod value;
mod values;
mod warning;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use node::NodeConfig;

pub use environment::Environment;
pub use exit::Exit;
pub use gates::{GATES, Gate, Gates, Stage};
pub use help::commit;
pub use values::Values;
pub use warning::Warning;

use crate::logging;
use crate::tls::TlsSettings;

/// Everything the process is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the member itself is told.
    pub node: NodeConfig,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The log's directory, when it is not in the data directory.
    pub wal_dir: Option<PathBuf>,
    /// Where to listen for peers.
    pub listen_peer_urls: Vec<String>,
    /// Where to listen for clients.
    pub listen_client_urls: Vec<String>,
    /// Where to listen for clients' HTTP; empty when that is served with gRPC.
    pub listen_client_http_urls: Vec<String>,
    /// Where else to serve metrics and health.
    pub listen_metrics_urls: Vec<String>,
    /// Peer URLs told to the cluster.
    pub advertise_peer_urls: Vec<String>,
    /// Streams at a time on a client's connection.
    pub max_concurrent_streams: u32,
    /// Time between pings to a client; zero for none.
    pub keepalive_interval: Duration,
    /// Time for the answer to a ping; zero for no limit.
    pub keepalive_timeout: Duration,
    /// Set `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// Set `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// Calls that take longer are logged.
    pub slow_call: Duration,
    /// Serve profiles.
    pub enable_pprof: bool,
    /// Export the times of single calls.
    pub extensive_metrics: bool,
    /// Serve the API as JSON under `/v3/`.
    pub enable_gateway: bool,
    /// Origins that browsers may call from; `*` or none for all.
    pub cors: Vec<String>,
    /// Host names that requests may carry without TLS; `*` or none for all.
    pub host_whitelist: Vec<String>,
    /// Which features are on.
    pub gates: Gates,
    /// TLS of the ports for clients and metrics.
    pub client_tls: TlsSettings,
    /// TLS between members.
    pub peer_tls: TlsSettings,
    /// The log.
    pub log: logging::Settings,
    /// What to say once the log runs.
    pub warnings: Vec<Warning>,
    /// The initial cluster as it was written, for messages.
    initial_cluster: String,
}

impl Config {
    /// Reads the process's own arguments and environment.
    ///
    /// # Errors
    /// The process ends now.
    pub fn from_process() -> Result<Config, Exit> {
        let args: Vec<String> = lossy(std::env::args_os().skip(1)).collect();
        let (names, values): (Vec<_>, Vec<_>) = std::env::vars_os().unzip();
        let environment = lossy(names.into_iter()).zip(lossy(values.into_iter())).collect();
        Config::read(&args, &environment, host::default_route())
    }

    /// Reads arguments (without the program's name) and environment, on a machine with that
    /// address.
    ///
    /// # Errors
    /// The process ends now.
    pub fn read(
        args: &[String],
        environment: &Environment,
        address: Option<IpAddr>,
    ) -> Result<Config, Exit> {
        let mut warnings = Vec::new();
        let mut values = command_line::parse(args, &mut warnings)?;
        if values.bool("version") {
            return Err(Exit::Told(help::version()));
        }
        let mut path = values.text("config-file");
        if path.is_empty() {
            path = environment.get("ETCD_CONFIG_FILE").cloned().unwrap_or_default();
        }
        if path.is_empty() {
            environment::apply(environment, &mut values, &mut warnings)?;
            return member::config(&values, false, address, warnings).map_err(Exit::Refused);
        }
        environment::warn_of_all(environment, &mut warnings);
        let values = file::read(Path::new(&path)).map_err(Exit::Refused)?;
        member::config(&values, true, address, warnings).map_err(Exit::Refused)
    }

    /// Checks what only a member without data needs: that it is in the initial cluster, under the
    /// URLs that it advertises.
    ///
    /// # Errors
    /// etcd's texts.
    pub fn check_bootstrap(&self) -> Result<(), String> {
        let cluster = cluster::parse(&self.initial_cluster)?;
        let name = &self.node.name;
        let is_new = self.node.initial_state == node::InitialState::New;
        let advertised = is_new.then_some(&self.advertise_peer_urls[..]);
        cluster::check(&cluster, &self.initial_cluster, name, advertised)
    }
}

/// Texts of the system; what is no Unicode shows as such and matches nothing.
fn lossy(texts: impl Iterator<Item = std::ffi::OsString>) -> impl Iterator<Item = String> {
    texts.map(|text| text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
