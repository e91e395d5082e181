//! Staff plan a day for lessons that are owed; students are asked, and a coach is looked for.

use super::{absent, holidays, made_up, owed};
use crate::grpc::reason;
use crate::staffing::stage::{SATURDAY, Stage, evening};
use crate::substitutions::formed;
use etutor::app::import::ImportData;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The lesson of the make-up, as tasks are named.
pub const MAKE_UP: &str = "math-20260318-1@2026-03-18";

pub fn request(day: &str) -> pb::ScheduleMakeUpRequest {
    pb::ScheduleMakeUpRequest {
        class_id: 1,
        lesson_days: vec!["2026-03-12".to_owned()],
        day: day.to_owned(),
        period: "p1900".to_owned(),
        operator: "wang".to_owned(),
        remark: "教练缺席".to_owned(),
        request_id: String::new(),
    }
}

pub async fn plan(
    stage: &Stage,
    request: pb::ScheduleMakeUpRequest,
) -> Result<pb::ScheduleMakeUpResponse, Status> {
    Ok(stage.make_ups().schedule_make_up(request).await?.into_inner())
}

/// The lesson of 2026-03-12, which nobody taught, is to be made up on Wednesday the 18th.
pub async fn planned(stage: &Stage) {
    absent(stage).await;
    stage.set_clock("2026-03-13T10:00").await;
    plan(stage, request("2026-03-18")).await.unwrap();
    stage.fire("sms send", None).await;
    stage.told().await;
}

/// The answer of a student, and what came of it: the state, or the reason of the refusal.
async fn answer(stage: &Stage, number: usize, answer: pb::MakeUpAnswer) -> String {
    let of = pb::ListMakeUpsRequest { student: student(number), ..Default::default() };
    let make_up_id = made_up(stage, of).await[0].make_up_id;
    answered(stage, pb::AnswerMakeUpRequest { make_up_id, answer: answer.into(), ..Default::default() }).await
}

/// What came of an answer: the state, or the reason of the refusal.
pub async fn answered(stage: &Stage, request: pb::AnswerMakeUpRequest) -> String {
    match stage.make_ups().answer_make_up(request).await {
        Ok(answer) => {
            let state = answer.into_inner().make_up.unwrap().state();
            state.as_str_name().replace("MAKE_UP_STATE_", "")
        }
        Err(status) => reason(&status),
    }
}

pub async fn yes(stage: &Stage, number: usize) -> String {
    answer(stage, number, pb::MakeUpAnswer::Yes).await
}

pub async fn no(stage: &Stage, number: usize) -> String {
    answer(stage, number, pb::MakeUpAnswer::No).await
}

/// How it stands with the lesson of 2026-03-12 for the three students.
pub async fn states(stage: &Stage) -> Vec<String> {
    owed(stage).await.iter().map(|one| one.rsplit(' ').next().unwrap().to_owned()).collect()
}

/// The state of the lesson that was not held.
async fn lesson(stage: &Stage) -> pb::LessonState {
    let lessons = stage.class(1).await.lessons;
    lessons.iter().find(|lesson| lesson.day == "2026-03-12").unwrap().state()
}

/// Student 1 has said yes; the coach of the class is ready, and the class is formed at F.
pub async fn formed_for_one(stage: &Stage) {
    planned(stage).await;
    assert_eq!(yes(stage, 1).await, "ACCEPTED");
    stage.set_clock("2026-03-15T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-15T08:00").await;
    stage.ready(&[1], MAKE_UP).await;
    stage.minute("2026-03-18T15:00").await;
    stage.told().await;
    assert_eq!(stage.classes(MAKE_UP).await, ["coach-001: 1"]);
}

