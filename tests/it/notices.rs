//! Notices about lessons: however something comes about, everybody concerned is told once, and the
//! last word they got is true (docs/domain.md §7).

mod by_staff;
mod history;
mod reminders;
mod standing;
mod teachers;

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::domain::state::MessageState;
use etutor::rpc::pb;
use etutor::storage::entity::message;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, on_every_app_at};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::EntityTrait;

/// A class of the first `students` with coach 1 on Thursdays from 2026-03-05; it is the Friday
/// after, 10:00, and nobody has unread messages.
async fn formed(app: TestApp, academy: Academy, students: usize) -> Stage {
    let stage = Stage::set(app, academy.classes(1, 4).coaches(1).students(6)).await;
    let season = Some(("2026-03-05", "2026-06-28"));
    stage.academy.reserve_all(&stage, "math", 1, students, season).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage.set_clock("2026-03-06T10:00").await;
    stage.told().await;
    stage
}

/// The sign-up by which a student has the lesson of a day.
async fn reservation_of(app: &TestApp, number: usize, day: &str) -> i64 {
    let request = pb::GetStudentScheduleRequest {
        student: student(number),
        from_day: day.to_owned(),
        to_day: day.to_owned(),
    };
    let lessons = app.enrollment().get_student_schedule(request).await.unwrap().into_inner().lessons;
    lessons[0].reservation_id
}

async fn leave(app: &TestApp, number: usize, day: &str) {
    let reservation_id = reservation_of(app, number, day).await;
    let request = pb::RequestLeaveRequest { reservation_id, day: day.to_owned() };
    app.enrollment().request_leave(request).await.unwrap();
}

async fn cancel_from(app: &TestApp, number: usize, day: &str) {
    let request = pb::CancelReservationRequest {
        reservation_id: reservation_of(app, number, day).await,
        from_day: day.to_owned(),
        ..Default::default()
    };
    app.enrollment().cancel_reservation(request).await.unwrap();
}

async fn excepted(stage: &Stage, days: &[&str]) {
    let season = pb::Season {
        except_days: days.iter().map(|day| (*day).to_owned()).collect(),
        ..stage.academy.season.clone()
    };
    let request =
        pb::UpsertSeasonRequest { season: Some(season), request_id: String::new(), validate_only: false };
    stage.catalog().upsert_season(request).await.unwrap();
}

async fn lessons_at(stage: &Stage, start: &str, end: &str) {
    let period = pb::Period {
        start_time: start.to_owned(),
        end_time: end.to_owned(),
        ..stage.academy.periods[0].clone()
    };
    let request =
        pb::UpsertPeriodRequest { period: Some(period), request_id: String::new(), validate_only: false };
    stage.catalog().upsert_period(request).await.unwrap();
}

