//! A student's holds of the same days last at most half an hour in any two hours. Refusals
//! distinguish a hold from a sign-up, and a repeated request whose result is over is told so.

use super::holds::{confirm, hold_as, release, renew};
use super::{cancel, get, no_drift, said, small, state};
use crate::grpc::reason;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};
use futures_util::future::join_all;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const SATURDAYS: (&str, &str) = ("2026-03-14", "2026-03-28");

async fn hold(app: &TestApp, number: usize) -> Result<pb::Reservation, Status> {
    hold_as(app, number, "one", "").await
}

/// Until when a hold lasts, as a local time.
fn until(app: &TestApp, held: &pb::Reservation) -> String {
    let seconds = held.expire_time.unwrap().seconds;
    (0..60 * 24)
        .map(|minute| format!("2026-03-02T{:02}:{:02}", minute / 60, minute % 60))
        .find(|at| app.instant(at).unix() == seconds)
        .unwrap()
}

/// From when on it is possible again, as the refusal tells programs.
fn possible_from(status: &Status) -> String {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::FailedPrecondition, "HOLD_LIMIT"),
        "{status:?}"
    );
    status.get_details_error_info().unwrap().metadata["possible_from_time"].clone()
}

#[test]
fn a_hold_given_back_and_made_again_lasts_half_an_hour_in_all() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        small().build(&app).await;
        let mut ends = Vec::new();
        for minute in ["10:00", "10:10", "10:20"] {
            app.set_clock(&format!("2026-03-02T{minute}")).await;
            let held = hold(&app, 1).await.unwrap();
            ends.push(until(&app, &held));
            if minute != "10:20" {
                app.set_clock(&format!("2026-03-02T10:{}9", &minute[3..4])).await;
                assert_eq!(release(&app, held.reservation_id).await, "CANCELLED");
            }
        }
        // Nine minutes, nine more, and what is left of thirty.
        assert_eq!(ends, ["2026-03-02T10:15", "2026-03-02T10:25", "2026-03-02T10:32"]);
        app.set_clock("2026-03-02T10:32").await;
        let refused = hold(&app, 1).await.unwrap_err();
        assert_eq!(possible_from(&refused), "2026-03-02T04:00:00Z", "two hours after the first began");
        assert!(
            refused.message().ends_with("the next is possible from 2026-03-02 12:00:00 on"),
            "{}",
            refused.message()
        );
        assert_eq!(said(hold(&app, 2).await), "HELD", "it is the student's own limit");
        app.set_clock("2026-03-02T11:59").await;
        assert_eq!(said(hold(&app, 1).await), "HOLD_LIMIT");
        app.set_clock("2026-03-02T12:00").await;
        assert_eq!(
            until(&app, &hold(&app, 1).await.unwrap()),
            "2026-03-02T12:09",
            "as long as the first was: the pause after it counts"
        );
        no_drift(&app).await;
    });
}

#[test]
fn renewals_count_and_other_days_and_templates_do_not() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        small().build(&app).await;
        let first = hold(&app, 1).await.unwrap().reservation_id;
        app.set_clock("2026-03-02T10:10").await;
        assert_eq!(renew(&app, first).await, "HELD");
        assert_eq!(until(&app, &get(&app, first).await), "2026-03-02T10:25");
        app.set_clock("2026-03-02T10:25").await;
        let second = hold(&app, 1).await.unwrap();
        assert_eq!(until(&app, &second), "2026-03-02T10:30");
        app.set_clock("2026-03-02T10:28").await;
        assert_eq!(renew(&app, second.reservation_id).await, "HOLD_LIMIT", "it would not last longer");
        assert_eq!(said(Ok(get(&app, second.reservation_id).await)), "HELD", "and lasts as long as before");
        app.set_clock("2026-03-02T10:30").await;
        assert_eq!(said(hold(&app, 1).await), "HOLD_LIMIT");
        let (other_day, one_of_them) = (("2026-04-04", "2026-04-04"), ("2026-03-21", "2026-04-04"));
        assert_eq!(said(hold_days(&app, 1, "one", one_of_them).await), "HOLD_LIMIT");
        assert_eq!(said(hold_days(&app, 1, "one", other_day).await), "HELD");
        assert_eq!(said(hold_days(&app, 1, "two", SATURDAYS).await), "HELD");
        no_drift(&app).await;
    });
}

