//! `ListOpenings`, one page of a sign-up form: it must cost the same whatever the number of
//! sign-ups, and not much more than reading its places; and the same page kept open by many.

use crate::rows::{Took, numbers, run, statements, watch};
use crate::rpc::{channels, serve};
use crate::{head, line, ms, ratio};
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::domain::time::{Day, Instant as At, add_days};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::storage::{Db, DbOptions};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use pb::opening_service_client::OpeningServiceClient;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

/// The small number of sign-ups.
const FEW: i64 = 10_000;
const ROUNDS: usize = 200;
/// Templates of the page that is asked for, of all, and their lesson days.
const ASKED: i64 = 50;
const TEMPLATES: i64 = 1_000;
const DAYS: i64 = 60;

/// Identical pages that are open at a time, over how many connections, and how long they are
/// watched.
const PAGES: usize = 200;
const CONNECTIONS: usize = 4;
const WATCHED: Duration = Duration::from_secs(10);

/// A served database with so many sign-ups; gone when this is dropped.
struct Served {
    channels: Vec<Channel>,
    first: Day,
    /// Another process, as it were.
    beside: Db,
    took: Took,
    _home: TestDb,
}

/// The same page at few and at many sign-ups beside the bare SELECT, and kept open, on every
/// configured database.
pub async fn run_all(large: i64, quick: bool) {
    let (few, rounds) = (FEW.min(large), if quick { 3 } else { ROUNDS });
    for kind in Kind::configured() {
        let (small, big) = (served(kind, few).await, served(kind, large).await);
        let title = format!(
            "ListOpenings over gRPC, {}, {ASKED} templates: {rounds} calls each, interleaved",
            kind.name()
        );
        head(&title, ["sign-ups", "median", "p99", "to the fewest", "to the bare SELECT"]);
        let (mut at_few, mut at_many, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        // The first call of each prepares statements.
        for round in 0..=rounds {
            for (of, times) in [(&small, &mut at_few), (&big, &mut at_many)] {
                let took = timed(async || list(of).await).await;
                if round > 0 {
                    times.push(took);
                }
            }
            let took = timed(async || select(&big).await).await;
            if round > 0 {
                bare.push(took);
            }
        }
        statements(&big.took);
        let (first, floor) = (at(&mut at_few, 50), at(&mut bare, 50));
        let cells = |rows: &str, times: &mut Vec<Duration>| {
            let middle = at(times, 50);
            line([rows, &ms(middle), &ms(at(times, 99)), &ratio(middle, first), &ratio(middle, floor)]);
        };
        cells("the bare SELECT of the places", &mut bare);
        cells(&few.to_string(), &mut at_few);
        cells(&large.to_string(), &mut at_many);
        let watched = if quick { Duration::from_secs(2) } else { WATCHED };
        let title = format!(
            "The same page kept open for {} s with a sign-up a second, {}",
            watched.as_secs(),
            kind.name()
        );
        head(&title, ["pages", "statements", "time in them", "to one page"]);
        let one = keep_open(&big, 1, watched).await;
        let many = keep_open(&big, PAGES, watched).await;
        for (pages, (number, time)) in [(1, one), (PAGES, many)] {
            line([&pages.to_string(), &number.to_string(), &ms(time), &ratio(time, one.1)]);
        }
    }
}

/// The floor: the lesson days of the page, read by position.
async fn select(of: &Served) {
    let ids: Vec<String> = (1..=ASKED).map(|id| id.to_string()).collect();
    let text = format!(
        "SELECT template_id, day, start_at, end_at, capacity, taken FROM place WHERE template_id IN ({}) \
         AND day BETWEEN '{}' AND '{}'",
        ids.join(", "),
        of.first,
        add_days(of.first, DAYS)
    );
    let db = of.beside.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), text)).await.unwrap();
    let rows = rows.iter().map(|row| row.try_get_many_by_index().unwrap());
    let rows: Vec<(i64, Day, At, At, i32, i32)> = rows.collect();
    assert_eq!(rows.len() as i64, ASKED * DAYS);
}

/// Keeps as many identical pages open: the statements of the server meanwhile, and the time spent
/// in them.
async fn keep_open(of: &Served, pages: usize, watched: Duration) -> (usize, Duration) {
    of.took.lock().unwrap().clear();
    let until = Instant::now() + watched;
    let readers: Vec<_> = (0..pages)
        .map(|page| {
            let request = pb::WatchOpeningsRequest {
                grade: 7,
                subject_id: 1,
                season: "S".to_owned(),
                from_day: of.first.to_string(),
                ..pb::WatchOpeningsRequest::default()
            };
            let channel = of.channels[page % CONNECTIONS].clone();
            tokio::spawn(async move {
                let mut stream =
                    OpeningServiceClient::new(channel).watch_openings(request).await.unwrap().into_inner();
                let mut told = 0;
                while let Ok(message) = tokio::time::timeout_at(until.into(), stream.message()).await {
                    told += message.unwrap().unwrap().openings.len();
                }
                told
            })
        })
        .collect();
    while Instant::now() + Duration::from_secs(1) < until {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sign_up =
            sql("UPDATE place SET taken = taken + 1 WHERE template_id = 1 AND day = ?").bind(of.first);
        run(&of.beside, sign_up).await;
    }
    for reader in readers {
        // All of the page, and then what has changed.
        assert!(reader.await.unwrap() > ASKED as usize);
    }
    let took = std::mem::take(&mut *of.took.lock().unwrap());
    (took.len(), took.iter().map(|(_, took)| *took).sum())
}

