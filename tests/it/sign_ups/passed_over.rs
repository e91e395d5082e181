//! A waiting student who cannot be served just now is passed over and keeps the position; a yes
//! elsewhere ends it.

use super::waitlist::{RANGE, accept, decline, id, join, join_other, listed, told};
use super::{cancel, get, no_drift, said, small, state};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, on_every_app_at};
use futures_util::future::join_all;

/// A hold of 15 minutes of what is at the time of `one`.
async fn hold_daily(app: &TestApp, number: usize) -> i64 {
    let request = pb::HoldPlacesRequest {
        student: student(number),
        class_template: "daily".to_owned(),
        start_day: RANGE.0.to_owned(),
        end_day: RANGE.1.to_owned(),
        request_id: String::new(),
    };
    let held = app.enrollment().hold_places(request).await.unwrap().into_inner().reservation.unwrap();
    assert_eq!(state(&held), "HELD");
    held.reservation_id
}

async fn release(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.enrollment().release_hold(pb::ReleaseHoldRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

async fn confirm(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.enrollment().confirm_hold(pb::ConfirmHoldRequest { reservation_id }).await;
    said(answer.map(|answer| answer.into_inner().reservation.unwrap()))
}

/// `one` is full, students 2 and 3 wait for it in this order; the sign-up that fills it, and who
/// waits.
async fn two_wait(app: &TestApp) -> (Academy, i64, [i64; 2]) {
    let academy = small().build(app).await;
    let full = academy.reserve(app, &student(1), "one", Some(RANGE)).await.unwrap().reservation_id;
    let waits = [id(&join(app, 2, "one").await), id(&join(app, 3, "one").await)];
    (academy, full, waits)
}

async fn states<const N: usize>(app: &TestApp, ids: [i64; N]) -> Vec<String> {
    let mut found = Vec::new();
    for id in ids {
        found.push(state(&get(app, id).await));
    }
    found
}

#[test]
fn a_hold_that_passes_ends_nobodys_place_on_the_list_and_is_in_nobodys_way() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let (_, full, [second, third]) = two_wait(&app).await;
        hold_daily(&app, 2).await;
        cancel(&app, full, "").await;
        assert_eq!(
            states(&app, [second, third]).await,
            ["WAITLISTED", "OFFERED"],
            "the first is passed over"
        );
        assert_eq!(listed(&app, "one").await, [(student(2), 1), (student(3), 0)]);
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-003"], "nobody hears that the waiting is over");
        app.set_clock("2026-03-02T10:15").await;
        assert_eq!(decline(&app, third).await, "CANCELLED");
        assert_eq!(
            states(&app, [second]).await,
            ["OFFERED"],
            "the hold has run out, whether or not that was found out"
        );
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-002"]);
        assert_eq!(accept(&app, second).await, "BOOKED");
        no_drift(&app).await;
    });
}

#[test]
fn who_was_passed_over_is_looked_at_again_when_the_hold_has_run_out() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let (_, full, [second, third]) = two_wait(&app).await;
        let held = hold_daily(&app, 2).await;
        cancel(&app, full, "").await;
        assert_eq!(decline(&app, third).await, "CANCELLED");
        assert_eq!(
            app.fire("clazz offer_places", None).await.changed,
            0,
            "the student still holds something else"
        );
        app.set_clock("2026-03-02T10:15").await;
        app.fire("clazz offer_places", None).await;
        assert_eq!(states(&app, [held, second]).await, ["EXPIRED", "OFFERED"]);
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-003", "WAITLIST_OFFER student-002"]);
        no_drift(&app).await;
    });
}

#[test]
fn who_was_passed_over_is_looked_at_again_when_the_hold_is_given_back() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let (_, full, [second, third]) = two_wait(&app).await;
        let held = hold_daily(&app, 2).await;
        cancel(&app, full, "").await;
        assert_eq!(decline(&app, third).await, "CANCELLED");
        assert_eq!(release(&app, held).await, "CANCELLED");
        app.fire("clazz offer_places", None).await;
        assert_eq!(states(&app, [second]).await, ["OFFERED"]);
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-003", "WAITLIST_OFFER student-002"]);
        no_drift(&app).await;
    });
}

