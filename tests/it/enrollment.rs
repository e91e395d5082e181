//! Sign-ups: a place on every lesson day or none, refusals with their reasons, cancelling, and
//! races for the last place.

use etutor::rpc::pb;
use etutor::storage::entity::{place, reservation};
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, on_every_app};
use sea_orm::{EntityTrait, QueryOrder};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Saturdays at 19:00 for two, every day at 19:30 for six, Saturdays at 20:00; ten students of
/// grade 7.
fn small() -> Academy {
    Academy::new()
        .period("19:00", "20:00")
        .template("saturdays", "FREQ=WEEKLY;BYDAY=SA")
        .classes(1, 2)
        .period("19:30", "20:30")
        .template("daily", "FREQ=DAILY")
        .period("20:00", "21:00")
        .template("later", "FREQ=WEEKLY;BYDAY=SA")
        .students(10)
}

fn request(
    student: &str,
    template: &str,
    (start_day, end_day): (&str, &str),
    request_id: &str,
) -> pb::CreateReservationRequest {
    pb::CreateReservationRequest {
        student: student.to_owned(),
        class_template: template.to_owned(),
        start_day: start_day.to_owned(),
        end_day: end_day.to_owned(),
        request_id: request_id.to_owned(),
    }
}

/// The reason code of a refusal.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

async fn cancel(app: &TestApp, reservation_id: i64, from_day: &str) -> pb::Reservation {
    let request =
        pb::CancelReservationRequest { reservation_id, from_day: from_day.to_owned(), ..Default::default() };
    app.enrollment().cancel_reservation(request).await.unwrap().into_inner().reservation.unwrap()
}

async fn list(app: &TestApp, request: pb::ListReservationsRequest) -> pb::ListReservationsResponse {
    app.enrollment().list_reservations(request).await.unwrap().into_inner()
}

/// (day, seats taken) of a template, where any are.
async fn taken(app: &TestApp, template: &str) -> Vec<(String, i32)> {
    let request = pb::ListLessonDaysRequest {
        class_template: template.to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    let days = app.catalog().list_lesson_days(request).await.unwrap().into_inner().lesson_days;
    let days = days.into_iter().map(|day| (day.day, day.taken));
    days.filter(|(_, taken)| *taken > 0).collect()
}

fn state(reservation: &pb::Reservation) -> pb::ReservationState {
    reservation.state()
}

#[test]
fn a_sign_up_takes_every_lesson_day_of_its_range_and_gives_them_back() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let range = Some(("2026-03-10", "2026-04-01"));
        let made = academy.reserve(&app, "student-001", "saturdays", range).await.unwrap();
        assert_eq!(
            (made.student.as_str(), made.class_template.as_str(), state(&made)),
            ("student-001", "saturdays", pb::ReservationState::Booked)
        );
        assert_eq!(
            (made.start_day.as_str(), made.end_day.as_str(), made.last_day.as_str()),
            ("2026-03-10", "2026-04-01", "2026-04-01")
        );
        assert_eq!(made.create_time.unwrap().seconds, app.instant("2026-03-02").unix());
        let day = |day: &str| (day.to_owned(), 1);
        assert_eq!(taken(&app, "saturdays").await, [day("2026-03-14"), day("2026-03-21"), day("2026-03-28")]);

        // From a day on; again from that day; from an earlier day on.
        let left = cancel(&app, made.reservation_id, "2026-03-22").await;
        assert_eq!(
            (left.last_day.as_str(), left.end_day.as_str(), state(&left)),
            ("2026-03-27", "2026-04-01", pb::ReservationState::Booked)
        );
        assert!(left.cancel_time.is_some());
        assert_eq!(taken(&app, "saturdays").await, [day("2026-03-14"), day("2026-03-21")]);
        assert_eq!(cancel(&app, made.reservation_id, "2026-03-22").await, left);

        // While the first lesson goes on only the rest can be given up, and there is something
        // left.
        app.set_clock("2026-03-14T19:30").await;
        let left = cancel(&app, made.reservation_id, "").await;
        assert_eq!((left.last_day.as_str(), state(&left)), ("2026-03-20", pb::ReservationState::Booked));
        assert_eq!(taken(&app, "saturdays").await, [day("2026-03-14")]);
        assert_eq!(cancel(&app, made.reservation_id, "").await, left);
        assert_eq!(cancel(&app, made.reservation_id, "2026-03-01").await, left);

        // All of it, before it has begun.
        let other = academy
            .reserve(&app, "student-002", "saturdays", Some(("2026-04-01", "2026-06-28")))
            .await
            .unwrap();
        let left = cancel(&app, other.reservation_id, "").await;
        assert_eq!((left.last_day.as_str(), state(&left)), ("2026-03-31", pb::ReservationState::Cancelled));
        assert_eq!(cancel(&app, other.reservation_id, "").await, left);
        assert_eq!(taken(&app, "saturdays").await, [day("2026-03-14")]);
        // What was given up can be had again.
        academy.reserve(&app, "student-002", "saturdays", Some(("2026-04-01", "2026-06-28"))).await.unwrap();
    });
}

