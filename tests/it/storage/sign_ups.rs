//! A set of sign-ups is written as a whole, in however many statements.

use etutor::domain::calendar::parse_day;
use etutor::domain::state::{PlaceCause, ReservationState};
use etutor::domain::time::{Day, Instant};
use etutor::error::{Error, Result};
use etutor::storage::entity::reservation;
use etutor::storage::sign_up::{Entry, NewRow, entry_insert_set_in_txn};
use etutor::storage::sql::sql;
use etutor::testing::{Academy, TestApp, on_every_app};
use etutor::write_txn;
use sea_orm::EntityTrait;

/// A sign-up of a student for one day, by a request id of its own or none.
fn entry(student_id: i64, template_id: i64, request_id: &str) -> Entry<'_> {
    let day = parse_day("2026-03-07").unwrap();
    let row = NewRow {
        student_id,
        template_id,
        start_day: day,
        end_day: day,
        state: ReservationState::Booked,
        created_at: Instant::from_unix(0),
        expires_at: None,
        seat: None,
        waits: None,
    };
    let request = (!request_id.is_empty()).then_some(("CreateReservation", "hash"));
    Entry { row, cause: Some(PlaceCause::SignUp), student: "student", request_id, request }
}

async fn write(app: &TestApp, entries: &[Entry<'_>], places: i64) -> Result<Vec<i64>> {
    let taken = [(entries[0].row.template_id, entries[0].row.start_day, places)];
    write_txn!(app.db(), "test.sign_up", |txn| entry_insert_set_in_txn(
        txn,
        entries,
        &taken,
        entries[0].row.created_at
    )
    .await)
}

/// Reservations with their student, in order of keys; places taken; lines of the ledger; request
/// ids with what they made.
async fn written(app: &TestApp) -> (Vec<(i64, i64)>, Vec<i64>, Vec<(i64, String)>, Vec<(String, String)>) {
    let reader = app.db().reader();
    (
        sql("SELECT id, student_id FROM reservation ORDER BY id").tuples(reader).await.unwrap(),
        sql("SELECT CAST(taken AS {bigint}) FROM place WHERE day = '2026-03-07'")
            .column(reader)
            .await
            .unwrap(),
        sql("SELECT reservation_id, request_id FROM place_change ORDER BY reservation_id")
            .tuples(reader)
            .await
            .unwrap(),
        sql("SELECT request_id, result FROM request_log ORDER BY request_id").tuples(reader).await.unwrap(),
    )
}

#[test]
fn a_set_of_sign_ups_is_written_whole_or_not_at_all() {
    on_every_app(async |app: TestApp| {
        let academy = Academy::new()
            .season("2026-03-02", "2026-03-29")
            .period("19:00", "20:30")
            .template("sat", "FREQ=WEEKLY;BYDAY=SA");
        academy.classes(1, 4).students(5).build(&app).await;
        let template: Vec<i64> =
            sql("SELECT id FROM class_template").column(app.db().reader()).await.unwrap();
        let students: Vec<i64> =
            sql("SELECT id FROM student ORDER BY user_name").column(app.db().reader()).await.unwrap();
        let of = |student: usize, request_id| entry(students[student], template[0], request_id);
        // Their keys in the order of what was asked for, with what each request id made.
        let ids = write(&app, &[of(2, "b"), of(0, ""), of(1, "a")], 3).await.unwrap();
        let all = written(&app).await;
        assert_eq!(all.0, [(ids[0], students[2]), (ids[1], students[0]), (ids[2], students[1])]);
        assert_eq!(all.1, [3]);
        assert_eq!(all.2, [(ids[0], "b".to_owned()), (ids[1], String::new()), (ids[2], "a".to_owned())]);
        assert_eq!(all.3, [("a".to_owned(), ids[2].to_string()), ("b".to_owned(), ids[0].to_string())]);
        let day = |text| parse_day(text).unwrap();
        // More than there are places; a request id that somebody else has stored meanwhile.
        let many = write(&app, &[of(3, "c"), of(4, "")], 2).await.unwrap_err();
        assert!(matches!(many, Error::Contended(_)), "{many}");
        let again = write(&app, &[of(3, "a")], 1).await.unwrap_err();
        assert!(matches!(again, Error::Contended(_)), "{again}");
        assert_eq!(written(&app).await, all);
        // One that waits, in the middle of others: it takes no place and is no line of the ledger.
        // Every column is its own.
        let waits = NewRow {
            state: ReservationState::Waitlisted,
            end_day: day("2026-03-21"),
            expires_at: Some(Instant::from_unix(5)),
            waits: Some((Instant::from_unix(7), day("2026-03-14"))),
            ..of(3, "").row
        };
        let waits = Entry { cause: None, row: waits, ..of(3, "d") };
        let held = NewRow {
            state: ReservationState::Held,
            end_day: day("2026-03-28"),
            expires_at: Some(Instant::from_unix(9)),
            ..of(4, "").row
        };
        let set = [
            Entry { cause: Some(PlaceCause::Hold), row: held, ..of(4, "") },
            waits,
            Entry { cause: None, ..of(3, "e") },
        ];
        let now = Instant::from_unix(0);
        let ids = write_txn!(app.db(), "test.wait", |txn| entry_insert_set_in_txn(txn, &set, &[], now).await)
            .unwrap();
        for (entry, id) in set.iter().zip(&ids) {
            let row = reservation::Entity::find_by_id(*id).one(app.db().reader()).await.unwrap().unwrap();
            assert_eq!(row, entry.row.as_written(*id));
        }
        let after = written(&app).await;
        assert_eq!((after.0.len(), &after.1, after.3.len()), (6, &all.1, 4));
        assert_eq!(after.2, [&all.2[..], &[(ids[0], String::new())]].concat());
        let line: Vec<(Day, Day, String)> =
            sql("SELECT first_day, last_day, cause FROM place_change WHERE reservation_id = ?")
                .bind(ids[0])
                .tuples(app.db().reader())
                .await
                .unwrap();
        assert_eq!(line, [(day("2026-03-07"), day("2026-03-28"), "HOLD".to_owned())]);
        let none = write_txn!(app.db(), "test.none", |txn| entry_insert_set_in_txn(txn, &[], &[], now).await);
        assert_eq!(none.unwrap(), Vec::<i64>::new());
    });
}

#[test]
fn a_set_that_is_too_long_for_one_message_is_written_in_parts() {
    on_every_app(async |app: TestApp| {
        let mut academy =
            Academy::new().season("2026-03-02", "2026-04-30").period("19:00", "20:30").students(300);
        for number in 0..10 {
            academy = academy.template(&format!("daily-{number}"), "FREQ=DAILY");
        }
        academy.build(&app).await;
        let students: Vec<i64> =
            sql("SELECT id FROM student ORDER BY user_name DESC").column(app.db().reader()).await.unwrap();
        let days: Vec<(i64, Day)> = sql("SELECT template_id, day FROM place ORDER BY template_id, day")
            .tuples(app.db().reader())
            .await
            .unwrap();
        assert_eq!(days.len(), 600);
        let requests: Vec<String> = students.iter().map(|student| format!("{student:0>40}")).collect();
        let entries: Vec<Entry<'_>> = students
            .iter()
            .zip(&requests)
            .map(|(student, request)| entry(*student, days[0].0, request))
            .collect();
        let taken: Vec<(i64, Day, i64)> = days.iter().map(|(template, day)| (*template, *day, 1)).collect();
        let now = entries[0].row.created_at;
        let ids =
            write_txn!(app.db(), "test.many", |txn| entry_insert_set_in_txn(txn, &entries, &taken, now)
                .await)
            .unwrap();
        let (mut reservations, _, ledger, made) = written(&app).await;
        let mut expected: Vec<(i64, i64)> = ids.iter().copied().zip(students.iter().copied()).collect();
        expected.sort_unstable();
        reservations.sort_unstable();
        assert_eq!(reservations, expected);
        assert_eq!((ledger.len(), made.len()), (300, 300));
        assert!(
            ids.iter().zip(&requests).all(|(id, request)| made.contains(&(request.clone(), id.to_string())))
        );
        let taken: Vec<i64> =
            sql("SELECT CAST(SUM(taken) AS {bigint}) FROM place").column(app.db().reader()).await.unwrap();
        assert_eq!(taken, [600]);
        // A day that is full, in the last part.
        let full: Vec<(i64, Day, i64)> = days
            .iter()
            .map(|(template, day)| (*template, *day, if *day == days[599].1 { 1_000_000 } else { 1 }))
            .collect();
        let before = written(&app).await;
        let again =
            write_txn!(app.db(), "test.full", |txn| entry_insert_set_in_txn(txn, &entries, &full, now).await);
        assert!(matches!(again, Err(Error::Contended(_))), "{again:?}");
        assert_eq!(written(&app).await, before);
    });
}
