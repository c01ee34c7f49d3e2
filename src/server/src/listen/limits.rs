//! How much the listeners take on: connections, streams, buffers and times.

use std::time::Duration;

/// Descriptors that files, peers and the process itself need beside client connections.
const RESERVED_DESCRIPTORS: u64 = 150;

/// Settings of one set of listeners.
#[derive(Clone, Debug)]
pub struct ListenSettings {
    /// Open connections over all listeners; further ones wait in the kernel's queue.
    pub connections_max: u32,
    /// Streams at a time on one HTTP/2 connection.
    pub streams_max: u32,
    /// Idle time after which an HTTP/2 connection is pinged; zero for never.
    pub keepalive_interval: Duration,
    /// How long a ping may go unanswered before the connection is closed.
    pub keepalive_timeout: Duration,
    /// How long a stop waits for calls that are under way.
    pub drain: Duration,
    /// Bytes a client may send ahead on one HTTP/2 stream.
    pub stream_window: u32,
    /// Bytes a client may send ahead on one HTTP/2 connection.
    pub connection_window: u32,
    /// Bytes of request headers.
    pub header_bytes_max: u32,
    /// Set `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// Set `SO_REUSEADDR`.
    pub reuse_address: bool,
}

impl Default for ListenSettings {
    fn default() -> ListenSettings {
        ListenSettings {
            connections_max: connection_limit(),
            streams_max: u32::MAX,
            keepalive_interval: Duration::from_secs(2 * 60 * 60),
            keepalive_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(5),
            stream_window: 256 << 10,
            connection_window: 1 << 20,
            header_bytes_max: 64 << 10,
            reuse_port: false,
            reuse_address: false,
        }
    }
}

/// The bound on connections that the process's descriptor limit allows, at least one.
#[must_use]
pub fn connection_limit() -> u32 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let descriptors = limit.current.unwrap_or(u64::MAX);
    let connections = descriptors.saturating_sub(RESERVED_DESCRIPTORS).max(1);
    u32::try_from(connections).unwrap_or(u32::MAX).min(1 << 28)
}