/// Plays random histories of such steps, eight or as many as `ETUTOR_TEST_HISTORIES` says.
fn histories<S: Clone + std::fmt::Debug>(step: impl Strategy<Value = S>, play: impl Fn(Vec<S>)) {
    let cases = std::env::var("ETUTOR_TEST_HISTORIES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(8);
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let told = TestRunner::new(config).run(&prop::collection::vec(step, 1..26), |steps| {
        play(steps);
        Ok(())
    });
    if let Err(failure) = told {
        panic!("{failure}");
    }
}

/// What went out in a run of `sms send`: `KIND person`, and the text.
async fn sent(stage: &Stage) -> Vec<(String, String)> {
    let before: Vec<i64> = captured(stage).await.into_iter().map(|row| row.id).collect();
    stage.fire("sms send", None).await;
    stage.told().await;
    let rows = captured(stage).await.into_iter().filter(|row| !before.contains(&row.id));
    rows.map(|row| (format!("{} {}", row.kind, row.person), row.body)).collect()
}

async fn captured(stage: &Stage) -> Vec<message::Model> {
    let mut rows = message::Entity::find().all(stage.db().reader()).await.unwrap();
    rows.retain(|row| row.state == MessageState::Captured);
    rows.sort_by_key(|row| row.id);
    rows
}

fn who(sent: &[(String, String)]) -> Vec<&str> {
    sent.iter().map(|(line, _)| line.as_str()).collect()
}

const EMPTY: [&str; 3] = ["LESSON_EMPTY coach-001", "LESSON_EMPTY wang", "LESSON_EMPTY wang"];
const ATTENDED: [&str; 3] = ["LESSON_ATTENDED coach-001", "LESSON_ATTENDED wang", "LESSON_ATTENDED wang"];

#[test]
fn a_coach_told_that_nobody_comes_hears_of_a_guest_who_comes_after_all() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 1).await;
        leave(&stage, 1, "2026-03-12").await;
        assert_eq!(who(&sent(&stage).await), EMPTY);
        stage.academy.reserve(&stage, &student(2), "math", Some(("2026-03-12", "2026-03-12"))).await.unwrap();
        let told = sent(&stage).await;
        assert_eq!(who(&told), ATTENDED);
        assert!(told[0].1.contains("3月12日（周四）19:00初一学科1班"), "{}", told[0].1);
        // And goes again.
        cancel_from(&stage, 2, "2026-03-12").await;
        assert_eq!(who(&sent(&stage).await), EMPTY);
    });
}

#[test]
fn nobody_comes_to_a_lesson_by_whatever_way() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        // The one is on leave, the other goes for good: the class goes on, this lesson is empty.
        leave(&stage, 1, "2026-03-12").await;
        assert_eq!(sent(&stage).await, []);
        cancel_from(&stage, 2, "2026-03-12").await;
        assert_eq!(who(&sent(&stage).await), EMPTY);
    });
}

#[test]
fn a_gap_between_two_students_of_a_class_is_told_for_all_its_lessons_at_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 1).await;
        let later = Some(("2026-04-02", "2026-06-28"));
        stage.academy.reserve(&stage, &student(2), "math", later).await.unwrap();
        assert_eq!(sent(&stage).await, []);
        cancel_from(&stage, 1, "2026-03-19").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), EMPTY);
        assert!(told[0].1.contains("3月19日（周四）、3月26日（周四）19:00初一学科1班"), "{}", told[0].1);
    });
}

#[test]
fn a_move_that_is_taken_back_before_morning_never_happened() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 3).await;
        stage.set_clock("2026-03-06T22:30").await;
        lessons_at(&stage, "18:30", "20:00").await;
        lessons_at(&stage, "19:00", "20:30").await;
        stage.set_clock("2026-03-07T07:00").await;
        assert_eq!(sent(&stage).await, []);
    });
}

#[test]
fn a_move_is_told_once_with_the_time_that_is_so_in_the_morning() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        stage.set_clock("2026-03-06T22:30").await;
        lessons_at(&stage, "18:30", "20:00").await;
        lessons_at(&stage, "18:00", "19:30").await;
        // Who is no longer concerned in the morning is not told.
        cancel_from(&stage, 2, "2026-03-12").await;
        stage.set_clock("2026-03-07T07:00").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["LESSON_MOVED coach-001", "LESSON_MOVED student-001"]);
        for (_, text) in &told {
            assert!(text.contains("自3月12日（周四）起上课时间由19:00改为18:00"), "{text}");
        }
        lessons_at(&stage, "19:00", "20:30").await;
        let back = sent(&stage).await;
        assert_eq!(who(&back), ["LESSON_MOVED coach-001", "LESSON_MOVED student-001"]);
        assert!(back[0].1.contains("由18:00改为19:00"), "{}", back[0].1);
    });
}

#[test]
fn who_cancels_before_a_holiday_is_told_hears_nothing_of_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        stage.set_clock("2026-03-06T22:30").await;
        excepted(&stage, &["2026-03-26"]).await;
        cancel_from(&stage, 2, "2026-03-12").await;
        stage.set_clock("2026-03-07T07:00").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["LESSON_CANCELLED coach-001", "LESSON_CANCELLED student-001"]);
    });
}

