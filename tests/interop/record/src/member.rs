//! A lone etcd member in a temporary directory, ended when dropped.

use std::io;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running member.
pub struct Member {
    /// Where it serves clients.
    pub endpoint: String,
    process: Child,
    _directory: TempDir,
}

impl Member {
    /// Starts a member. Its shortest lease lives 75 s: one and a half election timeouts.
    pub fn start(binary: &str) -> io::Result<Member> {
        let directory = TempDir::new()?;
        let (client, peer) = (free_url()?, free_url()?);
        let process = Command::new(binary)
            .arg("--data-dir")
            .arg(directory.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args(["--heartbeat-interval", "1000", "--election-timeout", "50000"])
            .args(["--log-level", "error", "--unsafe-no-fsync"])
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Member { endpoint: client, process, _directory: directory })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // The process may have ended by itself; either way nothing is left to do about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_url() -> io::Result<String> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    Ok(format!("http://127.0.0.1:{port}"))
}
