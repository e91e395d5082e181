//! Holds: 15 minutes, one renewal, confirmed or given back; one that has run out blocks nobody.

use super::{cancel, get, no_drift, said, small, state, taken};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app};
use futures_util::future::join_all;

async fn hold(app: &TestApp, number: usize, template: &str) -> Result<pb::Reservation, tonic::Status> {
    hold_as(app, number, template, &format!("hold {number} {template}")).await
}

/// The same as a request of its own.
pub async fn hold_as(
    app: &TestApp,
    number: usize,
    template: &str,
    request_id: &str,
) -> Result<pb::Reservation, tonic::Status> {
    let request = pb::HoldPlacesRequest {
        student: student(number),
        class_template: template.to_owned(),
        start_day: "2026-03-14".to_owned(),
        end_day: "2026-03-28".to_owned(),
        request_id: request_id.to_owned(),
    };
    app.enrollment().hold_places(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

pub async fn confirm(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.enrollment().confirm_hold(pb::ConfirmHoldRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

pub async fn renew(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.enrollment().renew_hold(pb::RenewHoldRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

pub async fn release(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.enrollment().release_hold(pb::ReleaseHoldRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

#[test]
fn a_hold_keeps_its_places_for_fifteen_minutes_and_is_confirmed_once() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        let held = hold(&app, 1, "one").await.unwrap();
        assert_eq!(state(&held), "HELD");
        assert_eq!(held.expire_time.unwrap().seconds, app.instant("2026-03-02T00:15").unix());
        assert_eq!(
            hold(&app, 1, "one").await.unwrap().reservation_id,
            held.reservation_id,
            "the same request"
        );
        assert_eq!(said(hold(&app, 2, "one").await), "PLACES_EXHAUSTED");
        assert_eq!(taken(&app, "one").await.len(), 3);
        app.set_clock("2026-03-02T00:10").await;
        assert_eq!(confirm(&app, held.reservation_id).await, "BOOKED");
        app.set_clock("2026-03-02T00:20").await;
        assert_eq!(confirm(&app, held.reservation_id).await, "BOOKED", "twice changes nothing");
        let booked = get(&app, held.reservation_id).await;
        assert_eq!(
            (booked.expire_time, booked.create_time.unwrap().seconds),
            (None, app.instant("2026-03-02T00:10").unix())
        );
        assert_eq!(release(&app, held.reservation_id).await, "BOOKED", "what is no hold stays as it is");
        assert_eq!(
            renew(&app, held.reservation_id).await,
            "ALREADY_RESERVED",
            "it did not run out: it was confirmed"
        );
        no_drift(&app).await;
    });
}

#[test]
fn what_has_run_out_is_free_for_others_without_any_task() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        let held = hold(&app, 1, "one").await.unwrap();
        app.set_clock("2026-03-02T00:14").await;
        assert_eq!(said(hold(&app, 2, "one").await), "PLACES_EXHAUSTED");
        app.set_clock("2026-03-02T00:15").await;
        assert_eq!(said(hold(&app, 2, "one").await), "HELD");
        assert_eq!(confirm(&app, held.reservation_id).await, "HOLD_EXPIRED");
        assert_eq!(state(&get(&app, held.reservation_id).await), "EXPIRED");
        no_drift(&app).await;
    });
}

#[test]
fn what_has_run_out_is_told_to_have_before_anything_has_found_it_out() {
    on_every_app(async |app: TestApp| {
        app.ignore_messages("this story is about what is read");
        small().build(&app).await;
        let held = hold(&app, 1, "one").await.unwrap().reservation_id;
        let kept = hold(&app, 3, "two").await.unwrap().reservation_id;
        let change = pb::ChangeReservationRequest {
            reservation_id: held,
            end_day: "2026-03-21".to_owned(),
            ..Default::default()
        };
        let refused = app.enrollment().change_reservation(change).await.unwrap_err();
        assert_eq!(refused.message(), "the reservation is a hold: it can be changed once it is confirmed");
        assert_eq!(confirm(&app, kept).await, "BOOKED");
        let wait = |number, template: &str| pb::JoinWaitlistRequest {
            student: student(number),
            class_template: template.to_owned(),
            start_day: "2026-03-14".to_owned(),
            end_day: "2026-03-28".to_owned(),
            request_id: String::new(),
        };
        let entry = app
            .waitlist()
            .join_waitlist(wait(2, "two"))
            .await
            .unwrap()
            .into_inner()
            .entry
            .unwrap()
            .reservation
            .unwrap();
        assert_eq!(state(&entry), "OFFERED");
        let offered = entry.reservation_id;
        let listed = async |states: &[pb::ReservationState]| -> Vec<i64> {
            let states = states.iter().map(|state| (*state).into()).collect();
            let request = pb::ListReservationsRequest { states, ..Default::default() };
            let found = app.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
            found.into_iter().map(|found| found.reservation_id).collect()
        };
        let live = [pb::ReservationState::Held, pb::ReservationState::Offered];
        assert_eq!(
            (listed(&live).await, listed(&[pb::ReservationState::Expired]).await),
            (vec![held, offered], vec![])
        );
        app.set_clock("2026-03-02T20:00").await;
        assert_eq!(
            (listed(&live).await, listed(&[pb::ReservationState::Expired]).await),
            (vec![], vec![held, offered])
        );
        assert_eq!(
            listed(&[pb::ReservationState::Booked, pb::ReservationState::Expired]).await,
            [held, kept, offered]
        );
        for id in [held, offered] {
            let found = get(&app, id).await;
            assert_eq!((state(&found), found.expire_time), ("EXPIRED".to_owned(), None));
            assert_eq!(cancel(&app, id, "").await, "EXPIRED", "it stays as it is");
        }
        assert_eq!(
            app.waitlist()
                .list_waitlist(pb::ListWaitlistRequest::default())
                .await
                .unwrap()
                .into_inner()
                .entries,
            []
        );
        assert_eq!(release(&app, held).await, "EXPIRED");
        let declined =
            app.waitlist().decline_offer(pb::DeclineOfferRequest { reservation_id: offered }).await;
        assert_eq!(said(declined.map(|answer| answer.into_inner().reservation.unwrap())), "EXPIRED");
        app.fire("clazz offer_places", None).await;
        let causes: Vec<String> = sql("SELECT cause FROM place_change WHERE delta < 0 ORDER BY cause")
            .column(app.db().reader())
            .await
            .unwrap();
        assert_eq!(causes, ["HOLD_EXPIRED", "OFFER_EXPIRED"]);
        no_drift(&app).await;
    });
}

#[test]
fn a_hold_is_renewed_once() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        let id = hold(&app, 1, "one").await.unwrap().reservation_id;
        app.set_clock("2026-03-02T00:10").await;
        assert_eq!(renew(&app, id).await, "HELD");
        assert_eq!(get(&app, id).await.expire_time.unwrap().seconds, app.instant("2026-03-02T00:25").unix());
        assert_eq!(renew(&app, id).await, "ALREADY_RENEWED");
        app.set_clock("2026-03-02T00:25").await;
        assert_eq!(renew(&app, id).await, "HOLD_EXPIRED");
        assert_eq!(confirm(&app, id).await, "HOLD_EXPIRED");
        app.fire("clazz offer_places", None).await;
        assert_eq!(taken(&app, "one").await, [], "the task finds it too");
        no_drift(&app).await;
    });
}