async fn hold_days(
    app: &TestApp,
    number: usize,
    template: &str,
    (start, end): (&str, &str),
) -> Result<pb::Reservation, Status> {
    let request = pb::HoldPlacesRequest {
        student: student(number),
        class_template: template.to_owned(),
        start_day: start.to_owned(),
        end_day: end.to_owned(),
        request_id: String::new(),
    };
    app.enrollment().hold_places(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

#[test]
fn a_confirmed_hold_has_counted_until_then_and_the_sign_up_does_not() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        small().build(&app).await;
        let held = hold(&app, 1).await.unwrap().reservation_id;
        app.set_clock("2026-03-02T10:05").await;
        assert_eq!(confirm(&app, held).await, "BOOKED");
        app.set_clock("2026-03-02T11:00").await;
        assert_eq!(cancel(&app, held, "").await, "CANCELLED");
        let again = hold(&app, 1).await.unwrap();
        assert_eq!(until(&app, &again), "2026-03-02T11:15");
        app.set_clock("2026-03-02T11:10").await;
        assert_eq!(renew(&app, again.reservation_id).await, "HELD");
        assert_eq!(until(&app, &get(&app, again.reservation_id).await), "2026-03-02T11:25");
        app.set_clock("2026-03-02T11:25").await;
        assert_eq!(said(hold(&app, 1).await), "HOLD_LIMIT");
    });
}

#[test]
fn many_who_hold_and_give_back_at_once_do_not_get_round_the_limit() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        small().build(&app).await;
        let replica = app.replica().await;
        for minute in ["10:00", "10:10", "10:20"] {
            app.set_clock(&format!("2026-03-02T{minute}")).await;
            let calls = (0..8).map(|number| hold(if number % 2 == 0 { &app } else { &replica }, 1));
            let made: Vec<i64> = join_all(calls)
                .await
                .into_iter()
                .filter_map(|held| Some(held.ok()?.reservation_id))
                .collect();
            assert_eq!(made.len(), 1);
            if minute != "10:20" {
                app.advance(chrono::TimeDelta::minutes(10)).await;
                let released = join_all(
                    (0..4).map(|number| release(if number % 2 == 0 { &app } else { &replica }, made[0])),
                )
                .await;
                assert!(released.iter().all(|said| said == "CANCELLED"), "{released:?}");
            }
        }
        app.set_clock("2026-03-02T10:30").await;
        assert_eq!(said(hold(&app, 1).await), "HOLD_LIMIT");
        no_drift(&app).await;
    });
}

#[test]
fn who_holds_or_is_offered_a_place_is_told_that_and_not_of_a_sign_up() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this story is about refusals");
        let academy = small().build(&app).await;
        let sign_up =
            async |template: &str| academy.reserve(&app, &student(1), template, Some(SATURDAYS)).await;
        let page = async || {
            let (student, to_day) = (student(1), "2026-03-14".to_owned());
            let request =
                pb::ListOpeningsRequest { student, from_day: to_day.clone(), to_day, ..Default::default() };
            let openings = app.openings().list_openings(request).await.unwrap().into_inner().openings;
            openings
                .iter()
                .map(|one| one.days[0].reason().as_str_name().replace("ERROR_REASON_", ""))
                .collect::<Vec<_>>()
        };
        let held = hold(&app, 1).await.unwrap().reservation_id;
        for template in ["one", "daily"] {
            let refused = sign_up(template).await.unwrap_err();
            assert_eq!(reason(&refused), "HELD");
            assert!(refused.message().contains("confirm or release the hold first"), "{}", refused.message());
        }
        assert_eq!(page().await, ["HELD", "UNSPECIFIED", "HELD"]);
        assert_eq!(confirm(&app, held).await, "BOOKED");
        assert_eq!(
            (said(sign_up("one").await), said(sign_up("daily").await)),
            ("ALREADY_RESERVED".into(), "SCHEDULE_CONFLICT".into())
        );
        assert_eq!(page().await, ["ALREADY_RESERVED", "UNSPECIFIED", "SCHEDULE_CONFLICT"]);
        cancel(&app, held, "").await;
        let (start_day, end_day) = (SATURDAYS.0.to_owned(), SATURDAYS.1.to_owned());
        let join = pb::JoinWaitlistRequest {
            student: student(1),
            class_template: "one".into(),
            start_day,
            end_day,
            ..Default::default()
        };
        let offered = app
            .waitlist()
            .join_waitlist(join)
            .await
            .unwrap()
            .into_inner()
            .entry
            .unwrap()
            .reservation
            .unwrap();
        assert_eq!(state(&offered), "OFFERED");
        let refused = sign_up("one").await.unwrap_err();
        assert_eq!(reason(&refused), "HELD");
        assert!(refused.message().contains("take or decline the offer first"), "{}", refused.message());
        assert_eq!(page().await, ["HELD", "UNSPECIFIED", "HELD"]);
    });
}

