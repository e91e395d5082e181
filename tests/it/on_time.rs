//! `clazz check_on_time`: what is done when a coach is not there (docs/domain.md §3).

mod edges;
mod many;

use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, evening};
use crate::substitutions::{asked, formed, teaches, yes};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::coach;
use etutor::testing::{TestApp, on_every_app_at};
use etutor::write_txn;

/// The evening of the lesson of 2026-03-12 at 19:00, some minutes before.
pub async fn evening_of(stage: &Stage, at: &str) {
    stage.set_clock(&format!("2026-03-12T{at}")).await;
}

pub async fn login(stage: &Stage, number: usize) {
    let person = Some(pb::record_login_request::Person::Coach(coach(number)));
    stage.presence().record_login(pb::RecordLoginRequest { person }).await.unwrap();
}

pub async fn logout(stage: &Stage, number: usize) {
    let person = Some(pb::record_logout_request::Person::Coach(coach(number)));
    stage.presence().record_logout(pb::RecordLogoutRequest { person }).await.unwrap();
}

/// The minute's run, and what it wrote: who was told what.
pub async fn minute(stage: &Stage, at: &str) -> Vec<String> {
    evening_of(stage, at).await;
    let report = stage.fire("clazz check_on_time", None).await;
    assert_eq!(report.failed, 0, "{report:?}");
    stage.fire("sms send", None).await;
    let again = stage.fire("clazz check_on_time", None).await;
    assert_eq!((again.messages, again.changed), (0, 0), "twice is once");
    stage.told().await
}

async fn state(stage: &Stage) -> String {
    let lessons = stage.class(1).await.lessons;
    let lesson = lessons.iter().find(|lesson| lesson.day == "2026-03-12").unwrap();
    lesson.state().as_str_name().replace("LESSON_STATE_", "")
}

fn none() -> Vec<String> {
    Vec::new()
}

const NOT_ONLINE: [&str; 3] =
    ["COACH_NOT_ONLINE coach-001", "COACH_NOT_ONLINE wang SMS", "COACH_NOT_ONLINE wang MAIL"];

#[test]
fn a_coach_who_is_there_hears_nothing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        // Only a login, an hour before: a client that sends no heartbeats.
        evening_of(&stage, "18:00").await;
        login(&stage, 1).await;
        for at in ["18:49", "18:50", "18:55", "18:59", "19:00", "19:05", "19:15", "19:16", "20:00"] {
            assert_eq!(minute(&stage, at).await, none(), "{at}");
        }
    });
}

#[test]
fn a_standby_takes_over_at_the_start_and_the_coach_keeps_the_later_lessons() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_clock("2026-03-12T18:30").await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        assert_eq!(minute(&stage, "18:49").await, none());
        assert_eq!(minute(&stage, "18:50").await, NOT_ONLINE);
        for number in [2, 3, 4] {
            evening_of(&stage, "18:54").await;
            login(&stage, number).await;
        }
        evening_of(&stage, "18:55").await;
        let report = stage.fire("clazz check_on_time", None).await;
        let standby = "math@2026-03-12/STANDBY-1-1: asked to stand by";
        assert_eq!(report.notes, [format!("{standby}: coach-003, coach-002; coach-004 TEST_NOT_VALID")]);
        assert_eq!(minute(&stage, "18:55").await, ["STANDBY_REQUEST coach-002", "STANDBY_REQUEST coach-003"]);
        assert_eq!(yes(&stage, 3).await, "READY");
        assert_eq!(yes(&stage, 2).await, "RESERVE");
        stage.told().await;
        login(&stage, 3).await;
        assert_eq!(minute(&stage, "18:57").await, none());
        assert_eq!(state(&stage).await, "SCHEDULED");
        evening_of(&stage, "18:59").await;
        login(&stage, 3).await;
        let mut told = minute(&stage, "19:00").await;
        told.sort();
        assert_eq!(
            told,
            [
                "COACH_LATE coach-001",
                "COACH_LATE wang MAIL",
                "COACH_LATE wang SMS",
                "LESSON_TAKEN_OVER coach-001",
                "LESSON_TAKEN_OVER coach-003",
                "LESSON_TAKEN_OVER wang MAIL",
                "LESSON_TAKEN_OVER wang SMS",
                "NO_LONGER_NEEDED coach-002",
            ]
        );
        assert_eq!(state(&stage).await, "SUBSTITUTED");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-003", "19 coach-001"]);
        for at in ["19:05", "19:15", "19:16"] {
            assert_eq!(minute(&stage, at).await, none(), "{at}");
        }
    });
}