#[test]
fn each_rule_refuses_with_its_reason_and_the_days() {
    on_every_app(async |app: TestApp| {
        let academy = small().grade(8).students(1).build(&app).await;
        academy.reserve_all(&app, "saturdays", 1, 2, Some(("2026-03-07", "2026-03-14"))).await;
        let before = taken(&app, "saturdays").await;
        let cases = [
            ("student-011", "saturdays", ("2026-03-07", "2026-06-28"), "GRADE_MISMATCH", "grade 7"),
            (
                "student-003",
                "saturdays",
                ("2026-03-08", "2026-03-13"),
                "NOT_A_LESSON_DAY",
                "from 2026-03-08 to 2026-03-13",
            ),
            (
                "student-003",
                "daily",
                ("2026-03-05", "2026-03-31"),
                "TOO_LATE",
                "the first possible day is 2026-03-06",
            ),
            (
                "student-003",
                "saturdays",
                ("2026-03-02", "2026-03-31"),
                "PLACES_EXHAUSTED",
                "2026-03-07, 2026-03-14",
            ),
            ("student-001", "saturdays", ("2026-03-14", "2026-03-31"), "ALREADY_RESERVED", "2026-03-14"),
            (
                "student-001",
                "daily",
                ("2026-03-06", "2026-03-31"),
                "SCHEDULE_CONFLICT",
                "2026-03-07, 2026-03-14",
            ),
        ];
        for (who, template, range, code, text) in cases {
            let refused = academy.reserve(&app, who, template, Some(range)).await.unwrap_err();
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::FailedPrecondition, code),
                "{refused:?}"
            );
            assert!(refused.message().contains(text), "{refused:?}");
        }
        assert_eq!(taken(&app, "saturdays").await, before);
        assert_eq!(taken(&app, "daily").await, []);
        academy.reserve(&app, "student-001", "later", Some(("2026-03-06", "2026-03-31"))).await.unwrap();

        let unknown = [("nobody", "daily"), ("student-001", "nothing")];
        for (who, template) in unknown {
            let refused = academy.reserve(&app, who, template, None).await.unwrap_err();
            assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
        }
    });
}

#[test]
fn one_can_start_on_a_day_until_three_days_before_it_begin() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let thursday = Some(("2026-03-12", "2026-03-13"));
        app.set_clock("2026-03-09").await;
        let refused = academy.reserve(&app, "student-001", "daily", thursday).await.unwrap_err();
        assert_eq!(reason(&refused), "TOO_LATE");
        assert!(refused.message().contains("2026-03-13"), "{refused:?}");
        app.set_clock("2026-03-08T23:59").await;
        academy.reserve(&app, "student-001", "daily", thursday).await.unwrap();
        // Where no lesson day is left there is no first possible one.
        app.set_clock("2026-06-27").await;
        let refused = academy
            .reserve(&app, "student-002", "saturdays", Some(("2026-06-27", "2026-06-28")))
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "TOO_LATE");
        assert!(refused.message().contains("no lesson day"), "{refused:?}");
    });
}