#[test]
fn a_week_of_holiday_is_one_message_with_its_days() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new().period("19:00", "20:30").template("math", "FREQ=DAILY");
        let stage = formed(app, academy, 2).await;
        let days = ["2026-04-01", "2026-04-02", "2026-04-03", "2026-04-04", "2026-04-05"];
        excepted(&stage, &days).await;
        let told = sent(&stage).await;
        assert_eq!(
            who(&told),
            ["LESSON_CANCELLED coach-001", "LESSON_CANCELLED student-001", "LESSON_CANCELLED student-002"]
        );
        let listed = "4月1、2、3、4、5日19:00";
        assert!(told.iter().all(|(_, text)| text.contains(listed)), "{told:?}");
        // One of them is a lesson after all, and before that is told another: what is so counts.
        excepted(&stage, &days[..3]).await;
        excepted(&stage, &days[..4]).await;
        let back = sent(&stage).await;
        assert_eq!(
            who(&back),
            ["LESSON_ADDED coach-001", "LESSON_ADDED student-001", "LESSON_ADDED student-002"]
        );
        assert!(back.iter().all(|(_, text)| text.contains("恢复一次课：4月5日（周日）19:00")), "{back:?}");
    });
}

#[test]
fn an_asked_coach_hears_of_a_move_once_and_not_of_one_that_was_taken_back() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(6), 6).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        stage.fire("sms send", None).await;
        stage.told().await;
        stage.set_clock("2026-03-02T22:30").await;
        lessons_at(&stage, "18:30", "20:00").await;
        lessons_at(&stage, "19:00", "20:30").await;
        stage.set_clock("2026-03-03T07:00").await;
        assert_eq!(sent(&stage).await, []);
        lessons_at(&stage, "18:30", "20:00").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told)[0], "LESSON_MOVED coach-001");
        assert_eq!(told.iter().filter(|(line, _)| line.starts_with("LESSON_MOVED coach")).count(), 1);
    });
}

#[test]
fn a_lesson_that_is_not_held_and_then_is_within_the_same_minutes_is_not_called_off() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(3), 3).await;
        stage.set_clock("2026-03-05T15:00").await;
        stage.fire("clazz assign_students", None).await;
        assert_eq!(stage.state(MATH).await, "FAILED");
        stage.fire("sms send", None).await;
        stage.told().await;
        stage.set_clock("2026-03-05T17:00").await;
        stage.fire("clazz assign_students", None).await;
        let off =
            ["LESSON_NOT_HELD student-001", "LESSON_NOT_HELD student-002", "LESSON_NOT_HELD student-003"];
        assert_eq!(stage.told().await, off);
        stage.invite(1, MATH, Some("the parents called")).await;
        stage.test(1, true).await;
        assert_eq!(stage.yes(1, MATH).await, "ASSIGNED");
        assert_eq!(stage.state(MATH).await, "FORMED");
        let told = sent(&stage).await;
        assert!(!who(&told).iter().any(|line| line.contains("student")), "{told:?}");
    });
}