#[test]
fn a_coach_who_comes_in_time_ends_the_ladder_and_admins_hear_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        assert_eq!(minute(&stage, "18:50").await, NOT_ONLINE);
        evening_of(&stage, "18:52").await;
        login(&stage, 1).await;
        assert_eq!(minute(&stage, "18:53").await, ["LESSON_GOES_ON wang SMS", "LESSON_GOES_ON wang MAIL"]);
        for at in ["18:55", "19:00", "19:05", "19:15"] {
            assert_eq!(minute(&stage, at).await, none(), "{at}");
        }
        assert_eq!(state(&stage).await, "RUNNING");
    });
}

#[test]
fn a_warning_that_has_not_gone_out_when_the_coach_comes_is_told_to_nobody() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        evening_of(&stage, "18:50").await;
        stage.fire("clazz check_on_time", None).await;
        assert_eq!(stage.told().await, NOT_ONLINE);
        login(&stage, 1).await;
        stage.fire("clazz check_on_time", None).await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, none());
        let request = pb::ListMessagesRequest {
            kinds: vec![pb::MessageKind::CoachNotOnline.into()],
            ..Default::default()
        };
        let found = stage.outbox().list_messages(request).await.unwrap().into_inner().messages;
        assert!(found.iter().all(|row| row.state() == pb::MessageState::Cancelled), "{found:?}");
    });
}

#[test]
fn a_coach_who_comes_late_ends_what_students_were_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        minute(&stage, "18:50").await;
        assert_eq!(minute(&stage, "18:55").await, none(), "nobody is online");
        let late = ["COACH_LATE coach-001", "COACH_LATE wang SMS", "COACH_LATE wang MAIL"];
        assert_eq!(minute(&stage, "19:00").await, late);
        assert_eq!(state(&stage).await, "COACH_LATE");
        let students = |kind: &str| (1..=3).map(|n| format!("{kind} student-00{n}")).collect::<Vec<_>>();
        assert_eq!(minute(&stage, "19:05").await, students("LESSON_DELAYED"));
        evening_of(&stage, "19:07").await;
        login(&stage, 1).await;
        let mut goes_on = students("LESSON_GOES_ON");
        goes_on.extend(["LESSON_GOES_ON wang SMS", "LESSON_GOES_ON wang MAIL"].map(str::to_owned));
        assert_eq!(minute(&stage, "19:08").await, goes_on);
        let texts = stage.outbox().list_messages(pb::ListMessagesRequest::default()).await.unwrap();
        let texts = texts.into_inner().messages;
        assert!(texts.iter().any(|row| row.body.contains("教练coach-001已上线，迟到7分钟")), "{texts:?}");
        logout(&stage, 1).await;
        for at in ["19:10", "19:15", "19:30"] {
            assert_eq!(minute(&stage, at).await, none(), "{at}: the lesson was begun");
        }
        assert_eq!(state(&stage).await, "COACH_LATE");
    });
}

#[test]
fn a_lesson_that_nobody_teaches_is_not_held_and_everybody_is_told_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_clock("2026-03-12T18:30").await;
        stage.test(2, true).await;
        evening_of(&stage, "18:54").await;
        login(&stage, 2).await;
        for at in ["18:50", "18:55"] {
            minute(&stage, at).await;
        }
        assert_eq!(asked(&stage, 2).await[0].1, "SUBSTITUTE SENT");
        for at in ["19:00", "19:05"] {
            minute(&stage, at).await;
        }
        assert_eq!(minute(&stage, "19:14").await, none());
        let mut told = minute(&stage, "19:15").await;
        // Whom nobody needs any more hears it though the lesson has begun.
        let request = pb::ListMessagesRequest {
            kinds: vec![pb::MessageKind::InvitationRecalled.into()],
            person: coach(2),
            ..Default::default()
        };
        let found = stage.outbox().list_messages(request).await.unwrap().into_inner().messages;
        assert_eq!(found.last().unwrap().state(), pb::MessageState::Captured);
        told.retain(|line| line.starts_with("COACH_ABSENT"));
        assert_eq!(told.len(), 3 + 1 + 2, "{told:?}");
        assert_eq!(state(&stage).await, "COACH_ABSENT");
        assert_eq!(yes(&stage, 2).await, "TASK_CLOSED", "too late");
        login(&stage, 1).await;
        for at in ["19:16", "19:20"] {
            assert_eq!(minute(&stage, at).await, none(), "{at}");
        }
        assert_eq!(state(&stage).await, "COACH_ABSENT");
    });
}

