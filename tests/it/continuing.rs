//! Classes that go on past their last day (docs/domain.md §6).

mod again;
mod edits;
mod newcomers;
mod own;
mod refused;
mod seasons;

use crate::grpc::reason;
use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use crate::substitutions::{asked, yes};
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::{Academy, TestApp, on_every_app_at};
use tonic::Status;

/// A class of three students with coach 1 on Thursdays at 19:00 from 2026-03-05 to 2026-03-26; the
/// season lasts until 2026-06-28. It is Monday the 16th, 10:00, and nobody has unread messages.
async fn ending(app: TestApp) -> Stage {
    ending_of(app, evening().classes(2, 4).coaches(3).students(5)).await
}

async fn ending_of(app: TestApp, academy: Academy) -> Stage {
    let stage = Stage::set(app, academy).await;
    let days = Some(("2026-03-05", "2026-03-26"));
    stage.academy.reserve_all(&stage, "math", 1, 3, days).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage.set_clock("2026-03-16T10:00").await;
    stage.told().await;
    stage
}

/// Staff want class 1 to go on until a day.
fn until(last_day: &str) -> pb::ContinueClassRequest {
    pb::ContinueClassRequest {
        class_id: 1,
        last_day: last_day.to_owned(),
        operator: "wang".to_owned(),
        remark: "家长要求续班".to_owned(),
        ..Default::default()
    }
}

async fn go_on(stage: &Stage, request: pb::ContinueClassRequest) -> Result<pb::Continuation, Status> {
    Ok(stage.continuations().continue_class(request).await?.into_inner().continuation.unwrap())
}

/// The reason why it is refused.
async fn refused(stage: &Stage, request: pb::ContinueClassRequest) -> String {
    reason(&go_on(stage, request).await.unwrap_err())
}

async fn listed(stage: &Stage) -> Vec<pb::Continuation> {
    let request = pb::ListContinuationsRequest::default();
    stage.continuations().list_continuations(request).await.unwrap().into_inner().continuations
}

