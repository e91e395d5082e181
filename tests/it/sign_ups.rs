//! Holds, the waiting list, leave, changes, and seats in running classes.

mod changes;
mod days;
mod hold_limit;
mod holds;
mod leave;
mod passed_over;
mod schedule;
mod trips;
mod waitlist;

use crate::grpc::reason;
use etutor::rpc::pb;
use etutor::testing::{Academy, TestApp};
use tonic::Status;

/// Saturdays for one at 19:00, for two at 20:00, every day at 19:30 for six; ten students.
fn small() -> Academy {
    Academy::new()
        .period("19:00", "20:00")
        .template("one", "FREQ=WEEKLY;BYDAY=SA")
        .classes(1, 1)
        .period("20:00", "21:00")
        .template("two", "FREQ=WEEKLY;BYDAY=SA")
        .classes(1, 2)
        .period("19:30", "20:30")
        .template("daily", "FREQ=DAILY")
        .students(10)
}

/// The state of a reservation in short: `HELD`.
fn state(reservation: &pb::Reservation) -> String {
    reservation.state().as_str_name().replace("RESERVATION_STATE_", "")
}

/// The answer in short: the state, or the reason of the refusal.
fn said(answer: Result<pb::Reservation, Status>) -> String {
    answer.map_or_else(|status| reason(&status), |reservation| state(&reservation))
}

async fn get(app: &TestApp, reservation_id: i64) -> pb::Reservation {
    app.enrollment()
        .get_reservation(pb::GetReservationRequest { reservation_id })
        .await
        .unwrap()
        .into_inner()
        .reservation
        .unwrap()
}

async fn cancel(app: &TestApp, reservation_id: i64, from_day: &str) -> String {
    let request =
        pb::CancelReservationRequest { reservation_id, from_day: from_day.to_owned(), ..Default::default() };
    said(
        app.enrollment()
            .cancel_reservation(request)
            .await
            .map(|answer| answer.into_inner().reservation.unwrap()),
    )
}

/// Places taken of a template, by day: of days that have any.
async fn taken(app: &TestApp, template: &str) -> Vec<(String, i32)> {
    let request = pb::ListLessonDaysRequest {
        class_template: template.to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    let days = app.catalog().list_lesson_days(request).await.unwrap().into_inner().lesson_days;
    days.into_iter().filter(|day| day.taken > 0).map(|day| (day.day, day.taken)).collect()
}

/// Counter, reservations and ledger say the same of every place.
async fn no_drift(app: &TestApp) {
    let report = app.fire("clazz init_place", None).await;
    assert_eq!((report.failed, report.changed), (0, 0), "{:?}", report.notes);
}
