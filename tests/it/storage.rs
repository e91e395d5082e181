//! The database: the same on SQLite, PostgreSQL and MariaDB.

use etutor::storage::sql::sql;
use etutor::testing::{TestDb, on_every_database};

#[test]
fn every_test_has_a_migrated_database_of_its_own() {
    on_every_database(async |db: TestDb| {
        let names = sql("SELECT name FROM mutex ORDER BY name").column::<String>(db.reader()).await.unwrap();
        assert_eq!(names, ["create", "invite"]);
    });
}