#[test]
fn an_open_offer_elsewhere_is_waited_for_and_its_yes_ends_the_other_place() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let academy = small().classes(1, 1).build(&app).await;
        let one = academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap().reservation_id;
        let daily = academy.reserve(&app, &student(4), "daily", Some(RANGE)).await.unwrap().reservation_id;
        let [first, second] = [id(&join(&app, 2, "one").await), id(&join_other(&app, 2, "daily").await)];
        cancel(&app, one, "").await;
        cancel(&app, daily, "").await;
        assert_eq!(states(&app, [first, second]).await, ["OFFERED", "WAITLISTED"]);
        assert_eq!(told(&app).await, ["WAITLIST_OFFER student-002"]);
        assert_eq!(accept(&app, first).await, "BOOKED");
        assert_eq!(states(&app, [first, second]).await, ["BOOKED", "CANCELLED"]);
        let said = app.messages().await;
        assert_eq!(said.len(), 1);
        assert!(said[0].body.contains("您已约了这个时间的课"), "{}", said[0].body);
        no_drift(&app).await;
    });
}

#[test]
fn a_sign_up_a_confirmed_hold_and_a_change_end_what_is_waited_for_at_that_time_and_nothing_else() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let academy = small().build(&app).await;
        academy.reserve(&app, &student(1), "one", Some(RANGE)).await.unwrap();
        for number in [8, 9] {
            academy.reserve(&app, &student(number), "two", Some(RANGE)).await.unwrap();
        }
        let mut waits = Vec::new();
        for number in 2..=5 {
            waits.push((id(&join(&app, number, "one").await), id(&join_other(&app, number, "two").await)));
        }
        // `daily` is at the time of both; on other days it is at the time of neither.
        academy.reserve(&app, &student(2), "daily", Some(RANGE)).await.unwrap();
        let held = hold_daily(&app, 3).await;
        assert_eq!(states(&app, [waits[1].0, waits[1].1]).await, ["WAITLISTED", "WAITLISTED"]);
        assert_eq!(confirm(&app, held).await, "BOOKED");
        let days_before = ("2026-03-09", "2026-03-13");
        let other =
            academy.reserve(&app, &student(4), "daily", Some(days_before)).await.unwrap().reservation_id;
        assert_eq!(states(&app, [waits[2].0, waits[2].1]).await, ["WAITLISTED", "WAITLISTED"]);
        let change = pb::ChangeReservationRequest {
            reservation_id: other,
            end_day: "2026-03-14".to_owned(),
            ..Default::default()
        };
        app.enrollment().change_reservation(change).await.unwrap();
        for (one, two) in &waits[..3] {
            assert_eq!(states(&app, [*one, *two]).await, ["CANCELLED", "CANCELLED"]);
        }
        assert_eq!(states(&app, [waits[3].0, waits[3].1]).await, ["WAITLISTED", "WAITLISTED"]);
        let told = told(&app).await;
        assert_eq!(told.len(), 6);
        for number in 2..=4 {
            assert_eq!(
                told.iter().filter(|told| **told == format!("WAITLIST_CLOSED {}", student(number))).count(),
                2
            );
        }
        no_drift(&app).await;
    });
}

#[test]
fn who_holds_something_while_others_give_up_and_take_at_once_keeps_the_place() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this story is about entries");
        let (academy, full, [second, third]) = two_wait(&app).await;
        let replica = app.replica().await;
        let held = hold_daily(&app, 2).await;
        let newcomers = (4..=7).map(|number| {
            let (academy, replica) = (&academy, &replica);
            async move { academy.reserve(replica, &student(number), "one", Some(RANGE)).await }
        });
        let (.., taken) = tokio::join!(
            cancel(&app, full, ""),
            release(&replica, held),
            app.try_fire("clazz offer_places", None, None),
            join_all(newcomers)
        );
        // Whichever came first: one of the two has the offer, in turn, and no newcomer came before
        // them.
        assert!(taken.into_iter().all(|taken| said(taken) == "PLACES_EXHAUSTED"));
        let found = states(&app, [second, third]).await;
        assert!(found == ["OFFERED", "WAITLISTED"] || found == ["WAITLISTED", "OFFERED"], "{found:?}");
        no_drift(&app).await;
    });
}