#[test]
fn a_yes_after_the_start_takes_over_at_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_clock("2026-03-12T18:30").await;
        stage.test(2, true).await;
        evening_of(&stage, "18:54").await;
        login(&stage, 2).await;
        for at in ["18:55", "19:00", "19:05"] {
            minute(&stage, at).await;
        }
        evening_of(&stage, "19:09").await;
        assert_eq!(yes(&stage, 2).await, "ASSIGNED");
        assert_eq!(state(&stage).await, "SUBSTITUTED");
        let told = stage.told().await;
        for line in
            ["LESSON_GOES_ON student-001", "LESSON_TAKEN_OVER coach-002", "LESSON_TAKEN_OVER coach-001"]
        {
            assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
        }
        assert_eq!(minute(&stage, "19:15").await, none());
    });
}

#[test]
fn a_lesson_to_which_nobody_comes_needs_no_coach() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for student in 1..=3 {
            let request = pb::GetStudentScheduleRequest {
                student: etutor::testing::academy::student(student),
                from_day: "2026-03-12".to_owned(),
                to_day: "2026-03-12".to_owned(),
            };
            let lessons =
                stage.enrollment().get_student_schedule(request).await.unwrap().into_inner().lessons;
            let request = pb::RequestLeaveRequest {
                reservation_id: lessons[0].reservation_id,
                day: "2026-03-12".to_owned(),
            };
            stage.enrollment().request_leave(request).await.unwrap();
        }
        stage.told().await;
        for at in ["18:50", "18:55", "19:00", "19:05", "19:15"] {
            let told = minute(&stage, at).await;
            assert!(told.iter().all(|line| line.starts_with("LESSON_EMPTY")), "{at}: {told:?}");
        }
        assert_eq!(state(&stage).await, "RUNNING");
    });
}

/// Two classes at the same time: coach 1 teaches `math`, coach 3 `two`.
async fn two_classes(app: TestApp) -> Stage {
    let academy = evening().classes(1, 4).template("two", TH).classes(1, 4).coaches(4).students(4);
    let stage = Stage::set(app, academy).await;
    let season = Some(("2026-03-05", "2026-06-28"));
    stage.academy.reserve_all(&stage, "math", 1, 2, season).await;
    stage.academy.reserve_all(&stage, "two", 3, 4, season).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.ready(&[3], "two@2026-03-05").await;
    stage.minute("2026-03-05T15:00").await;
    stage.set_clock("2026-03-06T10:00").await;
    stage.told().await;
    stage
}

#[test]
fn a_lesson_of_which_something_is_corrupt_does_not_stop_the_ladder_of_the_others() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = two_classes(app).await;
        let told = minute(&stage, "18:50").await;
        assert_eq!(told.iter().filter(|line| line.starts_with("COACH_NOT_ONLINE coach")).count(), 2);
        evening_of(&stage, "18:54").await;
        stage.test(2, true).await;
        login(&stage, 2).await;
        let broken = "UPDATE class_template SET grade = 99 WHERE code = 'two'";
        write_txn!(stage.db(), "test.broken", |txn| sql(broken).execute(txn).await).unwrap();
        evening_of(&stage, "18:55").await;
        let report = stage.fire("clazz check_on_time", None).await;
        let asked = |note: &String| {
            note.starts_with("math@2026-03-12/STANDBY-1-") && note.ends_with("asked to stand by: coach-002")
        };
        assert!(report.notes.iter().any(asked), "{report:?}");
        let failed: Vec<&String> =
            report.notes.iter().filter(|note| note.starts_with("two@2026-03-12")).collect();
        assert_eq!((report.failed, failed.len(), report.examined), (1, 1, 2), "{report:?}");
        assert_eq!(stage.told().await, ["STANDBY_REQUEST coach-002"]);
        // It goes on so, minute by minute.
        evening_of(&stage, "19:00").await;
        assert_eq!(stage.fire("clazz check_on_time", None).await.failed, 1);
        assert_eq!(state(&stage).await, "COACH_LATE");
        let mended = "UPDATE class_template SET grade = 7 WHERE code = 'two'";
        write_txn!(stage.db(), "test.mended", |txn| sql(mended).execute(txn).await).unwrap();
        evening_of(&stage, "19:01").await;
        assert_eq!(stage.fire("clazz check_on_time", None).await.failed, 0);
        let late: Vec<String> =
            stage.told().await.into_iter().filter(|line| line.starts_with("COACH_LATE coach")).collect();
        assert_eq!(late, ["COACH_LATE coach-001", "COACH_LATE coach-003"]);
    });
}
