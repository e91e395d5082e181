//! At F what is ready becomes classes, whichever job runs first.

use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, each, evening, morning};
use etutor::rpc::pb;
use etutor::testing::{Academy, on_every_app_at, on_every_app_with};

#[test]
fn an_evening_class_is_formed_four_hours_before_it_begins() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(5).students(8), 8).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[2, 1], MATH).await;
        assert_eq!(stage.yes(4, MATH).await, "RESERVE");
        assert_eq!(stage.state(MATH).await, "COVERED");
        stage.minute("2026-03-05T14:59").await;
        assert_eq!(stage.classes(MATH).await, Vec::<String>::new());
        stage.told().await;
        stage.set_clock("2026-03-05T15:00").await;
        let report = stage.fire("clazz assign_students", None).await;
        assert_eq!((report.examined, report.changed, report.messages), (1, 1, 3));
        assert_eq!(stage.state(MATH).await, "FORMED");
        // Eight students in two classes of four; the coaches said yes at the same time: by name.
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3 4", "coach-002: 5 6 7 8"]);
        assert_eq!(
            stage.told().await,
            ["ASSIGNED coach-001", "ASSIGNED coach-002", "NO_LONGER_NEEDED coach-004"]
        );
        assert_eq!(
            stage.asked(MATH).await,
            [each(1..=2, "ASSIGNED"), each([3], "EXPIRED"), each([4], "CANCELLED")].concat()
        );
        let mine = stage.invitation(1, MATH).await;
        let class = stage.class(mine.class_id).await;
        let whole = class.class.unwrap();
        assert_eq!(
            (whole.first_day.as_str(), whole.last_day.as_str(), whole.students),
            ("2026-03-05", "2026-06-25", 4)
        );
        assert_eq!(whole.state(), pb::ClassState::Open);
        assert_eq!(class.lessons.len(), 17);
        let first = &class.lessons[0];
        assert_eq!(
            (first.day.as_str(), first.coach.as_str(), first.state()),
            ("2026-03-05", "coach-001", pb::LessonState::Scheduled)
        );
        assert_eq!(
            (stage.local(&first.start_time), stage.local(&first.end_time)),
            ("2026-03-05 19:00".into(), "2026-03-05 20:30".into())
        );
        assert!(class.roster.iter().all(|entry| entry.from_day == "2026-03-05"));
        // Once.
        let again = stage.fire("clazz assign_students", None).await;
        assert_eq!((again.examined, again.changed, again.messages), (0, 0, 0));
        // The class has them for good: no task counts them next week.
        stage.set_clock("2026-03-09T00:00").await;
        assert_eq!(stage.fire("invite create", None).await.changed, 0);
    });
}

#[test]
fn a_morning_class_is_formed_at_eight_the_evening_before() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = morning().period("12:00", "13:00").template("noon", TH).coaches(2).students(2);
        let stage = Stage::set(app, academy).await;
        stage.ignore_messages("this story is about instants");
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "noon", 2, 2, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-04T19:59").await;
        assert_eq!(stage.state(MATH).await, "COVERED");
        stage.minute("2026-03-04T20:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1"]);
        stage.minute("2026-03-05T07:59").await;
        assert_eq!(stage.state("noon@2026-03-05").await, "INVITING");
        stage.minute("2026-03-05T08:00").await;
        assert_eq!(stage.state("noon@2026-03-05").await, "FAILED");
    });
}

#[test]
fn a_class_before_midnight_belongs_to_the_day_it_begins_on() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new().period("23:30", "00:30").template("math", TH).coaches(1).students(1);
        let stage = Stage::monday(app, academy, 1).await;
        stage.ignore_messages("this story is about instants");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T19:29").await;
        assert_eq!(stage.state(MATH).await, "COVERED");
        stage.minute("2026-03-05T19:30").await;
        let class = stage.class(stage.invitation(1, MATH).await.class_id).await;
        assert_eq!(class.lessons[0].day, "2026-03-05");
        assert_eq!(stage.local(&class.lessons[0].end_time), "2026-03-06 00:30");
    });
}

#[test]
fn at_the_freeze_the_jobs_may_run_in_any_order() {
    let jobs = ["invite check", "invite exec", "invite notify_class", "clazz assign_students", "sms send"];
    for first in 0..jobs.len() {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::monday(app, evening().coaches(9).students(13), 13).await;
            stage.minute("2026-03-02T08:00").await;
            stage.ready(&[1], MATH).await;
            stage.minute("2026-03-05T14:00").await;
            assert_eq!(stage.yes(7, MATH).await, "ACCEPTED");
            // A student leaves at the last minute: two classes are enough, and their sizing is to
            // be looked at again.
            stage.sign_off(1, "2026-03-05").await;
            stage.told().await;
            stage.set_clock("2026-03-05T15:00").await;
            for job in 0..jobs.len() {
                stage.fire(jobs[(first + job) % jobs.len()], None).await;
            }
            stage.fire("sms send", None).await;
            assert_eq!(stage.standing(MATH).await.1[..2], [12, 2], "{}", jobs[first]);
            assert_eq!(stage.state(MATH).await, "PARTIAL", "{}", jobs[first]);
            assert_eq!(stage.classes(MATH).await, ["coach-001: 2 3 4 5 6 7"]);
            assert_eq!(
                stage.asked(MATH).await,
                [each([1], "ASSIGNED"), each(2..=6, "EXPIRED"), each([7], "LAPSED"), each(8..=9, "EXPIRED")]
                    .concat(),
                "{}",
                jobs[first]
            );
            let mut told = stage.told().await;
            told.sort();
            assert_eq!(
                told,
                [
                    "ASSIGNED coach-001",
                    "TASK_LEFT_OVER wang MAIL",
                    "TASK_LEFT_OVER wang SMS",
                    "TEST_LAPSED coach-007"
                ],
                "{}",
                jobs[first]
            );
        });
    }
}

#[test]
fn classes_may_form_as_soon_as_all_coaches_are_ready() {
    on_every_app_with(
        SATURDAY,
        |config| config.rules.form_when_covered = true,
        async |app| {
            let stage = Stage::monday(app, evening().coaches(6).students(12), 12).await;
            stage.minute("2026-03-02T08:00").await;
            stage.ready(&[1], MATH).await;
            assert_eq!(stage.state(MATH).await, "INVITING");
            assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
            assert_eq!(stage.yes(3, MATH).await, "RESERVE");
            stage.told().await;
            stage.fire("sms send", None).await;
            assert_eq!(stage.test(2, true).await, 1);
            assert_eq!(stage.state(MATH).await, "FORMED");
            assert_eq!(stage.classes(MATH).await.len(), 2);
            let mut told = stage.told().await;
            told.sort();
            // Coach 4 was asked and has not answered.
            assert_eq!(
                told,
                [
                    "ASSIGNED coach-001",
                    "ASSIGNED coach-002",
                    "INVITATION_RECALLED coach-004",
                    "NO_LONGER_NEEDED coach-003",
                    "TEST_PASSED coach-002"
                ]
            );
        },
    );
}

#[test]
fn sizes_differ_by_one_at_most() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(6).students(14), 14).await;
        stage.ignore_messages("this story is about rosters");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1, 2, 3], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        let sizes: Vec<usize> =
            stage.classes(MATH).await.iter().map(|class| class.split(' ').count() - 1).collect();
        assert_eq!(sizes, [5, 5, 4]);
    });
}
