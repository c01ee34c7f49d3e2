//! Servers that run: one or three members of a kind in a fresh directory, with default settings.
//! They end, and their directory goes, with the value.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::ports::free_port;

use crate::process;
use crate::programs::{Programs, Server};

/// How long members may take until the first of them serves.
const PATIENCE: Duration = Duration::from_secs(60);

/// Running members.
pub struct Cluster {
    /// Where clients are served.
    pub endpoints: Vec<SocketAddr>,
    running: Vec<Child>,
    directory: TempDir,
}

struct Place {
    name: String,
    client: SocketAddr,
    peer: SocketAddr,
}

impl Cluster {
    /// Starts `members` servers; they may not serve yet.
    ///
    /// # Errors
    /// No directory, or a program that does not start.
    pub fn start(programs: &Programs, server: Server, members: usize) -> Result<Cluster, String> {
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(&programs.folder);
        let directory = directory.map_err(|error| format!("no data directory: {error}"))?;
        let place = |number| Place {
            name: format!("m{number}"),
            client: free_address(),
            peer: free_address(),
        };
        let places: Vec<Place> = (0..members).map(place).collect();
        let endpoints = places.iter().map(|place| place.client).collect();
        let mut cluster = Cluster { endpoints, running: Vec::new(), directory };
        for place in &places {
            let mut command = Command::new(programs.of(server));
            match server {
                Server::Empty => command.arg(place.client.to_string()),
                Server::Etcd | Server::Cairn => {
                    command.args(arguments(place, &places, cluster.directory.path()))
                }
            };
            let log = cluster.directory.path().join(format!("{}.log", place.name));
            let log = File::create(log).map_err(|error| format!("no log: {error}"))?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            let child = command.spawn().map_err(|error| format!("{}: {error}", server.name()))?;
            cluster.running.push(child);
        }
        Ok(cluster)
    }

    /// Asks `serves` until it says yes.
    ///
    /// # Errors
    /// A member ended, or time ran out; with what the members logged.
    pub fn wait_ready(&mut self, mut serves: impl FnMut() -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !serves() {
            for child in &mut self.running {
                if let Ok(Some(status)) = child.try_wait() {
                    return Err(format!("a member ended with {status}:\n{}", self.logs()));
                }
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("the members do not serve:\n{}", self.logs()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What the members used so far.
    #[must_use]
    pub fn usage(&self) -> process::Usage {
        self.running.iter().map(|child| process::Usage::of(child.id())).sum()
    }

    fn logs(&self) -> String {
        let files = (0..self.running.len()).map(|number| format!("m{number}.log"));
        let read = |name| std::fs::read_to_string(self.directory.path().join(name));
        files.map(|name| read(name).unwrap_or_default()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.running {
            // It may have ended by itself.
            let _ended = child.kill();
            let _ended = child.wait();
        }
    }
}

fn arguments(own: &Place, all: &[Place], directory: &Path) -> Vec<String> {
    let (client, peer) = (format!("http://{}", own.client), format!("http://{}", own.peer));
    let members: Vec<String> =
        all.iter().map(|place| format!("{}=http://{}", place.name, place.peer)).collect();
    vec![
        format!("--name={}", own.name),
        format!("--data-dir={}", directory.join(&own.name).display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster={}", members.join(",")),
    ]
}

fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}
