//! The database goes away and comes back; the server stays, says so at once, and recovers by itself.

use super::*;
use etutor::storage::DbOptions;
use etutor::testing::on_every_database;
use std::sync::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

/// A cable between server and database that can be pulled out and put in again.
struct Cable {
    address: SocketAddr,
    to: String,
    plugged: Mutex<Option<CancellationToken>>,
}

impl Cable {
    /// A free port with nobody behind it, for a database at `host:port`.
    async fn new(to: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Self { address, to: to.to_owned(), plugged: Mutex::new(None) }
    }

    async fn plug(&self) {
        let pulled = CancellationToken::new();
        *self.plugged.lock().unwrap() = Some(pulled.clone());
        let listener = TcpListener::bind(self.address).await.unwrap();
        let to = self.to.clone();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = pulled.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let (mut here, _) = accepted.unwrap();
                let (pulled, to) = (pulled.clone(), to.clone());
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        () = pulled.cancelled() => {}
                        _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                    }
                });
            }
        });
    }

    fn pull(&self) {
        self.plugged.lock().unwrap().take().unwrap().cancel();
    }
}

/// The URL of a database as seen through a cable, and where the cable leads; `None` for SQLite, which is not behind one.
async fn through_a_cable(url: &str) -> Option<(Cable, String)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| *scheme != "sqlite")?;
    let (before, name) = rest.split_once('/').unwrap();
    let (user, host) = before.rsplit_once('@').map_or((String::new(), before), |(user, host)| (format!("{user}@"), host));
    let port = if scheme == "mysql" { "3306" } else { "5432" };
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let cable = Cable::new(&host).await;
    let url = format!("{scheme}://{user}{}/{name}", cable.address);
    Some((cable, url))
}

async fn health(server: &Server) -> ServingStatus {
    let mut client = HealthClient::new(server.channel().await);
    client.check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
}

/// A call that must be told quickly that the database is away, and when to come back.
async fn told_unavailable(server: &Server, method: &'static str) {
    let begun = tokio::time::Instant::now();
    let status = server.call(method, "77").await.unwrap_err();
    let waited = begun.elapsed();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.get_error_details().retry_info().is_some(), "{status}");
    assert!(waited < millis(3500), "told after {waited:?}");
}

#[test]
fn a_server_whose_database_is_away_starts_says_so_and_waits() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for scheme in ["postgres", "mysql"] {
            let db = Db::connect(&DbOptions { lazy: true, ..DbOptions::new(format!("{scheme}://etutor@{nobody}/etutor")) }).await.unwrap();
            let server = Server::start(&db, options()).await;
            assert_eq!(health(&server).await, ServingStatus::NotServing);
            told_unavailable(&server, COUNT).await;
            told_unavailable(&server, INSERT).await;
            server.end().await;
        }
    });
}

#[test]
fn a_server_outlives_its_database() {
    on_every_database(async |db| {
        let Some((cable, url)) = through_a_cable(&db.options().url).await else { return };
        let behind = Db::connect(&DbOptions { lazy: true, ..DbOptions::new(url) }).await.unwrap();
        let server = Server::start(&behind, options()).await;
        assert_eq!(health(&server).await, ServingStatus::NotServing);
        told_unavailable(&server, COUNT).await;

        cable.plug().await;
        eventually("SERVING", || async { health(&server).await == ServingStatus::Serving }).await;
        server.call(INSERT, "1").await.unwrap();
        assert_eq!(server.call(COUNT, "").await.unwrap(), "1");

        cable.pull();
        told_unavailable(&server, COUNT).await;
        told_unavailable(&server, INSERT).await;
        eventually("NOT_SERVING", || async { health(&server).await == ServingStatus::NotServing }).await;

        cable.plug().await;
        eventually("SERVING again", || async { health(&server).await == ServingStatus::Serving }).await;
        server.call(INSERT, "2").await.unwrap();
        assert_eq!(server.call(COUNT, "").await.unwrap(), "2");
        server.end().await;
    });
}
