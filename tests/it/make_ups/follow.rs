//! Make-ups follow an edit of the catalogue, a block, and a lesson that comes and goes.

use super::planned::{MAKE_UP, formed_for_one, no, plan, planned, request, states, yes};
use super::{absent, excepted, holidays, made_up};
use crate::grpc::reason;
use crate::staffing::blocks;
use crate::staffing::stage::{SATURDAY, Stage, evening};
use crate::substitutions::{formed, formed_of};
use etutor::app::import::ImportData;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::{coach, student};
use etutor::testing::{TestApp, on_every_app_at};

/// A class on Thursdays at 19:00, of which a lesson is owed, and a period at 17:00.
async fn afternoon(app: TestApp) -> Stage {
    let academy = evening().classes(1, 4).period("17:00", "18:30").coaches(4).students(3);
    let stage = formed_of(app, academy, 3).await;
    absent(&stage).await;
    stage
}

fn in_the_afternoon() -> pb::ScheduleMakeUpRequest {
    pb::ScheduleMakeUpRequest { period: "p1700".to_owned(), ..request("2026-03-18") }
}

/// The period of the afternoon is at another time.
async fn moved_to(stage: &Stage, start: &str, end: &str) {
    let (start_time, end_time) = (start.to_owned(), end.to_owned());
    let period = pb::Period { start_time, end_time, ..stage.academy.periods[1].clone() };
    let request = pb::UpsertPeriodRequest { period: Some(period), ..Default::default() };
    stage.catalog().upsert_period(request).await.unwrap();
}

/// Who got an offer at that time, and for which hour: `student-001 17:00-18:30`.
async fn offered(stage: &Stage, at: &str) -> Vec<String> {
    stage.set_clock(at).await;
    stage.fire("sms send", None).await;
    let mut found = stage.messages().await;
    found.retain(|row| row.kind.as_str() == "MAKE_UP_OFFER" && row.state.as_str() == "CAPTURED");
    let hour = |body: &str| body.split("3月18日（周三）").nth(1).unwrap()[..11].to_owned();
    found.iter().map(|row| format!("{} {}", row.person, hour(&row.body))).collect()
}

fn all_at(numbers: &[usize], hour: &str) -> Vec<String> {
    numbers.iter().map(|number| format!("{} {hour}", student(*number))).collect()
}

#[test]
fn who_is_asked_to_a_make_up_hears_its_new_hour_instead_of_the_old_or_after_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        stage.set_clock("2026-03-12T23:00").await;
        plan(&stage, in_the_afternoon()).await.unwrap();
        moved_to(&stage, "18:00", "19:00").await;
        let first = offered(&stage, "2026-03-13T07:00").await;
        assert_eq!(first, all_at(&[1, 2, 3], "18:00-19:00"), "nobody has heard the old hour");
        let found = made_up(&stage, pb::ListMakeUpsRequest::default()).await;
        assert_eq!(stage.local(&found[0].offered_start_time), "2026-03-18 18:00");
        assert_eq!(no(&stage, 1).await, "OWED");
        assert_eq!(yes(&stage, 2).await, "ACCEPTED");
        // Whoever has heard an hour that is no more is asked again; of who has answered, a no is to
        // the day, and a yes is told of the hour as of any lesson.
        moved_to(&stage, "17:00", "18:30").await;
        assert_eq!(offered(&stage, "2026-03-13T10:00").await, all_at(&[3], "17:00-18:30"));
        assert_eq!(states(&stage).await, ["OWED", "ACCEPTED", "OFFERED"]);
        // There and back again before anybody was told is nothing to tell.
        stage.set_clock("2026-03-13T23:00").await;
        moved_to(&stage, "18:00", "19:00").await;
        moved_to(&stage, "17:00", "18:30").await;
        assert_eq!(offered(&stage, "2026-03-14T07:00").await, Vec::<String>::new());
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
    });
}

