//! Openings: what a sign-up page shows, why some days cannot be had, what a page costs, and what
//! changes while it is open.

mod cost;
mod watch;
mod watch_many;
pub mod world;

use crate::grpc::{invalid_field, reason};
use etutor::domain::state::ReservationState;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};
use etutor::write_txn;
use tonic::{Code, Status};
use world::{Row, academy, class, leave};

/// A Wednesday morning: sign-ups of this Saturday's classes have ended, those of the coming
/// Sunday's have not.
const WEDNESDAY: &str = "2026-03-04T10:00";

async fn list(app: &TestApp, request: pb::ListOpeningsRequest) -> Result<Vec<pb::Opening>, Status> {
    Ok(app.openings().list_openings(request).await?.into_inner().openings)
}

fn of_grade(to_day: &str) -> pb::ListOpeningsRequest {
    pb::ListOpeningsRequest { grade: 7, to_day: to_day.to_owned(), ..Default::default() }
}

fn of_student(number: usize, to_day: &str) -> pb::ListOpeningsRequest {
    pb::ListOpeningsRequest { student: student(number), to_day: to_day.to_owned(), ..Default::default() }
}

/// `07 TOO_LATE 2`: day of the month, why not, places free.
fn days(opening: &pb::Opening) -> Vec<String> {
    let reason = |day: &pb::OpeningDay| match day.reason() {
        pb::ErrorReason::Unspecified => "ok".to_owned(),
        reason => reason.as_str_name().replace("ERROR_REASON_", ""),
    };
    opening.days.iter().map(|day| format!("{} {} {}", &day.day[8..], reason(day), day.free)).collect()
}

/// The days of one template for a student.
async fn days_of(app: &TestApp, number: usize, template: &str, to_day: &str) -> Vec<String> {
    let openings = list(app, of_student(number, to_day)).await.unwrap();
    days(openings.iter().find(|opening| opening.class_template == template).unwrap())
}

#[test]
fn a_page_shows_each_lesson_day_with_its_places_and_why_not() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        let openings = list(&app, of_grade("2026-03-14")).await.unwrap();
        let [sat, daily] = &openings[..] else { panic!("{openings:?}") };
        assert_eq!(
            (sat.class_template.as_str(), sat.season.as_str(), sat.subject_id, sat.grade),
            ("sat", "spring", 1, 7)
        );
        assert_eq!(
            (sat.start_time.as_str(), sat.end_time.as_str(), sat.recurrence.as_str()),
            ("19:00", "20:00", "FREQ=WEEKLY;BYDAY=SA")
        );
        assert_eq!(days(sat), ["07 TOO_LATE 2", "14 ok 2"]);
        assert_eq!((sat.first_possible_day.as_str(), sat.classes.len(), sat.waiting), ("2026-03-14", 0, 0));
        assert_eq!(
            days(daily)[..5],
            ["04 TOO_LATE 6", "05 TOO_LATE 6", "06 TOO_LATE 6", "07 TOO_LATE 6", "08 ok 6"]
        );
        assert_eq!((daily.first_possible_day.as_str(), daily.days.len()), ("2026-03-08", 11));
        assert_eq!(daily.days[0].start_time.unwrap().seconds, app.instant("2026-03-04T19:30").unix());

        // A lesson that has begun; a wished start; the end of what is asked for by default.
        app.set_clock("2026-03-04T19:30").await;
        assert_eq!(days(&list(&app, of_grade("2026-03-14")).await.unwrap()[1])[0], "04 NOT_OPEN 6");
        let wished = pb::ListOpeningsRequest { from_day: "2026-04-01".to_owned(), ..of_grade("") };
        let daily = list(&app, wished).await.unwrap().remove(1);
        assert_eq!(
            (daily.first_possible_day.as_str(), daily.days.last().unwrap().day.as_str()),
            ("2026-04-01", "2026-05-31")
        );
    });
}

