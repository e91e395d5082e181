//! Other days of the same template: the reservation stays the same, with its leave, class and seat.

use super::changes::{change, reservation_of, running};
use super::{cancel, get, no_drift, said, small, state, taken};
use crate::grpc::reason;
use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};

/// What a change to other days answers: the new part and the old one.
async fn to_days(
    app: &TestApp,
    reservation_id: i64,
    from: &str,
    end: &str,
) -> Result<(pb::Reservation, pb::Reservation), String> {
    let (from_day, end_day) = (from.to_owned(), end.to_owned());
    change(app, pb::ChangeReservationRequest { reservation_id, from_day, end_day, ..Default::default() })
        .await
}

async fn leave(app: &TestApp, reservation_id: i64, day: &str) -> Result<i32, String> {
    let request = pb::RequestLeaveRequest { reservation_id, day: day.to_owned() };
    app.enrollment()
        .request_leave(request)
        .await
        .map(|answer| answer.into_inner().leaves_left)
        .map_err(|status| reason(&status))
}

/// The reservation in short: its key, last day and state.
fn short(part: &pb::Reservation) -> (i64, &str, String) {
    (part.reservation_id, part.last_day.as_str(), state(part))
}

#[test]
fn a_sign_up_that_gets_another_last_day_keeps_its_leave_and_needs_no_place_for_it() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let made =
            academy.reserve(&app, &student(1), "one", Some(("2026-03-14", "2026-04-11"))).await.unwrap();
        let id = made.reservation_id;
        assert_eq!(leave(&app, id, "2026-03-21").await, Ok(2));
        assert_eq!(leave(&app, id, "2026-04-11").await, Ok(1));
        // The place of the first is somebody else's now.
        assert_eq!(
            said(academy.reserve(&app, &student(2), "one", Some(("2026-03-21", "2026-03-21"))).await),
            "BOOKED"
        );
        let before = get(&app, id).await;
        assert_eq!(
            to_days(&app, id, "", "").await,
            Ok((before.clone(), before.clone())),
            "nothing is changed"
        );
        assert_eq!(
            to_days(&app, id, "2026-03-14", "2026-04-11").await,
            Ok((before.clone(), before)),
            "nothing is changed"
        );

        let (after, old) = to_days(&app, id, "", "2026-04-04").await.unwrap();
        assert_eq!((short(&after), after.cancel_time), ((id, "2026-04-04", "BOOKED".to_owned()), None));
        assert_eq!(after, old);
        assert_eq!(leave(&app, id, "2026-03-28").await, Ok(1), "that of the day given up counts no more");
        let (after, old) = to_days(&app, id, "2026-03-28", "2026-04-18").await.unwrap();
        assert_eq!(
            (short(&after), after.end_day.as_str()),
            ((id, "2026-04-18", "BOOKED".to_owned()), "2026-04-18")
        );
        assert_eq!(after, old);
        let days: Vec<String> = taken(&app, "one").await.into_iter().map(|(day, _)| day).collect();
        assert_eq!(days, ["2026-03-14", "2026-03-21", "2026-04-04", "2026-04-11", "2026-04-18"]);

        // The days that are new are taken as by any sign-up.
        academy.reserve(&app, &student(3), "one", Some(("2026-04-25", "2026-04-25"))).await.unwrap();
        assert_eq!(to_days(&app, id, "", "2026-04-25").await, Err("PLACES_EXHAUSTED".to_owned()));
        academy.reserve(&app, &student(1), "daily", Some(("2026-05-02", "2026-05-02"))).await.unwrap();
        assert_eq!(to_days(&app, id, "", "2026-05-02").await, Err("SCHEDULE_CONFLICT".to_owned()));
        assert_eq!(to_days(&app, id, "", "2026-03-13").await, Err("NOT_A_LESSON_DAY".to_owned()));
        // Earlier days are a sign-up of their own.
        let (after, old) = to_days(&app, id, "2026-03-07", "").await.unwrap();
        assert_eq!((after.start_day.as_str(), after.last_day.as_str()), ("2026-03-07", "2026-03-13"));
        assert_eq!(short(&old), (id, "2026-04-18", "BOOKED".to_owned()));
        assert_eq!(leave(&app, id, "2026-03-21").await, Ok(1), "still on leave");
        no_drift(&app).await;

        // With another template all its days are given up, and the leave with them.
        let other = pb::ChangeReservationRequest {
            reservation_id: id,
            class_template: "two".to_owned(),
            ..Default::default()
        };
        let (after, old) = change(&app, other).await.unwrap();
        assert_eq!(short(&old), (id, "2026-03-13", "CANCELLED".to_owned()));
        assert_eq!(leave(&app, after.reservation_id, "2026-03-21").await, Ok(2));
        no_drift(&app).await;
    });
}

