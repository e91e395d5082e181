//! Nightly upkeep: every difference between places and reservations is found, reported and
//! repaired; students whose last day is past leave the rosters.

mod purge;
mod status;
mod time;

use crate::replay::import_through_rpc;
use etutor::app::import::{ImportData, ImportFile, ImportRow};
use etutor::domain::state::{ActorKind, MessageKind, PlaceCause, ReservationState};
use etutor::rpc::pb;
use etutor::storage::entity::{place, place_change, reservation};
use etutor::storage::ledger::place_change_sum;
use etutor::storage::sql::{Sql, sql};
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, explain, on_every_app};
use etutor::write_txn;
use sea_orm::{EntityTrait, QueryOrder};

/// Saturdays for six, every day for six; ten students.
fn academy() -> Academy {
    Academy::new()
        .period("19:00", "20:00")
        .template("saturdays", "FREQ=WEEKLY;BYDAY=SA")
        .period("20:00", "21:00")
        .template("daily", "FREQ=DAILY")
        .students(10)
}

/// Signs students up as an import does: (student, template, first day, last day).
async fn import(app: &TestApp, sign_ups: &[(usize, &str, &str, &str)]) -> pb::ImportResponse {
    let columns =
        ["created_at", "student", "class_template", "start_day", "end_day"].map(str::to_owned).into();
    let rows = sign_ups.iter().zip(2..).map(|((number, template, first, last), line)| {
        let values = ["2026-02-01T08:00", &student(*number), template, first, last].map(str::to_owned).into();
        ImportRow { line, values }
    });
    let file = ImportFile {
        name: "reservations.csv".to_owned(),
        columns,
        rows: rows.collect(),
        ..Default::default()
    };
    let outcome = import_through_rpc(app, &ImportData { files: vec![file] }).await;
    assert!(outcome.written && outcome.problems.is_empty(), "{outcome:?}");
    outcome
}

/// Three students on all Saturdays, two of them every day of two weeks; three days of a fourth.
async fn peopled(app: &TestApp) {
    academy().build(app).await;
    let season = ("2026-03-02", "2026-06-28");
    let saturdays = [1, 2, 3].map(|number| (number, "saturdays", season.0, season.1));
    let daily = [1, 2].map(|number| (number, "daily", "2026-03-09", "2026-03-22"));
    import(app, &[&saturdays[..], &daily[..], &[(4, "daily", "2026-03-13", "2026-03-15")]].concat()).await;
}

async fn execute(app: &TestApp, statement: Sql) -> u64 {
    write_txn!(app.db(), "test.upkeep", |txn| statement.clone().execute(txn).await).unwrap()
}