/// State of the only continuation, and of its seats: `FORMED student-001 OFFERED, …`.
async fn stands(stage: &Stage) -> String {
    let found = listed(stage).await;
    assert_eq!(found.len(), 1);
    let seats = found[0].seats.iter().map(|seat| {
        let state = seat.state().as_str_name().replace("RESERVATION_STATE_", "");
        format!("{} {state}", seat.student)
    });
    format!("{} {}", state(&found[0]), seats.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
}

fn state(one: &pb::Continuation) -> String {
    one.state().as_str_name().replace("CLASS_TASK_STATE_", "")
}

/// The coach has said yes, and the class goes on.
async fn gone_on(stage: &Stage) {
    stage.minute("2026-03-16T10:01").await;
    assert_eq!(yes(stage, 1).await, "READY");
    stage.set_clock("2026-03-16T10:05").await;
    stage.fire("clazz offer_places", None).await;
}

/// The offer of a student.
async fn offered(stage: &Stage, number: usize) -> i64 {
    let found = listed(stage).await.pop().unwrap().seats;
    // A sign-up of their own was there before.
    let seat = found.iter().rfind(|seat| seat.student == student(number));
    seat.unwrap_or_else(|| panic!("student {number} is offered no place")).reservation_id
}

async fn takes(stage: &Stage, number: usize) -> Result<pb::Reservation, Status> {
    let reservation_id = offered(stage, number).await;
    let request = pb::AcceptOfferRequest { reservation_id };
    Ok(stage.waitlist().accept_offer(request).await?.into_inner().reservation.unwrap())
}

async fn declines(stage: &Stage, number: usize) {
    let reservation_id = offered(stage, number).await;
    stage.waitlist().decline_offer(pb::DeclineOfferRequest { reservation_id }).await.unwrap();
}

/// Lesson days of a class that are not cancelled.
async fn lessons(stage: &Stage, class_id: i64) -> Vec<String> {
    let found = stage.class(class_id).await.lessons;
    let kept = found.into_iter().filter(|lesson| lesson.state() != pb::LessonState::Cancelled);
    kept.map(|lesson| lesson.day[5..].to_owned()).collect()
}

#[test]
fn a_class_goes_on_with_its_coach_first_and_then_with_the_students_who_say_yes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let made = go_on(&stage, until("2026-04-30")).await.unwrap();
        assert_eq!(made.days.first().map(String::as_str), Some("2026-04-02"));
        assert_eq!((made.days.len(), made.class_template.as_str()), (5, "math"));
        assert_eq!((state(&made).as_str(), made.coach.as_str()), ("INVITING", "coach-001"));
        assert_eq!(stage.local(&made.close_time), "2026-03-30 00:00");
        stage.minute("2026-03-16T10:00").await;
        assert_eq!(stage.told().await, ["INVITATION coach-001"], "nobody but the coach of the class");
        assert_eq!(asked(&stage, 1).await[0].1, "CHANGE SENT");
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26"]);
        gone_on(&stage).await;
        assert_eq!(
            stands(&stage).await,
            "FORMED student-001 OFFERED, student-002 OFFERED, student-003 OFFERED"
        );
        let made = listed(&stage).await.pop().unwrap();
        assert_eq!(made.next_class_id, 1);
        assert_eq!(stage.local(&made.seats[0].expire_time), "2026-03-23 10:05");
        let expected = ["03-05", "03-12", "03-19", "03-26", "04-02", "04-09", "04-16", "04-23", "04-30"];
        assert_eq!(lessons(&stage, 1).await, expected);
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        let expected = [
            "ACCEPTED coach-001",
            "CONTINUE_OFFER student-001",
            "CONTINUE_OFFER student-002",
            "CONTINUE_OFFER student-003",
            "SUBSTITUTE_ASSIGNED coach-001",
        ];
        assert_eq!(told, expected);

        let taken = takes(&stage, 1).await.unwrap();
        assert_eq!((taken.state(), taken.class_id), (pb::ReservationState::Placed, 1));
        assert_eq!((taken.start_day.as_str(), taken.last_day.as_str()), ("2026-04-02", "2026-04-30"));
        declines(&stage, 2).await;
        // Student 3 says nothing.
        stage.minute("2026-03-20T10:04").await;
        stage.fire("clazz offer_places", None).await;
        assert_eq!(stage.told().await, Vec::<String>::new(), "three days before the end, not sooner");
        stage.set_clock("2026-03-20T10:05").await;
        for _ in 0..2 {
            stage.fire("clazz offer_places", None).await;
            stage.fire("sms send", None).await;
        }
        assert_eq!(stage.told().await, ["CONTINUE_REMINDER student-003"]);
        stage.set_clock("2026-03-23T10:05").await;
        assert_eq!(
            stands(&stage).await,
            "FORMED student-001 PLACED, student-002 CANCELLED, student-003 EXPIRED"
        );
        assert_eq!(reason(&takes(&stage, 3).await.unwrap_err()), "EXPIRED");
        stage.fire("clazz offer_places", None).await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, ["OFFER_EXPIRED student-003"]);
        // The seats that nobody took are free, and whoever comes gets one at once.
        let days = Some(("2026-04-02", "2026-04-30"));
        let newcomer = stage.academy.reserve(&stage, &student(4), "math", days).await.unwrap();
        assert_eq!((newcomer.state(), newcomer.class_id), (pb::ReservationState::Placed, 1));
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn a_class_that_none_of_its_students_go_on_with_ends_as_it_was_to() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        gone_on(&stage).await;
        stage.fire("sms send", None).await;
        stage.told().await;
        declines(&stage, 1).await;
        declines(&stage, 2).await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, Vec::<String>::new(), "student 3 may still say yes");
        declines(&stage, 3).await;
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26"]);
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert_eq!(told[0], "CLASS_CLOSED coach-001");
        assert!(told[1..].iter().all(|line| line.starts_with("CLASS_CLOSED wang")), "{told:?}");
        // The time of the coach is free again.
        stage.set_clock("2026-03-17T10:00").await;
        let again = go_on(&stage, until("2026-04-09")).await.unwrap();
        assert_eq!(again.days, ["2026-04-02", "2026-04-09"]);
        stage.minute("2026-03-17T10:00").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26", "04-02", "04-09"]);
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn staff_hear_once_that_the_coach_does_not_go_on() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        let (invitation_id, _) = asked(&stage, 1).await[0];
        let no = pb::DeclineInvitationRequest { invitation_id, coach: coach(1) };
        stage.invitations().decline_invitation(no).await.unwrap();
        stage.told().await;
        for at in ["10:01", "10:02"] {
            stage.set_clock(&format!("2026-03-16T{at}")).await;
            stage.fire("clazz offer_places", None).await;
            stage.fire("invite exec", None).await;
            stage.fire("sms send", None).await;
        }
        let told = stage.told().await;
        assert_eq!(told, ["SUBSTITUTE_MISSING wang SMS", "SUBSTITUTE_MISSING wang MAIL"]);
        assert_eq!(stands(&stage).await, "INVITING");
        // A change of mind counts until three days before.
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.set_clock("2026-03-16T10:05").await;
        stage.fire("clazz offer_places", None).await;
        assert!(stands(&stage).await.starts_with("FORMED student-001 OFFERED"));
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn silence_of_the_coach_is_told_after_two_days_and_ends_three_days_before_the_lesson() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        stage.told().await;
        stage.set_clock("2026-03-18T09:59").await;
        stage.fire("clazz offer_places", None).await;
        assert_eq!(stage.told().await, Vec::<String>::new());
        stage.minute("2026-03-18T10:00").await;
        stage.fire("clazz offer_places", None).await;
        assert_eq!(stage.told_of("SUBSTITUTE_MISSING").await, ["wang SMS", "wang MAIL"]);
        stage.minute("2026-03-30T00:00").await;
        assert_eq!(stands(&stage).await, "FAILED");
        stage.fire("clazz offer_places", None).await;
        assert_eq!(yes(&stage, 1).await, "TASK_CLOSED");
        assert_eq!(stage.told().await, Vec::<String>::new(), "they know");
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26"]);
    });
}

