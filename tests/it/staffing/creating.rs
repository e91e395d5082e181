//! `invite create`: whom a task counts, how large it is, and that running it again changes nothing.

use super::stage::{MATH, SATURDAY, Stage, TH, evening};
use crate::grpc::reason;
use etutor::testing::academy::student;
use etutor::testing::{Academy, on_every_app_at};

const SEASON: (&str, &str) = ("2026-03-05", "2026-06-28");

#[test]
fn a_task_counts_those_who_signed_up_before_its_cut_off_whenever_it_is_made() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().students(9)).await;
        stage.academy.reserve_all(&stage, "math", 1, 7, None).await;
        stage.set_clock_to(stage.instant("2026-03-02T00:00") - chrono::TimeDelta::seconds(1)).await;
        stage.academy.reserve_all(&stage, "math", 8, 8, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        let late = stage.academy.reserve(&stage, &student(9), "math", Some(SEASON)).await.unwrap_err();
        assert_eq!(reason(&late), "TOO_LATE");
        assert!(late.message().contains("2026-03-12"), "{late}");
        stage.academy.reserve_all(&stage, "math", 9, 9, Some(("2026-03-06", "2026-06-28"))).await;

        // The machine was down over night.
        stage.set_clock("2026-03-02T14:00").await;
        let report = stage.fire("invite create", None).await;
        assert_eq!((report.examined, report.changed, report.messages), (1, 1, 0));
        assert_eq!(stage.standing(MATH).await, ("PENDING".to_owned(), [8, 2, 0, 0, 0, 0]));
        let task = stage.task(MATH).await;
        assert_eq!(stage.local(&task.start_time), "2026-03-05 19:00");
        assert_eq!(stage.local(&task.gate_time), "2026-03-04 17:00");
        assert_eq!(stage.local(&task.freeze_time), "2026-03-05 15:00");
        assert_eq!(stage.local(&task.close_time), "2026-03-05 15:00");

        let again = stage.fire("invite create", None).await;
        assert_eq!((again.changed, again.messages), (0, 0));
        assert_eq!(stage.task(MATH).await, task);
    });
}

#[test]
fn each_day_has_its_own_midnight_and_the_day_can_be_named() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = evening().template("art", "FREQ=WEEKLY;BYDAY=FR").students(2);
        let stage = Stage::set(app, academy).await;
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "art", 2, 2, None).await;
        // With a day the run's `now` is that day − 3, unless the clock was set.
        let report = stage.fire("invite create", Some("2026-03-06")).await;
        assert_eq!(report.changed, 1);
        let task = stage.task("art@2026-03-06").await;
        assert_eq!(stage.local(&task.create_time), "2026-02-28 12:00");
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.state(MATH).await, "PENDING");
    });
}

#[test]
fn a_student_counts_for_the_earlier_day_only_while_its_task_is_open() {
    on_every_app_at(SATURDAY, async |app| {
        let academy =
            Academy::new().period("19:00", "20:30").template("daily", "FREQ=DAILY").classes(4, 6).students(8);
        let stage = Stage::set(app, academy).await;
        let from = |day| Some((day, "2026-06-28"));
        stage.academy.reserve_all(&stage, "daily", 1, 6, from("2026-03-05")).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.academy.reserve_all(&stage, "daily", 7, 7, from("2026-03-06")).await;
        stage.set_clock("2026-03-03T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.standing("daily@2026-03-05").await.1[..2], [6, 1]);
        assert_eq!(stage.standing("daily@2026-03-06").await.1[..2], [1, 1], "only who starts on Friday");
        stage.set_clock("2026-03-04T00:00").await;
        let report = stage.fire("invite create", None).await;
        assert_eq!(report.changed, 0, "nobody is left for Saturday");
    });
}

#[test]
fn days_outside_the_calendar_have_no_tasks() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().except(&["2026-03-05"]).students(1)).await;
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        for (day, made) in [("2026-03-05", 0), ("2026-03-06", 0), ("2026-03-12", 1)] {
            assert_eq!(stage.fire("invite create", Some(day)).await.changed, made, "{day}");
        }
    });
}

#[test]
fn a_day_whose_freeze_is_past_gets_no_task() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().students(1)).await;
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.set_clock("2026-03-05T15:00").await;
        let report = stage.fire("invite create", Some("2026-03-05")).await;
        assert_eq!((report.changed, report.skipped["TOO_LATE"]), (0, 1));
    });
}

#[test]
fn the_number_of_statements_does_not_depend_on_the_number_of_students() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new().period("19:00", "20:30").template("few", TH).classes(5, 6);
        let academy = academy.template("many", "FREQ=WEEKLY;BYDAY=FR").classes(60, 6).students(310);
        let stage = Stage::set(app, academy).await;
        stage.academy.reserve_all(&stage, "few", 1, 10, None).await;
        stage.academy.reserve_all(&stage, "many", 11, 310, None).await;
        let create = async |day| {
            let (_, sent) =
                stage.statements().of(async || stage.fire("invite create", Some(day)).await).await;
            // What is kept of the runs is another matter; MySQL writes the keys of templates into
            // the text.
            let texts = sent.into_iter().map(|statement| statement.sql.replace(char::is_numeric, ""));
            texts.filter(|sql| !sql.contains("task_run")).collect::<Vec<_>>()
        };
        create("2026-03-04").await;
        let (few, many) = (create("2026-03-05").await, create("2026-03-06").await);
        assert_eq!(stage.standing("few@2026-03-05").await.1[..2], [10, 2]);
        assert_eq!(stage.standing("many@2026-03-06").await.1[..2], [300, 50]);
        assert_eq!(few, many);
        assert!(few.len() < 30, "{few:#?}");
    });
}
