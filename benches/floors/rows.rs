//! A database with many rows: templates with places, finished tasks with ended invitations,
//! sign-ups, settled messages.

use etutor::app::App;
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::domain::time::{Day, Instant, add_days};
use etutor::storage::sql::{Sql, sql};
use etutor::storage::{Db, DbOptions};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use etutor::write_txn;
use sea_orm::{ConnectionTrait, DbBackend};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Statements and how long each took.
pub type Took = Arc<Mutex<Vec<(String, Duration)>>>;

/// Notes down the statements of a database that nobody has used yet.
pub fn watch(db: &mut Db) -> Took {
    let took = Took::default();
    let seen = took.clone();
    db.observe(move |info| seen.lock().unwrap().push((info.statement.sql.clone(), info.elapsed)));
    took
}

/// Whether somebody wants to see where the time goes: `ETUTOR_BENCH_STATEMENTS` is set.
pub fn statements_wanted() -> bool {
    std::env::var_os("ETUTOR_BENCH_STATEMENTS").is_some()
}

/// Prints where the time went since the last call, if somebody wants to see it.
pub fn statements(took: &Took) {
    let all = std::mem::take(&mut *took.lock().unwrap());
    if !statements_wanted() {
        return;
    }
    let mut by_text = BTreeMap::<String, (u32, Duration)>::new();
    for (text, took) in all {
        let (times, sum) = by_text.entry(text.chars().take(110).collect()).or_default();
        (*times, *sum) = (*times + 1, *sum + took);
    }
    for (text, (times, sum)) in by_text {
        eprintln!("{:>12} {times:>5}× {text}", crate::ms(sum));
    }
    eprintln!();
}

/// A database full of rows, gone when this is dropped.
pub struct Filled {
    /// The service on it, as it is configured by default: every write is durable.
    pub app: App,
    /// The lesson day whose tasks are to be made.
    pub day: Day,
    /// D−3, noon.
    pub now: Instant,
    /// What was sent.
    pub took: Took,
    _home: TestDb,
}

/// Every table gets `rows` rows, but templates and students: one for a hundred of them. 6 of 100
/// sign-ups are BOOKED, in no class and for `day`, for every other template; the others have ended,
/// one or none on each of a template's hundred days. Places and ledger agree with them.
pub async fn fill(kind: &Kind, rows: i64) -> Filled {
    let home = TestDb::empty(kind).await;
    let options = DbOptions { sqlite_synchronous_full: true, ..home.options().clone() };
    Db::migrate_at(&options).await.unwrap();
    let slow = Duration::from_secs(1_800);
    let filler = Db::connect(&DbOptions { statement_timeout: slow, max_connections: 1, ..options.clone() })
        .await
        .unwrap();
    let day = Day::from_ymd_opt(2026, 4, 20).unwrap();
    fill_with(&filler, rows, day).await;
    let keep = if filler.backend() == DbBackend::Postgres { "VACUUM ANALYZE" } else { "SELECT 1" };
    filler.reader().execute_unprepared(keep).await.unwrap();
    if filler.backend() == DbBackend::MySql {
        for table in
            ["reservation", "class_task", "place", "message", "invitation", "class_template", "place_change"]
        {
            filler.reader().execute_unprepared(&format!("ANALYZE TABLE {table}")).await.unwrap();
        }
    }
    filler.close().await;
    // Limits of time are not what is measured.
    let mut db = Db::connect(&DbOptions { statement_timeout: slow, ..options }).await.unwrap();
    let took = watch(&mut db);
    let app = App::new(db, Clock::System, Config { testing: false, ..Config::default() });
    Filled { app, day, now: noon(add_days(day, -3)), took, _home: home }
}

/// Noon of a day.
pub fn noon(day: Day) -> Instant {
    let noon = chrono::NaiveTime::from_hms_opt(12, 0, 0).unwrap();
    Config::default().rules.time.at(day, noon)
}

/// Runs a statement in a transaction of its own.
pub async fn run(db: &Db, statement: Sql) {
    write_txn!(db, "bench.fill", |txn| statement.clone().execute(txn).await).unwrap();
}

/// The tables `bench_n`, the numbers below `rows`, and `bench_day`, these days by number with their
/// noon.
pub async fn numbers(db: &Db, rows: i64, days: impl Iterator<Item = (i64, Day)>) {
    for table in [
        "CREATE TABLE bench_digit (d BIGINT NOT NULL)",
        "CREATE TABLE bench_n (n BIGINT PRIMARY KEY)",
        "CREATE TABLE bench_day (k BIGINT PRIMARY KEY, day DATE NOT NULL, at BIGINT NOT NULL)",
    ] {
        run(db, sql(table)).await;
    }
    run(db, sql("INSERT INTO bench_digit (d) VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")).await;
    run(
        db,
        sql(
            "INSERT INTO bench_n (n) SELECT q.n FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 \
             * f.d + 100000 * g.d AS n \
             FROM bench_digit a, bench_digit b, bench_digit c, bench_digit e, bench_digit f, bench_digit g) \
             q WHERE q.n < ? ORDER BY q.n",
        )
        .bind(rows),
    )
    .await;
    for (k, day) in days {
        run(db, sql("INSERT INTO bench_day (k, day, at) VALUES (?, ?, ?)").bind(k).bind(day).bind(noon(day)))
            .await;
    }
}

