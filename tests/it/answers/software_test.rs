//! Software tests: when they are due, how long they count, who is reminded, who lapses.

use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, each, evening};
use chrono::TimeDelta;
use etutor::testing::{Academy, on_every_app_at};

#[test]
fn the_deadline_follows_from_the_hour_of_the_yes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.ignore_messages("this story is about instants");
        stage.minute("2026-03-02T08:00").await;
        for (at, deadline) in [
            ("2026-03-02T11:59", "2026-03-02 19:00"),
            ("2026-03-02T12:00", "2026-03-03 00:00"),
            ("2026-03-02T21:59", "2026-03-03 00:00"),
            ("2026-03-02T22:00", "2026-03-03 19:00"),
            ("2026-03-02T23:59", "2026-03-03 19:00"),
            ("2026-03-03T00:00", "2026-03-03 19:00"),
            // F is Thursday 15:00.
            ("2026-03-04T22:00", "2026-03-05 15:00"),
            ("2026-03-05T09:00", "2026-03-05 15:00"),
        ] {
            stage.set_clock(at).await;
            assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
            assert_eq!(
                stage.local(&stage.invitation(1, MATH).await.test_deadline_time),
                deadline,
                "yes at {at}"
            );
            assert_eq!(stage.no(1, MATH).await, "WITHDRAWN");
        }
    });
}

#[test]
fn the_confirmation_names_the_deadline() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T13:00").await;
        stage.told().await;
        stage.yes(1, MATH).await;
        let messages = stage.messages().await;
        assert!(messages[0].body.contains("请在3月2日24:00前通过客户端的软件测试"), "{}", messages[0].body);
    });
}

#[test]
fn from_the_deadline_on_it_is_too_late_whether_or_not_the_check_has_run() {
    for (late, ready) in [(-1, 1), (0, 0)] {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::monday(app, evening().coaches(3).students(1), 1).await;
            stage.minute("2026-03-02T08:00").await;
            assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
            assert_eq!(stage.yes(2, MATH).await, "RESERVE");
            stage.told().await;
            stage.fire("sms send", None).await;
            stage.set_clock_to(stage.instant("2026-03-02T19:00") + TimeDelta::seconds(late)).await;
            assert_eq!(stage.test(1, true).await, ready);
            if ready == 1 {
                assert_eq!(stage.told().await, ["TEST_PASSED coach-001"]);
                assert_eq!(stage.state(MATH).await, "COVERED");
                return;
            }
            assert_eq!(stage.standing(MATH).await.1[2..4], [0, 0]);
            // The place is open again in the same check, and the reserve moves up at once.
            stage.fire("invite check", None).await;
            assert_eq!(stage.told().await, ["TEST_LAPSED coach-001", "PROMOTED coach-002"]);
            assert_eq!(stage.asked(MATH).await, [each([1], "LAPSED"), each([2], "ACCEPTED")].concat());
            // Late, but passed: the next yes is ready at once, when somebody is missing.
            assert_eq!(stage.no(2, MATH).await, "WITHDRAWN");
            assert_eq!(stage.yes(1, MATH).await, "READY");
            stage.told().await;
        });
    }
}

#[test]
fn it_does_not_matter_whether_exec_or_check_finds_the_lapse() {
    let jobs = ["invite check", "invite exec", "invite notify_class"];
    for first in jobs {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::monday(app, evening().coaches(5).students(1), 1).await;
            stage.minute("2026-03-02T08:00").await;
            assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
            assert_eq!(stage.yes(2, MATH).await, "RESERVE");
            stage.told().await;
            stage.fire("sms send", None).await;
            stage.set_clock("2026-03-02T19:00").await;
            stage.fire(first, None).await;
            for job in jobs {
                stage.fire(job, None).await;
            }
            assert_eq!(
                stage.asked(MATH).await,
                [each([1], "LAPSED"), each([2], "ACCEPTED")].concat(),
                "{first}"
            );
            assert_eq!(stage.told().await, ["TEST_LAPSED coach-001", "PROMOTED coach-002"], "{first}");
        });
    }
}

#[test]
fn a_passed_test_counts_for_thirty_days() {
    for (later, said) in [(-1, "READY"), (0, "ACCEPTED")] {
        on_every_app_at("2026-02-01T10:00", async |app| {
            let stage = Stage::set(app, evening().coaches(1).students(1)).await;
            stage.ignore_messages("this story is about the test");
            stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
            assert_eq!(stage.test(1, true).await, 0);
            stage.set_clock("2026-03-02T00:00").await;
            stage.fire("invite create", None).await;
            stage.minute("2026-03-02T08:00").await;
            // Thirty days after 2026-02-01 10:00.
            stage.set_clock_to(stage.instant("2026-03-03T10:00") + TimeDelta::seconds(later)).await;
            assert_eq!(stage.yes(1, MATH).await, said);
        });
    }
}

