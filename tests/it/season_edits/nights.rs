//! When the catalogue is edited again before anybody was told: people hear what is true then, or
//! nothing.

use super::*;
use crate::staffing::stage::{MATH, SATURDAY, evening};
use etutor::domain::state::MessageState;
use etutor::testing::on_every_app_at;

/// What waits to be sent, of kinds that begin so: `LESSON_ADDED student-001`, sorted.
async fn unsent(stage: &Stage, kinds: &str) -> Vec<String> {
    let rows = message::Entity::find().all(stage.db().reader()).await.unwrap();
    let waits = |row: &&message::Model| matches!(row.state, MessageState::Queued | MessageState::Deferred);
    let mut found: Vec<String> =
        rows.iter().filter(waits).map(|row| format!("{} {}", row.kind, row.person)).collect();
    found.retain(|line| line.starts_with(kinds));
    found.sort();
    found
}

/// The texts of a kind to a person, each with what became of it, in the order in which they were
/// written.
async fn texts(stage: &Stage, kind: &str, person: &str) -> Vec<(MessageState, String)> {
    let mut rows = message::Entity::find().all(stage.db().reader()).await.unwrap();
    rows.sort_by_key(|row| row.id);
    rows.retain(|row| row.kind.as_str() == kind && row.person == person);
    rows.into_iter().map(|row| (row.state, row.body)).collect()
}

#[test]
fn a_holiday_that_is_taken_back_in_the_same_night_never_happened() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        let holiday = pb::Season { except_days: vec!["2026-03-19".into()], ..stage.academy.season.clone() };
        stage.set_clock("2026-03-16T23:00").await;
        edit_season(&stage, &holiday, false).await.unwrap();
        assert_eq!(unsent(&stage, "LESSON_").await.len(), 12, "eleven students and the coach");
        let offered = texts(&stage, "WAITLIST_OFFER", "student-013").await;
        assert!(offered.len() == 1 && offered[0].1.contains("首课3月26日"), "{offered:?}");
        stage.set_clock("2026-03-16T23:10").await;
        let change = as_told!(stage, edit_season, &stage.academy.season.clone());
        assert_eq!(unsent(&stage, "LESSON_").await, Vec::<String>::new());
        // Who was offered a place and does not know it is told of both lessons at once.
        let offered = texts(&stage, "WAITLIST_OFFER", "student-013").await;
        assert_eq!((offered[0].0, offered.len(), change.message_total), (MessageState::Cancelled, 2, 1));
        assert!(offered[1].1.contains("首课3月19日") && offered[1].1.contains("共2次课"), "{offered:?}");
        // To and fro within the same second: what is so in the end is told.
        edit_season(&stage, &holiday, false).await.unwrap();
        edit_season(&stage, &stage.academy.season.clone(), false).await.unwrap();
        assert_eq!(unsent(&stage, "LESSON_").await, Vec::<String>::new());
        edit_season(&stage, &holiday, false).await.unwrap();
        assert_eq!(unsent(&stage, "LESSON_").await.len(), 12);
        stage.set_clock("2026-03-17T07:00").await;
        stage.fire("sms send", None).await;
        let told: Vec<MessageState> =
            texts(&stage, "LESSON_CANCELLED", "student-001").await.into_iter().map(|text| text.0).collect();
        assert_eq!(told, [MessageState::Cancelled, MessageState::Cancelled, MessageState::Captured]);
        assert_eq!(texts(&stage, "LESSON_ADDED", "student-001").await, Vec::new());
        // They know of the holiday now, so that its end is news.
        edit_season(&stage, &stage.academy.season.clone(), false).await.unwrap();
        assert_eq!(unsent(&stage, "LESSON_ADDED student-001").await.len(), 1);
        no_drift(&stage).await;
    });
}

