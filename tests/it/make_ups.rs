//! Make-ups: lessons that are owed to students (docs/domain.md §6).

mod follow;
mod for_student;
mod planned;

use crate::staffing::stage::{SATURDAY, Stage, TH};
use crate::substitutions::formed;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

/// What is, or was, owed: `student-001 2026-03-12 COACH_ABSENT OWED`.
async fn owed(stage: &Stage) -> Vec<String> {
    made_up(stage, pb::ListMakeUpsRequest::default()).await.iter().map(shown).collect()
}

async fn made_up(stage: &Stage, request: pb::ListMakeUpsRequest) -> Vec<pb::MakeUp> {
    stage.make_ups().list_make_ups(request).await.unwrap().into_inner().make_ups
}

fn shown(one: &pb::MakeUp) -> String {
    let cause = one.cause().as_str_name().replace("MAKE_UP_CAUSE_", "");
    let state = one.state().as_str_name().replace("MAKE_UP_STATE_", "");
    format!("{} {} {cause} {state}", one.student, one.day)
}

/// What is owed to each of the students by their numbers.
fn each(students: &[usize], what: &str) -> Vec<String> {
    students.iter().map(|number| format!("{} {what}", student(*number))).collect()
}

async fn leave(stage: &Stage, number: usize, day: &str) {
    let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
    let found = stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    let request = pb::RequestLeaveRequest { reservation_id: found[0].reservation_id, day: day.to_owned() };
    stage.enrollment().request_leave(request).await.unwrap();
}

/// Nobody comes to teach the lesson of 2026-03-12 at 19:00.
pub async fn absent(stage: &Stage) {
    for at in ["18:50", "18:55", "19:00", "19:05", "19:15"] {
        stage.set_clock(&format!("2026-03-12T{at}")).await;
        stage.fire("clazz check_on_time", None).await;
        stage.fire("sms send", None).await;
    }
    stage.told().await;
}

/// The days without lessons are these, and people have heard it.
async fn holidays(stage: &Stage, days: &[&str]) {
    excepted(stage, days).await;
    stage.fire("sms send", None).await;
    stage.told().await;
}

async fn excepted(stage: &Stage, days: &[&str]) {
    let except_days = days.iter().map(|day| (*day).to_owned()).collect();
    let season = pb::Season { except_days, ..stage.academy.season.clone() };
    let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
    stage.catalog().upsert_season(request).await.unwrap();
}

#[test]
fn a_lesson_that_nobody_taught_is_owed_to_each_student_who_came() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        leave(&stage, 2, "2026-03-12").await;
        stage.told().await;
        assert!(owed(&stage).await.is_empty());
        absent(&stage).await;
        let expected = each(&[1, 3], "2026-03-12 COACH_ABSENT OWED");
        assert_eq!(owed(&stage).await, expected);
        stage.fire("clazz check_on_time", None).await;
        stage.set_clock("2026-03-13T00:00").await;
        stage.fire("clazz close_ended", None).await;
        assert_eq!(owed(&stage).await, expected, "twice is once");
        let of_one = pb::ListMakeUpsRequest { student: student(3), class_id: 1, ..Default::default() };
        let found = made_up(&stage, of_one).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].lesson_state(), pb::LessonState::CoachAbsent);
        assert_eq!(stage.local(&found[0].start_time), "2026-03-12 19:00");
        assert_eq!(stage.local(&found[0].owed_time), "2026-03-12 19:15");
    });
}

#[test]
fn staff_waive_what_is_owed_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        absent(&stage).await;
        let make_up_id = made_up(&stage, pb::ListMakeUpsRequest::default()).await[0].make_up_id;
        let waive = async |operator: &str| {
            let (operator, remark) = (operator.to_owned(), "家长同意".to_owned());
            let request = pb::WaiveMakeUpRequest { make_up_id, operator, remark };
            stage.make_ups().waive_make_up(request).await.unwrap().into_inner().make_up.unwrap()
        };
        let waived = waive("wang").await;
        assert_eq!(shown(&waived), "student-001 2026-03-12 COACH_ABSENT WAIVED");
        assert_eq!((waived.operator.as_str(), waived.remark.as_str()), ("wang", "家长同意"));
        assert_eq!(stage.local(&waived.settle_time), "2026-03-12 19:15");
        stage.set_clock("2026-03-12T20:00").await;
        assert_eq!(waive("li").await, waived, "the first word counts");
        let open =
            pb::ListMakeUpsRequest { states: vec![pb::MakeUpState::Owed.into()], ..Default::default() };
        assert_eq!(made_up(&stage, open).await.len(), 2);
        stage.fire("clazz check_on_time", None).await;
        assert_eq!(shown(&waive("li").await), "student-001 2026-03-12 COACH_ABSENT WAIVED");
    });
}