#[test]
fn holds_that_have_run_out_are_free_places_before_anything_finds_them_out() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        let saturday = ("2026-03-14", "2026-03-14");
        Row::booked(1, "sat", saturday).write(&app).await;
        Row::held(2, "sat", saturday, "2026-03-04T10:10").write(&app).await;
        Row::waiting(3, "sat", ("2026-03-14", "2026-03-21")).write(&app).await;
        Row::waiting(4, "sat", ("2026-03-07", "2026-03-08")).write(&app).await;
        let sat = list(&app, of_grade("2026-03-14")).await.unwrap().remove(0);
        assert_eq!((days(&sat)[1].as_str(), sat.waiting), ("14 PLACES_EXHAUSTED 0", 2));
        assert_eq!(sat.first_possible_day, "");
        app.set_clock("2026-03-04T10:09").await;
        assert_eq!(days_of(&app, 3, "sat", "2026-03-14").await[1], "14 PLACES_EXHAUSTED 0");
        app.set_clock("2026-03-04T10:10").await;
        assert_eq!(days_of(&app, 3, "sat", "2026-03-14").await[1], "14 ok 1");
        // Nor is the student's own hold in the way any longer.
        assert_eq!(days_of(&app, 2, "sat", "2026-03-14").await[1], "14 ok 1");
        app.set_clock("2026-03-08").await;
        assert_eq!(
            list(&app, of_grade("2026-03-14")).await.unwrap()[0].waiting,
            1,
            "a list that has closed is no list"
        );
    });
}

#[test]
fn a_student_sees_what_is_reserved_already_what_overlaps_and_what_is_only_held() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        Row::booked(1, "sat", ("2026-03-14", "2026-03-21")).write(&app).await;
        Row::held(1, "daily", ("2026-03-16", "2026-03-16"), "2026-03-04T10:10").write(&app).await;
        Row::new(1, "sat", ReservationState::Cancelled, ("2026-03-28", "2026-03-28")).write(&app).await;
        assert_eq!(
            days_of(&app, 1, "sat", "2026-03-28").await[1..],
            ["14 ALREADY_RESERVED 1", "21 ALREADY_RESERVED 1", "28 ok 2"]
        );
        let daily = days_of(&app, 1, "daily", "2026-03-21").await;
        assert_eq!(daily[9..14], ["13 ok 6", "14 SCHEDULE_CONFLICT 6", "15 ok 6", "16 HELD 5", "17 ok 6"]);
        assert_eq!(days_of(&app, 2, "daily", "2026-03-21").await[10], "14 ok 6", "others are not concerned");
    });
}

#[test]
fn after_the_cut_off_a_free_seat_of_a_running_class_can_be_had_until_f() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        let days_of_class = ("2026-03-05", "2026-03-20");
        let class_id = class(&app, "daily", 1, days_of_class).await;
        let mut placed = Vec::new();
        for number in 1..=5 {
            placed.push(Row::placed(number, "daily", days_of_class, class_id).write(&app).await);
        }
        let daily = async || list(&app, of_student(8, "2026-03-09")).await.unwrap().remove(1);
        let shown = |opening: &pb::Opening| -> Vec<(String, i32)> {
            opening.classes.iter().map(|class| (class.coach.clone(), class.free_seats)).collect()
        };
        let one_seat = [("coach-001".to_owned(), 1)];
        let opening = daily().await;
        assert_eq!(days(&opening)[..3], ["04 TOO_LATE 6", "05 ok 1", "06 ok 1"]);
        assert_eq!((opening.first_possible_day.as_str(), shown(&opening)), ("2026-03-05", one_seat.to_vec()));
        let class = &opening.classes[0];
        assert_eq!(
            (class.class_id, class.first_day.as_str(), class.last_day.as_str()),
            (class_id, "2026-03-05", "2026-03-20")
        );

        // A hold keeps the seat of the seventh: the class is no longer free on all its days.
        let held = Row {
            class_id: Some(class_id),
            ..Row::held(6, "daily", ("2026-03-07", "2026-03-07"), "2026-03-04T10:15")
        };
        held.write(&app).await;
        let opening = daily().await;
        assert_eq!((days(&opening)[3].as_str(), shown(&opening)), ("07 TOO_LATE 0", Vec::new()));
        // Somebody's leave makes room for one.
        leave(&app, placed[0], "2026-03-07").await;
        let opening = daily().await;
        assert_eq!((days(&opening)[3].as_str(), shown(&opening)), ("07 ok 1", one_seat.to_vec()));
        // When the hold runs out there are two that day.
        app.set_clock("2026-03-04T10:15").await;
        assert_eq!(days(&daily().await)[3], "07 ok 2");

        // F of the fifth is 15:30; then the class can be joined from the sixth on.
        app.set_clock("2026-03-05T15:29").await;
        assert_eq!(daily().await.first_possible_day, "2026-03-05");
        app.set_clock("2026-03-05T15:30").await;
        let opening = daily().await;
        assert_eq!(
            (opening.first_possible_day.as_str(), days(&opening)[0].as_str()),
            ("2026-03-06", "05 TOO_LATE 1")
        );

        // A coach who takes nobody of the own city.
        write_txn!(app.db(), "test.city", |txn| {
            let text = "UPDATE coach SET forbid_same_city = TRUE, area_code = (SELECT area_code FROM student \
                WHERE user_name = ?) WHERE user_name = ?";
            sql(text).bind("student-008").bind("coach-001").execute(txn).await
        })
        .unwrap();
        let opening = daily().await;
        assert_eq!((days(&opening)[1].as_str(), shown(&opening)), ("06 TOO_LATE 1", Vec::new()));
        assert_eq!(shown(&list(&app, of_student(7, "2026-03-09")).await.unwrap()[1]), one_seat);
    });
}