#[test]
fn a_student_who_said_yes_is_told_of_another_hour_as_of_any_lesson() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        stage.set_clock("2026-03-13T10:00").await;
        plan(&stage, in_the_afternoon()).await.unwrap();
        assert_eq!(offered(&stage, "2026-03-13T10:00").await.len(), 3);
        assert_eq!(yes(&stage, 2).await, "ACCEPTED");
        moved_to(&stage, "18:00", "19:00").await;
        stage.fire("sms send", None).await;
        let mut told = stage.told().await;
        told.sort();
        let asked = |number| format!("MAKE_UP_OFFER {}", student(number));
        assert_eq!(told, [format!("LESSON_MOVED {}", student(2)), asked(1), asked(3)]);
    });
}

#[test]
fn a_student_who_says_yes_to_an_hour_that_is_no_more_is_told_the_new_one() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        stage.set_clock("2026-03-12T10:00").await;
        plan(&stage, in_the_afternoon()).await.unwrap();
        assert_eq!(offered(&stage, "2026-03-12T10:00").await, all_at(&[1, 2, 3], "17:00-18:30"));
        // The new hour waits for the morning, and who answers before that has heard the old one.
        stage.set_clock("2026-03-12T22:30").await;
        moved_to(&stage, "18:00", "19:00").await;
        stage.fire("sms send", None).await;
        assert_eq!(yes(&stage, 2).await, "ACCEPTED");
        assert_eq!(stage.told_of("LESSON_MOVED").await, [student(2)]);
        stage.set_clock("2026-03-13T07:00").await;
        stage.fire("sms send", None).await;
        let sent: Vec<(String, String)> = sql("SELECT kind, person FROM message WHERE handed_at = ? \
             AND state = 'CAPTURED' ORDER BY person")
        .bind(stage.now().await.unwrap())
        .tuples(stage.db().reader())
        .await
        .unwrap();
        let sent: Vec<String> = sent.into_iter().map(|(kind, person)| format!("{kind} {person}")).collect();
        let asked = |number| format!("MAKE_UP_OFFER {}", student(number));
        assert_eq!(sent, [asked(1), format!("LESSON_MOVED {}", student(2)), asked(3)]);
    });
}

#[test]
fn a_make_up_whose_day_is_back_is_offered_anew_to_who_has_not_heard_of_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        stage.set_clock("2026-03-12T23:00").await;
        plan(&stage, in_the_afternoon()).await.unwrap();
        excepted(&stage, &["2026-03-18"]).await;
        assert_eq!(states(&stage).await, ["OWED"; 3]);
        assert_eq!(offered(&stage, "2026-03-13T07:00").await, Vec::<String>::new());
        excepted(&stage, &[]).await;
        assert_eq!(states(&stage).await, ["OFFERED"; 3]);
        let hour = "17:00-18:30";
        assert_eq!(offered(&stage, "2026-03-13T07:01").await, all_at(&[1, 2, 3], hour));
        // Who has heard of it knows it.
        excepted(&stage, &["2026-03-18"]).await;
        excepted(&stage, &[]).await;
        assert_eq!(offered(&stage, "2026-03-13T07:02").await, Vec::<String>::new());
        assert_eq!(yes(&stage, 1).await, "ACCEPTED");
    });
}

#[test]
fn no_import_moves_a_make_up_to_which_students_are_asked() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        stage.set_clock("2026-03-13T10:00").await;
        plan(&stage, in_the_afternoon()).await.unwrap();
        let period = &stage.academy.periods[1];
        let rows = format!(
            "code,season,grade_type,start_time,end_time\np1700,{},junior,18:00,19:00\n",
            period.season
        );
        let data = ImportData { files: vec![crate::import::file("periods.csv", &rows)] };
        let outcome = crate::replay::import_through_rpc(&stage, &data).await;
        let told: Vec<&str> = outcome.problems.iter().map(|problem| problem.reason.as_str()).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("students are asked to the make-up on 2026-03-18"), "{told:?}");
        assert_eq!(offered(&stage, "2026-03-13T10:00").await, all_at(&[1, 2, 3], "17:00-18:30"));
    });
}