#[test]
fn a_holiday_owes_the_lesson_until_it_is_taken_back() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        leave(&stage, 2, "2026-03-19").await;
        holidays(&stage, &["2026-03-19"]).await;
        let cancelled = "2026-03-19 LESSON_CANCELLED";
        assert_eq!(owed(&stage).await, each(&[1, 3], &format!("{cancelled} OWED")));
        holidays(&stage, &["2026-03-19", "2026-03-20"]).await;
        assert_eq!(owed(&stage).await.len(), 2);
        stage.set_clock("2026-03-07T10:00").await;
        holidays(&stage, &[]).await;
        assert_eq!(owed(&stage).await, each(&[1, 3], &format!("{cancelled} RETURNED")));
        let found = made_up(&stage, pb::ListMakeUpsRequest::default()).await;
        assert_eq!(stage.local(&found[0].settle_time), "2026-03-07 10:00");
        // A holiday that is put on another day.
        holidays(&stage, &["2026-03-26"]).await;
        holidays(&stage, &["2026-03-19"]).await;
        let mut found = owed(&stage).await;
        found.sort();
        let other = "2026-03-26 LESSON_CANCELLED RETURNED";
        // Leave was given back with the first holiday.
        let expected = [
            format!("student-001 {cancelled} OWED"),
            format!("student-001 {other}"),
            format!("student-002 {cancelled} OWED"),
            format!("student-002 {other}"),
            format!("student-003 {cancelled} OWED"),
            format!("student-003 {other}"),
        ];
        assert_eq!(found, expected);
    });
}

#[test]
fn other_days_in_place_of_the_lessons_owe_only_what_is_fewer() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let template = stage.academy.templates.iter().find(|one| one.code == "math").unwrap().clone();
        let upsert = async |recurrence: String| {
            let class_template = Some(pb::ClassTemplate { recurrence, ..template.clone() });
            let request = pb::UpsertClassTemplateRequest { class_template, ..Default::default() };
            stage.catalog().upsert_class_template(request).await.map(drop)
        };
        // Nine Fridays in place of eight Thursdays, and the other way round.
        upsert("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,FR".to_owned()).await.unwrap();
        assert!(owed(&stage).await.is_empty());
        upsert(TH.to_owned()).await.unwrap();
        let last = each(&[1, 2, 3], "2026-06-26 LESSON_CANCELLED OWED");
        assert_eq!(owed(&stage).await, last);
        // Every second Thursday in place of every one.
        upsert(format!("{TH};INTERVAL=2")).await.unwrap();
        let open =
            pb::ListMakeUpsRequest { states: vec![pb::MakeUpState::Owed.into()], ..Default::default() };
        assert_eq!(made_up(&stage, open.clone()).await.len(), 3 + 3 * 8);
        upsert(TH.to_owned()).await.unwrap();
        let left: Vec<String> = made_up(&stage, open).await.iter().map(shown).collect();
        assert_eq!(left, last, "all are back");
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn who_leaves_a_class_is_owed_nothing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in 1..=3 {
            let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
            let found =
                stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
            let request = pb::CancelReservationRequest {
                reservation_id: found[0].reservation_id,
                operator: if number == 3 { "wang".to_owned() } else { String::new() },
                remark: if number == 3 { "退课".to_owned() } else { String::new() },
                ..Default::default()
            };
            stage.enrollment().cancel_reservation(request).await.unwrap();
        }
        stage.fire("sms send", None).await;
        stage.told().await;
        assert!(owed(&stage).await.is_empty());
    });
}

#[test]
fn what_was_owed_stays_owed_to_who_signs_off_afterwards() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        holidays(&stage, &["2026-03-19"]).await;
        absent(&stage).await;
        stage.set_clock("2026-03-13T10:00").await;
        stage.sign_off(1, "").await;
        let expected = each(&[1, 2, 3], "2026-03-19 LESSON_CANCELLED OWED");
        let mut found = owed(&stage).await;
        found.retain(|one| one.contains("2026-03-19"));
        assert_eq!(found, expected);
        // The lesson is made up, whatever the student is signed up for.
        let of_one = pb::ListMakeUpsRequest { student: student(1), ..Default::default() };
        planned::plan(&stage, planned::request("2026-03-18")).await.unwrap();
        let offered = made_up(&stage, of_one).await;
        let offered = offered.iter().find(|one| one.state() == pb::MakeUpState::Offered).unwrap();
        assert_eq!(offered.day, "2026-03-12");
        let request = pb::AnswerMakeUpRequest {
            make_up_id: offered.make_up_id,
            answer: pb::MakeUpAnswer::Yes.into(),
            ..Default::default()
        };
        assert_eq!(planned::answered(&stage, request).await, "ACCEPTED");
        stage.ignore_messages("this is about what is owed");
    });
}
