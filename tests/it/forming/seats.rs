//! Free seats of running classes: they are filled before any coach is asked, the fullest class
//! first.

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

const NEXT: &str = "math@2026-03-12";

/// Two classes run since Thursday: coach 1 has students 1 … 4, coach 2 has 5 … 8 (and 9 and 10 are
/// known).
async fn running(app: etutor::testing::TestApp, first: usize) -> Stage {
    let stage = Stage::monday(app, evening().coaches(6).students(20), first).await;
    stage.ignore_messages("this story is about seats");
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1, 2], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage
}

#[test]
fn a_sign_up_goes_at_once_into_the_fullest_running_class_with_a_free_seat() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app, 8).await;
        stage.sign_off(1, "2026-03-12").await;
        assert_eq!(
            stage.classes(MATH).await,
            ["coach-001: 1 2 3 4", "coach-002: 5 6 7 8"],
            "student 1 has had one lesson"
        );
        stage.set_clock("2026-03-06T10:00").await;
        stage.academy.reserve_all(&stage, "math", 9, 11, Some(("2026-03-12", "2026-06-28"))).await;
        // From the twelfth on class 1 has three, class 2 four: two go to class 2, then it is full.
        assert_eq!(stage.classes(MATH).await, ["coach-001: 2 3 4 11", "coach-002: 5 6 7 8 9 10"]);
        let request = pb::ListReservationsRequest { student: student(9), ..Default::default() };
        let reservation =
            stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations[0].clone();
        assert_eq!(
            (reservation.state(), reservation.placed_from.as_str()),
            (pb::ReservationState::Placed, "2026-03-12")
        );
        // Nobody is left for whom a coach would have to be found.
        stage.set_clock("2026-03-09T00:00").await;
        let report = stage.fire("invite create", None).await;
        assert_eq!((report.examined, report.changed), (0, 0));
    });
}

#[test]
fn who_does_not_fit_needs_new_classes_as_many_as_the_template_has_left() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app, 8).await;
        stage.set_clock("2026-03-06T10:00").await;
        stage.academy.reserve_all(&stage, "math", 9, 20, Some(("2026-03-12", "2026-06-28"))).await;
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        // Four take the free seats, eight need two of the two classes that are left.
        assert_eq!(stage.standing(NEXT).await.1[..2], [8, 2]);
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3 4 9 10", "coach-002: 5 6 7 8 11 12"]);
    });
}

#[test]
fn a_free_seat_is_free_on_every_lesson_day_of_the_student() {
    on_every_app_at(SATURDAY, async |app| {
        // The classes end in March, for everybody has signed up until then.
        let stage = Stage::set(app, evening().coaches(6).students(10)).await;
        stage.ignore_messages("this story is about seats");
        stage.academy.reserve_all(&stage, "math", 1, 4, Some(("2026-03-05", "2026-03-31"))).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        stage.academy.reserve_all(&stage, "math", 5, 5, Some(("2026-03-12", "2026-03-26"))).await;
        stage.academy.reserve_all(&stage, "math", 6, 6, Some(("2026-03-12", "2026-04-02"))).await;
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3 4 5"]);
        assert_eq!(stage.standing(NEXT).await.1[..2], [1, 1], "student 6 stays until April");
    });
}

#[test]
fn a_seat_that_becomes_free_is_taken_by_who_waits() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = running(app, 12).await;
        stage.set_clock("2026-03-06T10:00").await;
        stage.academy.reserve_all(&stage, "math", 13, 14, Some(("2026-03-12", "2026-06-28"))).await;
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.standing(NEXT).await.1[..2], [2, 1]);
        stage.minute("2026-03-09T08:00").await;
        stage.sign_off(2, "2026-03-12").await;
        stage.minute("2026-03-09T08:01").await;
        assert_eq!(stage.standing(NEXT).await.1[..2], [1, 1]);
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 3 4 5 6 13", "coach-002: 7 8 9 10 11 12"]);
        // The other's seat comes too: nobody is needed any more, and who was asked hears so.
        stage.sign_off(7, "2026-03-12").await;
        stage.minute("2026-03-09T08:02").await;
        assert_eq!(stage.state(NEXT).await, "CANCELLED");
        assert!(stage.asked(NEXT).await.iter().all(|line| line.ends_with("CANCELLED")));
    });
}
