//! The overview of places for staff, and the ledger that explains each of its numbers.

use crate::grpc::{invalid_field, reason};
use crate::openings::world::{Row, academy, day, leave};
use etutor::domain::actor::Actor;
use etutor::domain::state::{PlaceCause, ReservationState};
use etutor::rpc::pb;
use etutor::storage::catalog::template_by_code;
use etutor::storage::ledger::{By, PlaceChange, place_change_write_in_txn};
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};
use etutor::write_txn;
use tonic::{Code, Status};

async fn overview(
    app: &TestApp,
    request: pb::GetEnrollmentOverviewRequest,
) -> Result<Vec<pb::Enrollment>, Status> {
    Ok(app.places().get_enrollment_overview(request).await?.into_inner().enrollments)
}

fn range(from_day: &str, to_day: &str) -> pb::GetEnrollmentOverviewRequest {
    pb::GetEnrollmentOverviewRequest {
        from_day: from_day.to_owned(),
        to_day: to_day.to_owned(),
        ..Default::default()
    }
}

async fn explain(app: &TestApp, template: &str, day: &str) -> Result<pb::ExplainPlacesResponse, Status> {
    let request = pb::ExplainPlacesRequest {
        class_template: template.to_owned(),
        day: day.to_owned(),
        ..Default::default()
    };
    Ok(app.places().explain_places(request).await?.into_inner())
}

/// Students 1 to 4 come to `daily` from the 10th, the 11th … on; the fifth holds a place, the sixth
/// held one; the seventh waits, the eighth has cancelled. Student 1 had been there on the 3rd and
/// 4th; student 2 is on leave on the 12th.
pub async fn story(app: &TestApp) {
    Row::new(1, "daily", ReservationState::Ended, ("2026-03-03", "2026-03-04")).write(app).await;
    Row::booked(1, "daily", ("2026-03-10", "2026-03-20")).write(app).await;
    let second = Row::booked(2, "daily", ("2026-03-11", "2026-03-20")).write(app).await;
    Row::booked(3, "daily", ("2026-03-12", "2026-03-20")).write(app).await;
    Row::booked(4, "daily", ("2026-03-12", "2026-03-12")).write(app).await;
    Row::held(5, "daily", ("2026-03-12", "2026-03-12"), "2026-03-06T09:15").write(app).await;
    Row::held(6, "daily", ("2026-03-12", "2026-03-12"), "2026-03-06T09:00").write(app).await;
    Row::waiting(7, "daily", ("2026-03-12", "2026-03-13")).write(app).await;
    Row::new(8, "daily", ReservationState::Cancelled, ("2026-03-12", "2026-03-13")).write(app).await;
    leave(app, second, "2026-03-12").await;
}

#[test]
fn each_lesson_day_shows_its_places_and_who_comes() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        story(&app).await;
        let found = overview(
            &app,
            pb::GetEnrollmentOverviewRequest {
                class_template: "daily".to_owned(),
                ..range("2026-03-10", "2026-03-12")
            },
        );
        let daily = found.await.unwrap().remove(0);
        assert_eq!(
            (daily.class_template.as_str(), daily.start_time.as_str(), daily.season.as_str()),
            ("daily", "19:30", "spring")
        );
        let line = |day: &pb::EnrollmentDay| {
            let pb::EnrollmentDay {
                places,
                taken,
                free,
                continuing,
                new,
                last_week,
                on_leave,
                held,
                waiting,
                ..
            } = *day;
            assert_eq!(taken, continuing + new + held - on_leave, "{day:?}");
            [places, taken, free, continuing, new, last_week, on_leave, held, waiting]
        };
        let lines: Vec<[i32; 9]> = daily.days.iter().map(line).collect();
        assert_eq!(
            lines,
            [[6, 1, 5, 1, 0, 1, 0, 0, 0], [6, 2, 4, 1, 1, 1, 0, 0, 0], [6, 4, 2, 2, 2, 0, 1, 1, 1]]
        );
        assert!(daily.days.iter().all(|day| day.has_last_week), "{daily:?}");

        // Without a range it is today and the seven days that follow; the first week had no week
        // before it.
        let found = overview(&app, pb::GetEnrollmentOverviewRequest { grade: 7, ..Default::default() })
            .await
            .unwrap();
        let shown: Vec<(&str, usize)> =
            found.iter().map(|one| (one.class_template.as_str(), one.days.len())).collect();
        assert_eq!(shown, [("sat", 1), ("daily", 8)]);
        assert!(!found[1].days[0].has_last_week && found[1].days[3].has_last_week, "{:?}", found[1].days);
    });
}

