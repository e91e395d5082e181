//! `ListOpenings`, one page of a sign-up form: it must cost the same whatever the number of sign-ups.

use crate::rows::{numbers, run};
use crate::rpc::{channels, serve};
use crate::{head, line, ms, ratio};
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::domain::time::{Day, add_days};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::storage::{Db, DbOptions};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use pb::opening_service_client::OpeningServiceClient;
use sea_orm::{ConnectionTrait, DbBackend};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

/// The small number of sign-ups.
const FEW: i64 = 10_000;
const ROUNDS: usize = 200;
/// Templates of the page that is asked for, of all, and their lesson days.
const ASKED: i64 = 50;
const TEMPLATES: i64 = 1_000;
const DAYS: i64 = 60;

/// A served database with so many sign-ups; gone when this is dropped.
struct Served {
    channel: Channel,
    first: Day,
    _home: TestDb,
}

/// The same page at few and at many sign-ups, on every configured database.
pub async fn run_all(large: i64, quick: bool) {
    let (few, rounds) = (FEW.min(large), if quick { 3 } else { ROUNDS });
    for kind in Kind::configured() {
        let (small, big) = (served(kind, few).await, served(kind, large).await);
        let title = format!("ListOpenings over gRPC, {}, {ASKED} templates: {rounds} calls each, interleaved", kind.name());
        head(&title, ["sign-ups", "median", "p99", "to the fewest"]);
        let (mut at_few, mut at_many) = (Vec::new(), Vec::new());
        // The first call of each prepares statements.
        for round in 0..=rounds {
            for (of, times) in [(&small, &mut at_few), (&big, &mut at_many)] {
                let took = timed(async || list(of).await).await;
                if round > 0 {
                    times.push(took);
                }
            }
        }
        let first = at(&mut at_few, 50);
        for (rows, times) in [(few, &mut at_few), (large, &mut at_many)] {
            let middle = at(times, 50);
            line([&rows.to_string(), &ms(middle), &ms(at(times, 99)), &ratio(middle, first)]);
        }
    }
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
    let page = OpeningServiceClient::new(of.channel.clone()).list_openings(request).await.unwrap().into_inner();
    assert!(!page.openings.is_empty());
}

/// [`ASKED`] templates of grade 7 and the others of grade 8, each with [`DAYS`] lessons ahead; every sign-up is BOOKED, for five days of a
/// template, and counted in its places.
async fn served(kind: &Kind, rows: i64) -> Served {
    let home = TestDb::empty(kind).await;
    let options = DbOptions::new(home.options().url.clone());
    Db::migrate_at(&options).await.unwrap();
    let db =
        Db::connect(&DbOptions { statement_timeout: Duration::from_secs(1_800), max_connections: 1, ..options.clone() }).await.unwrap();
    let today = Config::default().rules.time.day(Clock::System.now(db.reader()).await.unwrap());
    let first = add_days(today, 7);
    numbers(&db, rows.max(TEMPLATES), (0..DAYS).map(|k| (k, add_days(first, k)))).await;
    run(&db, sql("INSERT INTO subject (id, name) VALUES (1, 'mathematics')")).await;
    let season = sql("INSERT INTO season (id, code, year, type, start_day, end_day) VALUES (1, 'S', 2026, 'spring', ?, ?)");
    run(&db, season.bind(today).bind(add_days(first, DAYS))).await;
    let period =
        "INSERT INTO period (id, code, season_id, grade_type, start_time, end_time) VALUES (1, 'P', 1, 'junior', '12:00', '13:00')";
    run(&db, sql(period)).await;
    run(
        &db,
        sql("INSERT INTO class_template (id, code, season_id, subject_id, grade, period_id, recurrence, max_classes, max_students_per_class) \
             SELECT n + 1, CONCAT('t', n), 1, 1, CASE WHEN n < ? THEN 7 ELSE 8 END, 1, 'FREQ=DAILY', 250000, 4 FROM bench_n WHERE n < ?")
        .bind(ASKED)
        .bind(TEMPLATES),
    )
    .await;
    run(
        &db,
        sql("INSERT INTO student (id, user_name, real_name, area_code, school_name, grade, phone) \
             SELECT n + 1, CONCAT('s', n), 'student', '310000', 'school', 7, '+99900000000' FROM bench_n WHERE n < 10000"),
    )
    .await;
    // Every other sign-up is for a template that is asked for.
    run(
        &db,
        sql("INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, created_at) \
             SELECT 1 + b.n % ?, 1 + CASE WHEN b.n % 2 = 0 THEN b.n % ? ELSE b.n % ? END, d.day, e.day, e.day, 'BOOKED', 0 \
             FROM bench_n b JOIN bench_day d ON d.k = b.n % (? - 4) JOIN bench_day e ON e.k = d.k + 4 WHERE b.n < ?")
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
             SELECT t.id, d.day, d.at, d.at + 3600, 1000000, (SELECT COUNT(*) FROM reservation r WHERE r.state = 'BOOKED' \
             AND r.template_id = t.id AND r.start_day BETWEEN s.day AND d.day), d.at - 7200 \
             FROM class_template t CROSS JOIN bench_day d JOIN bench_day s ON s.k = CASE WHEN d.k < 4 THEN 0 ELSE d.k - 4 END"),
    )
    .await;
    let analyze = match db.backend() {
        DbBackend::Sqlite => "SELECT 1",
        DbBackend::Postgres => "VACUUM ANALYZE",
        _ => "ANALYZE TABLE reservation, place, class_template, student",
    };
    db.reader().execute_unprepared(analyze).await.unwrap();
    db.close().await;
    let served = serve(Db::connect(&options).await.unwrap()).await;
    let channel = channels(served, 1).await.remove(0);
    Served { channel, first, _home: home }
}