#[test]
fn who_is_too_late_is_told_the_first_day_that_has_a_place() {
    on_every_app(async |app: TestApp| {
        let academy = Academy::new()
            .period("19:00", "20:00")
            .template("sat", "FREQ=WEEKLY;BYDAY=SA")
            .classes(1, 1)
            .students(4);
        let academy = academy.build(&app).await;
        let saturday = Some(("2026-03-14", "2026-03-14"));
        let first_possible = |status: &Status| {
            let info = status.get_details_error_info().unwrap();
            assert_eq!(info.reason, "TOO_LATE", "{status:?}");
            info.metadata.get("first_possible_day").cloned().unwrap_or_default()
        };
        academy.reserve(&app, "student-001", "sat", Some(("2026-03-21", "2026-03-28"))).await.unwrap();
        app.set_clock("2026-03-11T10:00").await;
        let refused = academy.reserve(&app, "student-002", "sat", saturday).await.unwrap_err();
        assert_eq!(first_possible(&refused), "2026-04-04", "the two Saturdays before are taken");
        assert!(refused.message().ends_with("the first possible day is 2026-04-04"), "{refused:?}");
        // The page says the same.
        let page = pb::ListOpeningsRequest { student: "student-002".to_owned(), ..Default::default() };
        assert_eq!(
            app.openings().list_openings(page).await.unwrap().into_inner().openings[0].first_possible_day,
            "2026-04-04"
        );
        academy.reserve(&app, "student-002", "sat", Some(("2026-04-04", "2026-06-28"))).await.unwrap();
        let refused = academy.reserve(&app, "student-003", "sat", saturday).await.unwrap_err();
        assert_eq!(first_possible(&refused), "", "nothing is free");
        // One can wait for a day that is full.
        let wait = pb::JoinWaitlistRequest {
            student: "student-003".to_owned(),
            class_template: "sat".to_owned(),
            start_day: "2026-03-14".to_owned(),
            end_day: "2026-03-14".to_owned(),
            request_id: String::new(),
        };
        assert_eq!(first_possible(&app.waitlist().join_waitlist(wait).await.unwrap_err()), "2026-03-21");
    });
}

#[test]
fn reservations_are_listed_by_student_template_day_state_and_page() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let range = Some(("2026-03-10", "2026-03-20"));
        let made = academy.reserve_all(&app, "daily", 1, 5, range).await;
        academy.reserve(&app, "student-001", "later", Some(("2026-04-01", "2026-04-30"))).await.unwrap();
        cancel(&app, made[0].reservation_id, "2026-03-15").await;
        cancel(&app, made[1].reservation_id, "").await;

        let ask = pb::ListReservationsRequest::default;
        let count = async |request| list(&app, request).await.reservations.len();
        assert_eq!(count(ask()).await, 6);
        assert_eq!(
            count(pb::ListReservationsRequest { student: "student-001".to_owned(), ..ask() }).await,
            2
        );
        assert_eq!(
            count(pb::ListReservationsRequest { class_template: "later".to_owned(), ..ask() }).await,
            1
        );
        assert_eq!(count(pb::ListReservationsRequest { day: "2026-03-15".to_owned(), ..ask() }).await, 3);
        assert_eq!(count(pb::ListReservationsRequest { day: "2026-03-14".to_owned(), ..ask() }).await, 4);
        let states = vec![pb::ReservationState::Cancelled.into(), pb::ReservationState::Ended.into()];
        assert_eq!(count(pb::ListReservationsRequest { states, ..ask() }).await, 1);

        let mut found = Vec::new();
        let mut request = pb::ListReservationsRequest { page_size: 4, ..ask() };
        loop {
            let page = list(&app, request.clone()).await;
            found.extend(page.reservations.iter().map(|reservation| reservation.reservation_id));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(found.len(), 6);
        assert!(found.is_sorted());

        let id = made[2].reservation_id;
        let got =
            app.enrollment().get_reservation(pb::GetReservationRequest { reservation_id: id }).await.unwrap();
        assert_eq!(got.into_inner().reservation.unwrap(), made[2]);
        let missing = app
            .enrollment()
            .get_reservation(pb::GetReservationRequest { reservation_id: 9_999 })
            .await
            .unwrap_err();
        assert_eq!(missing.code(), Code::NotFound);
        let unknown = pb::ListReservationsRequest { student: "nobody".to_owned(), ..ask() };
        assert_eq!(app.enrollment().list_reservations(unknown).await.unwrap_err().code(), Code::NotFound);
    });
}

