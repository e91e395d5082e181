//! Migrations that are killed at any moment and continued, and programs that are older than their
//! database.

use etutor::storage::migration::{ALL, Migrator};
use etutor::storage::sql::sql;
use etutor::storage::{Db, DbOptions};
use etutor::testing::database::{Kind, on_every_kind};
use etutor::testing::{TestDb, on_every_database};
use etutor::write_txn;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// All that makes a schema what it is, and what migrations wrote.
async fn all_of(db: &Db) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let texts: &[&str] = match db.backend() {
        DbBackend::Sqlite => &["SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"],
        DbBackend::Postgres => &[
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT CAST(conrelid::regclass AS TEXT) || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE conrelid <> 0",
            "SELECT table_name || '.' || column_name || ' ' || udt_name || is_nullable || \
             COALESCE(column_default, '')
                 || COALESCE(character_maximum_length, 0) || ' at ' || ordinal_position
             FROM information_schema.columns WHERE table_schema = 'public'",
        ],
        _ => &[],
    };
    for text in texts {
        found.extend(sql(text).column::<String>(db.reader()).await.unwrap());
    }
    if db.backend() == DbBackend::MySql {
        let query = async |text: String| {
            db.reader().query_all_raw(Statement::from_string(DbBackend::MySql, text)).await.unwrap()
        };
        for row in query("SHOW TABLES".to_owned()).await {
            let table: String = row.try_get_by_index(0).unwrap();
            let shown = query(format!("SHOW CREATE TABLE {table}")).await;
            let text: String = shown[0].try_get_by_index(1).unwrap();
            // By lines, because their order is that in which indexes were last made, and without
            // the next number of the automatic key.
            let lines =
                text.lines().map(|line| line.split(" AUTO_INCREMENT=").next().unwrap().trim_end_matches(','));
            found.extend(lines.map(|line| format!("{table}: {line}")));
        }
    }
    found.extend(sql("SELECT name FROM mutex").column::<String>(db.reader()).await.unwrap());
    found.extend(sql("SELECT version FROM seaql_migrations").column::<String>(db.reader()).await.unwrap());
    let ledger =
        sql("SELECT reservation_id, cause, COUNT(*) FROM place_change GROUP BY reservation_id, cause");
    let ledger = ledger.tuples::<(i64, String, i64)>(db.reader()).await.unwrap();
    found.extend(ledger.iter().map(|row| format!("{row:?}")));
    let blocks = sql("SELECT coach_id, operator, set_at FROM coach_block ORDER BY id");
    let blocks = blocks.tuples::<(i64, String, Option<i64>)>(db.reader()).await.unwrap();
    found.extend(blocks.iter().map(|row| format!("block {row:?}")));
    found
}

/// The first release with a few sign-ups, two of which its ledger will tell of.
async fn first_release(db: &TestDb) {
    let raw = Database::connect(db.options().url.clone()).await.unwrap();
    Migrator::up(&raw, Some(1)).await.unwrap();
    for text in [
        "INSERT INTO subject (id, name) VALUES (1, '数学')",
        "INSERT INTO season (id, code, year, type, start_day, end_day) \
         VALUES (1, 's', 2026, 'autumn', '2026-09-01', '2026-10-01')",
        "INSERT INTO period (id, code, season_id, grade_type, start_time, end_time) \
         VALUES (1, 'p', 1, 'junior', '19:00', '20:30')",
        "INSERT INTO class_template (id, code, season_id, subject_id, grade, period_id, recurrence, \
         max_classes, max_students_per_class)
         VALUES (1, 'm7', 1, 1, 7, 1, 'FREQ=DAILY', 1, 4)",
        "INSERT INTO student (id, user_name, real_name, area_code, school_name, grade, phone)
         VALUES (1, 'a', 'A', '310104', 'S', 7, '+99900001')",
        "INSERT INTO coach (id, user_name, real_name, area_code, school_name, grade_type, subject_id, phone, \
         job_status, coach_rank, forbid_same_city, blocked) VALUES
         (1, 'c1', 'C', '310104', '', 'junior', 1, '+99900002', 'regular', 1, FALSE, TRUE),
         (2, 'c2', 'C', '310104', '', 'junior', 1, '+99900003', 'regular', 1, FALSE, FALSE)",
        "INSERT INTO reservation (id, student_id, template_id, start_day, end_day, last_day, state, \
         created_at) VALUES
         (1, 1, 1, '2026-09-03', '2026-09-10', '2026-09-10', 'BOOKED', 1), (2, 1, 1, '2026-09-11', \
         '2026-09-12', '2026-09-12', 'PLACED', 2),
         (3, 1, 1, '2026-09-13', '2026-09-13', '2026-09-13', 'CANCELLED', 3)",
    ] {
        raw.execute_unprepared(text).await.unwrap();
    }
    raw.close().await.unwrap();
}

