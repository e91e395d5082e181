//! The database: the same on SQLite, PostgreSQL and MariaDB.

mod migrations;
mod opening;
mod schema;
mod sets;
mod sign_ups;
mod transactions;

use etutor::domain::state::{JobStatus, TaskState};
use etutor::domain::time::{Day, Instant};
use etutor::error::Error;
use etutor::storage::entity::{coach, season, subject};
use etutor::storage::sql::sql;
use etutor::storage::{Db, DbOptions};
use etutor::testing::{TestDb, on_every_database};
use etutor::write_txn;
use sea_orm::{ActiveModelTrait, ColumnTrait, DbBackend, EntityTrait, IntoActiveModel, QueryFilter, Set};
use std::time::Duration;

#[test]
fn every_test_has_a_migrated_database_of_its_own() {
    on_every_database(async |db: TestDb| {
        let names = sql("SELECT name FROM mutex ORDER BY name").column::<String>(db.reader()).await.unwrap();
        assert_eq!(names, ["catalog", "create", "invite", "sms"]);
    });
}

fn some_coach(name: &str) -> coach::Model {
    coach::Model {
        id: 0,
        user_name: name.to_owned(),
        real_name: "张三 😀 O'Neil".to_owned(),
        area_code: "310104".to_owned(),
        school_name: "第一中学".to_owned(),
        grade_type: etutor::domain::state::GradeType::Junior,
        subject_id: 1,
        phone: "+999100".to_owned(),
        job_status: JobStatus::Regular,
        coach_rank: 1,
        forbid_same_city: true,
        blocked: false,
        opted_out: false,
        test_passed_at: Some(Instant::from_unix(i64::from(u32::MAX) + 7)),
        last_login_at: None,
        last_invited_at: Some(Instant::from_unix(-1)),
        version: 0,
    }
}

async fn add_subject(db: &Db) {
    write_txn!(db, "test.subject", |txn| {
        subject::Entity::insert(subject::ActiveModel { id: Set(1), name: Set("数学".to_owned()) })
            .exec(txn)
            .await?;
        Ok(())
    })
    .unwrap();
}

async fn add_coach(db: &Db, name: &str) -> etutor::error::Result<coach::Model> {
    write_txn!(db, "test.coach", |txn| {
        let mut coach = some_coach(name).into_active_model();
        coach.id = sea_orm::NotSet;
        Ok(coach.insert(txn).await?)
    })
}

#[test]
fn instants_days_words_and_any_text_come_back_as_they_were() {
    on_every_database(async |db: TestDb| {
        add_subject(&db).await;
        let stored = add_coach(&db, "amy").await.unwrap();
        let read = coach::Entity::find_by_id(stored.id).one(db.reader()).await.unwrap().unwrap();
        assert_eq!(read, stored);
        assert_eq!(coach::Model { id: 0, ..read }, some_coach("amy"));

        let (start, end) = (Day::from_ymd_opt(2026, 2, 28).unwrap(), Day::from_ymd_opt(2028, 2, 29).unwrap());
        write_txn!(&db, "test.season", |txn| {
            let season = season::ActiveModel {
                id: sea_orm::NotSet,
                code: Set("2026春".to_owned()),
                year: Set(2026),
                season_type: Set(etutor::domain::state::SeasonType::Spring),
                start_day: Set(start),
                end_day: Set(end),
            };
            season.insert(txn).await?;
            Ok(())
        })
        .unwrap();
        let text = "SELECT start_day, end_day, type FROM season WHERE start_day <= ? AND end_day > ?";
        let rows = sql(text).bind(start).bind(start).tuples::<(Day, Day, String)>(db.reader()).await.unwrap();
        assert_eq!(rows, [(start, end, "spring".to_owned())]);

        let found = coach::Entity::find()
            .filter(coach::Column::JobStatus.eq(JobStatus::Regular))
            .all(db.reader())
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        let flags =
            sql("SELECT forbid_same_city, blocked FROM coach WHERE forbid_same_city = TRUE AND blocked = ?")
                .bind(false);
        assert_eq!(flags.tuples::<(bool, bool)>(db.reader()).await.unwrap(), [(true, false)]);
    });
}

#[test]
fn a_word_that_is_none_is_an_error_and_no_panic() {
    on_every_database(async |db: TestDb| {
        add_subject(&db).await;
        add_coach(&db, "amy").await.unwrap();
        write_txn!(&db, "test.spoil", |txn| sql("UPDATE coach SET job_status = 'gone'").execute(txn).await)
            .unwrap();
        let read = coach::Entity::find().all(db.reader()).await.map_err(Error::from);
        assert!(matches!(read, Err(Error::Internal(_))), "{read:?}");
        assert_eq!(TaskState::parse("GONE"), None);
    });
}

