//! `write_txn!`: retried when the database asks for it, all or nothing, and no place sold twice.

use etutor::error::{Error, Result};
use etutor::storage::Db;
use etutor::storage::sql::sql;
use etutor::testing::{TestDb, on_every_database};
use etutor::write_txn;
use sea_orm::{EntityTrait, Set};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Barrier;

async fn version(db: &Db) -> i64 {
    sql("SELECT version FROM mutex WHERE name = 'invite'").column::<i64>(db.reader()).await.unwrap()[0]
}

#[test]
fn a_contended_transaction_is_run_again_and_given_up_after_four_times() {
    on_every_database(async |db: TestDb| {
        let tries = AtomicU32::new(0);
        let attempt = async |give_in_at: u32| -> Result<u32> {
            write_txn!(&db, "test.contend", |txn| {
                sql("UPDATE mutex SET version = version + 1 WHERE name = 'invite'").execute(txn).await?;
                let tried = tries.fetch_add(1, Ordering::Relaxed) + 1;
                if tried < give_in_at { Err(Error::Contended("a row")) } else { Ok(tried) }
            })
        };
        assert_eq!(attempt(3).await.unwrap(), 3);
        assert_eq!(version(&db).await, 1, "what was contended is rolled back");

        tries.store(0, Ordering::Relaxed);
        let given_up = attempt(u32::MAX).await;
        assert!(matches!(given_up, Err(Error::Contended("test.contend"))), "{given_up:?}");
        assert_eq!(tries.load(Ordering::Relaxed), 4);
        assert_eq!(version(&db).await, 1);
    });
}

#[test]
fn an_error_rolls_back_and_is_not_tried_again() {
    on_every_database(async |db: TestDb| {
        let tries = AtomicU32::new(0);
        let ended: Result<()> = write_txn!(&db, "test.fail", |txn| {
            tries.fetch_add(1, Ordering::Relaxed);
            sql("UPDATE mutex SET version = 99").execute(txn).await?;
            Err(Error::invalid("day", "wrong"))
        });
        assert!(matches!(ended, Err(Error::Invalid { .. })));
        assert_eq!((tries.load(Ordering::Relaxed), version(&db).await), (1, 0));
    });
}

#[test]
fn a_dropped_transaction_is_rolled_back_and_blocks_nobody() {
    on_every_database(async |db: TestDb| {
        let txn = db.begin_write().await.unwrap();
        sql("UPDATE mutex SET version = 99").execute(&txn).await.unwrap();
        drop(txn);
        write_txn!(&db, "test.after", |txn| sql("UPDATE mutex SET version = version + 1").execute(txn).await)
            .unwrap();
        assert_eq!(version(&db).await, 1);
    });
}

#[test]
fn two_who_lock_rows_in_opposite_order_both_get_through() {
    on_every_database(async |db: TestDb| {
        let barrier = Arc::new(Barrier::new(2));
        let lock = "UPDATE mutex SET version = version + 1 WHERE name = ?";
        let both = [["invite", "create"], ["create", "invite"]].map(|[first, second]| {
            let (db, barrier) = ((*db).clone(), barrier.clone());
            tokio::spawn(async move {
                let tried = AtomicU32::new(0);
                write_txn!(&db, "test.deadlock", |txn| {
                    let again = tried.fetch_add(1, Ordering::Relaxed) > 0;
                    sql(lock).bind(first).execute(txn).await?;
                    // SQLite has one writer: the other cannot be in the middle too.
                    if !db.is_sqlite() && !again {
                        barrier.wait().await;
                    }
                    sql(lock).bind(second).execute(txn).await
                })
            })
        });
        for done in both {
            done.await.unwrap().unwrap();
        }
        assert_eq!(version(&db).await, 2);
    });
}

#[test]
fn ten_places_are_sold_ten_times_to_two_hundred_callers() {
    on_every_database(async |db: TestDb| {
        write_txn!(&db, "test.place", |txn| {
            for text in [
                "INSERT INTO subject (id, name) VALUES (1, 'x')",
                "INSERT INTO season (id, code, year, type, start_day, end_day) \
                 VALUES (1, 's', 2026, 'spring', '2026-03-01', '2026-06-30')",
                "INSERT INTO period (id, code, season_id, grade_type, start_time, end_time) \
                 VALUES (1, 'p', 1, 'junior', '19:00', '20:30')",
                "INSERT INTO class_template (id, code, season_id, subject_id, grade, period_id, recurrence, \
                 max_classes, max_students_per_class)
                 VALUES (1, 't', 1, 1, 7, 1, 'FREQ=WEEKLY;BYDAY=MO', 2, 5)",
                "INSERT INTO place (template_id, day, start_at, end_at, capacity, not_held_at) \
                 VALUES (1, '2026-03-02', 0, 1, 10, 0)",
            ] {
                sql(text).execute(txn).await?;
            }
            Ok(())
        })
        .unwrap();
        let callers = (0..200).map(|_| {
            let db = (*db).clone();
            tokio::spawn(async move {
                write_txn!(&db, "test.reserve", |txn| {
                    let text =
                        "UPDATE place SET taken = taken + 1 WHERE template_id = ? AND taken < capacity";
                    sql(text).bind(1_i64).execute(txn).await
                })
            })
        });
        let mut sold = 0;
        for caller in callers.collect::<Vec<_>>() {
            sold += caller.await.unwrap().unwrap();
        }
        assert_eq!(sold, 10);
        assert_eq!(sql("SELECT taken FROM place").column::<i32>(db.reader()).await.unwrap(), [10]);
        let oversold = write_txn!(&db, "test.oversell", |txn| sql("UPDATE place SET taken = taken + 1")
            .execute(txn)
            .await);
        assert!(matches!(oversold, Err(Error::Internal(_))), "the schema forbids it too: {oversold:?}");
    });
}

#[test]
fn of_three_equal_inserts_one_wins_and_all_know_it() {
    on_every_database(async |db: TestDb| {
        use etutor::storage::entity::subject;
        let racers = (0..3).map(|_| {
            let db = (*db).clone();
            tokio::spawn(async move {
                let inserted: Result<()> = write_txn!(&db, "test.race", |txn| {
                    let row = subject::ActiveModel { id: Set(7), name: Set("x".to_owned()) };
                    subject::Entity::insert(row).exec_without_returning(txn).await?;
                    Ok(())
                });
                match inserted {
                    Ok(()) => true,
                    Err(Error::AlreadyExists { .. }) => false,
                    Err(error) => panic!("{error}"),
                }
            })
        });
        let mut won = 0;
        for racer in racers.collect::<Vec<_>>() {
            won += u32::from(racer.await.unwrap());
        }
        assert_eq!(won, 1);
    });
}