#[test]
fn a_lesson_that_is_owed_is_made_up_by_who_says_yes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        absent(&stage).await;
        stage.set_clock("2026-03-13T10:00").await;
        let made = plan(&stage, request("2026-03-18")).await.unwrap();
        assert_eq!((made.class_template.as_str(), made.busy_students.len()), ("math-20260318-1", 0));
        assert_eq!(made.make_ups.len(), 3);
        let one = &made.make_ups[0];
        assert_eq!((one.state(), one.offered_day.as_str()), (pb::MakeUpState::Offered, "2026-03-18"));
        assert_eq!(stage.local(&one.offered_start_time), "2026-03-18 19:00");
        assert_eq!(stage.local(&one.answer_time), "2026-03-15 00:00");
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let asked: Vec<String> = told.iter().map(|row| format!("{} {}", row.kind, row.person)).collect();
        assert_eq!(asked, [1, 2, 3].map(|number| format!("MAKE_UP_OFFER {}", student(number))));
        let text = "【etutor】3月12日（周四）未上的初一学科1班课，拟于3月18日（周三）19:00-20:30补课。\
            请在3月14日24:00前到客户端答复是否参加。";
        assert_eq!(told[0].body, text);

        assert_eq!(yes(&stage, 1).await, "ACCEPTED");
        assert_eq!(yes(&stage, 1).await, "ACCEPTED", "twice is once");
        assert_eq!(no(&stage, 1).await, "ALREADY_RESERVED");
        assert_eq!(no(&stage, 2).await, "OWED");
        assert_eq!(no(&stage, 2).await, "OWED", "twice is once");
        assert_eq!(yes(&stage, 2).await, "EXPIRED", "it was refused");
        assert_eq!(states(&stage).await, ["ACCEPTED", "OWED", "OFFERED"]);

        stage.set_clock("2026-03-15T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(states(&stage).await, ["ACCEPTED", "OWED", "OWED"], "student 3 has not answered");
        assert_eq!(yes(&stage, 3).await, "EXPIRED");
        assert_eq!(stage.standing(MAKE_UP).await, ("PENDING".to_owned(), [1, 1, 0, 0, 0, 0]));
        stage.minute("2026-03-15T08:00").await;
        // Whoever knows the class is asked first, and of a wave for one coach two are asked.
        assert!(stage.asked(MAKE_UP).await.contains(&"coach-001 SENT".to_owned()));
        assert_eq!(stage.invitation(1, MAKE_UP).await.kind(), pb::InvitationKind::Substitute);
        stage.ready(&[1], MAKE_UP).await;
        stage.minute("2026-03-18T15:00").await;
        assert_eq!(stage.state(MAKE_UP).await, "FORMED");
        assert_eq!(stage.classes(MAKE_UP).await, ["coach-001: 1"]);
        stage.told().await;

        // It is a lesson like any other.
        stage.fire("clazz not_morning_notify", None).await;
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert!(told.contains(&format!("LESSON_REMINDER {}", student(1))), "{told:?}");
        assert_eq!(states(&stage).await, ["ACCEPTED", "OWED", "OWED"]);
        stage.set_clock("2026-03-18T20:30").await;
        assert_eq!(states(&stage).await, ["MADE_UP", "OWED", "OWED"], "time alone");
        let found = made_up(&stage, pb::ListMakeUpsRequest::default()).await;
        assert_eq!(stage.local(&found[0].settle_time), "2026-03-18 20:30");
        for number in [2, 3] {
            let (operator, remark) = ("wang".to_owned(), "家长同意".to_owned());
            let make_up_id = found[number - 1].make_up_id;
            let request = pb::WaiveMakeUpRequest { make_up_id, operator, remark };
            stage.make_ups().waive_make_up(request).await.unwrap();
        }
        assert_eq!(lesson(&stage).await, pb::LessonState::CoachAbsent);
        stage.set_clock("2026-03-19T00:00").await;
        stage.fire("clazz close_ended", None).await;
        stage.fire("clazz close_ended", None).await;
        assert_eq!(states(&stage).await, ["MADE_UP", "WAIVED", "WAIVED"]);
        assert_eq!(lesson(&stage).await, pb::LessonState::MadeUp);
        let found = made_up(&stage, pb::ListMakeUpsRequest::default()).await;
        assert_eq!(stage.local(&found[0].settle_time), "2026-03-18 20:30");
        stage.told().await;
    });
}