#[test]
fn the_overview_is_filtered_and_paged() {
    on_every_app(async |app: TestApp| {
        academy().build(&app).await;
        let codes = async |change: &dyn Fn(&mut pb::GetEnrollmentOverviewRequest)| {
            let mut request = range("", "2026-03-07");
            change(&mut request);
            overview(&app, request)
                .await
                .map(|found| found.into_iter().map(|one| one.class_template).collect::<Vec<_>>())
        };
        assert_eq!(codes(&|_| ()).await.unwrap(), ["sat", "daily", "senior"]);
        assert_eq!(codes(&|request| request.grade = 10).await.unwrap(), ["senior"]);
        assert_eq!(codes(&|request| request.season = "spring".to_owned()).await.unwrap().len(), 3);
        assert_eq!(codes(&|request| request.to_day = "2026-03-06".to_owned()).await.unwrap(), ["daily"]);
        assert_eq!(
            codes(&|request| request.season = "winter".to_owned()).await.unwrap_err().code(),
            Code::NotFound
        );
        assert_eq!(codes(&|request| request.subject_id = 77).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(
            codes(&|request| request.class_template = "none".to_owned()).await.unwrap_err().code(),
            Code::NotFound
        );
        assert_eq!(
            invalid_field(&codes(&|request| request.to_day = "2026-05-03".to_owned()).await.unwrap_err()),
            "to_day"
        );
        assert_eq!(
            invalid_field(&codes(&|request| request.to_day = "2026-03-01".to_owned()).await.unwrap_err()),
            "to_day"
        );

        let request = pb::GetEnrollmentOverviewRequest { page_size: 2, ..range("", "2026-03-07") };
        let first = app.places().get_enrollment_overview(request.clone()).await.unwrap().into_inner();
        let second = pb::GetEnrollmentOverviewRequest { page_token: first.next_page_token, ..request };
        let second = app.places().get_enrollment_overview(second).await.unwrap().into_inner();
        assert_eq!((first.enrollments.len(), second.enrollments[0].class_template.as_str()), (2, "senior"));
        assert_eq!(second.next_page_token, "");
    });
}

#[test]
fn the_ledger_explains_the_places_of_a_day() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        story(&app).await;
        let explained = explain(&app, "daily", "2026-03-12").await.unwrap();
        // The hold that has run out counts until it is found out, in all three.
        assert_eq!(
            (explained.capacity, explained.taken, explained.counted, explained.ledger_sum),
            (6, 5, 5, 5)
        );
        let lines: Vec<(pb::PlaceCause, i32, &str)> = explained
            .changes
            .iter()
            .map(|change| (change.cause(), change.delta, change.actor.as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                (pb::PlaceCause::SignUp, 1, "student-001"),
                (pb::PlaceCause::SignUp, 1, "student-002"),
                (pb::PlaceCause::SignUp, 1, "student-003"),
                (pb::PlaceCause::SignUp, 1, "student-004"),
                (pb::PlaceCause::Hold, 1, "student-005"),
                (pb::PlaceCause::Hold, 1, "student-006"),
                (pb::PlaceCause::Leave, -1, "wang"),
            ]
        );
        let first = &explained.changes[0];
        assert_eq!((first.first_day.as_str(), first.last_day.as_str()), ("2026-03-10", "2026-03-20"));
        assert!(
            first.reservation_id > 0
                && first.change_time.unwrap().seconds == app.instant("2026-03-06T09:00").unix()
        );

        // Pages, and a counter that has drifted.
        let page = pb::ExplainPlacesRequest {
            class_template: "daily".to_owned(),
            day: "2026-03-12".to_owned(),
            page_size: 4,
            ..Default::default()
        };
        let head = app.places().explain_places(page.clone()).await.unwrap().into_inner();
        let tail = pb::ExplainPlacesRequest { page_token: head.next_page_token, ..page };
        let tail = app.places().explain_places(tail).await.unwrap().into_inner();
        assert_eq!((head.changes.len(), tail.changes.len(), tail.ledger_sum), (4, 3, 5));
        let template_id = template_by_code(app.db().reader(), "daily").await.unwrap().unwrap().id;
        let now = app.now().await.unwrap();
        write_txn!(app.db(), "test.drift", |txn| {
            sql("UPDATE place SET taken = 6 WHERE template_id = ? AND day = ?")
                .bind(template_id)
                .bind(day("2026-03-12"))
                .execute(txn)
                .await?;
            let change = PlaceChange {
                template_id,
                reservation_id: None,
                first_day: day("2026-03-12"),
                last_day: day("2026-03-12"),
                delta: -1,
                cause: PlaceCause::Repair,
            };
            let by = By {
                actor: Actor::Task("clazz init_place"),
                remark: "was 6, is 5".to_owned(),
                request_id: "r-1".to_owned(),
            };
            place_change_write_in_txn(txn, &[change], &by, now).await
        })
        .unwrap();
        let explained = explain(&app, "daily", "2026-03-12").await.unwrap();
        assert_eq!((explained.taken, explained.counted, explained.ledger_sum), (6, 5, 4));
        let last = explained.changes.last().unwrap();
        assert_eq!(
            (last.remark.as_str(), last.request_id.as_str(), last.reservation_id),
            ("was 6, is 5", "r-1", 0)
        );

        assert_eq!(reason(&explain(&app, "sat", "2026-03-12").await.unwrap_err()), "NOT_A_LESSON_DAY");
        assert_eq!(explain(&app, "none", "2026-03-12").await.unwrap_err().code(), Code::NotFound);
    });
}