#[test]
fn a_lesson_that_is_back_and_falls_away_again_is_owed_without_the_old_offer() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        holidays(&stage, &["2026-03-26"]).await;
        stage.set_clock("2026-03-13T10:00").await;
        let lesson_days = vec!["2026-03-26".to_owned()];
        let request = pb::ScheduleMakeUpRequest { lesson_days, ..request("2026-03-18") };
        plan(&stage, request.clone()).await.unwrap();
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await.len(), 3);
        holidays(&stage, &[]).await;
        assert_eq!(states(&stage).await, ["RETURNED"; 3]);
        holidays(&stage, &["2026-03-26"]).await;
        assert_eq!(states(&stage).await, ["OWED"; 3]);
        let found = made_up(&stage, pb::ListMakeUpsRequest::default()).await;
        assert_eq!((found[0].offered_template.as_str(), found[0].answer_time), ("", None));
        assert_eq!(yes(&stage, 1).await, "EXPIRED", "that question is over");
        stage.set_clock("2026-03-13T11:00").await;
        plan(&stage, request).await.unwrap();
        assert_eq!(states(&stage).await, ["OFFERED"; 3]);
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await.len(), 3);
    });
}

#[test]
fn who_is_kept_from_a_class_does_not_teach_its_make_ups() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        assert_eq!(yes(&stage, 1).await, "ACCEPTED");
        stage.set_clock("2026-03-15T00:00").await;
        stage.fire("invite create", None).await;
        blocks::set(&stage, 1, blocks::From::Class(1)).await;
        stage.minute("2026-03-15T08:00").await;
        let asked = stage.asked(MAKE_UP).await;
        assert!(!asked.is_empty() && asked.iter().all(|one| !one.starts_with(&coach(1))), "{asked:?}");
        assert_eq!(stage.invite(1, MAKE_UP, None).await, "BLOCKED");
        // So it is with a block that is set when the coach has said yes already.
        let name = asked[0].split(' ').next().unwrap().to_owned();
        let number: usize = name[6..].parse().unwrap();
        stage.ready(&[number], MAKE_UP).await;
        blocks::set(&stage, number, blocks::From::Class(1)).await;
        stage.minute("2026-03-15T08:01").await;
        assert!(stage.asked(MAKE_UP).await.contains(&format!("{name} CANCELLED")));
        stage.ignore_messages("this is about who is asked");
    });
}

#[test]
fn a_class_has_one_make_up_a_day() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        stage.set_clock("2026-03-13T10:00").await;
        plan(&stage, request("2026-03-18")).await.unwrap();
        // Of the lesson nothing is left to plan for, but that is not what is in the way.
        let refused = plan(&stage, in_the_afternoon()).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE");
        assert_eq!(reason(&plan(&stage, request("2026-03-18")).await.unwrap_err()), "NOT_A_LESSON_DAY");
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await.len(), 3);
    });
}

#[test]
fn one_make_up_is_offered_for_one_lesson_that_is_owed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = afternoon(app).await;
        holidays(&stage, &["2026-03-19"]).await;
        stage.set_clock("2026-03-13T10:00").await;
        plan(&stage, request("2026-03-18")).await.unwrap();
        assert_eq!(no(&stage, 3).await, "OWED");
        let other = || pb::ScheduleMakeUpRequest {
            lesson_days: vec!["2026-03-19".to_owned()],
            ..request("2026-03-18")
        };
        let made = plan(&stage, other()).await.unwrap();
        assert_eq!(made.busy_students, [student(1), student(2)]);
        let asked: Vec<&str> = made.make_ups.iter().map(|one| one.student.as_str()).collect();
        assert_eq!(asked, [student(3)]);
        assert_eq!(reason(&plan(&stage, other()).await.unwrap_err()), "SCHEDULE_CONFLICT");
        stage.ignore_messages("this is about who is asked");
    });
}

#[test]
fn a_block_with_a_class_says_which_make_ups_of_it_the_coach_has() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        formed_for_one(&stage).await;
        assert_eq!(blocks::set(&stage, 1, blocks::From::Class(1)).await.1, [1, 2]);
    });
}