#[test]
fn a_hold_that_is_given_back_frees_its_places_and_stands_in_the_way_of_the_same_student_until_then() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        let id = hold(&app, 1, "one").await.unwrap().reservation_id;
        assert_eq!(said(hold(&app, 1, "daily").await), "HELD");
        assert_eq!(release(&app, id).await, "CANCELLED");
        assert_eq!(release(&app, id).await, "CANCELLED");
        assert_eq!(confirm(&app, id).await, "HOLD_EXPIRED");
        let daily = hold(&app, 1, "daily").await.unwrap();
        assert_eq!(state(&daily), "HELD");
        assert_eq!(
            cancel(&app, daily.reservation_id, "2026-03-20").await,
            "CANCELLED",
            "a hold is given up whole"
        );
        assert_eq!((taken(&app, "one").await, taken(&app, "daily").await), (vec![], vec![]));
        no_drift(&app).await;
    });
}

#[test]
fn a_hold_is_never_promised_beyond_the_cut_off_of_its_first_lesson() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        app.set_clock("2026-03-10T23:50").await;
        let held = hold(&app, 1, "one").await.unwrap();
        assert_eq!(held.expire_time.unwrap().seconds, app.instant("2026-03-11").unix());
        app.set_clock("2026-03-11T00:00").await;
        assert_eq!(confirm(&app, held.reservation_id).await, "HOLD_EXPIRED");
        assert_eq!(said(hold(&app, 2, "one").await), "TOO_LATE");
    });
}

#[test]
fn fifty_who_confirm_the_same_hold_make_one_sign_up() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        let replica = app.replica().await;
        let id = hold(&app, 1, "one").await.unwrap().reservation_id;
        let callers = (0..50).map(|number| {
            let app = if number % 2 == 0 { &app } else { &replica };
            confirm(app, id)
        });
        for answer in join_all(callers).await {
            assert_eq!(answer, "BOOKED");
        }
        assert_eq!(taken(&app, "one").await.iter().map(|(_, taken)| *taken).collect::<Vec<_>>(), [1, 1, 1]);
        no_drift(&app).await;
    });
}
