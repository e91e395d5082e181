//! The scheduled tasks over many rows: those with nothing to do, and `invite create` beside the
//! bare set statements.

use crate::rows::{Filled, fill, statements};
use crate::{head, line, median, ms, ratio};
use etutor::app::call::Call;
use etutor::app::outbox;
use etutor::app::staffing::{alarm, check, create, step, test_reminder, wave};
use etutor::domain::time::Day;
use etutor::storage::sql::sql;
use etutor::testing::database::Kind;
use etutor::write_txn;
use sea_orm::{ConnectionTrait, DbBackend};
use std::time::{Duration, Instant};

/// The small number of rows.
const FEW: i64 = 10_000;
/// Rounds of what takes a millisecond.
const IDLE_ROUNDS: usize = 200;
/// Rounds of `invite create`.
const ROUNDS: usize = 5;

/// The tasks on `few` and on `large` rows, on every configured database.
pub async fn run(large: i64, idle: bool, create: bool) {
    let few = FEW.min(large);
    for kind in Kind::configured() {
        let filling = Instant::now();
        let small = fill(kind, few).await;
        let big = fill(kind, large).await;
        println!(
            "\n{} ({}): filled in {:.0} s",
            kind.name(),
            version(&big).await,
            filling.elapsed().as_secs_f64()
        );
        if idle {
            let title = format!("Ticks with nothing due, {}: median of {IDLE_ROUNDS}", kind.name());
            let counts = [format!("{few} rows"), format!("{large} rows")];
            head(&title, ["task", &counts[0], &counts[1], "ratio"]);
            for task in IDLE {
                let (few, many) = idle_pair(&small, &big, task).await;
                line([task, &ms(few), &ms(many), &ratio(many, few)]);
            }
        }
        if create {
            let title = format!("`invite create`, {}: median of {ROUNDS}, interleaved", kind.name());
            head(
                &title,
                [
                    "rows",
                    "count floor",
                    "floor with tasks and marks",
                    "invite create",
                    "to the first",
                    "to the second",
                ],
            );
            for (filled, rows) in [(&small, few), (&big, large)] {
                create_line(filled, rows).await;
            }
        }
        for filled in [small, big] {
            filled.app.db.clone().close().await;
        }
    }
}

async fn version(filled: &Filled) -> String {
    let text = if filled.app.db.is_sqlite() { "SELECT sqlite_version()" } else { "SELECT version()" };
    let full: Vec<String> = sql(text).column(filled.app.db.reader()).await.unwrap();
    full.concat().split(" on ").next().unwrap_or_default().to_owned()
}

const IDLE: [&str; 6] = [
    "invite exec",
    "invite check",
    "invite notify_test",
    "invite notify_class",
    "sms send",
    "clazz assign_students",
];

async fn idle_once(Filled { app, now, .. }: &Filled, task: &str) -> Duration {
    let (call, began) = (&Call::new(app, *now), Instant::now());
    let report = match task {
        "invite exec" => wave::send_invitations(call, None).await,
        "invite check" => check::check_invitations(call, None).await,
        "invite notify_test" => test_reminder::notify_software_tests(call).await,
        "invite notify_class" => alarm::notify_unstaffed_classes(call).await,
        "sms send" => outbox::send_due(call).await,
        _ => step::assign_students(call).await,
    };
    let took = began.elapsed();
    let report = report.unwrap();
    assert_eq!(
        (report.examined, report.changed, report.messages, report.skipped.len()),
        (0, 0, 0, 0),
        "{task}: {report:?}"
    );
    took
}

async fn idle_pair(small: &Filled, big: &Filled, task: &str) -> (Duration, Duration) {
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..IDLE_ROUNDS {
        few.push(idle_once(small, task).await);
        many.push(idle_once(big, task).await);
    }
    (median(few), median(many))
}

