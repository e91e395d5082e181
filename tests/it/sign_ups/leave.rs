//! Leave from single lessons: three in a season, until two hours before; the place is free for
//! others.

use super::{no_drift, said, small, taken};
use crate::grpc::reason;
use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};

async fn ask(app: &TestApp, reservation_id: i64, day: &str) -> Result<i32, String> {
    let request = pb::RequestLeaveRequest { reservation_id, day: day.to_owned() };
    app.enrollment()
        .request_leave(request)
        .await
        .map(|answer| answer.into_inner().leaves_left)
        .map_err(|status| reason(&status))
}

async fn take_back(app: &TestApp, reservation_id: i64, day: &str) -> Result<i32, String> {
    let request = pb::CancelLeaveRequest { reservation_id, day: day.to_owned() };
    app.enrollment()
        .cancel_leave(request)
        .await
        .map(|answer| answer.into_inner().leaves_left)
        .map_err(|status| reason(&status))
}

#[test]
fn leave_frees_one_place_and_may_be_taken_back_while_it_is_free() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let range = Some(("2026-03-14", "2026-04-11"));
        let id = academy.reserve(&app, &student(1), "one", range).await.unwrap().reservation_id;
        assert_eq!(ask(&app, id, "2026-03-21").await, Ok(2));
        assert_eq!(ask(&app, id, "2026-03-21").await, Ok(2), "twice changes nothing");
        assert_eq!(taken(&app, "one").await.len(), 4);
        assert_eq!(take_back(&app, id, "2026-03-21").await, Ok(3));
        assert_eq!(take_back(&app, id, "2026-03-21").await, Ok(3));
        assert_eq!(ask(&app, id, "2026-03-21").await, Ok(2));
        let other = academy.reserve(&app, &student(2), "one", Some(("2026-03-21", "2026-03-21"))).await;
        assert_eq!(said(other), "BOOKED");
        assert_eq!(take_back(&app, id, "2026-03-21").await, Err("PLACES_EXHAUSTED".to_owned()));
        assert_eq!(ask(&app, id, "2026-03-22").await, Err("NOT_A_LESSON_DAY".to_owned()));
        assert_eq!(ask(&app, id, "2026-03-28").await, Ok(1));
        assert_eq!(ask(&app, id, "2026-04-04").await, Ok(0));
        assert_eq!(ask(&app, id, "2026-04-11").await, Err("LEAVE_LIMIT".to_owned()));
        // What is cancelled gives back only what it still takes.
        super::cancel(&app, id, "2026-03-28").await;
        assert_eq!(taken(&app, "one").await, [("2026-03-14".to_owned(), 1), ("2026-03-21".to_owned(), 1)]);
        no_drift(&app).await;
    });
}

#[test]
fn leave_is_asked_for_until_two_hours_before_the_lesson() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let id = academy
            .reserve(&app, &student(1), "one", Some(("2026-03-14", "2026-04-11")))
            .await
            .unwrap()
            .reservation_id;
        app.set_clock("2026-03-14T16:59").await;
        assert_eq!(ask(&app, id, "2026-03-14").await, Ok(2));
        assert_eq!(
            take_back(&app, id, "2026-03-14").await,
            Err("TOO_LATE".to_owned()),
            "without a class, after F"
        );
        app.set_clock("2026-03-21T17:00").await;
        assert_eq!(ask(&app, id, "2026-03-21").await, Err("LEAVE_TOO_LATE".to_owned()));
        no_drift(&app).await;
    });
}

#[test]
fn who_is_on_leave_is_not_counted_by_the_task_of_the_day_and_not_told_that_it_is_off() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().coaches(2).students(7)).await;
        stage.ignore_messages("this story is about who is counted");
        let made = stage.academy.reserve_all(&stage, "math", 1, 7, None).await;
        assert_eq!(ask(&stage, made[0].reservation_id, "2026-03-05").await, Ok(2));
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.standing(MATH).await.1[..2], [6, 1]);
        assert_eq!(take_back(&stage, made[0].reservation_id, "2026-03-05").await, Ok(3));
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.standing(MATH).await.1[..2], [7, 2]);
        assert_eq!(ask(&stage, made[1].reservation_id, "2026-03-05").await, Ok(2));
        stage.minute("2026-03-02T08:01").await;
        assert_eq!(stage.standing(MATH).await.1[..2], [6, 1]);
        stage.messages().await;
        stage.minute("2026-03-05T17:00").await;
        let told = stage.told_of("LESSON_NOT_HELD").await;
        assert_eq!(told.len(), 6);
        assert!(!told.contains(&student(2)), "{told:?}");
        no_drift(&stage).await;
    });
}

#[test]
fn a_seat_on_leave_is_free_for_one_lesson_and_a_lesson_without_students_is_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().classes(1, 2).coaches(1).students(4), 2).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2"]);
        stage.messages().await;
        let of = async |number| {
            let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
            stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations[0]
                .reservation_id
        };
        let (first, second) = (of(1).await, of(2).await);
        stage.set_clock("2026-03-06T10:00").await;
        assert_eq!(ask(&stage, first, "2026-03-12").await, Ok(2));
        assert_eq!(stage.told().await, Vec::<String>::new());
        assert_eq!(ask(&stage, second, "2026-03-12").await, Ok(2));
        assert_eq!(
            stage.told().await,
            ["LESSON_EMPTY coach-001", "LESSON_EMPTY wang SMS", "LESSON_EMPTY wang MAIL"]
        );
        // The seat of that lesson is taken at once.
        let guest =
            stage.academy.reserve(&stage, &student(3), "math", Some(("2026-03-12", "2026-03-12"))).await;
        assert_eq!(said(guest), "PLACED");
        assert_eq!(take_back(&stage, first, "2026-03-12").await, Ok(3));
        assert_eq!(take_back(&stage, second, "2026-03-12").await, Err("CLASS_FULL".to_owned()));
        no_drift(&stage).await;
    });
}

#[test]
fn leave_that_is_taken_back_in_the_same_night_is_not_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().classes(1, 2).coaches(1).students(2), 2).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2"]);
        stage.messages().await;
        let of = async |number| {
            let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
            stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations[0]
                .reservation_id
        };
        let (first, second) = (of(1).await, of(2).await);
        stage.set_clock("2026-03-06T23:00").await;
        assert_eq!(ask(&stage, first, "2026-03-12").await, Ok(2));
        assert_eq!(ask(&stage, second, "2026-03-12").await, Ok(2));
        assert_eq!(
            stage.told().await,
            ["LESSON_EMPTY coach-001", "LESSON_EMPTY wang SMS", "LESSON_EMPTY wang MAIL"]
        );
        assert_eq!(take_back(&stage, second, "2026-03-12").await, Ok(3));
        assert_eq!(stage.told().await, Vec::<String>::new());
        stage.set_clock("2026-03-07T07:00").await;
        assert_eq!(stage.fire("sms send", None).await.messages, 0);
        // What was sent before is put right.
        assert_eq!(ask(&stage, second, "2026-03-12").await, Ok(2));
        assert_eq!(stage.fire("sms send", None).await.messages, 3);
        stage.messages().await;
        assert_eq!(take_back(&stage, second, "2026-03-12").await, Ok(3));
        assert_eq!(
            stage.told().await,
            ["LESSON_ATTENDED coach-001", "LESSON_ATTENDED wang SMS", "LESSON_ATTENDED wang MAIL"]
        );
        no_drift(&stage).await;
    });
}