#[test]
fn one_test_makes_all_acceptances_ready_and_a_failed_one_none() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new()
            .period("14:00", "15:00")
            .template("art", TH)
            .period("19:00", "20:30")
            .template("math", TH);
        let stage = Stage::set(app, academy.coaches(1).students(2)).await;
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "art", 2, 2, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.minute("2026-03-02T08:30").await;
        let art = "art@2026-03-05";
        assert_eq!(
            (stage.yes(1, MATH).await, stage.yes(1, art).await),
            ("ACCEPTED".to_owned(), "ACCEPTED".to_owned())
        );
        stage.told().await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.test(1, false).await, 0);
        assert_eq!(stage.asked(MATH).await, each([1], "ACCEPTED"));
        assert_eq!(stage.told().await, ["TEST_FAILED coach-001"], "once for both");
        assert_eq!(stage.test(1, true).await, 2);
        assert_eq!(
            (stage.state(MATH).await, stage.state(art).await),
            ("COVERED".to_owned(), "COVERED".to_owned())
        );
        assert_eq!(stage.told().await, ["TEST_PASSED coach-001", "TEST_PASSED coach-001"]);
        assert_eq!(stage.test(1, true).await, 0);
    });
}

#[test]
fn who_has_not_passed_is_reminded_once_of_each_deadline() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(6).students(7), 7).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        stage.test(2, true).await;
        let remind = async |at: &str| {
            stage.told().await;
            stage.set_clock(at).await;
            stage.fire("invite notify_test", None).await;
            stage.told().await
        };
        // At least a quarter of an hour, at most two hours before the deadline.
        assert_eq!(remind("2026-03-02T16:59").await, Vec::<String>::new());
        assert_eq!(remind("2026-03-02T17:00").await, ["TEST_REMINDER coach-001"]);
        assert_eq!(remind("2026-03-02T18:45").await, Vec::<String>::new(), "once");
        // The next yes has a deadline of its own.
        assert_eq!(stage.no(1, MATH).await, "WITHDRAWN");
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        assert_eq!(remind("2026-03-02T21:59").await, Vec::<String>::new());
        assert_eq!(remind("2026-03-02T22:00").await, ["TEST_REMINDER coach-001"]);
        assert_eq!(remind("2026-03-02T22:00").await, Vec::<String>::new());
    });
}

#[test]
fn a_reminder_comes_a_quarter_of_an_hour_before_the_deadline_or_not_at_all() {
    for (at, told) in [("2026-03-02T18:45", 1), ("2026-03-02T18:46", 0), ("2026-03-02T19:00", 0)] {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
            stage.minute("2026-03-02T08:00").await;
            assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
            stage.told().await;
            // The machine was down at 17:00.
            stage.set_clock(at).await;
            stage.fire("invite notify_test", None).await;
            assert_eq!(stage.told().await.len(), told, "{at}");
        });
    }
}

#[test]
fn who_has_not_passed_at_the_freeze_gets_no_class() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        stage.set_clock("2026-03-05T14:30").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        stage.told().await;
        stage.set_clock("2026-03-05T15:00").await;
        assert_eq!(stage.test(1, true).await, 0, "one second too late is too late");
        stage.fire("clazz assign_students", None).await;
        assert_eq!(stage.state(MATH).await, "FAILED");
        assert_eq!(
            stage.told().await,
            ["TEST_LAPSED coach-001", "TASK_LEFT_OVER wang SMS", "TASK_LEFT_OVER wang MAIL"]
        );
    });
}

#[test]
fn a_deadline_at_the_freeze_is_reminded_of_two_hours_before() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(3).students(7), 7).await;
        stage.minute("2026-03-05T08:00").await;
        // F is at 15:00, before the 17:00 of the others.
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        stage.fire("sms send", None).await;
        let check = async |at: &str| {
            stage.told().await;
            stage.set_clock(at).await;
            stage.fire("invite check", None).await;
            stage.told().await
        };
        assert_eq!(check("2026-03-05T12:59").await, Vec::<String>::new());
        assert_eq!(check("2026-03-05T13:00").await, ["TEST_REMINDER coach-001"]);
        // Whose confirmation has just named it is not reminded; nobody is twice.
        stage.set_clock("2026-03-05T13:30").await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        for at in ["2026-03-05T13:31", "2026-03-05T14:45"] {
            assert_eq!(check(at).await, Vec::<String>::new(), "{at}");
        }
    });
}

#[test]
fn a_coach_hears_at_once_which_part_failed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        stage.told().await;
        // Nothing waits for it.
        stage.test(1, false).await;
        assert_eq!(stage.told().await, Vec::<String>::new());
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        stage.fire("sms send", None).await;
        stage.told().await;
        stage.set_clock("2026-03-02T09:00").await;
        stage.test(1, false).await;
        let failed = stage.messages().await;
        let told: Vec<(String, &str)> =
            failed.iter().map(|row| (row.kind.to_string(), row.body.as_str())).collect();
        let text = "【etutor】您的软件测试未通过：白板。请在3月2日19:00前重新测试，逾期3月5日（周四）19:00初一学科1班的名额将让给其他教练。";
        assert_eq!(told, [("TEST_FAILED".to_owned(), text)]);
        // Who tries again before the message goes out hears how it ended.
        stage.test(1, true).await;
        stage.fire("sms send", None).await;
        let rows = stage.messages().await;
        assert_eq!(rows.iter().map(|row| row.kind.to_string()).collect::<Vec<_>>(), ["TEST_PASSED"]);
    });
}
