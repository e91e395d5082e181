//! What a sign-up costs the database, and that callers' text is never read as SQL.

use super::{said, small};
use crate::grpc::reason;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, on_every_app};
use sea_orm::DbBackend;
use tonic::Code;

fn request(student: &str, class_template: &str, request_id: &str) -> pb::CreateReservationRequest {
    pb::CreateReservationRequest {
        student: student.to_owned(),
        class_template: class_template.to_owned(),
        start_day: "2026-03-14".to_owned(),
        end_day: "2026-03-14".to_owned(),
        request_id: request_id.to_owned(),
    }
}

#[test]
fn a_sign_up_is_three_trips_beside_the_transactions_own() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        // Whose, what, and the writing. MariaDB asks and writes one thing after the other.
        let on_mariadb = app.db().backend() == DbBackend::MySql;
        let trips = if on_mariadb { [7, 9, 5] } else { [3, 3, 2] };
        let sign_up = async |student: &str, request_id: &str| {
            let request = request(student, "two", request_id);
            said(
                app.enrollment()
                    .create_reservation(request)
                    .await
                    .map(|answer| answer.into_inner().reservation.unwrap()),
            )
        };
        for (student, request_id, said, trips) in [
            ("student-001", "", "BOOKED", trips[0]),
            ("student-002", "second", "BOOKED", trips[1]),
            ("student-003", "third", "PLACES_EXHAUSTED", trips[2]),
        ] {
            let (answer, sent) = app.statements().of(async || sign_up(student, request_id).await).await;
            // The clock of tests is a table; that of a server is not.
            let sent: Vec<&str> =
                sent.iter().map(|sent| sent.sql.as_str()).filter(|sql| !sql.contains("test_clock")).collect();
            assert_eq!((answer.as_str(), sent.len()), (said, trips), "{student}: {sent:#?}");
        }
    });
}

#[test]
fn names_and_request_ids_with_quotes_are_no_sql() {
    on_every_app(async |app: TestApp| {
        small().build(&app).await;
        let odd = ["it's", "\\", "\\'; DROP TABLE place; --", "? ?", "\"; SELECT 1", "学员'"];
        let mut accepted = 0;
        for (number, odd) in (1..).zip(odd) {
            for request in [request(odd, "daily", "a"), request("student-001", odd, "a")] {
                let status = app.enrollment().create_reservation(request).await.unwrap_err();
                assert!(matches!(status.code(), Code::NotFound | Code::InvalidArgument), "{odd}: {status:?}");
            }
            let of = request(&format!("student-{number:03}"), "daily", odd);
            let made = async || {
                app.enrollment()
                    .create_reservation(of.clone())
                    .await
                    .map(|answer| answer.into_inner().reservation.unwrap())
            };
            let (first, again) = (made().await, made().await);
            match first {
                Ok(first) => {
                    accepted += 1;
                    assert_eq!(again.unwrap().reservation_id, first.reservation_id, "{odd}");
                    let told: Vec<(i64, String)> =
                        sql("SELECT reservation_id, request_id FROM place_change WHERE request_id = ?")
                            .bind(odd)
                            .tuples(app.db().reader())
                            .await
                            .unwrap();
                    assert_eq!(told, [(first.reservation_id, odd.to_owned())]);
                }
                Err(refused) => {
                    assert_eq!(
                        (refused.code(), reason(&refused)),
                        (Code::InvalidArgument, reason(&again.unwrap_err())),
                        "{odd}"
                    )
                }
            }
        }
        assert!(accepted >= 3, "{accepted} request ids were accepted");
        super::no_drift(&app).await;
    });
}
