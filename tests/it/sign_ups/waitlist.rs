//! The waiting list: first come, first served; nobody is enrolled without a yes.

use super::{cancel, get, no_drift, said, small, state, taken};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};

pub const RANGE: (&str, &str) = ("2026-03-14", "2026-03-28");

pub async fn join(app: &TestApp, number: usize, template: &str) -> pb::WaitlistEntry {
    try_join(app, number, template).await.unwrap()
}

/// Of another template: a request of its own.
pub async fn join_other(app: &TestApp, number: usize, template: &str) -> pb::WaitlistEntry {
    let request = pb::JoinWaitlistRequest {
        student: student(number),
        class_template: template.to_owned(),
        start_day: RANGE.0.to_owned(),
        end_day: RANGE.1.to_owned(),
        request_id: String::new(),
    };
    app.waitlist().join_waitlist(request).await.unwrap().into_inner().entry.unwrap()
}

async fn try_join(app: &TestApp, number: usize, template: &str) -> Result<pb::WaitlistEntry, tonic::Status> {
    let request = pb::JoinWaitlistRequest {
        student: student(number),
        class_template: template.to_owned(),
        start_day: RANGE.0.to_owned(),
        end_day: RANGE.1.to_owned(),
        request_id: format!("wait {number}"),
    };
    app.waitlist().join_waitlist(request).await.map(|answer| answer.into_inner().entry.unwrap())
}

pub async fn accept(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.waitlist().accept_offer(pb::AcceptOfferRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

pub async fn decline(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.waitlist().decline_offer(pb::DeclineOfferRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

/// (student, place in the list), as the list is shown.
pub async fn listed(app: &TestApp, template: &str) -> Vec<(String, i32)> {
    let request = pb::ListWaitlistRequest { class_template: template.to_owned(), ..Default::default() };
    let entries = app.waitlist().list_waitlist(request).await.unwrap().into_inner().entries;
    entries.into_iter().map(|entry| (entry.reservation.unwrap().student, entry.position)).collect()
}

pub async fn told(app: &TestApp) -> Vec<String> {
    app.messages().await.iter().map(|message| format!("{} {}", message.kind, message.person)).collect()
}

pub fn id(entry: &pb::WaitlistEntry) -> i64 {
    entry.reservation.as_ref().unwrap().reservation_id
}

#[test]
fn a_free_place_is_offered_to_the_first_who_waits_and_to_nobody_else() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let academy = small().build(&app).await;
        let full = academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap();
        let (second, third) = (join(&app, 2, "one").await, join(&app, 3, "one").await);
        assert_eq!((second.position, third.position, second.first_lesson_day.as_str()), (1, 2, "2026-03-14"));
        assert_eq!(id(&join(&app, 2, "one").await), id(&second), "the same request");
        assert_eq!(taken(&app, "one").await.len(), 3, "who waits takes no place");
        cancel(&app, full.reservation_id, "").await;
        let offered = get(&app, id(&second)).await;
        assert_eq!(
            (state(&offered), offered.expire_time.unwrap().seconds),
            ("OFFERED".to_owned(), app.instant("2026-03-02T22:00").unix())
        );
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-002"]);
        assert_eq!(listed(&app, "one").await, [(student(2), 0), (student(3), 1)]);
        // The place is kept for who has the offer: nobody overtakes the list.
        let refused = academy.reserve(&app, &student(4), "one", Some(RANGE)).await;
        assert_eq!(said(refused), "PLACES_EXHAUSTED");
        assert_eq!(accept(&app, id(&third)).await, "EXPIRED", "there is no offer");
        assert_eq!(decline(&app, id(&second)).await, "CANCELLED");
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-003"]);
        assert_eq!(accept(&app, id(&third)).await, "BOOKED");
        assert_eq!(accept(&app, id(&third)).await, "BOOKED", "twice changes nothing");
        assert_eq!(accept(&app, id(&second)).await, "EXPIRED");
        no_drift(&app).await;
    });
}

#[test]
fn who_never_got_the_offer_is_not_told_that_it_was_not_taken() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let academy = small().build(&app).await;
        let full = academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap();
        join(&app, 2, "one").await;
        cancel(&app, full.reservation_id, "").await;
        // No sender has run meanwhile.
        app.set_clock("2026-03-02T22:00").await;
        app.fire("clazz offer_places", None).await;
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-002", "WAITLIST_CLOSED student-002"]);
        app.set_clock("2026-03-03T08:00").await;
        assert_eq!(app.fire("sms send", None).await.messages, 1, "the offer is of no use any more");
        no_drift(&app).await;
    });
}

