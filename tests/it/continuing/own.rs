//! Students of a class that goes on have signed up for some of its further weeks by themselves.

use super::{declines, ending, go_on, listed, stands, until};
use crate::staffing::blocks;
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions::yes;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

/// The latest continuation: who has a seat, or is offered one: `student-001 PLACED`.
async fn seats(stage: &Stage) -> Vec<String> {
    let found = listed(stage).await.pop().unwrap().seats;
    let state = |seat: &pb::ContinuationSeat| seat.state().as_str_name().replace("RESERVATION_STATE_", "");
    found.iter().map(|seat| format!("{} {}", seat.student, state(seat))).collect()
}

/// What a student has of a template: `PLACED 04-02 04-16`, from the first day on.
pub(super) async fn has(stage: &Stage, number: usize, template: &str) -> Vec<String> {
    let request = pb::ListReservationsRequest {
        student: student(number),
        class_template: template.to_owned(),
        ..Default::default()
    };
    let found = stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    let state = |one: &pb::Reservation| one.state().as_str_name().replace("RESERVATION_STATE_", "");
    let of = |one: pb::Reservation| {
        (
            one.start_day[5..].to_owned(),
            format!("{} {} {}", state(&one), &one.start_day[5..], &one.end_day[5..]),
        )
    };
    let mut all: Vec<(String, String)> = found.into_iter().map(of).collect();
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

async fn no_drift(stage: &Stage) {
    let report = stage.fire("clazz init_place", None).await;
    assert_eq!((report.failed, report.changed), (0, 0), "{:?}", report.notes);
}

#[test]
fn a_sign_up_of_their_own_is_a_seat_and_the_other_weeks_are_offered() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let days = Some(("2026-04-09", "2026-04-16"));
        stage.academy.reserve(&stage, &student(1), "math", days).await.unwrap();
        // Longer than the class is to go on.
        let days = Some(("2026-04-09", "2026-06-25"));
        stage.academy.reserve(&stage, &student(2), "math", days).await.unwrap();
        // Who is with the coach already may stay.
        blocks::set(&stage, 1, blocks::From::Student(1)).await;
        go_on(&stage, until("2026-04-30")).await.unwrap();
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.set_clock("2026-03-16T10:05").await;
        let report = stage.fire("clazz offer_places", None).await;
        assert!(report.skipped.is_empty(), "{report:?}");
        assert_eq!(
            stands(&stage).await,
            "FORMED student-001 PLACED, student-002 PLACED, student-001 OFFERED, student-001 OFFERED, \
             student-002 OFFERED, student-003 OFFERED"
        );
        let newcomers = listed(&stage).await[0].seats.iter().filter(|seat| seat.newcomer).count();
        assert_eq!(newcomers, 0, "they are students of the class");
        assert_eq!(
            has(&stage, 1, "math").await,
            ["PLACED 03-05 03-26", "OFFERED 04-02 04-02", "PLACED 04-09 04-16", "OFFERED 04-23 04-30"]
        );
        let second =
            ["PLACED 03-05 03-26", "OFFERED 04-02 04-02", "PLACED 04-09 04-30", "BOOKED 05-01 06-25"];
        assert_eq!(has(&stage, 2, "math").await, second);
        no_drift(&stage).await;
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let offers = told.iter().filter(|row| row.kind.as_str() == "CONTINUE_OFFER");
        let to_first: Vec<&str> =
            offers.filter(|row| row.person == student(1)).map(|row| row.body.as_str()).collect();
        assert_eq!(to_first.len(), 2);
        assert!(to_first[0].contains("续班首课4月2日（周四）19:00-20:30，共1次课，"), "{to_first:?}");
        assert!(to_first[1].contains("续班首课4月23日（周四）19:00-20:30，共2次课至4月30日"), "{to_first:?}");

        // The class does not end with the offers, but as soon as nobody comes any more.
        declines(&stage, 3).await;
        declines(&stage, 2).await;
        assert_eq!(super::lessons(&stage, 1).await[4..], ["04-02", "04-09", "04-16", "04-23", "04-30"]);
        // It goes on once more: what waits of a sign-up is seated as far as the class goes on.
        stage.set_clock("2026-03-17T10:00").await;
        go_on(&stage, until("2026-05-28")).await.unwrap();
        stage.minute("2026-03-17T10:00").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        assert_eq!(seats(&stage).await, ["student-002 PLACED"]);
        assert_eq!(
            has(&stage, 2, "math").await[2..],
            ["PLACED 04-09 04-30", "PLACED 05-01 05-28", "BOOKED 05-29 06-25"]
        );
        no_drift(&stage).await;
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn a_sign_up_that_begins_before_the_class_goes_on_waits_for_its_first_weeks() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        let days = Some(("2026-04-02", "2026-04-23"));
        stage.academy.reserve(&stage, &student(1), "math", days).await.unwrap();
        let first_day = "2026-04-16".to_owned();
        go_on(&stage, pb::ContinueClassRequest { first_day, ..until("2026-04-30") }).await.unwrap();
        super::gone_on(&stage).await;
        assert_eq!(
            has(&stage, 1, "math").await[1..],
            ["BOOKED 04-02 04-15", "PLACED 04-16 04-23", "OFFERED 04-30 04-30"]
        );
        no_drift(&stage).await;
        stage.ignore_messages("what is told is another story");
    });
}
