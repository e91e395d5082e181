//! Staff answer for a student whether to come to a make-up.

use super::made_up;
use super::planned::{answered, planned, yes};
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions::formed;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

async fn make_up(stage: &Stage, number: usize) -> pb::MakeUp {
    let of = pb::ListMakeUpsRequest { student: student(number), ..Default::default() };
    made_up(stage, of).await.remove(0)
}

/// What staff answer for a student.
async fn staff_answer(stage: &Stage, number: usize, answer: pb::MakeUpAnswer) -> String {
    let request = pb::AnswerMakeUpRequest {
        make_up_id: make_up(stage, number).await.make_up_id,
        answer: answer.into(),
        operator: "wang".to_owned(),
        remark: "家长来电".to_owned(),
    };
    answered(stage, request).await
}

/// Who answered last, and why.
async fn by(stage: &Stage, number: usize) -> (String, String) {
    let found = make_up(stage, number).await;
    (found.operator, found.remark)
}

/// Who took the places of the make-up, as the ledger has it.
async fn takers(stage: &Stage) -> Vec<(String, String)> {
    let request = pb::ExplainPlacesRequest {
        class_template: "math-20260318-1".to_owned(),
        day: "2026-03-18".to_owned(),
        ..Default::default()
    };
    let found = stage.places().explain_places(request).await.unwrap().into_inner().changes;
    let kind = |one: &pb::PlaceChange| one.actor_kind().as_str_name().replace("ACTOR_KIND_", "");
    found.iter().map(|one| (format!("{} {}", kind(one), one.actor), one.remark.clone())).collect()
}

/// Who gave the answer, and why, as the student's timeline has it.
async fn in_timeline(stage: &Stage, number: usize) -> (String, String) {
    let request = pb::ListTimelineRequest { person: student(number), page_size: 1000, ..Default::default() };
    let found = stage.monitor().list_timeline(request).await.unwrap().into_inner().events;
    let mut answers = found.iter().filter(|event| event.kind() == pb::TimelineKind::MakeUpAnswered);
    let last = answers.next_back().unwrap();
    (last.actor.clone(), last.remark.clone())
}

#[test]
fn what_staff_answer_for_a_student_is_theirs_and_of_a_yes_the_student_is_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        assert_eq!(yes(&stage, 1).await, "ACCEPTED");
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, Vec::<String>::new(), "what students do themselves they know");
        let staff = || ("wang".to_owned(), "家长来电".to_owned());
        assert_eq!(staff_answer(&stage, 2, pb::MakeUpAnswer::Yes).await, "ACCEPTED");
        assert_eq!(staff_answer(&stage, 2, pb::MakeUpAnswer::Yes).await, "ACCEPTED", "twice is once");
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let lines: Vec<String> = told.iter().map(|row| format!("{} {}", row.kind, row.person)).collect();
        assert_eq!(lines, [format!("SIGN_UP_ADDED {}", student(2))]);
        let text = "教务已为您约了3月18日（周三）19:00";
        assert!(told[0].body.contains(text) && told[0].operator == "wang", "{}", told[0].body);
        assert_eq!(staff_answer(&stage, 3, pb::MakeUpAnswer::No).await, "OWED");
        assert_eq!(by(&stage, 1).await, (String::new(), String::new()));
        assert_eq!((by(&stage, 2).await, by(&stage, 3).await), (staff(), staff()));
        assert_eq!((in_timeline(&stage, 2).await, in_timeline(&stage, 3).await), (staff(), staff()));
        assert_ne!(in_timeline(&stage, 1).await.0, "wang");
        let own = (format!("STUDENT {}", student(1)), String::new());
        assert_eq!(takers(&stage).await, [own, ("ADMIN wang".to_owned(), "家长来电".to_owned())]);
    });
}

#[test]
fn a_yes_of_staff_that_is_taken_back_before_the_morning_is_not_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        planned(&stage).await;
        stage.set_clock("2026-03-13T23:00").await;
        assert_eq!(staff_answer(&stage, 2, pb::MakeUpAnswer::Yes).await, "ACCEPTED");
        let cancel = pb::CancelReservationRequest {
            reservation_id: make_up(&stage, 2).await.reservation_id,
            operator: "wang".to_owned(),
            remark: "记错了".to_owned(),
            ..Default::default()
        };
        stage.enrollment().cancel_reservation(cancel).await.unwrap();
        stage.set_clock("2026-03-14T07:00").await;
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let states: Vec<String> = told.iter().map(|row| format!("{} {}", row.kind, row.state)).collect();
        assert_eq!(states, ["SIGN_UP_ADDED CANCELLED"]);
    });
}
