//! Sets in one statement: `{ids}`, `{texts}`, `{pairs:…}`, `{rows:…}` and `update_by_pairs`.

use etutor::domain::calendar::parse_day;
use etutor::domain::time::Day;
use etutor::storage::Db;
use etutor::storage::sql::{Cell, sql, update_by_pairs};
use etutor::testing::{TestDb, explain, on_every_database};
use etutor::write_txn;
use sea_orm::FromQueryResult;

async fn with_subjects(db: &Db, count: i64) {
    write_txn!(db, "test.subjects", |txn| {
        for id in 1..=count {
            sql("INSERT INTO subject (id, name) VALUES (?, ?)")
                .bind(id)
                .bind(format!("subject {id}"))
                .execute(txn)
                .await?;
        }
        Ok(())
    })
    .unwrap();
}

async fn subjects(db: &Db) -> Vec<(i64, String)> {
    sql("SELECT id, name FROM subject ORDER BY id").tuples(db.reader()).await.unwrap()
}

#[test]
fn a_set_of_keys_is_one_statement() {
    on_every_database(async |db: TestDb| {
        with_subjects(&db, 5).await;
        let ids = async |text, ids: &[i64]| {
            sql(text).ids(ids.iter().copied()).bind(0).column::<i64>(db.reader()).await.unwrap()
        };
        assert_eq!(
            ids("SELECT id FROM subject WHERE id IN ({ids}) AND id > ? ORDER BY id", &[2, 4, 9]).await,
            [2, 4]
        );
        assert_eq!(
            ids("SELECT id FROM subject WHERE id IN ({ids}) AND id > ? ORDER BY id", &[]).await,
            [0_i64; 0]
        );
        assert_eq!(
            ids("SELECT id FROM subject WHERE id NOT IN ({ids}) AND id > ? ORDER BY id", &[]).await,
            [1, 2, 3, 4, 5]
        );
        let many: Vec<i64> = (1..=100_000).collect();
        assert_eq!(
            ids("SELECT id FROM subject WHERE id IN ({ids}) AND id > ? ORDER BY id", &many).await,
            [1, 2, 3, 4, 5]
        );

        let touched = write_txn!(&db, "test.update", |txn| {
            let text = "UPDATE subject SET name = ? WHERE id IN ({ids}) AND id < ?";
            sql(text).bind("new").ids([1, 2, 5, 77]).bind(5).execute(txn).await
        });
        assert_eq!(touched.unwrap(), 2);
        let touched =
            write_txn!(&db, "test.update", |txn| sql("UPDATE subject SET name = ? WHERE id IN ({ids})")
                .bind("new")
                .ids([1, 2])
                .execute(txn)
                .await);
        assert_eq!(touched.unwrap(), 2, "rows that stay as they are count too");
        let touched =
            write_txn!(&db, "test.delete", |txn| sql("DELETE FROM subject WHERE id NOT IN ({ids})")
                .ids([1, 3])
                .execute(txn)
                .await);
        assert_eq!(touched.unwrap(), 3);
        let touched =
            write_txn!(&db, "test.update", |txn| sql("UPDATE subject SET name = ? WHERE id IN ({ids})")
                .bind("new")
                .ids((4..=40_000).chain([1]))
                .execute(txn)
                .await);
        assert_eq!(touched.unwrap(), 1, "more keys than MySQL takes parameters");
        let touched = write_txn!(&db, "test.delete", |txn| sql("DELETE FROM subject WHERE id IN ({ids})")
            .ids([])
            .execute(txn)
            .await);
        assert_eq!(touched.unwrap(), 0);
        assert_eq!(subjects(&db).await, [(1, "new".to_owned()), (3, "subject 3".to_owned())]);
    });
}

#[test]
fn a_set_of_pairs_is_one_statement() {
    on_every_database(async |db: TestDb| {
        with_subjects(&db, 3).await;
        let text = "SELECT s.id, p.size FROM subject s JOIN {pairs:id, size} p ON p.id = s.id \
                    WHERE p.size > ? ORDER BY s.id";
        let rows = sql(text)
            .pairs(&[(1, 10), (2, -5), (3, 30), (4, 40)])
            .bind(0)
            .tuples::<(i64, i64)>(db.reader())
            .await
            .unwrap();
        assert_eq!(rows, [(1, 10), (3, 30)]);
        assert!(sql(text).pairs(&[]).bind(0).tuples::<(i64, i64)>(db.reader()).await.unwrap().is_empty());
    });
}

#[derive(Debug, PartialEq, Eq, FromQueryResult)]
struct Row {
    number: i64,
    text: String,
    day: Option<Day>,
    most: Option<i64>,
    other: String,
}