#[test]
fn names_that_differ_in_case_only_are_two() {
    on_every_database(async |db: TestDb| {
        add_subject(&db).await;
        add_coach(&db, "amy").await.unwrap();
        add_coach(&db, "Amy").await.unwrap();
        let again = add_coach(&db, "amy").await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        let one =
            coach::Entity::find().filter(coach::Column::UserName.eq("AMY")).one(db.reader()).await.unwrap();
        assert_eq!(one, None);
    });
}

#[test]
fn what_does_not_fit_is_refused_and_not_cut() {
    on_every_database(async |db: TestDb| {
        add_subject(&db).await;
        // SQLite knows no lengths: there the checks of requests are the only ones.
        if !db.is_sqlite() {
            assert!(add_coach(&db, &"a".repeat(65)).await.is_err());
        }
        let place = write_txn!(&db, "test.place", |txn| {
            sql("INSERT INTO coach_status_change
            (coach_id, from_status, to_status, operator, remark, changed_at) \
            VALUES (404, 'a', 'b', 'c', 'd', 0)")
            .execute(txn)
            .await
        });
        assert!(matches!(place, Err(Error::Contended(_))), "a row that refers to none: {place:?}");
    });
}

#[test]
fn every_connection_of_the_pool_has_the_settings() {
    on_every_database(async |db: TestDb| {
        let text = match db.backend() {
            DbBackend::Sqlite => {
                "SELECT (SELECT foreign_keys FROM pragma_foreign_keys), (SELECT journal_mode \
                 FROM pragma_journal_mode)"
            }
            DbBackend::Postgres => {
                "SELECT current_setting('lock_timeout'), current_setting('transaction_isolation'), \
                 pg_sleep(0.05)"
            }
            _ => {
                "SELECT CAST(@@SESSION.innodb_lock_wait_timeout AS CHAR), \
                 REPLACE(LOWER(@@SESSION.tx_isolation), '-', ' '), SLEEP(0.05)"
            }
        };
        let expected = match db.backend() {
            DbBackend::Sqlite => {
                assert_eq!(
                    sql(text).tuples::<(i64, String)>(db.reader()).await.unwrap(),
                    [(1, "wal".to_owned())]
                );
                return;
            }
            DbBackend::Postgres => "3s",
            _ => "3",
        };
        // Each waits long enough for the next to need another connection.
        let asked = (0..5).map(|_| sql(text).tuples::<(String, String)>(db.reader()));
        for rows in futures_util::future::join_all(asked).await {
            assert_eq!(rows.unwrap(), [(expected.to_owned(), "read committed".to_owned())]);
        }
    });
}

#[test]
fn nobody_writes_beside_the_writer_of_sqlite() {
    on_every_database(async |db: TestDb| {
        if db.is_sqlite() {
            assert!(sql("UPDATE mutex SET version = 1").execute(db.reader()).await.is_err());
        }
    });
}

#[test]
fn a_statement_that_takes_too_long_ends_as_unavailable() {
    on_every_database(async |db: TestDb| {
        let text = match db.backend() {
            // An embedded statement runs to its end.
            DbBackend::Sqlite => return,
            DbBackend::Postgres => "SELECT 1, pg_sleep(20)",
            _ => {
                "SELECT COUNT(*), SUM(LENGTH(CONCAT(a.column_name, b.column_name, c.column_name)))
                  FROM information_schema.columns a, information_schema.columns b, \
                  information_schema.columns c"
            }
        };
        let mut options = db.options().clone();
        options.statement_timeout = Duration::from_millis(200);
        let hasty = Db::connect(&options).await.unwrap();
        let ended = sql(text).fetch(hasty.reader()).await.map(drop);
        assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
        hasty.close().await;
    });
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    for url in ["postgres://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none"] {
        let mut options = DbOptions::new(url);
        options.acquire_timeout = Duration::from_millis(300);
        let connected = Db::connect(&options).await;
        assert!(matches!(connected, Err(Error::Unavailable(_))), "{connected:?}");
    }
}

#[test]
fn the_harness_counts_statements() {
    on_every_database(async |db: TestDb| {
        let (_, sent) = db
            .statements()
            .of(async || {
                sql("SELECT version FROM mutex").fetch(db.reader()).await.unwrap();
                write_txn!(&db, "test.count", |txn| sql("UPDATE mutex SET version = version + 1")
                    .execute(txn)
                    .await)
                .unwrap();
            })
            .await;
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent[1].sql.starts_with("UPDATE mutex"));
    });
}