/// Whether a statement changes something, anew each time.
fn is_change(text: &str) -> bool {
    ["CREATE", "ALTER", "DROP", "INSERT"].iter().any(|verb| text.starts_with(verb))
        && !text.contains("IF NOT EXISTS")
}

/// Ends all other sessions of a database on a server, as the death of their clients does, and waits
/// until they are gone.
fn kill_sessions(url: &str) {
    let url = url.to_owned();
    let killer = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut one = ConnectOptions::new(url);
            // A second connection of its own would be among those it kills, and the next kill the
            // first.
            one.max_connections(1);
            let killer = Database::connect(one).await.unwrap();
            let (backend, text) = match killer.get_database_backend() {
                DbBackend::Postgres => (
                    DbBackend::Postgres,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                ),
                other => (
                    other,
                    "SELECT CONVERT(CONCAT('KILL ', id) USING utf8mb4) FROM information_schema.processlist
                     WHERE db = DATABASE() AND id <> CONNECTION_ID()",
                ),
            };
            loop {
                let sessions = killer.query_all_raw(Statement::from_string(backend, text)).await.unwrap();
                if sessions.is_empty() {
                    break;
                }
                if backend == DbBackend::MySql {
                    for session in sessions {
                        // It may have ended meanwhile.
                        let _gone =
                            killer.execute_unprepared(&session.try_get_by_index::<String>(0).unwrap()).await;
                    }
                }
            }
            killer.close().await.unwrap();
        });
    });
    killer.join().unwrap();
}

/// Migrates and is killed right after so many changes; whether it came to its end before.
async fn migrate_until_killed(options: &DbOptions, allowed: usize) -> bool {
    let mut migrating = Db::connect_to_migrate(options).await.unwrap();
    let (url, changes) = (options.url.clone(), Arc::new(AtomicUsize::new(0)));
    migrating.set_metric_callback(move |info| {
        if is_change(&info.statement.sql) && changes.fetch_add(1, Ordering::Relaxed) + 1 == allowed {
            kill_sessions(&url);
        }
    });
    Db::migrate_over(migrating).await.is_ok()
}

/// Migrates and returns what a process that was killed after any of the changes would have left in
/// its file.
async fn files_after_each_change(options: &DbOptions, folder: &Path) -> Vec<PathBuf> {
    let mut migrating = Db::connect_to_migrate(options).await.unwrap();
    let file = PathBuf::from(options.url.strip_prefix("sqlite://").unwrap());
    let (copies, folder) = (Arc::new(Mutex::new(Vec::new())), folder.to_owned());
    let made = copies.clone();
    migrating.set_metric_callback(move |info| {
        if is_change(&info.statement.sql) {
            let mut copies = copies.lock().unwrap();
            let copy = folder.join(format!("{}.db", copies.len()));
            std::fs::copy(&file, &copy).unwrap();
            let log = |file: &Path| format!("{}-wal", file.display());
            std::fs::copy(log(&file), log(&copy)).unwrap();
            copies.push(copy);
        }
    });
    Db::migrate_over(migrating).await.unwrap();
    let copies = made.lock().unwrap();
    copies.clone()
}

