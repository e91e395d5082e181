//! `clazz morning_notify` and `clazz not_morning_notify`: whoever has a lesson is reminded of it
//! once, with all lessons of the run in one message (docs/domain.md §3).

use super::{cancel_from, excepted, formed, leave, lessons_at, reservation_of, sent, who};
use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, evening};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{Academy, on_every_app_at};

/// Who is reminded, in order.
async fn reminded(stage: &Stage) -> Vec<String> {
    let mut told = stage.told_of("LESSON_REMINDER").await;
    told.sort();
    told
}

fn everybody(students: usize) -> Vec<String> {
    let students = (1..=students).map(student);
    ["coach-001".to_owned()].into_iter().chain(students).collect()
}

#[test]
fn four_hours_before_a_lesson_its_class_is_formed_and_everybody_is_reminded_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(8), 7).await;
        stage.minute("2026-03-02T08:00").await;
        // Seven students need two coaches; one is found.
        stage.ready(&[1], MATH).await;
        stage.set_clock("2026-03-05T14:59").await;
        stage.told().await;
        stage.fire("clazz not_morning_notify", None).await;
        assert_eq!(reminded(&stage).await, Vec::<String>::new());
        stage.set_clock("2026-03-05T15:00").await;
        let report = stage.fire("clazz not_morning_notify", None).await;
        assert_eq!(stage.state(MATH).await, "PARTIAL");
        assert_eq!(report.examined, 1 + 6, "the task, and the lesson of six students");
        let told = stage.told().await;
        let reminded_of_it: Vec<String> =
            (1..=6).map(|number| format!("LESSON_REMINDER {}", student(number))).collect();
        let mut of_students = told.clone();
        of_students.retain(|line| line.starts_with("LESSON_REMINDER"));
        of_students.sort();
        assert_eq!(of_students, reminded_of_it, "who is in no class has no lesson");
        assert!(told.contains(&"ASSIGNED coach-001".to_owned()), "which tells the coach of the lesson");
        // Fired again, a minute later, and in a week.
        stage.fire("clazz not_morning_notify", None).await;
        stage.minute("2026-03-05T15:01").await;
        stage.fire("clazz not_morning_notify", None).await;
        assert_eq!(reminded(&stage).await, Vec::<String>::new());
        stage.set_clock("2026-03-12T15:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        assert_eq!(reminded(&stage).await, everybody(6));
        stage.fire("sms send", None).await;
        stage.set_clock("2026-03-12T19:00").await;
        assert_eq!(stage.fire("clazz not_morning_notify", None).await.messages, 0, "it has begun");
    });
}

#[test]
fn the_morning_lessons_of_a_person_are_one_message_the_evening_before() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new()
            .period("09:00", "10:00")
            .template("math", TH)
            .period("10:30", "11:30")
            .template("art", TH)
            .coaches(1)
            .students(1);
        let stage = Stage::set(app, academy).await;
        for template in ["math", "art"] {
            stage.academy.reserve_all(&stage, template, 1, 1, None).await;
        }
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.minute("2026-03-02T08:30").await;
        stage.ready(&[1], MATH).await;
        stage.ready(&[1], "art@2026-03-05").await;
        stage.set_clock("2026-03-04T20:00").await;
        stage.told().await;
        let report = stage.fire("clazz morning_notify", None).await;
        assert_eq!((report.failed, stage.state(MATH).await), (0, "FORMED".to_owned()));
        assert_eq!(reminded(&stage).await, ["student-001"], "the coach was just told of the classes");
        let texts = sent(&stage).await;
        let text = &texts.iter().find(|(line, _)| line == "LESSON_REMINDER student-001").unwrap().1;
        assert_eq!(
            text,
            "【etutor】上课提醒：您有2次课：3月5日（周四）09:00-10:00初一学科1班；\
             3月5日（周四）10:30-11:30初一学科1班，请提前10分钟登录客户端。"
        );
        for words in ["clazz morning_notify", "clazz not_morning_notify"] {
            stage.fire(words, None).await;
            assert_eq!(reminded(&stage).await, Vec::<String>::new(), "{words}");
        }
    });
}

#[test]
fn a_reminder_of_mornings_that_comes_late_waits_for_the_morning_unless_the_lesson_is_too_near() {
    for (lesson, goes) in [(("09:00", "10:00"), false), (("06:00", "07:00"), true)] {
        on_every_app_at(SATURDAY, async |app| {
            let academy =
                Academy::new().period(lesson.0, lesson.1).template("math", TH).coaches(1).students(1);
            let stage = Stage::monday(app, academy, 1).await;
            stage.minute("2026-03-02T08:00").await;
            stage.ready(&[1], MATH).await;
            stage.minute("2026-03-04T20:00").await;
            stage.told().await;
            stage.set_clock("2026-03-04T23:00").await;
            stage.fire("clazz morning_notify", None).await;
            let at_once = who(&sent(&stage).await).contains(&"LESSON_REMINDER student-001");
            assert_eq!(at_once, goes, "{}", lesson.0);
            stage.told().await;
        });
    }
}