async fn fill_with(db: &Db, rows: i64, day: Day) {
    let templates = (rows / 100).max(10);
    // −1: the day itself; −2: when its sign-ups end; 0 to 99: days long past.
    let days = (0..100).map(|k| (k, add_days(day, -10 - k))).chain([(-1, day), (-2, add_days(day, 30))]);
    numbers(db, rows, days).await;
    run(db, sql("CREATE TABLE bench_task (template_id BIGINT PRIMARY KEY, need BIGINT NOT NULL)")).await;
    let (start, end) = (add_days(day, -110), add_days(day, 60));
    run(db, sql("INSERT INTO subject (id, name) VALUES (1, 'mathematics')")).await;
    run(
        db,
        sql("INSERT INTO season (id, code, year, type, start_day, end_day) \
            VALUES (1, 'S', 2026, 'spring', ?, ?)")
        .bind(start)
        .bind(end),
    )
    .await;
    // Lessons are on the days that have places, and on no other.
    let lesson_days: Vec<Day> = (0..100).map(|k| add_days(day, -10 - k)).chain([day]).collect();
    let off: Vec<Day> =
        (-110..=60).map(|k| add_days(day, k)).filter(|day| !lesson_days.contains(day)).collect();
    for day in off {
        run(db, sql("INSERT INTO season_except_day (season_id, day) VALUES (1, ?)").bind(day)).await;
    }
    for text in [
        "INSERT INTO period (id, code, season_id, grade_type, start_time, end_time) \
         VALUES (1, 'P', 1, 'junior', '12:00', '13:00')",
        "INSERT INTO coach (id, user_name, real_name, area_code, school_name, grade_type, subject_id, phone, \
         job_status, coach_rank, \
         forbid_same_city) VALUES (1, 'coach', 'coach', '110000', 'school', 'junior', 1, '+99900000000', \
         'dismissed', 1, FALSE)",
    ] {
        run(db, sql(text)).await;
    }
    for text in [
        "INSERT INTO class_template (id, code, season_id, subject_id, grade, period_id, recurrence, \
         max_classes, max_students_per_class) \
         SELECT n + 1, CONCAT('t', n), 1, 1, 7, 1, 'FREQ=DAILY', 10, 6 FROM bench_n WHERE n < ?",
        "INSERT INTO student (id, user_name, real_name, area_code, school_name, grade, phone) \
         SELECT n + 1, CONCAT('s', n), 'student', '310000', 'school', 7, '+99900000000' FROM bench_n \
         WHERE n < ?",
    ] {
        run(db, sql(text).bind(templates)).await;
    }
    for text in [
        "INSERT INTO class_task (template_id, day, state, start_at, gate_at, freeze_at, closes_at, \
         created_at) \
         SELECT t.id, d.day, 'FORMED', d.at, d.at - 93600, d.at - 14400, d.at - 14400, d.at - 300000 \
         FROM class_template t, bench_day d WHERE d.k >= 0",
        "INSERT INTO invitation (task_id, coach_id, kind, state, last_day, queued_at, valid_until, sent_at, \
         expires_at, ended_at) \
         SELECT id, 1, 'AUTO', 'EXPIRED', day, created_at, gate_at, created_at, gate_at, gate_at \
         FROM class_task",
        "INSERT INTO class (template_id, task_id, coach_id, state, first_day, last_day, formed_at) \
         SELECT t.template_id, t.id, 1, 'CLOSED', t.day, t.day, t.freeze_at FROM class_task t \
         JOIN bench_day d ON d.day = t.day WHERE d.k = 0",
        "INSERT INTO message (dedup_key, kind, channel, audience, person, address, body, state, created_at, \
         due_at, valid_until, attempts, settled_at) \
         SELECT CONCAT('b-', b.n), 'INVITATION', 'SMS', 'COACH', 'coach', CONCAT('+999', b.n % 1000), \
         'text', 'DELIVERED', \
         d.at, d.at, d.at + 3600, 1, d.at + 60 FROM bench_n b JOIN bench_day d ON d.k = b.n % 100",
    ] {
        run(db, sql(text)).await;
    }
    run(
        db,
        sql("INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
             created_at, class_id, placed_from) \
             SELECT 1 + b.n % ?, 1 + b.n % ?, d.day, d.day, d.day, 'ENDED', d.at - 900000, c.id, d.day \
             FROM bench_n b JOIN bench_day d ON d.k = ((b.n - b.n % ?) / ?) % 100 JOIN class c \
             ON c.template_id = 1 + b.n % ? WHERE b.n % 50 > 2")
        .bind(templates)
        .bind(templates)
        .bind(templates)
        .bind(templates)
        .bind(templates),
    )
    .await;
    run(
        db,
        sql("INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
             created_at) \
             SELECT 1 + b.n % ?, 1 + 2 * (((b.n - b.n % 50) / 50) % ?), d.day, e.day, e.day, 'BOOKED', d.at \
             - 900000 \
             FROM bench_n b JOIN bench_day d ON d.k = -1 JOIN bench_day e ON e.k = -2 WHERE b.n % 50 <= 2")
        .bind(templates)
        .bind(templates / 2),
    )
    .await;
    for text in [
        "INSERT INTO place (template_id, day, start_at, end_at, capacity, taken, not_held_at, not_held_told) \
         SELECT t.id, d.day, d.at, d.at + 3600, 60, COALESCE(q.n, 0), d.at - 7200, d.k >= 0 \
         FROM class_template t JOIN bench_day d ON d.k >= -1 \
         LEFT JOIN (SELECT template_id, start_day, COUNT(*) AS n FROM reservation \
         GROUP BY template_id, start_day) q \
         ON q.template_id = t.id AND q.start_day = d.day",
        "INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, actor, \
         changed_at) \
         SELECT template_id, id, start_day, last_day, 1, 'IMPORT', 'import', created_at FROM reservation \
         ORDER BY id",
    ] {
        run(db, sql(text)).await;
    }
}
