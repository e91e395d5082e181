//! The cost of a page depends on its templates and their lesson days, not on the number of
//! reservations.

use super::list;
use super::world::{Row, class};
use etutor::app::opening::OpeningQuery;
use etutor::app::opening::watch::Watch;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, explain, on_every_app};
use etutor::write_txn;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use std::collections::BTreeSet;

/// Eight students, and ten templates a day; two of them are looked at.
fn large() -> Academy {
    let mut academy = Academy::new().students(8).coaches(1).grade(8);
    for hour in 10..18 {
        academy = academy
            .period(&format!("{hour}:00"), &format!("{hour}:45"))
            .template(&format!("t{hour}"), "FREQ=DAILY");
    }
    academy
        .grade(7)
        .period("19:00", "20:00")
        .template("seen", "FREQ=DAILY")
        .template("seen-too", "FREQ=DAILY")
}

/// Everybody was and is signed up for every lesson day of the other templates, and many have
/// cancelled what is looked at.
async fn history(app: &TestApp) {
    write_txn!(app.db(), "test.history", |txn| {
        let text = "INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
                    created_at, expires_at, first_lesson_day) \
                    SELECT s.id, p.template_id, p.day, p.day, p.day, CASE WHEN t.grade = 8 THEN 'BOOKED' \
                    ELSE 'CANCELLED' END, 0, 0, p.day \
                    FROM student s, place p JOIN class_template t ON t.id = p.template_id \
                    WHERE s.user_name <> ?";
        sql(text).bind("student-001").execute(txn).await
    })
    .unwrap();
    if app.db().backend() == DbBackend::MySql {
        app.db().reader().execute_unprepared("ANALYZE TABLE reservation, place").await.unwrap();
    } else {
        write_txn!(app.db(), "test.analyze", |txn| sql("ANALYZE").execute(txn).await).unwrap();
    }
}

/// That no step reads the whole table of reservations.
async fn by_index(app: &TestApp, statement: &Statement) {
    let plan = explain(app.db(), statement).await;
    let whole = plan.lines().any(|line| match app.db().backend() {
        DbBackend::Sqlite => line.contains("SCAN reservation") || line.contains("SCAN r"),
        DbBackend::Postgres => line.contains("Seq Scan on reservation"),
        _ => {
            (line.starts_with("table=reservation ") || line.starts_with("table=r "))
                && line.contains("type=ALL")
        }
    });
    assert!(!whole, "{}\n{plan}", statement.sql);
}

#[test]
fn a_page_costs_the_same_with_ten_reservations_and_with_thousands() {
    on_every_app(async |app: TestApp| {
        large().build(&app).await;
        Row::booked(1, "seen", ("2026-03-10", "2026-03-20")).write(&app).await;
        Row::held(2, "seen", ("2026-03-10", "2026-03-20"), "2026-03-03").write(&app).await;
        let class_id = class(&app, "seen", 1, ("2026-03-10", "2026-03-20")).await;
        Row::placed(4, "seen", ("2026-03-10", "2026-03-20"), class_id).write(&app).await;
        let request = || pb::ListOpeningsRequest { student: student(1), ..Default::default() };
        // The lesson days themselves are read by the first page after an edit of the catalogue.
        let (first, sent) = app.statements().of(async || list(&app, request()).await.unwrap()).await;
        let (few, before) = app.statements().of(async || list(&app, request()).await.unwrap()).await;
        history(&app).await;
        let (many, after) = app.statements().of(async || list(&app, request()).await.unwrap()).await;
        assert_eq!((few.len(), few[0].classes.len()), (2, 1));
        assert_eq!((&first, &few), (&few, &many));
        let texts =
            |sent: &[Statement]| BTreeSet::from_iter(sent.iter().map(|statement| statement.sql.clone()));
        assert_eq!(texts(&before), texts(&after));
        assert_eq!((sent.len(), before.len(), after.len()), (9, 8, 8), "{:#?}", texts(&sent));
        let reading: Vec<&Statement> =
            after.iter().filter(|statement| statement.sql.contains("reservation")).collect();
        assert_eq!(reading.len(), 4, "{:#?}", texts(&after));
        for statement in reading {
            by_index(&app, statement).await;
        }

        // The same of an open page: one statement (and the clock) when nothing has changed,
        // whatever is on it.
        let query = OpeningQuery { student: Some(student(1)), ..OpeningQuery::default() };
        let (mut watch, first) = Watch::open((*app).clone(), query, 50).await.unwrap();
        assert_eq!(first.openings.len(), 2);
        assert_eq!(
            watch.look().await.unwrap(),
            None,
            "the first look paints again, for its mark is of this page"
        );
        let (news, sent) = app.statements().of(async || watch.look().await.unwrap()).await;
        assert_eq!((news, sent.len()), (None, 2), "{:#?}", texts(&sent));
        by_index(&app, &sent[1]).await;
        // What changes elsewhere does not paint the page again.
        Row::booked(3, "t10", ("2026-03-10", "2026-03-10")).write(&app).await;
        let (news, sent) = app.statements().of(async || watch.look().await.unwrap()).await;
        assert_eq!((news, sent.len()), (None, 2), "{:#?}", texts(&sent));
        // A place that goes from one day to another is seen, though as many are taken as before.
        write_txn!(app.db(), "test.move", |txn| {
            let by = |text: &'static str| sql(text).bind("seen-too");
            by("UPDATE place SET taken = taken + 1 WHERE day = '2026-03-10' AND template_id = (SELECT id \
                FROM class_template WHERE code = ?)")
            .execute(txn)
            .await?;
            by("UPDATE place SET taken = taken + 1 WHERE day = '2026-03-12' AND template_id = (SELECT id \
                FROM class_template WHERE code = ?)")
            .execute(txn)
            .await
        })
        .unwrap();
        assert_eq!(watch.look().await.unwrap().unwrap().openings.len(), 1);
        write_txn!(app.db(), "test.move", |txn| {
            let text = "UPDATE place SET taken = CASE WHEN day = '2026-03-11' THEN 2 ELSE 0 END \
                        WHERE day BETWEEN '2026-03-10' AND '2026-03-12' \
                        AND template_id = (SELECT id FROM class_template WHERE code = ?)";
            sql(text).bind("seen-too").execute(txn).await
        })
        .unwrap();
        assert_eq!(watch.look().await.unwrap().unwrap().openings[0].template.code, "seen-too");
    });
}