/// Leave of students of the class from its lesson of 26 March.
async fn leave(stage: &Stage, students: impl IntoIterator<Item = usize>) {
    for number in students {
        let schedule = pb::GetStudentScheduleRequest { student: named(number), ..Default::default() };
        let reservation_id =
            stage.enrollment().get_student_schedule(schedule).await.unwrap().into_inner().lessons[0]
                .reservation_id;
        let request = pb::RequestLeaveRequest { reservation_id, day: "2026-03-26".into() };
        stage.enrollment().request_leave(request).await.unwrap();
    }
}

/// The lesson of 26 March falls away and comes back, and in the morning the messages go out.
async fn away_and_back_until_morning(stage: &Stage) {
    let holiday = pb::Season { except_days: vec!["2026-03-26".into()], ..stage.academy.season.clone() };
    edit_season(stage, &holiday, false).await.unwrap();
    edit_season(stage, &stage.academy.season.clone(), false).await.unwrap();
    stage.set_clock("2026-03-17T07:00").await;
    stage.fire("sms send", None).await;
}

#[test]
fn who_was_on_leave_hears_of_a_lesson_that_is_taken_away_and_put_back_in_the_same_night() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        let holiday = pb::Season { except_days: vec!["2026-03-26".into()], ..stage.academy.season.clone() };
        leave(&stage, [1]).await;
        stage.set_clock("2026-03-16T23:00").await;
        edit_season(&stage, &holiday, false).await.unwrap();
        edit_season(&stage, &stage.academy.season.clone(), false).await.unwrap();
        // The leave was given back with the lesson: the student is expected again, and knows
        // nothing of it yet.
        assert_eq!(unsent(&stage, "LESSON_").await, ["LESSON_ADDED student-001"]);
        // Away again, whether or not leave was taken once more: the last word counts.
        edit_season(&stage, &holiday, false).await.unwrap();
        let cancelled = || unsent(&stage, "LESSON_CANCELLED student-001");
        assert_eq!((cancelled().await.len(), unsent(&stage, "LESSON_ADDED").await.len()), (1, 0));
        edit_season(&stage, &stage.academy.season.clone(), false).await.unwrap();
        leave(&stage, [1]).await;
        edit_season(&stage, &holiday, false).await.unwrap();
        assert_eq!((cancelled().await.len(), unsent(&stage, "LESSON_ADDED").await.len()), (1, 0));
        edit_season(&stage, &stage.academy.season.clone(), false).await.unwrap();
        stage.set_clock("2026-03-17T07:00").await;
        stage.fire("sms send", None).await;
        let told = |(state, _): &(MessageState, String)| *state == MessageState::Captured;
        assert_eq!(
            texts(&stage, "LESSON_ADDED", "student-001").await.iter().filter(|text| told(text)).count(),
            1
        );
        assert!(!texts(&stage, "LESSON_CANCELLED", "student-001").await.iter().any(told));
        assert_eq!(texts(&stage, "LESSON_ADDED", "student-002").await, Vec::new());
        no_drift(&stage).await;
    });
}

#[test]
fn a_coach_who_was_told_that_nobody_comes_hears_that_they_come_after_all() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        stage.set_clock("2026-03-16T12:00").await;
        leave(&stage, 1..=6).await;
        stage.fire("sms send", None).await;
        let states = async |kind: &str| -> Vec<MessageState> {
            texts(&stage, kind, "coach-001").await.into_iter().map(|text| text.0).collect()
        };
        assert_eq!(states("LESSON_EMPTY").await, [MessageState::Captured]);
        stage.set_clock("2026-03-16T23:00").await;
        away_and_back_until_morning(&stage).await;
        assert_eq!(states("LESSON_CANCELLED").await, [MessageState::Cancelled]);
        // Of the holiday nobody has heard; what the coach knows is that nobody comes.
        assert_eq!(states("LESSON_ATTENDED").await, [MessageState::Captured]);
        no_drift(&stage).await;
    });
}

