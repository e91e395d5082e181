//! The database goes away and comes back: the server stays up, says so at once, and recovers by
//! itself.

use super::cable::through_a_cable;
use super::*;
use etutor::storage::DbOptions;
use etutor::testing::on_every_database;
use tokio::net::TcpListener;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

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
            let db = Db::connect(&DbOptions {
                lazy: true,
                ..DbOptions::new(format!("{scheme}://etutor@{nobody}/etutor"))
            })
            .await
            .unwrap();
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
        let Some((cable, url)) = through_a_cable(&db.options().url, Duration::ZERO).await else { return };
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

#[test]
fn a_database_that_has_stopped_is_not_waited_for() {
    on_every_database(async |db| {
        let Some((cable, url)) = through_a_cable(&db.options().url, Duration::ZERO).await else { return };
        cable.plug().await;
        let behind = Db::connect(&DbOptions::new(url)).await.unwrap();
        let server = Server::start(&behind, options()).await;
        eventually("SERVING", || async { health(&server).await == ServingStatus::Serving }).await;
        server.call(INSERT, "1").await.unwrap();

        // Those in the middle of something hear of it as well as those that come later.
        cable.freeze(true);
        tokio::join!(told_unavailable(&server, COUNT), told_unavailable(&server, INSERT));
        tokio::join!(told_unavailable(&server, COUNT), told_unavailable(&server, INSERT));
        assert_eq!(health(&server).await, ServingStatus::NotServing);

        cable.freeze(false);
        eventually("SERVING again", || async { health(&server).await == ServingStatus::Serving }).await;
        server.call(INSERT, "2").await.unwrap();
        assert_eq!(server.call(COUNT, "").await.unwrap(), "2");
        server.end().await;
    });
}

#[test]
fn a_database_that_takes_no_writes_is_not_served() {
    on_every_database(async |db| {
        let (off, on) = match db.backend() {
            sea_orm::DbBackend::Postgres => ("on", "off"),
            // SQLite is ours alone, and MariaDB's switch is everybody's.
            _ => return,
        };
        let name = db.options().url.rsplit('/').next().unwrap().to_owned();
        let admin = sea_orm::Database::connect(db.options().url.clone()).await.unwrap();
        let switch = async |to: &str| {
            let text = format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}");
            // It counts for new sessions, this one's own transaction must be able to write.
            let text = format!("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; {text}");
            sea_orm::ConnectionTrait::execute_unprepared(&admin, &text).await.unwrap();
        };
        switch(off).await;
        let standby = Db::connect(db.options()).await.unwrap();
        let server = Server::start(&standby, options()).await;
        assert_eq!(health(&server).await, ServingStatus::NotServing);
        told_unavailable(&server, INSERT).await;
        switch(on).await;
        server.end().await;
        admin.close().await.unwrap();
    });
}