/// Places taken on a day.
async fn taken(app: &TestApp, template: &str, day: &str) -> i32 {
    let request = pb::ListLessonDaysRequest {
        class_template: template.to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    let days = app.catalog().list_lesson_days(request).await.unwrap().into_inner().lesson_days;
    days.into_iter()
        .find(|lesson| lesson.day == day)
        .unwrap_or_else(|| panic!("{template} has no lesson on {day}"))
        .taken
}

/// Every lesson day's ledger comes to what is taken on it.
async fn assert_explained(app: &TestApp) {
    for place in place::Entity::find().all(app.db().reader()).await.unwrap() {
        let sum = place_change_sum(app.db().reader(), place.template_id, place.day).await.unwrap();
        assert_eq!(sum, i64::from(place.taken), "template {} on {}", place.template_id, place.day);
    }
}

async fn ledger(app: &TestApp) -> Vec<place_change::Model> {
    place_change::Entity::find().order_by_asc(place_change::Column::Id).all(app.db().reader()).await.unwrap()
}

/// A night on which there is nothing to do.
async fn assert_quiet(app: &TestApp) {
    let before = ledger(app).await;
    let report = app.fire("clazz init_place", None).await;
    assert_eq!((report.changed, report.failed, report.messages), (0, 0, 0), "{report:?}");
    assert_eq!(report.notes, Vec::<String>::new());
    assert!(report.examined > 0);
    assert_eq!(ledger(app).await, before);
}

#[test]
fn places_that_drifted_are_told_and_repaired_and_the_next_night_is_quiet() {
    on_every_app(async |app| {
        peopled(&app).await;
        assert_quiet(&app).await;

        // Both ways, on two templates; one of a day that nobody has.
        for (template, day, taken) in
            [("saturdays", "2026-03-14", 5), ("daily", "2026-03-13", 0), ("daily", "2026-04-01", 2)]
        {
            let drift = "UPDATE place SET taken = ? WHERE day = ? AND template_id = (SELECT id \
                FROM class_template WHERE code = ?)";
            let day: etutor::domain::time::Day = day.parse().unwrap();
            assert_eq!(execute(&app, sql(drift).bind(taken).bind(day).bind(template)).await, 1);
        }
        let before = ledger(&app).await.len();
        let report = app.fire("clazz init_place", None).await;
        assert_eq!((report.changed, report.failed, report.messages), (3, 3, 2), "{report:?}");
        assert_eq!(
            report.notes,
            [
                "saturdays 2026-03-14: was 5, is 3",
                "daily 2026-03-13: was 0, is 3",
                "daily 2026-04-01: was 2, is 0"
            ]
        );
        let now = (
            taken(&app, "saturdays", "2026-03-14").await,
            taken(&app, "daily", "2026-03-13").await,
            taken(&app, "daily", "2026-04-01").await,
        );
        assert_eq!(now, (3, 3, 0));
        assert_explained(&app).await;
        let repairs = ledger(&app).await.split_off(before);
        // The ledger was right; that the places were not is written there too.
        assert!(
            repairs.iter().all(|row| row.cause == PlaceCause::Repair
                && row.actor == "clazz init_place"
                && row.delta == 0)
        );
        assert_eq!(
            repairs.iter().map(|row| row.remark.as_str()).collect::<Vec<_>>(),
            ["was 5, is 3", "was 0, is 3", "was 2, is 0"]
        );

        let messages = app.messages().await;
        assert!(
            messages
                .iter()
                .all(|message| message.kind == MessageKind::PlaceDrift && message.person == "wang"),
            "{messages:?}"
        );
        assert!(messages.len() == 2 && messages[0].body.contains("有3处"), "{messages:?}");
        assert_quiet(&app).await;
    });
}

#[test]
fn a_lesson_day_that_is_missing_comes_back_with_what_is_taken_of_it() {
    on_every_app(async |app| {
        peopled(&app).await;
        let gone = execute(&app, sql("DELETE FROM place WHERE day IN ('2026-03-14', '2026-05-02')")).await;
        assert_eq!(gone, 4);
        let report = app.fire("clazz init_place", None).await;
        assert_eq!((report.changed, report.failed, report.messages), (4, 0, 0), "{report:?}");
        assert_eq!(
            report.notes,
            [
                "saturdays 2026-03-14: made, 3 places taken",
                "saturdays 2026-05-02: made, 3 places taken",
                "daily 2026-03-14: made, 3 places taken",
                "daily 2026-05-02: made, 0 places taken"
            ]
        );
        assert_eq!(
            (taken(&app, "saturdays", "2026-05-02").await, taken(&app, "daily", "2026-03-14").await),
            (3, 3)
        );
        assert_explained(&app).await;
        assert_quiet(&app).await;
        // When the season is over nobody needs them any more.
        execute(&app, sql("DELETE FROM place WHERE day = '2026-05-02'")).await;
        app.set_clock("2026-06-29").await;
        assert_quiet(&app).await;
    });
}

#[test]
fn places_are_counted_from_who_has_one_less_leave() {
    on_every_app(async |app| {
        academy().build(&app).await;
        import(
            &app,
            &(1..=6).map(|number| (number, "daily", "2026-03-09", "2026-03-15")).collect::<Vec<_>>(),
        )
        .await;
        let states = ["HELD", "OFFERED", "PLACED", "EXPIRED", "CANCELLED", "WAITLISTED"];
        let ids: Vec<i64> =
            sql("SELECT id FROM reservation ORDER BY id").column(app.db().reader()).await.unwrap();
        for (state, id) in states.into_iter().zip(ids.iter().copied()) {
            execute(&app, sql("UPDATE reservation SET state = ? WHERE id = ?").bind(state).bind(id)).await;
        }
        // Leave of one who comes, of one who does not, and of a day on which there is no lesson of
        // the sign-up.
        for (id, day) in [(ids[2], "2026-03-12"), (ids[4], "2026-03-12"), (ids[2], "2026-03-20")] {
            let day: etutor::domain::time::Day = day.parse().unwrap();
            execute(
                &app,
                sql("INSERT INTO student_leave (reservation_id, day, requested_at) VALUES (?, ?, 0)")
                    .bind(id)
                    .bind(day),
            )
            .await;
        }
        let report = app.fire("clazz init_place", None).await;
        assert_eq!((report.changed, report.failed), (7, 7), "{report:?}");
        let days = [
            "2026-03-08",
            "2026-03-09",
            "2026-03-12",
            "2026-03-13",
            "2026-03-15",
            "2026-03-16",
            "2026-03-20",
        ];
        let mut found = Vec::new();
        for day in days {
            found.push(taken(&app, "daily", day).await);
        }
        assert_eq!(found, [0, 3, 2, 3, 3, 0, 0]);
        assert_explained(&app).await;
        assert_eq!(app.messages().await.len(), 2);
        assert_quiet(&app).await;
    });
}

#[test]
fn a_day_sold_too_often_lets_nobody_else_in_and_is_told_every_night() {
    on_every_app(async |app| {
        peopled(&app).await;
        execute(&app, sql("UPDATE place SET taken = 1, capacity = 2 WHERE day = '2026-03-14' AND taken = 3"))
            .await;
        execute(&app, sql("UPDATE place SET taken = 2, capacity = 2 WHERE day = '2026-03-13' AND taken = 3"))
            .await;
        for (changed, was) in [(3, 1), (0, 2)] {
            let report = app.fire("clazz init_place", None).await;
            assert_eq!((report.changed, report.failed), (changed, 3), "{report:?}");
            let said = |day, was| format!("{day}: was {was}, is 3 of 2 places: cannot be repaired");
            let expected = [
                said("saturdays 2026-03-14", was),
                said("daily 2026-03-13", 2),
                said("daily 2026-03-14", was),
            ];
            assert_eq!(report.notes, expected);
            assert_eq!(taken(&app, "saturdays", "2026-03-14").await, 2);
            assert_explained(&app).await;
        }
        assert_eq!(app.messages().await.len(), 2, "once a day");
        app.set_clock("2026-03-03").await;
        app.fire("clazz init_place", None).await;
        assert_eq!(app.messages().await.len(), 2, "and again the next day");
    });
}

#[test]
fn a_ledger_that_does_not_explain_the_places_is_completed() {
    on_every_app(async |app| {
        peopled(&app).await;
        execute(&app, sql("DELETE FROM place_change WHERE first_day = '2026-03-13'")).await;
        let report = app.fire("clazz init_place", None).await;
        assert_eq!((report.changed, report.failed, report.messages), (3, 3, 0), "{report:?}");
        assert_eq!(report.notes[0], "daily 2026-03-13: is 3, the ledger said 2");
        assert_eq!(taken(&app, "daily", "2026-03-13").await, 3);
        assert_explained(&app).await;
        assert_quiet(&app).await;
    });
}

#[test]
fn an_import_says_in_the_ledger_whom_it_signed_up() {
    on_every_app(async |app| {
        peopled(&app).await;
        let rows = ledger(&app).await;
        assert_eq!(rows.len(), 6);
        assert!(
            rows.iter().all(|row| row.cause == PlaceCause::Import
                && row.actor_kind == ActorKind::Import
                && row.delta == 1),
            "{rows:?}"
        );
        for (row, sign_up) in rows.iter().zip(
            reservation::Entity::find()
                .order_by_asc(reservation::Column::Id)
                .all(app.db().reader())
                .await
                .unwrap(),
        ) {
            assert_eq!((row.reservation_id, row.template_id), (Some(sign_up.id), sign_up.template_id));
            assert_eq!((row.first_day, row.last_day), (sign_up.start_day, sign_up.last_day));
        }
        // The same again, and one more.
        import(&app, &[(4, "daily", "2026-03-13", "2026-03-15"), (5, "daily", "2026-03-13", "2026-03-13")])
            .await;
        assert_eq!(ledger(&app).await.len(), 7);
        assert_explained(&app).await;
    });
}

#[test]
fn the_recount_reads_sign_ups_from_an_index_alone() {
    on_every_app(async |app| {
        peopled(&app).await;
        let recount = async || etutor::storage::upkeep::place_differences(app.db().reader(), 1, 2).await;
        let (found, sent) = app.statements().of(recount).await;
        assert_eq!((found.unwrap(), sent.len()), (Vec::new(), 1));
        let plan = explain(app.db(), &sent[0]).await;
        assert!(plan.contains("reservation_unplaced"), "{plan}");
    });
}

async fn states(app: &TestApp) -> Vec<ReservationState> {
    let rows = reservation::Entity::find()
        .order_by_asc(reservation::Column::Id)
        .all(app.db().reader())
        .await
        .unwrap();
    rows.into_iter().map(|row| row.state).collect()
}

#[test]
fn students_whose_last_day_is_past_leave_the_rosters_and_their_past_days_stay_taken() {
    on_every_app(async |app| {
        let late = academy().period("23:30", "00:30").template("late", "FREQ=DAILY");
        late.build(&app).await;
        import(
            &app,
            &[
                (1, "daily", "2026-03-09", "2026-03-15"),
                (2, "daily", "2026-03-09", "2026-03-15"),
                (3, "daily", "2026-03-09", "2026-03-16"),
                (4, "late", "2026-03-09", "2026-03-15"),
            ],
        )
        .await;
        execute(&app, sql("UPDATE reservation SET state = 'PLACED', placed_from = start_day WHERE id = 2"))
            .await;
        use ReservationState::{Booked, Ended, Placed};
        app.set_clock("2026-03-15T23:59").await;
        assert_eq!(app.fire("clazz remove_expired_students", None).await.changed, 0);
        assert_eq!(states(&app).await, [Booked, Placed, Booked, Booked]);
        // The fourth has a lesson at this moment.
        app.set_clock("2026-03-16").await;
        for changed in [2, 0] {
            let report = app.fire("clazz remove_expired_students", None).await;
            assert_eq!((report.examined, report.changed, report.failed), (changed, changed, 0), "{report:?}");
            assert_eq!(states(&app).await, [Ended, Ended, Booked, Booked]);
        }
        app.set_clock("2026-03-17").await;
        assert_eq!(app.fire("clazz remove_expired_students", None).await.changed, 2);
        assert_eq!(
            (taken(&app, "daily", "2026-03-15").await, taken(&app, "daily", "2026-03-16").await),
            (3, 1)
        );
        assert_quiet(&app).await;
    });
}

#[test]
fn a_class_that_nobody_is_left_for_is_reported() {
    on_every_app(async |app| {
        academy().coaches(1).build(&app).await;
        import(
            &app,
            &[(1, "daily", "2026-03-09", "2026-03-20"), (2, "saturdays", "2026-03-09", "2026-03-20")],
        )
        .await;
        for text in [
            "INSERT INTO class_task (template_id, day, state, start_at, gate_at, freeze_at, closes_at, \
             created_at) \
             SELECT template_id, day, 'FORMED', start_at, 0, 0, 0, 0 FROM place WHERE day = '2026-03-14'",
            "INSERT INTO class (template_id, task_id, coach_id, state, first_day, last_day, formed_at) \
             SELECT template_id, id, (SELECT MIN(id) FROM coach), 'RUNNING', day, '2026-03-22', 0 \
             FROM class_task",
            "INSERT INTO lesson (class_id, day, start_at, end_at, coach_id, state) \
             SELECT c.id, p.day, p.start_at, p.end_at, c.coach_id, 'SCHEDULED' FROM class c JOIN place p \
             ON p.template_id = c.template_id \
             WHERE p.day BETWEEN '2026-03-14' AND '2026-03-22'",
            "UPDATE reservation SET state = 'PLACED', placed_from = '2026-03-14', \
             class_id = (SELECT c.id FROM class c WHERE c.template_id = reservation.template_id)",
        ] {
            execute(&app, sql(text)).await;
        }
        // The daily one comes until Friday; the other to one Saturday of two.
        for (at, empty) in [
            ("2026-03-14", 0),
            ("2026-03-15", 1),
            ("2026-03-20T12:00", 1),
            ("2026-03-21", 2),
            ("2026-03-23", 0),
        ] {
            app.set_clock(at).await;
            let report = app.fire("clazz remove_expired_students", None).await;
            assert_eq!(
                report.skipped.get("CLASS_EMPTY").copied().unwrap_or_default(),
                empty,
                "{at}: {report:?}"
            );
            assert_eq!(report.notes.len() as i64, empty);
            if empty > 0 {
                let note = report.notes.iter().find(|note| note.contains("saturdays")).unwrap();
                assert!(
                    note.ends_with("with coach-001: nobody is left for its lessons from 2026-03-21 on"),
                    "{note}"
                );
            }
        }
    });
}