#[test]
fn who_has_answered_in_the_client_by_the_morning_gets_no_sms() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        absent(&stage).await;
        stage.set_clock("2026-03-12T23:00").await;
        plan(&stage, request("2026-03-18")).await.unwrap();
        stage.fire("sms send", None).await;
        assert_eq!((yes(&stage, 1).await, no(&stage, 2).await), ("ACCEPTED".to_owned(), "OWED".to_owned()));
        stage.set_clock("2026-03-13T07:00").await;
        stage.fire("sms send", None).await;
        let offers = stage.messages().await;
        let states: Vec<String> = offers.iter().map(|row| format!("{} {}", row.person, row.state)).collect();
        let expected = ["CANCELLED", "CANCELLED", "CAPTURED"];
        assert_eq!(states, [1, 2, 3].map(|number| format!("{} {}", student(number), expected[number - 1])));
    });
}

#[test]
fn a_make_up_that_is_not_held_leaves_the_lesson_owed_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        formed_for_one(&stage).await;
        for at in ["18:50", "18:55", "19:00", "19:05", "19:15"] {
            stage.set_clock(&format!("2026-03-18T{at}")).await;
            stage.fire("clazz check_on_time", None).await;
        }
        stage.fire("sms send", None).await;
        assert!(stage.told().await.contains(&format!("COACH_ABSENT {}", student(1))));
        stage.set_clock("2026-03-19T00:00").await;
        stage.fire("clazz close_ended", None).await;
        let expected = [1, 2, 3].map(|number| format!("{} 2026-03-12 COACH_ABSENT OWED", student(number)));
        assert_eq!(owed(&stage).await, expected);
        // Another day for all of them.
        plan(&stage, request("2026-03-25")).await.unwrap();
        assert_eq!(states(&stage).await, ["OFFERED"; 3]);
        stage.set_clock("2026-03-19T08:00").await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await.len(), 3);
    });
}

#[test]
fn leave_from_a_make_up_and_a_yes_taken_back_leave_the_lesson_owed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        for number in [1, 2] {
            assert_eq!(yes(&stage, number).await, "ACCEPTED");
        }
        let found = made_up(&stage, pb::ListMakeUpsRequest::default()).await;
        let request = pb::WaiveMakeUpRequest {
            make_up_id: found[0].make_up_id,
            operator: "wang".to_owned(),
            remark: "家长同意".to_owned(),
        };
        let refused = stage.make_ups().waive_make_up(request).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE");
        let named = &refused.get_details_error_info().unwrap().metadata["reservations"];
        assert_eq!(*named, found[0].reservation_id.to_string());
        let reservation_id = found[0].reservation_id;
        let cancel = pb::CancelReservationRequest { reservation_id, ..Default::default() };
        stage.enrollment().cancel_reservation(cancel).await.unwrap();
        assert_eq!(states(&stage).await, ["OWED", "ACCEPTED", "OFFERED"]);
        let leave =
            pb::RequestLeaveRequest { reservation_id: found[1].reservation_id, day: "2026-03-18".to_owned() };
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        stage.set_clock("2026-03-15T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-15T08:00").await;
        stage.ready(&[1], MAKE_UP).await;
        stage.minute("2026-03-18T15:00").await;
        stage.enrollment().request_leave(leave).await.unwrap();
        stage.set_clock("2026-03-19T00:00").await;
        stage.fire("clazz close_ended", None).await;
        assert_eq!(states(&stage).await, ["OWED", "OWED", "MADE_UP"]);
        assert_eq!(lesson(&stage).await, pb::LessonState::CoachAbsent);
        stage.ignore_messages("this is about what is owed");
    });
}

