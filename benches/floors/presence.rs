//! Heartbeats, gathered and written in sets, beside the same heartbeats each written by itself.

use crate::{head, line, median, ms, ratio};
use etutor::app::App;
use etutor::app::presence::{Person, heartbeat, write_gathered};
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::domain::state::Audience;
use etutor::storage::sql::{Cell, sql};
use etutor::storage::{Db, DbOptions};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use etutor::write_txn;
use futures_util::future::try_join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Heartbeats a second of 25,000 people.
const RATE: f64 = 830.0;
/// Of so many heartbeats one is also written by itself.
const SAMPLE: usize = 10;
/// Seconds that one tick of a process's CPU time is long.
const TICK: f64 = 0.01;

/// Of so many people, who are heard once between two writes, on every configured database.
pub async fn run(people: usize, rounds: usize) {
    head(
        &format!("{people} heartbeats, gathered and written: median of {rounds}, turn about"),
        [
            "database",
            "one by one, each",
            "gathered, each",
            "to the first",
            "statements a second at 830/s",
            "CPU of the server at 830/s",
        ],
    );
    for kind in Kind::configured() {
        let home = TestDb::new(kind).await;
        let options = DbOptions { sqlite_synchronous_full: true, ..home.options().clone() };
        let mut db = Db::connect(&options).await.unwrap();
        let statements = Arc::new(AtomicU64::new(0));
        let seen = statements.clone();
        db.observe(move |_| {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        let app = App::new(db, Clock::System, Config::default());
        let people = fill(&app, people).await;
        for some in people.chunks(1_000) {
            try_join_all(some.iter().map(|person| heartbeat(&app, person))).await.unwrap();
        }
        let (mut apart, mut together) = (Vec::new(), Vec::new());
        let (mut sent, mut busy) = (0, 0.0);
        for _ in 0..rounds {
            apart.push(one_by_one(&app, people.len() / SAMPLE).await);
            let (before, cpu, began) = (statements.load(Ordering::Relaxed), cpu(), Instant::now());
            for person in &people {
                heartbeat(&app, person).await.unwrap();
            }
            write_gathered(&app).await.unwrap();
            together.push(began.elapsed() / u32::try_from(people.len()).unwrap());
            busy += self::cpu() - cpu;
            sent += statements.load(Ordering::Relaxed) - before;
        }
        let (apart, together) = (median(apart), median(together));
        let seconds = people.len() as f64 * rounds as f64 / RATE;
        // Each transaction of two statements has BEGIN and COMMIT too.
        let a_second = format!("{:.1}", 2.0 * sent as f64 / seconds);
        let share = format!("{:.1} %", 100.0 * busy / seconds);
        line([kind.name(), &ms(apart), &ms(together), &ratio(apart, together), &a_second, &share]);
        app.db.clone().close().await;
    }
}

/// So many students.
async fn fill(app: &App, count: usize) -> Vec<Person> {
    let names: Vec<String> = (0..count).map(|number| format!("s{number:06}")).collect();
    for some in names.chunks(5_000) {
        let rows = some.iter().map(|name| [Cell::from(name.as_str())]);
        write_txn!(&app.db, "bench.students", |txn| {
            sql("INSERT INTO student (user_name, real_name, area_code, school_name, grade, phone) \
                 SELECT q.user_name, '', '310101', '', 7, '' FROM {rows:user_name:t} q")
            .rows(rows.clone())
            .execute(txn)
            .await
        })
        .unwrap();
    }
    names.into_iter().map(|user_name| Person { audience: Audience::Student, user_name }).collect()
}

/// As many heartbeats, each an UPDATE of its own; how long one took.
async fn one_by_one(app: &App, count: usize) -> Duration {
    let began = Instant::now();
    for person in 1..=i64::try_from(count).unwrap() {
        let now = app.now().await.unwrap();
        write_txn!(&app.db, "bench.heartbeat", |txn| {
            sql("UPDATE presence_span SET to_at = ? WHERE audience = 'STUDENT' AND person_id = ? \
                 AND latest = 1")
            .bind(now)
            .bind(person)
            .execute(txn)
            .await
        })
        .unwrap();
    }
    began.elapsed() / u32::try_from(count).unwrap()
}

/// Seconds of CPU that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() * TICK
}
