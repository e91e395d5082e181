//! Minutes in which nothing happens while a hundred class tasks are short of coaches and have
//! nobody left to ask, beside minutes without any task.

use crate::{head, line, median, ms, ratio};
use etutor::storage::sql::sql;
use etutor::testing::database::on_every_kind;
use etutor::testing::{Academy, TestApp, TestDb};
use etutor::write_txn;
use std::time::{Duration, Instant};

/// Class tasks that are short.
const TASKS: usize = 100;

/// On every configured database.
pub fn run(rounds: usize) {
    head(
        &format!("A tick through its RPC, {TASKS} tasks short and exhausted: median of {rounds}, turn about"),
        ["database", "task", "no task at all", "exhausted", "to the first", "remembering nothing"],
    );
    on_every_kind(async |kind| {
        let idle = TestApp::start(TestDb::new(kind).await, "2026-03-02T08:31", |_| ()).await;
        let exhausted = short(TestDb::new(kind).await).await;
        for task in ["invite exec", "invite check"] {
            let (mut without, mut with, mut forgetful) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                without.push(tick(&idle, task).await);
                with.push(tick(&exhausted, task).await);
                write_txn!(exhausted.db(), "bench.forget", |txn| sql("DELETE FROM task_look")
                    .execute(txn)
                    .await)
                .unwrap();
                forgetful.push(tick(&exhausted, task).await);
                // What it found out is known again.
                tick(&exhausted, "invite exec").await;
            }
            let (without, with) = (median(without), median(with));
            line([kind.name(), task, &ms(without), &ms(with), &ratio(with, without), &ms(median(forgetful))]);
        }
    });
}

async fn tick(app: &TestApp, task: &str) -> Duration {
    let began = Instant::now();
    let report = app.fire(task, None).await;
    let took = began.elapsed();
    assert_eq!((report.changed, report.messages), (0, 0), "{report:?}");
    took
}

/// Two coaches, asked as often as they may be today, and so many classes that want more.
async fn short(db: TestDb) -> TestApp {
    let app = TestApp::start(db, "2026-02-28T12:00", |_| ()).await;
    app.ignore_messages("this is about costs");
    let mut academy = Academy::new();
    for number in 0..TASKS {
        let at = |hour: usize| format!("{:02}:{:02}", hour + number / 12, number % 12 * 5);
        academy = academy.period(&at(12), &at(13)).template(&format!("t{number:03}"), "FREQ=WEEKLY;BYDAY=TH");
    }
    let academy = academy.coaches(2).students(TASKS).build(&app).await;
    for number in 1..=TASKS {
        academy.reserve_all(&app, &format!("t{:03}", number - 1), number, number, None).await;
    }
    app.set_clock("2026-03-02T00:00").await;
    app.fire("invite create", None).await;
    for at in ["2026-03-02T08:00", "2026-03-02T08:30", "2026-03-02T08:31"] {
        app.set_clock(at).await;
        for task in ["invite check", "invite exec", "sms send"] {
            app.fire(task, None).await;
        }
    }
    app
}