#[test]
fn the_coach_of_a_class_may_want_it_to_go_on_and_is_not_asked() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let by = |number: usize| pb::ContinueClassRequest {
            operator: String::new(),
            remark: String::new(),
            coach: coach(number),
            ..until("2026-04-30")
        };
        assert_eq!(refused(&stage, by(2)).await, "NOT_YOURS");
        let made = go_on(&stage, by(1)).await.unwrap();
        assert_eq!((state(&made).as_str(), made.operator.as_str()), ("COVERED", "coach-001"));
        assert_eq!(stage.told().await, ["ACCEPTED coach-001"]);
        for _ in 0..2 {
            stage.fire("clazz offer_places", None).await;
        }
        assert!(stands(&stage).await.starts_with("FORMED student-001 OFFERED"), "twice is once");
        stage.fire("sms send", None).await;
        stage.told().await;
        // A software test that is too old is passed again first.
        stage.set_clock("2026-04-06T10:00").await;
        for number in [1, 2, 3] {
            let _ = takes(&stage, number).await;
        }
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn a_class_that_goes_on_may_be_left_as_it_is_until_it_does() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let made = go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        stage.told().await;
        let cancel = async || {
            let request = pb::CancelContinuationRequest {
                continuation_id: made.continuation_id,
                operator: "wang".to_owned(),
                remark: "家长改变主意".to_owned(),
            };
            let answer = stage.continuations().cancel_continuation(request).await?;
            Ok::<_, Status>(state(&answer.into_inner().continuation.unwrap()))
        };
        assert_eq!(cancel().await.unwrap(), "CANCELLED");
        assert_eq!(cancel().await.unwrap(), "CANCELLED", "twice is once");
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, ["INVITATION_RECALLED coach-001"]);
        go_on(&stage, until("2026-04-09")).await.unwrap();
        stage.minute("2026-03-16T10:02").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        let second = listed(&stage).await.pop().unwrap();
        let request = pb::CancelContinuationRequest {
            continuation_id: second.continuation_id,
            operator: "wang".to_owned(),
            remark: "家长改变主意".to_owned(),
        };
        let status = stage.continuations().cancel_continuation(request).await.unwrap_err();
        assert_eq!(reason(&status), "IN_USE");
        stage.fire("sms send", None).await;
        stage.told().await;
    });
}

#[test]
fn an_offer_that_staff_take_back_is_told_in_its_own_words() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        gone_on(&stage).await;
        stage.fire("sms send", None).await;
        stage.told().await;
        let request = pb::CancelReservationRequest {
            reservation_id: offered(&stage, 2).await,
            operator: "wang".to_owned(),
            remark: "学费未交".to_owned(),
            ..Default::default()
        };
        stage.enrollment().cancel_reservation(request).await.unwrap();
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let expected =
            "【etutor】为您预留的4月2日（周四）19:00初一学科1班名额已由教务取消，如有疑问请联系教务。";
        assert_eq!((told.len(), told[0].body.as_str()), (1, expected));
    });
}
