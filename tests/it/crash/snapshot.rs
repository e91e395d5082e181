//! What an academy has come to, by natural keys; ids and instants, which depend on the attempts,
//! are left out.

use etutor::domain::time::Day;
use etutor::storage::sql::sql;
use etutor::storage::{Db, DbOptions};
use sea_orm::TryGetableMany;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

/// Lines, and how often each is there.
pub type Snapshot = BTreeMap<String, usize>;

/// Tasks, invitations, rosters, lessons, sign-ups, places and messages.
pub async fn of(db: &Db) -> Snapshot {
    let mut found = Snapshot::new();
    add::<(String, Day, String, i32, i32)>(
        db,
        &mut found,
        "task",
        "SELECT t.code, k.day, k.state, k.needed, k.students FROM class_task k JOIN class_template t \
         ON t.id = k.template_id",
    )
    .await;
    add::<(String, Day, String, String, String, i64)>(
        db,
        &mut found,
        "invitation",
        "SELECT t.code, k.day, c.user_name, i.kind, i.state, (SELECT COUNT(*) FROM availability_use u \
         WHERE u.invitation_id = i.id) AS days \
         FROM invitation i JOIN class_task k ON k.id = i.task_id JOIN class_template t \
         ON t.id = k.template_id JOIN coach c ON c.id = i.coach_id",
    )
    .await;
    add::<(String, Day, String, String, String, Day)>(
        db,
        &mut found,
        "roster",
        "SELECT t.code, k.day, c.user_name, s.user_name AS student, r.state, r.placed_from \
         FROM reservation r \
         JOIN student s ON s.id = r.student_id JOIN class l ON l.id = r.class_id JOIN class_task k \
         ON k.id = l.task_id \
         JOIN class_template t ON t.id = k.template_id JOIN coach c ON c.id = l.coach_id",
    )
    .await;
    add::<(String, Day, String, Day, String)>(
        db,
        &mut found,
        "lesson",
        "SELECT t.code, k.day, c.user_name, n.day AS held, n.state FROM lesson n JOIN class l \
         ON l.id = n.class_id \
         JOIN class_task k ON k.id = l.task_id JOIN class_template t ON t.id = k.template_id JOIN coach c \
         ON c.id = n.coach_id",
    )
    .await;
    add::<(String, String, Day, Day, String, Option<Day>)>(
        db,
        &mut found,
        "reservation",
        "SELECT s.user_name, t.code, r.start_day, r.last_day, r.state, k.day AS counted FROM reservation r \
         JOIN student s ON s.id = r.student_id \
         JOIN class_template t ON t.id = r.template_id LEFT JOIN class_task k ON k.id = r.task_id",
    )
    .await;
    add::<(String, Day, i32)>(
        db,
        &mut found,
        "place",
        "SELECT t.code, p.day, p.taken FROM place p JOIN class_template t ON t.id = p.template_id",
    )
    .await;
    add::<(String, i64)>(
        db,
        &mut found,
        "tests",
        "SELECT c.user_name, COUNT(*) AS n FROM software_test s JOIN coach c ON c.id = s.coach_id \
         GROUP BY c.user_name",
    )
    .await;
    add::<(String, String)>(db, &mut found, "message", "SELECT dedup_key, state FROM message").await;
    found
}

async fn add<T: TryGetableMany + Debug>(db: &Db, found: &mut Snapshot, what: &str, text: &'static str) {
    for row in sql(text).tuples::<T>(db.reader()).await.unwrap() {
        *found.entry(format!("{what} {row:?}")).or_default() += 1;
    }
}

/// Fails with the lines that only one of two snapshots has.
pub fn assert_same(one: &Snapshot, other: &Snapshot) {
    let missing: Vec<_> = one.iter().filter(|(line, count)| other.get(*line) != Some(count)).collect();
    let more: Vec<_> = other.iter().filter(|(line, count)| one.get(*line) != Some(count)).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "undisturbed only: {missing:#?}\nafter kills only: {more:#?}"
    );
}

/// What a killed server has left on the disk is a whole SQLite database. A copy is looked at, so
/// that it is the next server that has to recover the file itself.
pub async fn is_whole(url: &str) {
    let Some(file) = url.strip_prefix("sqlite://").map(Path::new) else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(file, &copy).unwrap();
    let log = |file: &Path| format!("{}-wal", file.display());
    if std::fs::exists(log(file)).unwrap() {
        std::fs::copy(log(file), log(&copy)).unwrap();
    }
    let db = Db::connect(&DbOptions::new(format!("sqlite://{}", copy.display()))).await.unwrap();
    let told: Vec<String> = sql("PRAGMA integrity_check").column(db.reader()).await.unwrap();
    assert_eq!(told, ["ok"]);
    assert!(sql("PRAGMA foreign_key_check").fetch(db.reader()).await.unwrap().is_empty());
    db.close().await;
}
