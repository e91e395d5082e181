//! The serving stack put together, from the socket to the services: accepting → HTTP/2 → deadlines
//! and codes → detached, limited work → services.

use super::accept::Acceptor;
use super::deadline::{Ceilings, Deadlines};
use super::detach::{Detach, Limits};
use super::drain::Drain;
use super::health::{Database, Health};
use super::kind::Kinds;
use super::options::ServeOptions;
use super::peer::Peers;
use super::request::BodyReader;
use crate::error::{Error, Result};
use http::HeaderMap;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;

/// What is served: all that the stack has to know of it.
#[derive(Clone, Debug)]
pub struct Served<D> {
    /// The services.
    pub routes: Routes,
    /// Their protocol: encoded descriptors, for reflection and for the names in health checks.
    pub descriptors: &'static [u8],
    /// What kind of call each of their paths is.
    pub kinds: Kinds,
    /// Headers that every answer carries.
    pub headers: HeaderMap,
    /// The database that they need.
    pub database: D,
}

/// Calls of one connection that are open at once, open pages too; its client keeps the rest
/// waiting.
const STREAMS_PER_CONNECTION: u32 = 256;
/// What a call may send before it is read. All of a connection's calls may at once: one that waits
/// does not keep the others of its connection from sending.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// A request's headers.
const HEADER_LIST_BYTES: u32 = 16 * 1024;

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
pub async fn serve<D: Database>(
    listener: TcpListener,
    served: Served<D>,
    options: &ServeOptions,
    shutdown: CancellationToken,
) -> Result<()> {
    let Served { routes, descriptors, kinds, headers, database } = served;
    let drain = Drain::default();

    let health = Health::new(descriptors).await?;
    let answer = health.probe(&database).await.map_err(|error| error.to_string());
    health.publish(&answer).await;
    tokio::spawn(health.clone().watch(database, options.probe_every, answer, drain.stop.clone()));

    let peers = Arc::new(Peers::new(options.calls_per_connection, options.concurrency));
    let detach = Detach {
        routes: routes.prepare(),
        unlimited: own_routes(&health, descriptors)?.prepare(),
        kinds: kinds.clone(),
        limits: Limits::new([options.concurrency, options.tasks, options.imports, options.standing_streams]),
        stop: drain.stop.clone(),
        bodies: BodyReader::new(options.max_message_bytes, options.body_timeout),
        peers: peers.clone(),
        work: drain.work.clone(),
        ready: health.ready.clone(),
    };
    let stack = Deadlines {
        inner: detach,
        kinds,
        ceilings: Ceilings { call: options.request_timeout, task: options.task_timeout },
        headers: Arc::new(headers),
        stop: drain.stop.clone(),
        end_streams: drain.end_streams.clone(),
    };
    let acceptor = Acceptor {
        max_connections: options.max_connections,
        first_bytes_timeout: options.first_bytes_timeout,
        unread_timeout: options.unread_timeout,
        peers,
    };
    let connections = ReceiverStream::new(acceptor.start(listener, drain.stop.clone(), drain.abort.clone()));
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(STREAMS_PER_CONNECTION * STREAM_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_LIST_BYTES)
        .http2_keepalive_interval(Some(options.keepalive_interval))
        .http2_keepalive_timeout(Some(options.keepalive_timeout))
        .serve_with_incoming_shutdown(stack, connections, drain.stop.clone().cancelled_owned());
    let mut server = std::pin::pin!(server);

    tokio::select! {
        ended = &mut server => return ended.map_err(Error::internal),
        () = shutdown.cancelled() => {}
    }
    drain.run(server, health.set(ServingStatus::NotServing), options.drain).await;
    Ok(())
}

/// Health, and reflection in both versions: older grpcurl asks for v1alpha.
fn own_routes(health: &Health, descriptors: &[u8]) -> Result<Routes> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
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
    use std::net::SocketAddr;

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