#[test]
fn a_request_repeated_after_what_it_made_is_over_is_told_so() {
    on_every_app(async |app: TestApp| {
        app.ignore_messages("this story is about requests");
        small().build(&app).await;
        let hold = async |number: usize, template: &str, id: &str| hold_as(&app, number, template, id).await;
        let over = async |number: usize, template: &str, id: &str, made: i64| {
            let refused = hold_as(&app, number, template, id).await.unwrap_err();
            assert_eq!(reason(&refused), "HOLD_EXPIRED");
            assert_eq!(refused.get_details_error_info().unwrap().metadata["reservations"], made.to_string());
        };
        let (released, lapsed, kept) = (
            hold(1, "two", "released").await.unwrap().reservation_id,
            hold(2, "two", "lapsed").await.unwrap().reservation_id,
            hold(3, "one", "kept").await.unwrap().reservation_id,
        );
        assert_eq!(hold(1, "two", "released").await.unwrap().reservation_id, released, "while it lasts");
        release(&app, released).await;
        over(1, "two", "released", released).await;
        assert_eq!(confirm(&app, kept).await, "BOOKED");
        app.set_clock("2026-03-02T00:15").await;
        over(2, "two", "lapsed", lapsed).await;
        assert_eq!(said(hold(3, "one", "kept").await), "BOOKED", "it has become a sign-up");
        assert_eq!(confirm(&app, kept).await, "BOOKED");
        assert_eq!(said(hold(2, "two", "another").await), "HELD", "another request is another hold");
        // A sign-up that was cancelled since; of one that was shortened something is left.
        let sign_up = async |id: &str| {
            let (student, class_template) = (student(4), "daily".to_owned());
            let (start_day, end_day) = (SATURDAYS.0.to_owned(), SATURDAYS.1.to_owned());
            let request = pb::CreateReservationRequest {
                student,
                class_template,
                start_day,
                end_day,
                request_id: id.to_owned(),
            };
            app.enrollment()
                .create_reservation(request)
                .await
                .map(|answer| answer.into_inner().reservation.unwrap())
        };
        let made = sign_up("signed up").await.unwrap().reservation_id;
        cancel(&app, made, "2026-03-20").await;
        assert_eq!(sign_up("signed up").await.unwrap().last_day, "2026-03-19");
        cancel(&app, made, "").await;
        assert_eq!(said(sign_up("signed up").await), "CANCELLED");
        assert_eq!(said(sign_up("again").await), "BOOKED");
        // Places on a waiting list: given up, run out, accepted.
        let join = async |number: usize, id: &str| {
            let (start_day, end_day) = (SATURDAYS.0.to_owned(), SATURDAYS.1.to_owned());
            let (student, class_template) = (student(number), "one".to_owned());
            let request = pb::JoinWaitlistRequest {
                student,
                class_template,
                start_day,
                end_day,
                request_id: id.to_owned(),
            };
            let answer = app.waitlist().join_waitlist(request).await;
            answer.map(|answer| answer.into_inner().entry.unwrap().reservation.unwrap())
        };
        let (left, declined, taken) = (
            join(5, "left").await.unwrap(),
            join(6, "lapsed").await.unwrap(),
            join(7, "taken").await.unwrap(),
        );
        assert_eq!(join(5, "left").await.unwrap().reservation_id, left.reservation_id);
        app.waitlist()
            .leave_waitlist(pb::LeaveWaitlistRequest { reservation_id: left.reservation_id })
            .await
            .unwrap();
        assert_eq!(said(join(5, "left").await), "CANCELLED");
        cancel(&app, kept, "").await;
        assert_eq!(state(&get(&app, declined.reservation_id).await), "OFFERED");
        app.set_clock("2026-03-03T00:15").await;
        assert_eq!(said(join(6, "lapsed").await), "EXPIRED");
        app.fire("clazz offer_places", None).await;
        let accept = pb::AcceptOfferRequest { reservation_id: taken.reservation_id };
        app.waitlist().accept_offer(accept).await.unwrap();
        assert_eq!(said(join(7, "taken").await), "BOOKED");
        no_drift(&app).await;
    });
}