async fn create_line(filled: &Filled, rows: i64) {
    let (mut counted, mut marked, mut created) = (Vec::new(), Vec::new(), Vec::new());
    let wanted = rows / 50 * 3;
    for _ in 0..ROUNDS {
        counted.push(count_floor(filled).await);
        marked.push(marked_floor(filled).await);
        assert_eq!(reset(filled).await, wanted as u64);
        filled.took.lock().unwrap().clear();
        let began = Instant::now();
        let report =
            create::create_class_tasks(&Call::new(&filled.app, filled.now), filled.day).await.unwrap();
        created.push(began.elapsed());
        assert_eq!((report.changed, report.failed), ((rows / 200) as u64, 0), "{report:?}");
        statements(&filled.took);
        assert_eq!(reset(filled).await, wanted as u64);
    }
    let (count, mark, create) = (median(counted), median(marked), median(created));
    line([
        &rows.to_string(),
        &ms(count),
        &ms(mark),
        &ms(create),
        &ratio(create, count),
        &ratio(create, mark),
    ]);
}

/// The count alone: templates and how many students need a class, as one statement,
/// committed.
async fn count_floor(Filled { app, day, .. }: &Filled) -> Duration {
    let began = Instant::now();
    write_txn!(&app.db, "bench.count", |txn| {
        sql("INSERT INTO bench_task (template_id, need) SELECT template_id, COUNT(*) FROM reservation \
             WHERE state = 'BOOKED' AND start_day <= ? AND last_day >= ? GROUP BY template_id")
        .bind(*day)
        .bind(*day)
        .execute(txn)
        .await
    })
    .unwrap();
    let took = began.elapsed();
    write_txn!(&app.db, "bench.reset", |txn| sql("DELETE FROM bench_task").execute(txn).await).unwrap();
    took
}

/// What `invite create` leaves behind, by two bare statements: the rows of the tasks, and on each
/// sign-up the task that counts it.
async fn marked_floor(Filled { app, day, .. }: &Filled) -> Duration {
    let began = Instant::now();
    write_txn!(&app.db, "bench.mark", |txn| {
        sql("INSERT INTO class_task (template_id, day, state, start_at, gate_at, freeze_at, closes_at, \
             students, needed, created_at) \
             SELECT p.template_id, p.day, 'PENDING', p.start_at, p.start_at, p.start_at, p.start_at, q.n, 1, \
             p.start_at FROM place p JOIN \
             (SELECT template_id, COUNT(*) AS n FROM reservation WHERE state = 'BOOKED' AND start_day <= ? \
              AND last_day >= ? \
              GROUP BY template_id) q ON q.template_id = p.template_id WHERE p.day = ?")
        .bind(*day)
        .bind(*day)
        .bind(*day)
        .execute(txn)
        .await?;
        mark(txn, *day).await
    })
    .unwrap();
    began.elapsed()
}

async fn mark(txn: &etutor::storage::Txn, day: Day) -> etutor::error::Result<u64> {
    sql("UPDATE reservation SET task_id = \
         (SELECT t.id FROM class_task t WHERE t.template_id = reservation.template_id AND t.day = ?) \
         WHERE state = 'BOOKED' AND start_day <= ? AND last_day >= ? AND task_id IS NULL")
    .bind(day)
    .bind(day)
    .bind(day)
    .execute(txn)
    .await
}

/// As before; how many sign-ups a task counted.
async fn reset(Filled { app, day, .. }: &Filled) -> u64 {
    let freed = write_txn!(&app.db, "bench.reset", |txn| {
        let freed =
            sql("UPDATE reservation SET task_id = NULL WHERE state = 'BOOKED' AND task_id IS NOT NULL")
                .execute(txn)
                .await?;
        sql("DELETE FROM class_task WHERE day = ?").bind(*day).execute(txn).await?;
        Ok(freed)
    })
    .unwrap();
    if app.db.backend() == DbBackend::Postgres {
        // Every round finds the tables as clean as the first.
        app.db.reader().execute_unprepared("VACUUM reservation, class_task").await.unwrap();
    }
    freed
}