#[test]
fn lessons_before_a_guest_who_goes_again_fall_away_as_those_after() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 1).await;
        let once = Some(("2026-03-26", "2026-03-26"));
        stage.academy.reserve(&stage, &student(2), "math", once).await.unwrap();
        cancel_from(&stage, 1, "2026-03-12").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told)[0], "CLASS_CLOSED coach-001");
        assert_eq!(who(&told)[3..], EMPTY, "12 and 19 March, until the guest comes");
        cancel_from(&stage, 2, "2026-03-26").await;
        let app: &TestApp = &stage;
        let listed = app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap();
        let class_id = listed.into_inner().classes[0].class_id;
        let lessons = stage.class(class_id).await.lessons;
        let mut ahead = lessons.iter().filter(|one| one.day.as_str() > "2026-03-06");
        assert!(ahead.all(|one| one.state() == pb::LessonState::Cancelled), "{lessons:?}");
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn leave_taken_and_taken_back_does_not_hide_that_the_hour_has_moved() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        stage.set_clock("2026-03-06T22:30").await;
        lessons_at(&stage, "18:30", "20:00").await;
        leave(&stage, 1, "2026-03-12").await;
        let reservation_id = reservation_of(&stage, 1, "2026-03-12").await;
        let request = pb::CancelLeaveRequest { reservation_id, day: "2026-03-12".into() };
        stage.enrollment().cancel_leave(request).await.unwrap();
        stage.set_clock("2026-03-07T07:00").await;
        let told = sent(&stage).await;
        let mut to_first = told.iter().filter(|(line, _)| line == "LESSON_MOVED student-001");
        assert!(to_first.any(|(_, text)| text.contains("3月12日（周四）")), "{told:?}");
    });
}

#[test]
fn a_late_yes_says_that_the_coach_knows_the_hour_of_then() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(6), 6).await;
        stage.minute("2026-03-02T08:00").await;
        stage.set_clock("2026-03-02T08:10").await;
        lessons_at(&stage, "18:30", "20:00").await;
        assert!(who(&sent(&stage).await).contains(&"LESSON_MOVED coach-001"));
        stage.set_clock("2026-03-02T08:20").await;
        assert_eq!(stage.no(1, MATH).await, "DECLINED");
        lessons_at(&stage, "19:00", "20:30").await;
        assert!(!who(&sent(&stage).await).contains(&"LESSON_MOVED coach-001"), "no longer asked");
        stage.set_clock("2026-03-02T08:30").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        lessons_at(&stage, "18:30", "20:00").await;
        assert!(who(&sent(&stage).await).contains(&"LESSON_MOVED coach-001"));
    });
}

#[test]
fn leave_that_a_holiday_gives_back_is_said_to_be() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        leave(&stage, 1, "2026-03-19").await;
        excepted(&stage, &["2026-03-19"]).await;
        let told = sent(&stage).await;
        let everybody =
            |kind: &str| ["coach-001", "student-001", "student-002"].map(|who| format!("{kind} {who}"));
        assert_eq!(who(&told), everybody("LESSON_CANCELLED"));
        let given_back: Vec<bool> = told.iter().map(|(_, text)| text.contains("您请的假已退回")).collect();
        assert_eq!(given_back, [false, true, false]);
        excepted(&stage, &[]).await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), everybody("LESSON_ADDED"));
        assert!(told.iter().all(|(_, text)| text.contains("恢复一次课：3月19日")), "{told:?}");
        // Taken back before anybody heard of it: only the leave is gone.
        leave(&stage, 1, "2026-03-19").await;
        stage.set_clock("2026-03-06T23:00").await;
        excepted(&stage, &["2026-03-19"]).await;
        excepted(&stage, &[]).await;
        stage.set_clock("2026-03-07T07:00").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["LESSON_ADDED student-001"]);
        assert!(told[0].1.contains("恢复一次课") && told[0].1.contains("如不能上课请重新请假"), "{told:?}");
        // A lesson that nobody knew of is one more.
        let sundays = pb::ClassTemplate {
            recurrence: "FREQ=WEEKLY;BYDAY=TH,SU".to_owned(),
            ..stage.academy.templates[0].clone()
        };
        let request = pb::UpsertClassTemplateRequest { class_template: Some(sundays), ..Default::default() };
        stage.catalog().upsert_class_template(request).await.unwrap();
        let told = sent(&stage).await;
        assert!(
            told.iter().all(|(line, text)| line.starts_with("LESSON_ADDED") && text.contains("增加17次课")),
            "{told:?}"
        );
    });
}
