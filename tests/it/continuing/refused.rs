//! What cannot go on, and who cannot be offered a place.

use super::{ending, ending_of, go_on, gone_on, listed, refused, stands, state, until};
use crate::staffing::blocks;
use crate::staffing::stage::{SATURDAY, TH, evening};
use crate::substitutions::yes;
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::on_every_app_at;
use tonic_types::StatusExt as _;

#[test]
fn what_cannot_go_on_is_refused_with_its_reason_and_leaves_nothing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let request = || until("2026-04-30");
        let with = |change: fn(&mut pb::ContinueClassRequest)| {
            let mut request = request();
            change(&mut request);
            request
        };
        for (request, reason) in [
            (with(|one| one.last_day = "2026-03-26".to_owned()), "NOT_A_LESSON_DAY"),
            (with(|one| one.first_day = "2026-05-01".to_owned()), "INVALID_FIELD"),
            (with(|one| one.first_day = "2026-03-26".to_owned()), "INVALID_FIELD"),
            (with(|one| one.last_day = "2026-06-29".to_owned()), "INVALID_FIELD"),
            (with(|one| one.coach = coach(1)), "INVALID_FIELD"),
            (with(|one| one.operator = String::new()), "INVALID_FIELD"),
            (with(|one| one.remark = String::new()), "INVALID_FIELD"),
        ] {
            assert_eq!(refused(&stage, request.clone()).await, reason, "{request:?}");
        }
        let unknown = with(|one| one.class_id = 9);
        assert_eq!(go_on(&stage, unknown).await.unwrap_err().code(), tonic::Code::NotFound);
        // Too late for the first lesson day: the next one is named.
        stage.set_clock("2026-03-30T00:00").await;
        let status = go_on(&stage, request()).await.unwrap_err();
        assert_eq!(crate::grpc::reason(&status), "TOO_LATE");
        let first = status.get_details_error_info().unwrap().metadata["first_possible_day"].clone();
        assert_eq!(first, "2026-04-09");
        stage.set_clock("2026-03-29T23:59").await;
        go_on(&stage, request()).await.unwrap();
        assert_eq!(refused(&stage, request()).await, "IN_USE", "its coach is asked already");
        // A week after its end it is over.
        stage.set_clock("2026-04-02T20:30").await;
        let late = pb::ContinueClassRequest { first_day: "2026-04-09".to_owned(), ..request() };
        stage.fire("clazz assign_students", None).await;
        assert_eq!(refused(&stage, late).await, "NO_CLASS");
        assert_eq!(listed(&stage).await.len(), 1);
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn the_same_request_is_one_continuation() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let request = pb::ContinueClassRequest { request_id: "r-1".to_owned(), ..until("2026-04-30") };
        let first = go_on(&stage, request.clone()).await.unwrap();
        let again = go_on(&stage, request.clone()).await.unwrap();
        assert_eq!(first.continuation_id, again.continuation_id);
        let other = pb::ContinueClassRequest { last_day: "2026-04-23".to_owned(), ..request };
        assert_eq!(refused(&stage, other).await, "REQUEST_ID_REUSED");
        let request = pb::CancelContinuationRequest {
            continuation_id: first.continuation_id,
            operator: "wang".to_owned(),
            remark: "教室不够".to_owned(),
        };
        stage.continuations().cancel_continuation(request).await.unwrap();
        let same = pb::ContinueClassRequest { request_id: "r-1".to_owned(), ..until("2026-04-30") };
        assert_eq!(refused(&stage, same).await, "CANCELLED");
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn a_coach_who_was_let_go_can_be_asked_once_more() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        assert_eq!(refused(&stage, until("2026-04-30")).await, "IN_USE");
        let (block, _) = blocks::set(&stage, 1, blocks::From::Everything).await;
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(refused(&stage, until("2026-04-30")).await, "BLOCKED");
        blocks::remove(&stage, block).await.unwrap();
        go_on(&stage, until("2026-04-30")).await.unwrap();
        let states: Vec<String> = listed(&stage).await.iter().map(state).collect();
        assert_eq!(states, ["CANCELLED", "INVITING"]);
        stage.minute("2026-03-16T10:02").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn who_was_let_go_is_not_asked_for_a_class_that_another_is_to_have() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        let (block, _) = blocks::set(&stage, 1, blocks::From::Everything).await;
        stage.minute("2026-03-16T10:01").await;
        blocks::remove(&stage, block).await.unwrap();
        let change = pb::StartCoachChangeRequest {
            class_id: 1,
            from_day: "2026-03-26".to_owned(),
            operator: "wang".to_owned(),
            remark: "教练离职".to_owned(),
            ..Default::default()
        };
        stage.substitutions().start_coach_change(change).await.unwrap();
        assert_eq!(refused(&stage, until("2026-04-30")).await, "IN_USE");
        let states: Vec<String> = listed(&stage).await.iter().map(state).collect();
        assert_eq!(states, ["INVITING"], "what is refused changes nothing");
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn who_has_another_lesson_then_is_not_offered_a_place() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = evening().classes(2, 4).template("other", TH).classes(2, 4).coaches(3).students(5);
        let stage = ending_of(app, academy).await;
        let days = Some(("2026-04-09", "2026-04-16"));
        stage.academy.reserve(&stage, &student(2), "other", days).await.unwrap();
        go_on(&stage, until("2026-04-30")).await.unwrap();
        gone_on(&stage).await;
        assert_eq!(stands(&stage).await, "FORMED student-001 OFFERED, student-003 OFFERED");
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn places_that_others_have_by_then_are_not_offered() {
    on_every_app_at(SATURDAY, async |app| {
        // One class of three: the places of one day.
        let stage = ending_of(app, evening().classes(1, 3).coaches(3).students(6)).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        let days = Some(("2026-04-02", "2026-04-09"));
        stage.academy.reserve_all(&stage, "math", 4, 5, days).await;
        gone_on(&stage).await;
        assert_eq!(stands(&stage).await, "FORMED student-001 OFFERED");
        let status = stage.academy.reserve(&stage, &student(6), "math", days).await.unwrap_err();
        assert_eq!(crate::grpc::reason(&status), "PLACES_EXHAUSTED", "the place is kept");
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn a_class_is_not_prolonged_with_a_coach_who_is_replaced_meanwhile() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let change = pb::StartCoachChangeRequest {
            class_id: 1,
            from_day: "2026-03-26".to_owned(),
            coach: coach(2),
            operator: "wang".to_owned(),
            remark: "教练离职".to_owned(),
            request_id: String::new(),
        };
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.test(2, true).await;
        stage.substitutions().start_coach_change(change).await.unwrap();
        assert_eq!(refused(&stage, until("2026-04-30")).await, "IN_USE");
        stage.minute("2026-03-16T10:00").await;
        stage.set_clock("2026-03-26T03:00").await;
        stage.fire("clazz complete_coach_changes", None).await;
        stage.fire("invite check", None).await;
        assert_eq!(stands(&stage).await, "CANCELLED");
        assert_eq!(yes(&stage, 1).await, "TASK_CLOSED");
        // The new coach is asked.
        stage.set_clock("2026-03-26T10:00").await;
        let made = go_on(&stage, until("2026-04-30")).await.unwrap();
        assert_eq!(made.coach, coach(2));
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn a_class_that_is_to_be_another_coachs_does_not_go_on_with_this_one() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        stage.test(2, true).await;
        let change = pb::StartCoachChangeRequest {
            class_id: 1,
            from_day: "2026-03-26".to_owned(),
            coach: coach(2),
            operator: "wang".to_owned(),
            remark: "教练离职".to_owned(),
            request_id: String::new(),
        };
        let made = stage.substitutions().start_coach_change(change).await.unwrap().into_inner();
        assert_eq!(made.coach_change.unwrap().ready_coach, coach(2));
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        assert_eq!(stands(&stage).await, "CANCELLED");
        stage.fire("sms send", None).await;
        assert!(stage.told().await.contains(&"NO_LONGER_NEEDED coach-001".to_owned()));
    });
}

#[test]
fn who_has_signed_off_is_no_student_of_the_class_any_more() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        stage.sign_off(3, "2026-03-26").await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        gone_on(&stage).await;
        assert_eq!(stands(&stage).await, "FORMED student-001 OFFERED, student-002 OFFERED");
        stage.ignore_messages("what is told is another story");
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        for number in 1..=3 {
            stage.sign_off(number, "2026-03-19").await;
        }
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(stands(&stage).await, "CANCELLED");
        assert_eq!(refused(&stage, until("2026-04-30")).await, "NO_CLASS");
        stage.ignore_messages("what is told is another story");
    });
}