async fn timed(call: impl AsyncFnOnce()) -> Duration {
    let began = Instant::now();
    call().await;
    began.elapsed()
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[times.len() * percent / 100]
}

async fn list(of: &Served) {
    let request = pb::ListOpeningsRequest {
        grade: 7,
        subject_id: 1,
        season: "S".to_owned(),
        from_day: of.first.to_string(),
        ..pb::ListOpeningsRequest::default()
    };
    let page =
        OpeningServiceClient::new(of.channels[0].clone()).list_openings(request).await.unwrap().into_inner();
    assert!(!page.openings.is_empty());
}

/// [`ASKED`] templates of grade 7 and the others of grade 8, each with [`DAYS`] lessons ahead;
/// every sign-up is BOOKED, for five days of a template, and counted in its places.
async fn served(kind: &Kind, rows: i64) -> Served {
    let home = TestDb::empty(kind).await;
    let options = DbOptions::new(home.options().url.clone());
    Db::migrate_at(&options).await.unwrap();
    let db = Db::connect(&DbOptions {
        statement_timeout: Duration::from_secs(1_800),
        max_connections: 1,
        ..options.clone()
    })
    .await
    .unwrap();
    let today = Config::default().rules.time.day(Clock::System.now(db.reader()).await.unwrap());
    let first = add_days(today, 7);
    numbers(&db, rows.max(TEMPLATES), (0..DAYS).map(|k| (k, add_days(first, k)))).await;
    run(&db, sql("INSERT INTO subject (id, name) VALUES (1, 'mathematics')")).await;
    let season = sql(
        "INSERT INTO season (id, code, year, type, start_day, end_day) VALUES (1, 'S', 2026, 'spring', ?, ?)",
    );
    run(&db, season.bind(today).bind(add_days(first, DAYS))).await;
    let period = "INSERT INTO period (id, code, season_id, grade_type, start_time, end_time) \
        VALUES (1, 'P', 1, 'junior', '12:00', '13:00')";
    run(&db, sql(period)).await;
    run(
        &db,
        sql("INSERT INTO class_template (id, code, season_id, subject_id, grade, period_id, recurrence, \
             max_classes, max_students_per_class) \
             SELECT n + 1, CONCAT('t', n), 1, 1, CASE WHEN n < ? THEN 7 \
             ELSE 8 END, 1, 'FREQ=DAILY', 250000, 4 FROM bench_n WHERE n < ?")
        .bind(ASKED)
        .bind(TEMPLATES),
    )
    .await;
    run(
        &db,
        sql("INSERT INTO student (id, user_name, real_name, area_code, school_name, grade, phone) \
             SELECT n + 1, CONCAT('s', n), 'student', '310000', 'school', 7, '+99900000000' FROM bench_n \
             WHERE n < 10000"),
    )
    .await;
    // Every other sign-up is for a template that is asked for.
    run(
        &db,
        sql("INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
             created_at) \
             SELECT 1 + b.n % ?, 1 + CASE WHEN b.n % 2 = 0 THEN b.n % ? \
             ELSE b.n % ? END, d.day, e.day, e.day, 'BOOKED', 0 \
             FROM bench_n b JOIN bench_day d ON d.k = b.n % (? - 4) JOIN bench_day e ON e.k = d.k + 4 \
             WHERE b.n < ?")
        .bind(rows.min(10_000))
        .bind(ASKED)
        .bind(TEMPLATES)
        .bind(DAYS)
        .bind(rows),
    )
    .await;
    run(
        &db,
        sql("INSERT INTO place (template_id, day, start_at, end_at, capacity, taken, not_held_at) \
             SELECT t.id, d.day, d.at, d.at + 3600, 1000000, (SELECT COUNT(*) FROM reservation r \
             WHERE r.state = 'BOOKED' \
             AND r.template_id = t.id AND r.start_day BETWEEN s.day AND d.day), d.at - 7200 \
             FROM class_template t CROSS JOIN bench_day d JOIN bench_day s ON s.k = CASE WHEN d.k < 4 THEN 0 \
             ELSE d.k - 4 END"),
    )
    .await;
    let analyze = match db.backend() {
        DbBackend::Sqlite => "SELECT 1",
        DbBackend::Postgres => "VACUUM ANALYZE",
        _ => "ANALYZE TABLE reservation, place, class_template, student",
    };
    db.reader().execute_unprepared(analyze).await.unwrap();
    db.close().await;
    let mut db = Db::connect(&options).await.unwrap();
    let took = watch(&mut db);
    let channels = channels(serve(db).await, CONNECTIONS).await;
    Served { channels, first, beside: Db::connect(&options).await.unwrap(), took, _home: home }
}