#[test]
fn what_cannot_be_asked_is_refused() {
    on_every_app(async |app: TestApp| {
        academy().build(&app).await;
        let refused = async |change: &dyn Fn(&mut pb::ListOpeningsRequest)| {
            let mut request = of_grade("");
            change(&mut request);
            list(&app, request).await.unwrap_err()
        };
        assert_eq!(invalid_field(&refused(&|request| request.grade = 0).await), "grade");
        assert_eq!(invalid_field(&refused(&|request| request.grade = 13).await), "grade");
        assert_eq!(
            invalid_field(&refused(&|request| request.to_day = "2026-03-01".to_owned()).await),
            "to_day"
        );
        assert_eq!(
            invalid_field(&refused(&|request| request.to_day = "2026-06-10".to_owned()).await),
            "to_day"
        );
        for status in [
            refused(&|request| request.student = "nobody".to_owned()).await,
            refused(&|request| request.season = "winter".to_owned()).await,
            refused(&|request| request.subject_id = 99).await,
        ] {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
        }
        let mismatch = refused(&|request| (request.student, request.grade) = (student(1), 10)).await;
        assert_eq!(reason(&mismatch), "GRADE_MISMATCH");
        let senior = list(&app, pb::ListOpeningsRequest { grade: 10, ..Default::default() }).await.unwrap();
        assert_eq!(senior.len(), 1);

        app.set_clock("2026-06-29").await;
        assert_eq!(reason(&refused(&|_| ()).await), "NO_SEASON");
        let over = pb::ListOpeningsRequest {
            season: "spring".to_owned(),
            from_day: "2026-06-27".to_owned(),
            ..of_grade("")
        };
        assert_eq!(
            days(&list(&app, over).await.unwrap()[0]),
            ["27 NOT_OPEN 2"],
            "a season that is over can be looked at"
        );
    });
}

#[test]
fn a_page_follows_the_last() {
    on_every_app(async |app: TestApp| {
        academy().build(&app).await;
        let request = pb::ListOpeningsRequest { page_size: 1, ..of_grade("2026-03-14") };
        let first = app.openings().list_openings(request.clone()).await.unwrap().into_inner();
        let second = pb::ListOpeningsRequest { page_token: first.next_page_token.clone(), ..request };
        let second = app.openings().list_openings(second).await.unwrap().into_inner();
        assert_eq!(
            (first.openings[0].class_template.as_str(), second.openings[0].class_template.as_str()),
            ("sat", "daily")
        );
        assert_eq!(second.next_page_token, "");
        // Templates without a lesson day in the range are not on any page.
        let tuesday = pb::ListOpeningsRequest { from_day: "2026-03-10".to_owned(), ..of_grade("2026-03-10") };
        assert_eq!(list(&app, tuesday).await.unwrap().len(), 1);
    });
}
