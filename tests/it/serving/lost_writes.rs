//! Calls cancelled in the middle of a transaction must not cost others their acknowledged writes.

use super::cable::through_a_cable;
use super::*;
use etutor::storage::DbOptions;
use etutor::testing::on_every_database;

#[test]
fn a_write_that_was_acknowledged_is_there_whatever_others_cancelled() {
    on_every_database(async |db| {
        // A slow way to the database gives `begin` some milliseconds in which it can be hit.
        let cabled = through_a_cable(&db.options().url, millis(1)).await;
        let near = match &cabled {
            Some((cable, url)) => {
                cable.plug().await;
                Db::connect(&DbOptions::new(url)).await.unwrap()
            }
            None => (*db).clone(),
        };
        let server = Server::start(&near, options()).await;
        for round in 0..72 {
            // A write without a transaction of its own is swallowed by a connection that was left
            // inside one.
            let channel = server.channel().await;
            assert_eq!(
                call(channel.clone(), INSERT_BARE, &round.to_string()).await.unwrap(),
                round.to_string()
            );
            let id = (1000 + round).to_string();
            let cancelled = tokio::spawn(async move { call(channel, INSERT, &id).await });
            // Now inside `begin`, now inside the insert, now inside `commit`.
            tokio::time::sleep(millis(2 + round % 12)).await;
            cancelled.abort();
            drop(cancelled.await);
        }
        // Through other connections than the server's.
        let other = db.replica().await;
        let there = subject::Entity::find().all(other.reader()).await.unwrap();
        let missing: Vec<i64> = (0..72).filter(|id| !there.iter().any(|subject| subject.id == *id)).collect();
        assert!(missing.is_empty(), "acknowledged writes are lost: {missing:?}");
        if other.options().url.starts_with("postgres") {
            // Less time than after which the database itself ends such a transaction.
            tokio::time::sleep(millis(300)).await;
            let stuck = "SELECT COUNT(*), 1 FROM pg_stat_activity WHERE datname = current_database() \
                AND state = 'idle in transaction'";
            let stuck: Vec<(i64, i32)> =
                etutor::storage::sql::sql(stuck).tuples(other.reader()).await.unwrap();
            assert_eq!(stuck, [(0, 1)], "connections are left inside a transaction");
        }
        server.end().await;
    });
}