#[test]
fn without_a_coach_who_said_yes_is_told_and_the_lesson_stays_owed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        yes(&stage, 1).await;
        stage.set_clock("2026-03-15T00:00").await;
        stage.fire("invite create", None).await;
        for at in ["2026-03-15T08:00", "2026-03-18T15:00", "2026-03-18T17:00"] {
            stage.minute(at).await;
        }
        assert_eq!(stage.state(MAKE_UP).await, "FAILED");
        assert!(stage.told().await.contains(&format!("LESSON_NOT_HELD {}", student(1))));
        stage.set_clock("2026-03-19T00:00").await;
        for task in ["clazz remove_expired_students", "clazz close_ended"] {
            stage.fire(task, None).await;
        }
        assert_eq!(states(&stage).await, ["OWED"; 3]);
    });
}

#[test]
fn nobody_signs_up_for_a_make_up_but_who_is_asked() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        let ask = || pb::CreateReservationRequest {
            student: student(2),
            class_template: "math-20260318-1".to_owned(),
            start_day: "2026-03-18".to_owned(),
            end_day: "2026-03-18".to_owned(),
            request_id: String::new(),
        };
        let refused = stage.enrollment().create_reservation(ask()).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_OPEN");
        let pb::CreateReservationRequest { student: who, class_template, start_day, end_day, request_id } =
            ask();
        let hold = pb::HoldPlacesRequest { student: who, class_template, start_day, end_day, request_id };
        assert_eq!(reason(&stage.enrollment().hold_places(hold).await.unwrap_err()), "NOT_OPEN");
        let openings = pb::ListOpeningsRequest {
            grade: stage.academy.templates[0].grade,
            from_day: "2026-03-18".to_owned(),
            to_day: "2026-03-18".to_owned(),
            ..Default::default()
        };
        let openings = stage.openings().list_openings(openings).await.unwrap().into_inner().openings;
        assert!(openings.is_empty(), "{openings:?}");
        let delete = pb::DeleteClassTemplateRequest { code: "math-20260318-1".to_owned() };
        let refused = stage.catalog().delete_class_template(delete).await.unwrap_err();
        assert!(refused.message().ends_with("is used by 1 day for make-ups"), "{}", refused.message());
    });
}

#[test]
fn a_day_that_cannot_be_is_refused_and_nothing_is_written() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        absent(&stage).await;
        holidays(&stage, &["2026-04-08"]).await;
        stage.set_clock("2026-03-13T10:00").await;
        let refused = async |change: &dyn Fn(&mut pb::ScheduleMakeUpRequest)| {
            let mut request = request("2026-03-18");
            change(&mut request);
            plan(&stage, request).await.unwrap_err()
        };
        let why = |status: Status| (reason(&status), status.get_details_error_info().unwrap().metadata);
        let day = async |day: &str| why(refused(&|request| request.day = day.to_owned()).await);
        for (on, expected) in [
            ("2026-03-19", "IN_USE"),
            ("2026-04-08", "NOT_A_LESSON_DAY"),
            ("2026-08-01", "NOT_A_LESSON_DAY"),
            ("2026-03-16", "TOO_LATE"),
            ("2026-03-11", "TOO_LATE"),
        ] {
            let (reason, metadata) = day(on).await;
            assert_eq!((reason.as_str(), metadata["days"].as_str()), (expected, on));
        }
        assert_eq!(day("2026-03-16").await.1["first_possible_day"], "2026-03-17");
        let other = refused(&|request| request.lesson_days.push("2026-03-05".to_owned())).await;
        let (reason, metadata) = why(other);
        assert_eq!((reason.as_str(), metadata["days"].as_str()), ("NOT_A_LESSON_DAY", "2026-03-05"));
        let unknown = refused(&|request| request.period = "p0000".to_owned()).await;
        assert_eq!(unknown.code(), Code::NotFound);
        assert_eq!(refused(&|request| request.class_id = 99).await.code(), Code::NotFound);
        assert_eq!(stage.told().await, Vec::<String>::new());
        let templates = stage.catalog().list_class_templates(pb::ListClassTemplatesRequest::default()).await;
        assert_eq!(templates.unwrap().into_inner().class_templates.len(), 1);
    });
}

