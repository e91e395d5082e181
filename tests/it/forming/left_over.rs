//! Too few coaches: which students are left over, who is told, and which task counts them next.

use crate::staffing::stage::{MATH, SATURDAY, Stage, each, evening, morning};
use etutor::testing::academy::student;
use etutor::testing::{Academy, on_every_app_at};

const LEFT_OVER: [&str; 2] = ["TASK_LEFT_OVER wang SMS", "TASK_LEFT_OVER wang MAIL"];

#[test]
fn what_can_be_formed_is_and_the_last_to_sign_up_are_left_over() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(14), 14).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1, 2], MATH).await;
        stage.told().await;
        stage.set_clock("2026-03-05T15:00").await;
        let report = stage.fire("clazz assign_students", None).await;
        assert_eq!(
            (report.skipped["LEFT_OVER"], report.notes[0].as_str()),
            (2, "math@2026-03-05: 2 students are left over")
        );
        assert_eq!(stage.state(MATH).await, "PARTIAL");
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3 4 5 6", "coach-002: 7 8 9 10 11 12"]);
        let messages = stage.messages().await;
        let admins: Vec<&str> = messages
            .iter()
            .filter(|row| row.kind.as_str() == "TASK_LEFT_OVER")
            .map(|row| row.body.as_str())
            .collect();
        assert!(
            admins[0].contains("有2名学员未能入班：student-013、student-014。需教练3人，已就绪2。"),
            "{admins:?}"
        );
        // At s − 2 h they hear that the lesson does not take place; the others do not.
        for (at, told) in [
            ("2026-03-05T16:59", vec![]),
            ("2026-03-05T17:00", vec![student(13), student(14)]),
            ("2026-03-05T17:01", vec![]),
        ] {
            stage.minute(at).await;
            assert_eq!(stage.told_of("LESSON_NOT_HELD").await, told, "{at}");
        }
        // Next week's task has them.
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.standing("math@2026-03-12").await, ("PENDING".to_owned(), [2, 1, 0, 0, 0, 0]));
    });
}

#[test]
fn without_any_coach_the_task_fails() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, morning().coaches(1).students(2), 2).await;
        stage.minute("2026-03-02T08:00").await;
        stage.told().await;
        stage.minute("2026-03-04T20:00").await;
        assert_eq!(stage.state(MATH).await, "FAILED");
        assert_eq!(stage.asked(MATH).await, each([1], "EXPIRED"));
        assert_eq!(stage.told().await, LEFT_OVER);
        // A morning lesson is called off at nine the evening before.
        for (at, told) in [("2026-03-04T20:59", 0), ("2026-03-04T21:00", 2), ("2026-03-04T21:01", 0)] {
            stage.minute(at).await;
            assert_eq!(stage.told_of("LESSON_NOT_HELD").await.len(), told, "{at}");
        }
    });
}

#[test]
fn a_lesson_is_called_off_once_even_when_the_machine_was_down() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().students(1), 1).await;
        stage.told().await;
        stage.minute("2026-03-05T18:30").await;
        assert_eq!(stage.told_of("LESSON_NOT_HELD").await, [student(1)]);
        stage.minute("2026-03-05T18:59").await;
        assert_eq!(stage.told_of("LESSON_NOT_HELD").await.len(), 0);
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().students(1), 1).await;
        // The lesson would have begun: it is of no use any more.
        stage.minute("2026-03-05T19:00").await;
        assert_eq!(stage.state(MATH).await, "FAILED");
        assert_eq!(stage.told_of("LESSON_NOT_HELD").await.len(), 0);
    });
}

#[test]
fn those_left_over_join_the_next_open_task_which_grows() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new()
            .period("19:00", "20:30")
            .template("math", "FREQ=DAILY")
            .classes(4, 6)
            .students(9)
            .coaches(8);
        let stage = Stage::set(app, academy).await;
        stage.ignore_messages("this story is about sizes");
        let friday = "math@2026-03-06";
        stage.academy.reserve_all(&stage, "math", 1, 4, Some(("2026-03-05", "2026-03-20"))).await;
        stage.academy.reserve_all(&stage, "math", 5, 8, Some(("2026-03-06", "2026-03-20"))).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.set_clock("2026-03-03T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(
            (stage.standing(MATH).await.1[..2].to_vec(), stage.standing(friday).await.1[..2].to_vec()),
            (vec![4, 1], vec![4, 1])
        );
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.state(MATH).await, "FAILED");
        stage.minute("2026-03-05T15:01").await;
        assert_eq!(stage.standing(friday).await.1[..2], [8, 2]);
        // Who starts on Friday and signed up after its cut-off would wait for a later task; these
        // were in time.
        assert_eq!(stage.task(friday).await.missing, 2);
    });
}

#[test]
fn a_failed_day_that_nobody_opens_again_stays_failed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().students(3), 3).await;
        stage.ignore_messages("this story is about states");
        stage.minute("2026-03-05T15:00").await;
        stage.sign_off(1, "2026-03-05").await;
        assert_eq!(stage.fire("invite create", Some("2026-03-05")).await.changed, 0);
        stage.minute("2026-03-05T15:01").await;
        assert_eq!(stage.standing(MATH).await.0, "FAILED");
    });
}