#[test]
fn a_coach_who_was_not_told_yet_that_nobody_comes_hears_nothing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        stage.set_clock("2026-03-16T22:50").await;
        leave(&stage, 1..=6).await;
        assert_eq!(unsent(&stage, "LESSON_EMPTY coach-001").await.len(), 1);
        away_and_back_until_morning(&stage).await;
        for kind in ["LESSON_EMPTY", "LESSON_CANCELLED", "LESSON_ADDED"] {
            let told = texts(&stage, kind, "coach-001").await;
            assert!(told.iter().all(|text| text.0 == MessageState::Cancelled), "{told:?}");
        }
    });
}

#[test]
fn an_offer_that_has_not_gone_out_names_the_time_after_the_move() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        let holiday = pb::Season { except_days: vec!["2026-03-19".into()], ..stage.academy.season.clone() };
        stage.set_clock("2026-03-16T23:00").await;
        edit_season(&stage, &holiday, false).await.unwrap();
        let period = pb::Period {
            start_time: "18:00".into(),
            end_time: "19:30".into(),
            ..stage.academy.periods[1].clone()
        };
        as_told!(stage, edit_period, &period);
        stage.set_clock("2026-03-17T07:00").await;
        stage.fire("sms send", None).await;
        let offered = texts(&stage, "WAITLIST_OFFER", "student-013").await;
        assert_eq!(
            offered.iter().map(|text| text.0).collect::<Vec<_>>(),
            [MessageState::Cancelled, MessageState::Captured]
        );
        assert!(offered[1].1.contains("3月26日（周四）18:00-19:30"), "{offered:?}");
        assert_eq!(texts(&stage, "LESSON_MOVED", "student-013").await, Vec::new());
        assert_eq!(texts(&stage, "LESSON_MOVED", "student-001").await.len(), 1);
        no_drift(&stage).await;
    });
}

#[test]
fn a_coach_who_was_not_told_of_the_class_yet_is_told_once_with_the_time_after_the_move() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(6), 6).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.set_clock("2026-03-05T15:00").await;
        stage.fire("clazz assign_students", None).await;
        let later = |start: &str, end: &str| pb::Period {
            start_time: start.into(),
            end_time: end.into(),
            ..stage.academy.periods[0].clone()
        };
        as_told!(stage, edit_period, &later("20:00", "21:30"));
        as_told!(stage, edit_period, &later("21:00", "22:00"));
        stage.fire("sms send", None).await;
        let told = texts(&stage, "ASSIGNED", "coach-001").await;
        let states: Vec<MessageState> = told.iter().map(|text| text.0).collect();
        assert_eq!(states, [MessageState::Cancelled, MessageState::Cancelled, MessageState::Captured]);
        assert_eq!(told[2].1, told[0].1.replace("19:00-20:30", "21:00-22:00"), "{told:?}");
        assert_eq!(texts(&stage, "LESSON_MOVED", "coach-001").await, Vec::new());
        // Now the coach knows.
        as_told!(stage, edit_period, &later("21:30", "22:30"));
        assert_eq!(texts(&stage, "LESSON_MOVED", "coach-001").await.len(), 1);
        assert_eq!(texts(&stage, "ASSIGNED", "coach-001").await, told);
    });
}

#[test]
fn a_reminder_that_has_not_gone_out_names_the_time_after_the_move() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(6), 6).await;
        stage.ignore_messages("this story looks at what waits to be sent");
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        stage.set_clock("2026-03-02T17:00").await;
        stage.fire("invite notify_test", None).await;
        let period = pb::Period {
            start_time: "18:00".into(),
            end_time: "19:30".into(),
            ..stage.academy.periods[0].clone()
        };
        as_told!(stage, edit_period, &period);
        stage.fire("sms send", None).await;
        let told = texts(&stage, "TEST_REMINDER", "coach-001").await;
        assert_eq!(
            told.iter().map(|text| text.0).collect::<Vec<_>>(),
            [MessageState::Cancelled, MessageState::Captured]
        );
        assert_eq!(told[1].1, told[0].1.replace("（周四）19:00", "（周四）18:00"), "{told:?}");
        assert_ne!(told[1].1, told[0].1);
    });
}