#[test]
fn who_has_another_lesson_then_is_named_and_not_asked() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = evening().classes(1, 4).template("art", "FREQ=WEEKLY;BYDAY=WE").classes(1, 4);
        let stage = Stage::set(app, academy.coaches(2).students(3)).await;
        let season = Some(("2026-03-05", "2026-06-28"));
        stage.academy.reserve_all(&stage, "math", 1, 3, season).await;
        stage.academy.reserve_all(&stage, "art", 3, 3, Some(("2026-03-18", "2026-04-30"))).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], crate::staffing::stage::MATH).await;
        stage.minute("2026-03-05T15:00").await;
        absent(&stage).await;
        stage.set_clock("2026-03-13T10:00").await;
        let keyed = pb::ScheduleMakeUpRequest { request_id: "m-1".to_owned(), ..request("2026-03-18") };
        let made = plan(&stage, keyed.clone()).await.unwrap();
        assert_eq!(made.busy_students, [student(3)]);
        assert_eq!(states(&stage).await, ["OFFERED", "OFFERED", "OWED"]);
        let again = plan(&stage, keyed).await.unwrap();
        assert_eq!((again.class_template, again.make_ups.len()), (made.class_template, 2));
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await, [student(1), student(2)]);
        // Nobody is left for that time, and student 3 may come at another.
        let refused = plan(&stage, request("2026-03-18")).await.unwrap_err();
        assert_eq!(reason(&refused), "SCHEDULE_CONFLICT");
        plan(&stage, request("2026-03-20")).await.unwrap();
        assert_eq!(states(&stage).await, ["OFFERED"; 3]);
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await, [student(3)]);
    });
}

#[test]
fn no_import_signs_anybody_up_for_a_make_up() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        let row = format!(
            "created_at,student,class_template,start_day,end_day\n\
             2026-03-13T10:00,{},math-20260318-1,2026-03-18,2026-03-18\n",
            student(3)
        );
        let data = ImportData { files: vec![crate::import::file("reservations.csv", &row)] };
        let outcome = crate::replay::import_through_rpc(&stage, &data).await;
        let codes: Vec<&str> = outcome.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["NOT_OPEN"]);
        assert_eq!(states(&stage).await, ["OFFERED"; 3]);
    });
}

#[test]
fn the_day_of_a_make_up_may_become_a_holiday() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        assert_eq!(yes(&stage, 1).await, "ACCEPTED");
        holidays(&stage, &["2026-03-18"]).await;
        assert_eq!(states(&stage).await, ["OWED"; 3]);
        assert_eq!(yes(&stage, 2).await, "EXPIRED");
        // Another day is planned instead.
        plan(&stage, request("2026-03-20")).await.unwrap();
        assert_eq!(yes(&stage, 2).await, "ACCEPTED");
        assert_eq!(states(&stage).await, ["OFFERED", "ACCEPTED", "OFFERED"]);
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn a_lesson_that_is_back_after_its_make_up_was_not_held_is_owed_no_more() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        holidays(&stage, &["2026-03-26"]).await;
        stage.set_clock("2026-03-13T10:00").await;
        let lesson_days = vec!["2026-03-26".to_owned()];
        plan(&stage, pb::ScheduleMakeUpRequest { lesson_days, ..request("2026-03-18") }).await.unwrap();
        assert_eq!(yes(&stage, 1).await, "ACCEPTED");
        // No class task was made, so that nobody taught it.
        stage.set_clock("2026-03-19T10:00").await;
        assert_eq!(states(&stage).await, ["OWED"; 3]);
        holidays(&stage, &[]).await;
        assert_eq!(states(&stage).await, ["RETURNED"; 3]);
    });
}
