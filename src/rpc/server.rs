//! The serving stack, from the socket to the services: door → HTTP/2 → deadlines and codes →
//! detached, limited work → services.
//!
//! It ends in order: NOT_SERVING, no new connections, GOAWAY, the calls in flight, the open
//! streams, what is left.

use super::accept::Door;
use super::detach::{Detach, Limits};
use super::health::Health;
use super::kind::Kinds;
use super::norm::{Ceilings, Norm};
use super::pb::DESCRIPTORS;
use super::peer::Peers;
use super::request::Reading;
use crate::app::App;
use crate::config::ServerConfig;
use crate::error::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;

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
            max_message_bytes: config.max_message_bytes as usize,
            body_timeout: config.body_timeout(),
            unread_timeout: config.unread_timeout(),
            drain: config.drain(),
            ..Self::default()
        }
    }
}

/// Calls of one connection that are open at once, open pages too; its client keeps the rest
/// waiting.
const STREAMS_PER_CONNECTION: u32 = 256;
/// What a call may send before it is read. All of a connection's calls may at once: one that waits
/// does not keep the others of its connection from sending.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// A request's headers.
const HEADER_LIST_BYTES: u32 = 16 * 1024;
/// How long what was cut off may take to end; what is left then is rolled back by the database.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Takes the address to listen on. Only this host may reach it until access control exists, unless
/// told otherwise.
pub async fn bind(options: &ServeOptions) -> Result<TcpListener> {
    let address = options.listen;
    if !address.ip().is_loopback() && !options.insecure {
        return Err(Error::invalid(
            "server.listen",
            format!(
                "{address} can be reached by others and nothing asks who is calling; use 127.0.0.1, or set \
                 server.insecure: true"
            ),
        ));
    }
    TcpListener::bind(address)
        .await
        .map_err(|error| Error::invalid("server.listen", format!("{address}: {error}")))
}

/// Serves until `shutdown`, and then until what was begun has ended, at most `drain`. Dropping it
/// closes every connection.
pub async fn serve(
    listener: TcpListener,
    app: App,
    routes: Routes,
    options: &ServeOptions,
    shutdown: CancellationToken,
) -> Result<()> {
    let (stop, cut, ending) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let _whatever_happens = (stop.clone().drop_guard(), cut.clone().drop_guard());

    let (health, testing) = (Health::new().await?, app.config.testing);
    let answer = health.probe(&app).await.map_err(|error| error.to_string());
    health.tell(&answer).await;
    tokio::spawn(health.clone().watch(app, options.probe_every, answer, stop.clone()));

    let tracker = TaskTracker::new();
    let peers = Arc::new(Peers::new(options.calls_per_connection, options.concurrency));
    let detach = Detach {
        routes: routes.prepare(),
        free: own_routes(&health)?.prepare(),
        kinds: Kinds::new(DESCRIPTORS).map_err(Error::internal)?,
        limits: Limits::new(options.concurrency, options.tasks, options.imports),
        reading: Reading::new(options.max_message_bytes, options.body_timeout),
        peers: peers.clone(),
        tracker: tracker.clone(),
        ready: health.ready.clone(),
    };
    let stack = Norm {
        inner: detach,
        ceilings: Ceilings { call: options.request_timeout, task: options.task_timeout },
        testing,
        stop: stop.clone(),
        ending: ending.clone(),
    };
    let door = Door {
        max_connections: options.max_connections,
        first_bytes_timeout: options.first_bytes_timeout,
        unread_timeout: options.unread_timeout,
        peers,
    };
    let connections = ReceiverStream::new(door.open(listener, stop.clone(), cut.clone()));
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(STREAMS_PER_CONNECTION * STREAM_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_LIST_BYTES)
        .http2_keepalive_interval(Some(options.keepalive_interval))
        .http2_keepalive_timeout(Some(options.keepalive_timeout))
        .serve_with_incoming_shutdown(stack, connections, stop.clone().cancelled_owned());
    let mut server = std::pin::pin!(server);

    tokio::select! {
        ended = &mut server => return ended.map_err(Error::internal),
        () = shutdown.cancelled() => {}
    }
    tracing::info!("ending: no new calls are taken");
    let last = tokio::time::Instant::now() + options.drain;
    // Closes the door, and ends the health check; every client is told by GOAWAY to go elsewhere.
    stop.cancel();
    health.set(ServingStatus::NotServing).await;
    tracker.close();
    let mut ended = false;
    let in_flight = async {
        tokio::select! {
            // Connections without an endless stream end by themselves.
            _ = &mut server => ended = true,
            () = tracker.wait() => {}
        }
    };
    if tokio::time::timeout_at(last, in_flight).await.is_err() {
        tracing::warn!(
            unfinished = tracker.len(),
            drain_s = options.drain.as_secs(),
            "some calls did not end in time"
        );
    }
    // Only endless streams are left: `Health.Watch`, reflection.
    ending.cancel();
    if !ended {
        let last = last.max(tokio::time::Instant::now() + LAST_MOMENT);
        ended = tokio::time::timeout_at(last, &mut server).await.is_ok();
    }
    cut.cancel();
    if !ended && tokio::time::timeout(LAST_MOMENT, &mut server).await.is_err() {
        tracing::warn!("some connections did not close");
    }
    if tokio::time::timeout(LAST_MOMENT, tracker.wait()).await.is_err() {
        tracing::warn!(unfinished = tracker.len(), "work is left behind; the database rolls it back");
    }
    tracing::info!("ended");
    Ok(())
}

/// Health, and reflection in both versions: older grpcurl asks for v1alpha.
fn own_routes(health: &Health) -> Result<Routes> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that clients can show the details of an error.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let checks = tonic_health::server::HealthService::from_health_reporter(health.reporter.clone());
    Ok(Routes::new(tonic_health::pb::health_server::HealthServer::new(checks))
        .add_service(reflection().build_v1().map_err(Error::internal)?)
        .add_service(reflection().build_v1alpha().map_err(Error::internal)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_this_host_may_be_listened_on_unless_told_otherwise() {
        let open = ServeOptions { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..ServeOptions::default() };
        let refusal = bind(&open).await.unwrap_err().to_string();
        assert!(
            refusal.starts_with("server.listen: 0.0.0.0:0 ") && refusal.contains("server.insecure"),
            "{refusal}"
        );
        bind(&ServeOptions { insecure: true, ..open }).await.unwrap();
        bind(&ServeOptions { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..ServeOptions::default() })
            .await
            .unwrap();
    }
}