#[test]
fn an_offer_that_runs_out_goes_to_the_next_by_the_task_or_by_whoever_comes() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let academy = small().build(&app).await;
        let full = academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap();
        let entries = [join(&app, 2, "one").await, join(&app, 3, "one").await, join(&app, 4, "one").await];
        cancel(&app, full.reservation_id, "").await;
        app.fire("sms send", None).await;
        app.set_clock("2026-03-02T22:00").await;
        assert_eq!(accept(&app, id(&entries[0])).await, "EXPIRED");
        let report = app.fire("clazz offer_places", None).await;
        assert_eq!((report.examined, report.changed, report.messages), (1, 2, 2));
        assert_eq!(
            told(&app).await,
            ["WAITLIST_OFFER student-002", "OFFER_EXPIRED student-002", "WAITLIST_OFFER student-003"]
        );
        // Made at 22:00, its message goes out at 07:00, and twelve hours count from then.
        assert_eq!(
            get(&app, id(&entries[1])).await.expire_time.unwrap().seconds,
            app.instant("2026-03-03T19:00").unix()
        );
        assert_eq!(app.fire("clazz offer_places", None).await.changed, 0);
        app.set_clock("2026-03-03T07:00").await;
        app.fire("sms send", None).await;
        app.set_clock("2026-03-03T19:00").await;
        assert_eq!(
            said(academy.reserve(&app, &student(5), "one", Some(RANGE)).await),
            "PLACES_EXHAUSTED",
            "the list comes first"
        );
        app.fire("clazz offer_places", None).await;
        assert_eq!(state(&get(&app, id(&entries[2])).await), "OFFERED");
        assert_eq!(told(&app).await, ["OFFER_EXPIRED student-003", "WAITLIST_OFFER student-004"]);
        no_drift(&app).await;
    });
}

#[test]
fn places_that_are_free_are_offered_at_once_and_who_waits_may_leave() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let entry = join(&app, 1, "two").await;
        assert_eq!((state(entry.reservation.as_ref().unwrap()), entry.position), ("OFFERED".to_owned(), 0));
        academy.reserve(&app, &student(2), "two", Some(RANGE)).await.unwrap();
        let waits = join(&app, 3, "two").await;
        assert_eq!(said(Ok(waits.reservation.clone().unwrap())), "WAITLISTED");
        let leave = pb::LeaveWaitlistRequest { reservation_id: id(&waits) };
        let left = app.waitlist().leave_waitlist(leave).await.unwrap().into_inner().reservation.unwrap();
        assert_eq!(
            (state(&left), left.last_day.as_str()),
            ("CANCELLED".to_owned(), "2026-03-13"),
            "nothing is left"
        );
        assert_eq!(left.cancel_time.unwrap().seconds, app.instant("2026-03-02").unix());
        assert_eq!(listed(&app, "two").await, [(student(1), 0)]);
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-001"]);
        no_drift(&app).await;
    });
}

