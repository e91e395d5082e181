//! Calls that are cancelled in the middle of a transaction must not cost others their acknowledged writes.

use super::*;
use etutor::testing::on_every_database;
use tonic::Code;

#[test]
fn a_write_that_was_acknowledged_is_there_whatever_others_cancelled() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        let mut acknowledged = 0;
        // A connection with many resets is closed by the server, so each has a few only.
        for some in 0..40 {
            let channel = server.channel().await;
            // Cancelled after ever longer waits, so that some are hit inside `begin`, some inside the insert, some inside `commit`.
            let cancelled = (0..10).map(|number: u64| {
                let channel = channel.clone();
                async move {
                    let id = (10_000 + some * 10 + number).to_string();
                    let call = tokio::spawn(async move { call(channel, INSERT, &id).await });
                    tokio::time::sleep(Duration::from_micros((some * 10 + number) % 100 * 40)).await;
                    call.abort();
                    matches!(call.await, Ok(Ok(_)))
                }
            });
            acknowledged += futures_util::future::join_all(cancelled).await.into_iter().filter(|done| *done).count();
        }
        let channel = server.channel().await;
        let mut written = 0;
        while written < 40 {
            match call(channel.clone(), INSERT, &written.to_string()).await {
                Ok(_) => written += 1,
                // Left-over work may still fill the server.
                Err(status) => assert!(matches!(status.code(), Code::Unavailable | Code::Aborted), "{status}"),
            }
        }
        // Through other connections than the server's.
        let other = db.replica().await;
        let there = subject::Entity::find().all(other.reader()).await.unwrap();
        assert_eq!(there.iter().filter(|subject| subject.id < 40).count(), 40, "acknowledged writes are lost");
        assert!(there.len() >= 40 + acknowledged, "acknowledged writes are lost");
        if other.options().url.starts_with("postgres") {
            let stuck = "SELECT COUNT(*), 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
            eventually("no connection is left inside a transaction", || async {
                etutor::storage::sql::sql(stuck).tuples::<(i64, i32)>(other.reader()).await.unwrap() == [(0, 1)]
            })
            .await;
        }
        server.end().await;
    });
}
