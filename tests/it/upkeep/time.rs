//! Time of coaches that nothing needs any more is found and freed; what is needed stays.

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::domain::time::Day;
use etutor::storage::sql::sql;
use etutor::testing::academy::coach;
use etutor::testing::{TestApp, on_every_app_at};
use etutor::write_txn;

/// The days of a coach that are used, of all offers.
async fn used(stage: &Stage, number: usize) -> Vec<String> {
    let days: Vec<Day> = sql("SELECT u.day FROM availability_use u JOIN coach_availability a \
        ON a.id = u.availability_id JOIN coach c ON c.id = a.coach_id WHERE c.user_name = ? ORDER BY u.day")
    .bind(coach(number))
    .column(stage.db().reader())
    .await
    .unwrap();
    days.iter().map(Day::to_string).collect()
}

async fn break_it(stage: &Stage, text: &'static str) {
    let done: u64 = write_txn!(stage.db(), "test.break", |txn| sql(text).execute(txn).await).unwrap();
    assert!(done > 0, "{text}");
}

/// Coach 1 has a class of one student until 26 March; coach 2 said yes for the week after.
async fn busy(app: TestApp) -> Stage {
    let stage = Stage::set(app, evening().coaches(2).students(2)).await;
    stage.ignore_messages("this is about time");
    stage.academy.reserve_all(&stage, "math", 1, 1, Some(("2026-03-05", "2026-03-26"))).await;
    stage.academy.reserve_all(&stage, "math", 2, 2, Some(("2026-03-12", "2026-04-02"))).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage
}

#[test]
fn time_that_is_needed_stays_and_what_is_left_over_is_freed_and_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = busy(app).await;
        let all = ["2026-03-05", "2026-03-12", "2026-03-19", "2026-03-26"];
        assert_eq!(used(&stage, 1).await, all);
        let free = async || stage.fire("clazz free_available_time", None).await;
        let report = free().await;
        assert_eq!((report.examined, report.changed), (0, 0), "{report:?}");

        // Lessons that somebody called off without freeing the time: one of today, one of later.
        stage.set_clock("2026-03-12T00:00").await;
        break_it(&stage, "UPDATE lesson SET state = 'CANCELLED' WHERE day <> '2026-03-19'").await;
        let report = free().await;
        assert_eq!((report.examined, report.changed, report.failed), (2, 2, 0), "{report:?}");
        let class = "coach coach-001: 2 days were kept from 2026-03-12 on for class ";
        assert!(
            report.notes[0].starts_with(class) && report.notes[0].ends_with("and 2 free now"),
            "{report:?}"
        );
        // What is past stays as it was.
        assert_eq!(used(&stage, 1).await, ["2026-03-05", "2026-03-19"]);
        assert_eq!(free().await.changed, 0, "twice is once");

        // The lesson is another coach's now: the time of the first is free again.
        break_it(&stage, "UPDATE lesson SET coach_id = (SELECT MAX(id) FROM coach) WHERE day = '2026-03-19'")
            .await;
        assert_eq!(free().await.changed, 1);
        assert_eq!(used(&stage, 1).await, ["2026-03-05"]);
    });
}

#[test]
fn a_yes_keeps_its_time_until_it_ends() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(1), 1).await;
        stage.ignore_messages("this is about time");
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        let days = used(&stage, 1).await.len();
        let all = i64::try_from(days).unwrap();
        assert!(days > 10);
        let report = stage.fire("clazz free_available_time", None).await;
        assert_eq!((report.changed, used(&stage, 1).await.len()), (0, days));
        // An end that kept the time, as only a fault could leave it.
        break_it(&stage, "UPDATE invitation SET state = 'WITHDRAWN'").await;
        let report = stage.fire("clazz free_available_time", None).await;
        assert_eq!(report.changed, all);
        assert!(report.notes[0].contains("for an invitation that has ended"), "{report:?}");
        assert_eq!(used(&stage, 1).await, Vec::<String>::new());
    });
}
