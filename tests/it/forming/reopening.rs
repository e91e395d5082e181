//! After F: staff invite by hand until half an hour before the lesson, and the class forms the
//! moment the coach is ready.

use crate::staffing::stage::{MATH, SATURDAY, Stage, each, evening};
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

#[test]
fn a_failed_task_opens_again_for_whom_staff_invite_and_forms_at_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(6).students(7), 7).await;
        stage.minute("2026-03-02T08:00").await;
        for coach in 1..=4 {
            stage.no(coach, MATH).await;
        }
        stage.set_clock("2026-03-05T15:00").await;
        stage.fire("clazz assign_students", None).await;
        assert_eq!(stage.state(MATH).await, "FAILED");
        stage.told().await;

        stage.set_clock("2026-03-05T16:00").await;
        assert_eq!(stage.invite(5, MATH, None).await, "QUEUED");
        let task = stage.task(MATH).await;
        assert_eq!((stage.state(MATH).await.as_str(), task.reopened, task.needed), ("INVITING", true, 2));
        assert_eq!(stage.local(&task.close_time), "2026-03-05 18:30");
        stage.fire("sms send", None).await;
        assert_eq!(
            stage.local(&stage.invitation(5, MATH).await.expire_time),
            "2026-03-05 17:00",
            "two and a half hours of W are left"
        );
        // It is staff's business whom to ask: nobody else is asked by itself.
        stage.minute("2026-03-05T16:01").await;
        assert_eq!(stage.asked(MATH).await, [each(1..=4, "DECLINED"), each([5], "SENT")].concat());
        stage.minute("2026-03-05T17:00").await;
        assert_eq!(stage.told_of("LESSON_NOT_HELD").await.len(), 7);

        // The yes needs the test; then the class forms, while one more is wanted.
        stage.set_clock("2026-03-05T17:30").await;
        assert_eq!(stage.yes(5, MATH).await, "ACCEPTED");
        assert_eq!(stage.local(&stage.invitation(5, MATH).await.test_deadline_time), "2026-03-05 18:30");
        stage.told().await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.test(5, true).await, 1);
        assert_eq!(stage.classes(MATH).await, ["coach-005: 1 2 3 4 5 6"]);
        assert_eq!(stage.standing(MATH).await, ("INVITING".to_owned(), [1, 1, 0, 0, 0, 0]));
        let told = stage.told().await;
        assert_eq!(told[..2], ["TEST_PASSED coach-005", "ASSIGNED coach-005"]);
        let held: Vec<String> = (1..=6).map(|number| format!("LESSON_HELD {}", student(number))).collect();
        assert_eq!(told[2..], held, "a correction for those who were told otherwise");

        // Who declined may think better of it.
        stage.test(1, true).await;
        assert_eq!(stage.yes(1, MATH).await, "ASSIGNED");
        assert_eq!(stage.state(MATH).await, "FORMED");
        assert_eq!(stage.classes(MATH).await, ["coach-005: 1 2 3 4 5 6", "coach-001: 7"]);
        assert_eq!(
            stage.told().await,
            ["ACCEPTED coach-001", "ASSIGNED coach-001", &format!("LESSON_HELD {}", student(7))]
        );
        assert_eq!(stage.invite(6, MATH, None).await, "TASK_FORMED");
    });
}

#[test]
fn half_an_hour_before_the_lesson_it_is_too_late() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(3).students(7), 7).await;
        stage.ignore_messages("this story is about instants");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        // No job has formed it yet: staff's invitation finds it formed all the same.
        stage.set_clock("2026-03-05T15:00").await;
        assert_eq!(stage.invite(3, MATH, None).await, "ALREADY_ASKED");
        stage.fire("clazz assign_students", None).await;
        assert_eq!(stage.state(MATH).await, "PARTIAL");
        stage.set_clock_to(stage.instant("2026-03-05T18:30") - chrono::TimeDelta::seconds(1)).await;
        assert_eq!(stage.invite(3, MATH, None).await, "ALREADY_ASKED");
        assert_eq!(stage.state(MATH).await, "PARTIAL", "a refusal opens nothing");
        stage.set_clock("2026-03-05T18:30").await;
        assert_eq!(stage.invite(3, MATH, None).await, "TASK_CLOSED");
    });
}

#[test]
fn a_task_opened_again_in_vain_is_what_it_was_half_an_hour_before_the_lesson() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(5).students(7), 7).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        stage.set_clock("2026-03-05T18:00").await;
        assert_eq!(stage.invite(5, MATH, None).await, "QUEUED");
        assert_eq!(stage.yes(5, MATH).await, "ACCEPTED");
        stage.told().await;
        stage.minute("2026-03-05T18:29").await;
        assert_eq!(stage.state(MATH).await, "INVITING");
        stage.told().await;
        stage.minute("2026-03-05T18:30").await;
        assert_eq!(stage.state(MATH).await, "PARTIAL");
        assert_eq!(stage.invitation(5, MATH).await.reason, "LAPSED");
        assert_eq!(stage.told().await, ["TEST_LAPSED coach-005"], "who is left over was told already");
        // They are next week's.
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.standing("math@2026-03-12").await.1[..2], [1, 1]);
    });
}