#[test]
fn the_last_day_there_is_is_asked_for_like_any_other() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let last = Some(("9999-12-30", "9999-12-31"));
        assert_eq!(said(academy.reserve(&app, &student(1), "one", last).await), "NOT_A_LESSON_DAY");
        no_drift(&app).await;
    });
}

#[test]
fn after_the_cut_off_of_the_first_lesson_the_last_day_can_still_be_changed() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let id = academy
            .reserve(&app, &student(1), "one", Some(("2026-03-07", "2026-03-21")))
            .await
            .unwrap()
            .reservation_id;
        let daily = academy
            .reserve(&app, &student(2), "daily", Some(("2026-03-08", "2026-03-09")))
            .await
            .unwrap()
            .reservation_id;
        app.set_clock("2026-03-05T10:00").await;
        let request = pb::GetStudentScheduleRequest { student: student(1), ..Default::default() };
        let first =
            app.enrollment().get_student_schedule(request).await.unwrap().into_inner().lessons.remove(0);
        assert!(first.actions().any(|action| action == pb::LessonAction::Change));
        for end in ["2026-03-28", "2026-03-07", "2026-03-14"] {
            let (after, old) = to_days(&app, id, "", end).await.unwrap();
            assert_eq!((short(&after), after == old), ((id, end, "BOOKED".to_owned()), true));
        }
        assert_eq!(
            to_days(&app, daily, "", "2026-03-10").await.map(|(after, _)| after.reservation_id),
            Ok(daily)
        );
        // A lesson for which nobody would count the student any more is no use.
        app.set_clock("2026-03-08T10:00").await;
        assert_eq!(to_days(&app, daily, "", "2026-03-11").await, Err("TOO_LATE".to_owned()));
        no_drift(&app).await;
    });
}

#[test]
fn who_is_in_a_class_stays_there_for_other_days_as_long_as_it_meets_and_has_a_seat() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().classes(1, 2).coaches(1).students(4)).await;
        stage.ignore_messages("this story is about seats");
        stage.academy.reserve_all(&stage, "math", 1, 2, Some(("2026-03-05", "2026-03-19"))).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        stage.set_clock("2026-03-06T10:00").await;
        let id = reservation_of(&stage, 1).await;
        let placed = get(&stage, id).await;
        // The class ends with its students' last day: what comes later waits for another one.
        let (after, old) = to_days(&stage, id, "", "2026-04-02").await.unwrap();
        assert_eq!(
            (after.start_day.as_str(), state(&after), &old),
            ("2026-03-20", "BOOKED".to_owned(), &placed)
        );
        let (after, _) = to_days(&stage, id, "", "2026-03-12").await.unwrap();
        assert_eq!(
            (short(&after), after.class_id),
            ((id, "2026-03-12", "PLACED".to_owned()), placed.class_id)
        );
        let guest = stage
            .academy
            .reserve(&stage, &student(3), "math", Some(("2026-03-19", "2026-03-19")))
            .await
            .unwrap();
        assert_eq!((state(&guest), guest.class_id), ("PLACED".to_owned(), placed.class_id));
        assert_eq!(to_days(&stage, id, "", "2026-03-19").await, Err("PLACES_EXHAUSTED".to_owned()));
        cancel(&stage, guest.reservation_id, "").await;
        let (after, _) = to_days(&stage, id, "", "2026-03-19").await.unwrap();
        assert_eq!(
            (short(&after), after.class_id),
            ((id, "2026-03-19", "PLACED".to_owned()), placed.class_id)
        );
        no_drift(&stage).await;
    });
}

#[test]
fn who_goes_to_another_class_and_other_days_at_once_takes_the_leave_along() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, classes) = running(app).await;
        stage.set_clock("2026-03-06T10:00").await;
        let id = reservation_of(&stage, 5).await;
        assert_eq!(leave(&stage, id, "2026-03-19").await, Ok(2));
        let class_id = classes[0].class_id;
        let request = pb::ChangeReservationRequest {
            reservation_id: id,
            class_id,
            end_day: "2026-04-30".to_owned(),
            ..Default::default()
        };
        let (after, before) = change(&stage, request).await.unwrap();
        assert_eq!(
            (after.class_id, after.start_day.as_str(), after.last_day.as_str()),
            (class_id, "2026-03-12", "2026-04-30")
        );
        assert_eq!((before.class_id, before.last_day.as_str()), (classes[1].class_id, "2026-03-11"));
        assert_eq!(leave(&stage, after.reservation_id, "2026-03-19").await, Ok(2), "still on leave");
        no_drift(&stage).await;
    });
}