#[test]
fn who_is_on_leave_is_not_reminded_and_who_comes_back_is() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        leave(&stage, 2, "2026-03-12").await;
        stage.set_clock("2026-03-12T15:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        assert_eq!(reminded(&stage).await, everybody(1));
        let request = pb::CancelLeaveRequest {
            reservation_id: reservation_of(&stage, 2, "2026-03-12").await,
            day: "2026-03-12".to_owned(),
        };
        stage.enrollment().cancel_leave(request).await.unwrap();
        stage.set_clock("2026-03-12T15:01").await;
        stage.fire("clazz not_morning_notify", None).await;
        assert_eq!(reminded(&stage).await, ["student-002"]);
    });
}

#[test]
fn nobody_is_reminded_of_what_is_no_longer_so() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        // One signs off after the reminder was written, and the hour moves.
        stage.set_clock("2026-03-12T15:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        cancel_from(&stage, 2, "2026-03-12").await;
        lessons_at(&stage, "19:30", "21:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        let texts = sent(&stage).await;
        let reminders: Vec<&(String, String)> =
            texts.iter().filter(|(line, _)| line.starts_with("LESSON_REMINDER")).collect();
        assert!(reminders.iter().all(|(_, text)| text.contains("19:30-21:00")), "{reminders:?}");
        assert!(!reminders.iter().any(|(line, _)| line.ends_with("student-002")), "{reminders:?}");
        stage.set_clock("2026-03-12T15:31").await;
        stage.fire("clazz not_morning_notify", None).await;
        stage.told().await;
        sent(&stage).await;
        // A holiday: the lesson falls away after everybody was reminded.
        stage.set_clock("2026-03-19T15:31").await;
        stage.fire("clazz not_morning_notify", None).await;
        sent(&stage).await;
        stage.told().await;
        excepted(&stage, &["2026-03-19"]).await;
        stage.fire("clazz not_morning_notify", None).await;
        let texts = sent(&stage).await;
        assert_eq!(who(&texts), ["LESSON_CANCELLED coach-001", "LESSON_CANCELLED student-001"]);
        stage.told().await;
    });
}

#[test]
fn after_the_runs_of_the_day_whoever_comes_to_a_lesson_is_reminded_by_the_minute() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new().period("07:00", "08:00").template("math", TH).classes(2, 6);
        let stage = Stage::monday(app, academy.coaches(1).students(2), 2).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.set_clock("2026-03-04T20:00").await;
        stage.fire("clazz assign_students", None).await;
        leave(&stage, 2, "2026-03-05").await;
        // The run of 20:00 was missed; one is on leave, and comes back.
        stage.set_clock("2026-03-04T20:05").await;
        stage.told().await;
        stage.fire("clazz assign_students", None).await;
        assert_eq!(reminded(&stage).await, ["student-001"]);
        let request = pb::CancelLeaveRequest {
            reservation_id: reservation_of(&stage, 2, "2026-03-05").await,
            day: "2026-03-05".to_owned(),
        };
        stage.enrollment().cancel_leave(request).await.unwrap();
        for told in [vec!["student-002"], vec![]] {
            stage.fire("clazz assign_students", None).await;
            assert_eq!(reminded(&stage).await, told);
        }
    });
}

#[test]
fn all_lessons_of_a_morning_are_listed_as_they_come_and_none_that_has_begun() {
    on_every_app_at(SATURDAY, async |app| {
        let hours = [("10:30", "11:30"), ("06:00", "07:00"), ("09:00", "10:00"), ("07:30", "08:30")];
        let mut academy = Academy::new();
        for (number, (start, end)) in hours.into_iter().enumerate() {
            academy = academy.period(start, end).template(["a", "b", "c", "d"][number], TH);
        }
        let stage = Stage::set(app, academy.coaches(1).students(1)).await;
        for template in ["a", "b", "c", "d"] {
            stage.academy.reserve_all(&stage, template, 1, 1, None).await;
        }
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        for (template, minute) in [("a", "08:00"), ("b", "08:30"), ("c", "09:00"), ("d", "09:30")] {
            stage.set_clock(&format!("2026-03-02T{minute}")).await;
            assert_eq!(stage.invite(1, &format!("{template}@2026-03-05"), Some("x")).await, "QUEUED");
            stage.ready(&[1], &format!("{template}@2026-03-05")).await;
        }
        stage.set_clock("2026-03-04T20:00").await;
        stage.fire("clazz morning_notify", None).await;
        stage.told().await;
        // Nobody sends before the first has begun.
        stage.set_clock("2026-03-05T06:01").await;
        assert!(!who(&sent(&stage).await).contains(&"LESSON_REMINDER student-001"));
        stage.fire("clazz assign_students", None).await;
        let texts = sent(&stage).await;
        let text = &texts.iter().find(|(line, _)| line == "LESSON_REMINDER student-001").unwrap().1;
        let order: Vec<Option<usize>> =
            ["06:00", "07:30", "09:00", "10:30"].iter().map(|hour| text.find(hour)).collect();
        assert!(order[0].is_none() && order[1] < order[2] && order[2] < order[3], "{text}");
        assert!(text.contains("您有3次课"), "{text}");
        stage.told().await;
    });
}
