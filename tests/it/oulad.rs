//! A year of real sign-ups (tests/data/oulad-2013j): the service finds the numbers that a separate
//! program counted.

use crate::import::{app_on, counts, folder, snapshot};
use etutor::app::call::Call;
use etutor::app::import::{ImportData, import};
use etutor::domain::time::Instant;
use etutor::storage::Db;
use etutor::storage::entity::place;
use etutor::storage::sql::sql;
use etutor::testing::on_every_database;
use sea_orm::EntityTrait;
use std::path::Path;

/// The files of the academy.
pub fn academy() -> ImportData {
    folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oulad-2013j"))
}

/// Midnight of 2013-03-01 in Shanghai, before the first sign-up.
pub const BEFORE: Instant = Instant::from_unix(1_362_067_200);

async fn number(db: &Db, text: &'static str) -> i64 {
    sql(text).column::<i64>(db.reader()).await.unwrap()[0]
}

#[test]
fn the_sign_ups_of_a_year_are_booked_but_for_six() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let data = academy();
        let started = db.statements().count();
        let outcome = import(&Call::new(&app, BEFORE), &data, false).await.unwrap();
        let statements = db.statements().count() - started;

        assert!(outcome.written);
        let refused: Vec<&str> = outcome.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(refused, ["NOT_A_LESSON_DAY"; 6]);
        assert_eq!(counts(&outcome, "reservations.csv"), (6_468, 0, 0, 6));
        assert_eq!(counts(&outcome, "students.csv"), (6_475, 0, 0, 0));
        assert_eq!(counts(&outcome, "coach_availability.csv"), (2_691, 0, 0, 0));
        assert_eq!(outcome.places, 237_739);
        let places = place::Entity::find().all(db.reader()).await.unwrap();
        assert_eq!(places.iter().map(|place| place.taken).sum::<i32>(), 237_739);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM reservation WHERE state = 'BOOKED'").await, 6_468);
        let employed = number(&db, "SELECT COUNT(*) FROM coach WHERE job_status <> 'reserve'").await;
        assert_eq!(
            number(&db, "SELECT COUNT(*) FROM coach_status_change WHERE operator_kind = 'IMPORT'").await,
            employed
        );
        // A set that is longer than what is sent at once goes in parts.
        assert!(statements < 200, "{statements} statements for 16,000 rows");

        let before = snapshot(&db).await;
        let again = import(&Call::new(&app, BEFORE), &data, false).await.unwrap();
        assert_eq!(counts(&again, "reservations.csv"), (0, 0, 6_468, 6));
        assert_eq!(again.places, 0);
        for report in &again.files {
            assert_eq!((report.created, report.changed), (0, 0), "{}", report.file);
            assert_eq!(report.unchanged + report.refused, report.read, "{}", report.file);
        }
        assert!(snapshot(&db).await == before, "importing twice changed something");

        let strict = import(&Call::new(&app, BEFORE), &data, true).await.unwrap();
        assert!(!strict.written);
        assert!(strict.problems.iter().all(|problem| problem.bad && problem.file == "reservations.csv"));
        assert!(snapshot(&db).await == before, "a strict import changed something");
    });
}