/// Calls again what the server could not take at that moment, as clients do.
async fn create(app: &TestApp, request: pb::CreateReservationRequest) -> Result<pb::Reservation, Status> {
    loop {
        match app.enrollment().create_reservation(request.clone()).await {
            Err(status) if matches!(status.code(), Code::Aborted | Code::Unavailable) => {
                tokio::task::yield_now().await
            }
            answer => return Ok(answer?.into_inner().reservation.unwrap()),
        }
    }
}

#[test]
fn a_repeated_request_id_answers_as_the_first_time() {
    on_every_app(async |app: TestApp| {
        let _academy = small().build(&app).await;
        let replica = app.replica().await;
        let range = ("2026-03-10", "2026-03-20");
        let calls = (0..20).map(|n| {
            create(if n % 2 == 0 { &app } else { &replica }, request("student-001", "daily", range, "r-1"))
        });
        let made: Vec<_> =
            futures_util::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
        assert_eq!(reservation::Entity::find().all(app.db().reader()).await.unwrap().len(), 1);
        assert!(taken(&app, "daily").await.iter().all(|(_, taken)| *taken == 1));

        let other = create(&app, request("student-002", "daily", range, "r-1")).await.unwrap_err();
        assert_eq!(reason(&other), "REQUEST_ID_REUSED");
        // Without an id it is a second sign-up.
        let again = create(&app, request("student-001", "daily", range, "")).await.unwrap_err();
        assert_eq!(reason(&again), "ALREADY_RESERVED");
    });
}

#[test]
fn two_hundred_students_ask_for_the_last_place() {
    on_every_app(async |app: TestApp| {
        let academy = small().students(195).build(&app).await;
        academy.reserve_all(&app, "daily", 1, 5, Some(("2026-03-10", "2026-03-20"))).await;
        let replica = app.replica().await;
        let calls = (6..=205).map(|n| {
            let range = if n % 2 == 0 { ("2026-03-06", "2026-03-12") } else { ("2026-03-12", "2026-03-30") };
            create(
                if n % 3 == 0 { &app } else { &replica },
                request(&student(n), "daily", range, &format!("r-{n}")),
            )
        });
        let (made, refused): (Vec<_>, Vec<_>) =
            futures_util::future::join_all(calls).await.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1);
        for status in refused.into_iter().map(Result::unwrap_err) {
            assert_eq!(reason(&status), "PLACES_EXHAUSTED", "{status:?}");
        }
        let places =
            place::Entity::find().order_by_asc(place::Column::Day).all(app.db().reader()).await.unwrap();
        let rows = reservation::Entity::find().all(app.db().reader()).await.unwrap();
        assert_eq!(rows.len(), 6);
        for place in places {
            let covering = rows.iter().filter(|row| {
                row.template_id == place.template_id
                    && row.start_day <= place.day
                    && place.day <= row.last_day
            });
            assert_eq!(usize::try_from(place.taken).unwrap(), covering.count(), "{}", place.day);
        }
    });
}

#[test]
fn one_student_at_two_counters_gets_one_of_two_overlapping_lessons() {
    on_every_app(async |app: TestApp| {
        let _academy = small().build(&app).await;
        let replica = app.replica().await;
        let calls = (0..20).map(|n| {
            let (app, template) = if n % 2 == 0 { (&app, "daily") } else { (&replica, "saturdays") };
            create(app, request("student-001", template, ("2026-03-10", "2026-03-20"), ""))
        });
        let made = futures_util::future::join_all(calls).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(made, 1);
    });
}

#[test]
fn cancelling_from_everywhere_at_once_frees_each_place_once() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let range = Some(("2026-03-10", "2026-03-20"));
        let made = academy.reserve_all(&app, "daily", 1, 2, range).await;
        let replica = app.replica().await;
        let id = made[0].reservation_id;
        let calls = (0..20).map(|n| {
            cancel(if n % 2 == 0 { &app } else { &replica }, id, if n % 3 == 0 { "2026-03-15" } else { "" })
        });
        futures_util::future::join_all(calls).await;
        assert!(taken(&app, "daily").await.iter().all(|(_, taken)| *taken == 1));
        assert_eq!(taken(&app, "daily").await.len(), 11);
    });
}