async fn goes_on_after_every_kill(kind: &Kind, stage: impl AsyncFn(&TestDb)) {
    let whole = TestDb::empty(kind).await;
    stage(&whole).await;
    Db::migrate_at(whole.options()).await.unwrap();
    let expected = all_of(&whole).await;
    // Few databases may live at once; whoever held one and waited for another could wait for ever.
    drop(whole);

    let killed = TestDb::empty(kind).await;
    stage(&killed).await;
    let mut kills = 0;
    if killed.is_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        for file in files_after_each_change(killed.options(), folder.path()).await {
            let options =
                DbOptions { url: format!("sqlite://{}", file.display()), ..killed.options().clone() };
            Db::migrate_at(&options).await.unwrap();
            let db = Db::connect(&options).await.unwrap();
            assert_eq!(all_of(&db).await, expected, "killed after change {kills}");
            db.close().await;
            kills += 1;
        }
    } else {
        // On MySQL each change stays, so that every process can do one more. PostgreSQL takes all
        // of them back, so that the next must do them all again: the more there were, the fewer
        // kills.
        let stays = killed.backend() == DbBackend::MySql;
        let mut allowed = 1;
        while !migrate_until_killed(killed.options(), allowed).await {
            kills += 1;
            allowed += if stays { 0 } else { 1 + allowed / 8 };
        }
        assert_eq!(all_of(killed.replica().await.db()).await, expected);
    }
    assert!(kills > 10, "{kills}");
}

#[test]
fn migrations_of_an_empty_database_go_on_wherever_they_are_killed() {
    on_every_kind(async |kind| goes_on_after_every_kill(kind, async |_| {}).await);
}

#[test]
fn migrations_of_a_database_in_use_go_on_wherever_they_are_killed() {
    on_every_kind(async |kind| goes_on_after_every_kill(kind, async |db| first_release(db).await).await);
}

#[test]
fn every_step_may_be_taken_twice() {
    on_every_kind(async |kind| {
        let db = TestDb::empty(kind).await;
        first_release(&db).await;
        Db::migrate_at(db.options()).await.unwrap();
        let expected = all_of(&db).await;
        let blocked = "block (1, \"\", None)".to_owned();
        assert!(expected.contains(&blocked), "whom the first release blocked is so still: {expected:?}");
        // As if every process had been killed after its last step.
        let raw = Database::connect(db.options().url.clone()).await.unwrap();
        raw.execute_unprepared("DELETE FROM seaql_migrations").await.unwrap();
        raw.close().await.unwrap();
        Db::migrate_at(db.options()).await.unwrap();
        assert_eq!(all_of(&db).await, expected);
    });
}

#[test]
fn the_names_of_migrations_are_in_order_and_those_of_their_files() {
    let names: Vec<_> = ALL.iter().map(|migration| migration.name).collect();
    let days: Vec<_> = names.iter().map(|name| &name[.."mYYYYMMDD".len()]).collect();
    assert!(days.is_sorted(), "{names:?}");
    for name in names {
        assert!(std::fs::exists(format!("src/storage/migration/{name}.rs")).unwrap(), "{name}");
    }
}

#[test]
fn a_binary_that_is_older_than_its_database_says_so_and_changes_nothing() {
    on_every_database(async |db| {
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_tomorrow', 0)";
        write_txn!(&db, "test.newer", |txn| sql(newer).execute(txn).await).unwrap();
        for refused in [db.check_schema().await, Db::migrate_at(db.options()).await] {
            let text = refused.unwrap_err().to_string();
            assert!(
                text.contains("is too old for the database") && text.contains("m20991231_tomorrow"),
                "{text}"
            );
        }
    });
}