#[test]
fn who_waits_for_days_that_are_not_all_free_is_passed_over_and_no_newcomer_comes_before_those_behind() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this story is about places");
        let academy = small().build(&app).await;
        let first = academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap().reservation_id;
        let waits_for_all = join(&app, 2, "one").await;
        let one_day = |number| pb::JoinWaitlistRequest {
            student: student(number),
            class_template: "one".to_owned(),
            start_day: RANGE.0.to_owned(),
            end_day: RANGE.0.to_owned(),
            request_id: String::new(),
        };
        let waits_for_one =
            app.waitlist().join_waitlist(one_day(3)).await.unwrap().into_inner().entry.unwrap();
        assert_eq!((waits_for_all.position, waits_for_one.position), (1, 2));
        let leave = pb::RequestLeaveRequest { reservation_id: first, day: RANGE.0.to_owned() };
        app.enrollment().request_leave(leave).await.unwrap();
        assert_eq!(listed(&app, "one").await, [(student(2), 1), (student(3), 0)]);
        let newcomer = academy.reserve(&app, &student(4), "one", Some((RANGE.0, RANGE.0))).await;
        assert_eq!(said(newcomer), "PLACES_EXHAUSTED");
        assert_eq!(accept(&app, id(&waits_for_one)).await, "BOOKED");
        no_drift(&app).await;
    });
}

#[test]
fn the_waiting_list_refuses_as_a_sign_up_does_and_closes_when_the_rosters_freeze() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap();
        let why = async |number, template| {
            crate::grpc::reason(&try_join(&app, number, template).await.unwrap_err())
        };
        assert_eq!(why(1, "one").await, "ALREADY_RESERVED");
        assert_eq!(why(1, "daily").await, "SCHEDULE_CONFLICT");
        let waits = join(&app, 2, "one").await;
        let mut again = pb::JoinWaitlistRequest {
            student: student(2),
            class_template: "one".to_owned(),
            start_day: RANGE.0.to_owned(),
            end_day: RANGE.1.to_owned(),
            request_id: String::new(),
        };
        let refused = app.waitlist().join_waitlist(again.clone()).await.unwrap_err();
        assert_eq!(crate::grpc::reason(&refused), "ALREADY_RESERVED");
        // After the cut-off only a seat in a running class could come free, and there is none.
        app.set_clock("2026-03-11").await;
        again.student = student(3);
        assert_eq!(crate::grpc::reason(&app.waitlist().join_waitlist(again).await.unwrap_err()), "TOO_LATE");
        app.set_clock("2026-03-14T14:59").await;
        assert_eq!(app.fire("clazz offer_places", None).await.changed, 0);
        app.set_clock("2026-03-14T15:00").await;
        assert_eq!(app.fire("clazz offer_places", None).await.changed, 1);
        assert_eq!(state(&get(&app, id(&waits)).await), "EXPIRED");
        assert_eq!(told(&app).await, ["WAITLIST_CLOSED student-002"]);
        no_drift(&app).await;
    });
}

#[test]
fn an_offer_that_was_answered_before_its_message_went_out_is_not_sent() {
    on_every_app_at("2026-03-02T22:30", async |app: TestApp| {
        app.ignore_messages("this story is about what is sent");
        let academy = small().build(&app).await;
        let full = academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap();
        let (second, third, fourth) =
            (join(&app, 2, "one").await, join(&app, 3, "one").await, join(&app, 4, "one").await);
        let sent = async || app.fire("sms send", None).await.messages;
        // At night the first says no and the next says yes before they are told.
        cancel(&app, full.reservation_id, "").await;
        assert_eq!(decline(&app, id(&second)).await, "CANCELLED");
        assert_eq!(accept(&app, id(&third)).await, "BOOKED");
        app.set_clock("2026-03-03T07:00").await;
        assert_eq!(sent().await, 0);
        // By day it is the same, and who has not answered is told.
        cancel(&app, id(&third), "").await;
        assert_eq!(state(&get(&app, id(&fourth)).await), "OFFERED");
        assert_eq!(sent().await, 1);
        assert_eq!(accept(&app, id(&fourth)).await, "BOOKED");
        let fifth = join(&app, 5, "one").await;
        cancel(&app, id(&fourth), "").await;
        assert_eq!(accept(&app, id(&fifth)).await, "BOOKED");
        assert_eq!(sent().await, 0);
        no_drift(&app).await;
    });
}
