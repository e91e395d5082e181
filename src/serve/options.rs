//! The limits of serving.

use crate::config::ServerConfig;
use std::net::SocketAddr;
use std::time::Duration;

/// The limits of serving; the configuration's section `server`.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Listen on an address that others can reach, although nothing asks who is calling.
    pub insecure: bool,
    /// Connections open at once.
    pub max_connections: usize,
    /// How long a connection may take to show that it speaks HTTP/2.
    pub first_bytes_timeout: Duration,
    /// The longest a call may take, whatever its caller says.
    pub request_timeout: Duration,
    /// The same of a scheduled task or an import.
    pub task_timeout: Duration,
    /// Calls worked on at once; more are turned away.
    pub concurrency: usize,
    /// The same of one connection; more of it wait. At most `concurrency`. For each it may leave 32
    /// KiB of answers unread.
    pub calls_per_connection: usize,
    /// Scheduled tasks worked on at once; more are turned away.
    pub tasks: usize,
    /// Imports at once; more are turned away. One connection has one, its others wait.
    pub imports: usize,
    /// Standing streams of requests at once; more are turned away.
    pub standing_streams: usize,
    /// The largest request, in bytes.
    pub max_message_bytes: usize,
    /// How long a request may take to arrive, and an upload to go on, which gains time by what
    /// comes.
    pub body_timeout: Duration,
    /// How long answers may wait without any of them being read; then their connection is closed.
    pub unread_timeout: Duration,
    /// How long calls in flight may take when the server is told to end. Less than what the
    /// supervisor waits.
    pub drain: Duration,
    /// How often the database is asked for the sake of health.
    pub probe_every: Duration,
    /// How long a connection may say nothing until its peer is asked whether it is still there.
    pub keepalive_interval: Duration,
    /// How long the peer may take to answer that; then the connection is given up.
    pub keepalive_timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            insecure: false,
            max_connections: 1000,
            first_bytes_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            task_timeout: Duration::from_secs(300),
            concurrency: 256,
            calls_per_connection: 128,
            tasks: 32,
            imports: 2,
            standing_streams: 10_000,
            max_message_bytes: 4 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            unread_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(8),
            probe_every: Duration::from_millis(500),
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
        }
    }
}

impl From<&ServerConfig> for ServeOptions {
    fn from(config: &ServerConfig) -> Self {
        Self {
            listen: config.listen,
            insecure: config.insecure,
            max_connections: config.max_connections as usize,
            first_bytes_timeout: config.first_bytes_timeout(),
            request_timeout: config.request_timeout(),
            task_timeout: config.task_timeout(),
            concurrency: config.concurrency as usize,
            calls_per_connection: config.calls_per_connection as usize,
            tasks: config.tasks as usize,
            imports: config.imports as usize,
            standing_streams: config.presence_streams as usize,
            max_message_bytes: config.max_message_bytes as usize,
            body_timeout: config.body_timeout(),
            unread_timeout: config.unread_timeout(),
            drain: config.drain(),
            ..Self::default()
        }
    }
}
