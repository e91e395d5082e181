//! What the one write transaction and the migration lock promise, under load.

use super::*;
use etutor::storage::DbOptions;
use etutor::storage::sql::sql;
use etutor::testing::on_every_database;
use sea_orm::PaginatorTrait;

#[test]
fn two_hundred_writers_of_one_row_all_get_their_turn() {
    on_every_database(async |db| {
        insert_subject(&db, 1).await.unwrap();
        let writers = (0..200).map(|_| {
            let db = (*db).clone();
            tokio::spawn(async move {
                write_txn!(&db, "test.append", |txn| {
                    // Reading first is what makes a deferred SQLite transaction fail with "database
                    // is locked".
                    let read: Vec<String> = sql("SELECT name FROM subject WHERE id = 1").column(txn).await?;
                    assert_eq!(read.len(), 1);
                    sql("UPDATE subject SET id = id, name = CONCAT(name, '') WHERE id = 1")
                        .execute(txn)
                        .await?;
                    sql("UPDATE mutex SET version = version + 1").execute(txn).await
                })
            })
        });
        for writer in futures_util::future::join_all(writers).await {
            assert!(writer.unwrap().unwrap() > 0);
        }
        let versions: Vec<i64> = sql("SELECT version FROM mutex").column(db.reader()).await.unwrap();
        assert!(versions.iter().all(|version| *version == 200), "{versions:?}");
    });
}

#[test]
fn of_three_who_insert_the_same_key_one_is_told_that_it_won() {
    on_every_database(async |db| {
        for id in 0..20 {
            let callers = (0..3).map(|_| {
                let db = (*db).clone();
                tokio::spawn(async move { insert_subject(&db, id).await })
            });
            let told = futures_util::future::join_all(callers).await;
            let won = told.iter().filter(|told| matches!(told, Ok(Ok(())))).count();
            let lost =
                told.iter().filter(|told| matches!(told, Ok(Err(Error::AlreadyExists { .. })))).count();
            assert_eq!((won, lost), (1, 2), "{told:?}");
        }
        assert_eq!(subjects(&db).await, 20);
    });
}

#[test]
fn replicas_that_start_together_migrate_once() {
    on_every_database(async |db| {
        // The database as it was before anything was made in it.
        let options = db.options().clone();
        empty(&db).await;
        let replicas = (0..4).map(|_| {
            let options: DbOptions = options.clone();
            tokio::spawn(async move { Db::migrate_at(&options).await })
        });
        for replica in futures_util::future::join_all(replicas).await {
            replica.unwrap().unwrap();
        }
        let fresh = Db::connect(&options).await.unwrap();
        fresh.check_schema().await.unwrap();
        assert_eq!(subject::Entity::find().count(fresh.reader()).await.unwrap(), 0);
        let applied: Vec<String> =
            sql("SELECT version FROM seaql_migrations").column(fresh.reader()).await.unwrap();
        let mut once = applied.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), applied.len(), "{applied:?}");
        fresh.close().await;
    });
}

/// Drops every table, whatever points to it.
pub async fn empty(db: &TestDb) {
    let (names, before) = match &db.options().url {
        url if url.starts_with("sqlite") => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            "PRAGMA foreign_keys = OFF",
        ),
        url if url.starts_with("postgres") => {
            ("SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'", "SELECT 1")
        }
        _ => (
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = database()",
            "SET foreign_key_checks = 0",
        ),
    };
    let names: Vec<String> = sql(names).column(db.reader()).await.unwrap();
    // Settings hold for one connection.
    let mut single = sea_orm::ConnectOptions::new(db.options().url.clone());
    single.max_connections(1);
    let conn = sea_orm::Database::connect(single).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&conn, before).await.unwrap();
    for name in names {
        let cascade = if db.options().url.starts_with("postgres") { "CASCADE" } else { "" };
        sea_orm::ConnectionTrait::execute_unprepared(&conn, &format!("DROP TABLE {name} {cascade}"))
            .await
            .unwrap();
    }
    assert!(db.check_schema().await.is_err(), "the schema is still there");
    conn.close().await.unwrap();
}