#[test]
fn a_set_of_rows_comes_as_it_was_given() {
    on_every_database(async |db: TestDb| {
        let day = parse_day("2026-02-28").unwrap();
        let texts =
            ["", "NULL", "null", " ", "a,b", "{}", "\"", "\\", "\\\"', ?", "学科 🙂", "line\nline\ttab"];
        let rows = texts.iter().enumerate().map(|(n, text)| -> [Cell; 4] {
            let n = n as i64;
            [
                (*text).into(),
                (n - 3).into(),
                (n % 2 == 0).then_some(day).into(),
                (n % 3 == 0).then_some(i64::MAX).into(),
            ]
        });
        let text = "SELECT q.number, q.text, q.day, q.most, s.v AS other \
                    FROM {rows:text:t, number:i, day:d, most:i} q \
                    JOIN {rows:number:i, below:i} o ON o.number = q.number \
                    JOIN (SELECT ? AS v) s ON q.number < o.below WHERE q.text IN ({texts}) ORDER BY q.number";
        let others =
            (-5..=7).map(|n: i64| -> [Cell; 2] { [n.into(), i64::from(n != 7).wrapping_mul(100).into()] });
        let found: Vec<Row> =
            sql(text).rows(rows).rows(others).bind("last").texts(texts).all(db.reader()).await.unwrap();
        assert_eq!(found.len(), texts.len() - 1);
        for (n, row) in found.into_iter().enumerate() {
            let (day, most) = ((n % 2 == 0).then_some(day), (n % 3 == 0).then_some(i64::MAX));
            assert_eq!(
                row,
                Row { number: n as i64 - 3, text: texts[n].to_owned(), day, most, other: "last".to_owned() }
            );
        }
        let none = sql("SELECT q.text, q.number FROM {rows:text:t, number:i} q")
            .rows::<2>([])
            .tuples::<(String, i64)>(db.reader())
            .await
            .unwrap();
        assert!(none.is_empty());
    });
}

#[test]
fn a_text_is_never_cut() {
    on_every_database(async |db: TestDb| {
        let text = "SELECT q.number, q.text FROM {rows:number:i, text:t} q WHERE q.text IN ({texts})";
        let ask = async |length: usize| {
            let text_of = "课".repeat(length);
            let rows = [[Cell::from(1), Cell::from(text_of.as_str())]];
            let found = sql(text).rows(rows).texts([text_of.as_str()]);
            found.tuples::<(i64, String)>(db.reader()).await.map(|found| found == [(1, text_of)])
        };
        assert!(ask(190).await.unwrap());
        let refused = ask(191).await.unwrap_err().to_string();
        assert!(refused.contains("more than 190 characters"), "{refused}");
        let store = async |length: usize| {
            let rows = [[Cell::from(1), Cell::from("课".repeat(length).as_str())]];
            let found = sql("SELECT q.number, q.text FROM {rows:number:i, text:t} q").rows(rows);
            found.tuples::<(i64, String)>(db.reader()).await.map(|found| found[0].1.chars().count())
        };
        assert_eq!(store(500).await.unwrap(), 500);
        let refused = store(501).await.unwrap_err().to_string();
        assert!(refused.contains("more than 500 characters"), "{refused}");
    });
}

#[test]
fn each_row_gets_its_own_value_in_one_statement() {
    on_every_database(async |db: TestDb| {
        let touched = write_txn!(&db, "test.pairs", |txn| {
            for id in 1..=3_i64 {
                let text = "INSERT INTO test_clock (id, set_to, set_at, running) VALUES (?, 0, ?, TRUE)";
                sql(text).bind(id).bind(id).execute(txn).await?;
            }
            let pairs = [(1, 100), (2, 200), (9, 900)];
            let set = "set_to = p.set_to";
            update_by_pairs(txn, "test_clock", ["id", "set_to"], set, "set_at < ? AND running = TRUE", &pairs)
                .bind(3_i64)
                .execute(txn)
                .await
        });
        assert_eq!(touched.unwrap(), 2);
        let rows = sql("SELECT id, set_to FROM test_clock ORDER BY id")
            .tuples::<(i64, i64)>(db.reader())
            .await
            .unwrap();
        assert_eq!(rows, [(1, 100), (2, 200), (3, 0)]);
    });
}

#[test]
fn a_set_of_keys_is_found_by_the_key() {
    on_every_database(async |db: TestDb| {
        with_subjects(&db, 300).await;
        let (_, sent) = db
            .statements()
            .of(async || {
                sql("SELECT name FROM subject WHERE id IN ({ids})")
                    .ids([7])
                    .fetch(db.reader())
                    .await
                    .unwrap();
                write_txn!(&db, "test.plans", |txn| {
                    sql("UPDATE subject SET name = 'x' WHERE id IN ({ids})").ids([7, 9]).execute(txn).await?;
                    update_by_pairs(
                        txn,
                        "subject",
                        ["id", "any_number"],
                        "name = 'y'",
                        "name = 'x'",
                        &[(7, 0)],
                    )
                    .execute(txn)
                    .await?;
                    sql("DELETE FROM subject WHERE id IN ({ids})").ids([7, 9]).execute(txn).await
                })
                .unwrap();
            })
            .await;
        assert_eq!(sent.len(), 4);
        for statement in &sent {
            let plan = explain(&db, statement).await;
            let by_key = match db.backend() {
                sea_orm::DbBackend::Sqlite => plan.contains("INDEX sqlite_autoindex_subject_1 (id=?)"),
                sea_orm::DbBackend::Postgres => plan.contains("subject_pkey"),
                _ => {
                    plan.contains("table=subject type=eq_ref key=PRIMARY")
                        || plan.contains("table=subject type=range key=PRIMARY")
                }
            };
            assert!(by_key, "{}\n{plan}", statement.sql);
        }
    });
}
