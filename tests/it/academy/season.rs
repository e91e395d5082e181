//! A season of real sign-ups replayed, from the first class tasks to the first lessons, formed or
//! given up.

mod days;

use crate::oulad::{BEFORE, academy};
use crate::replay::player::Player;
use crate::replay::{habits, import_through_rpc};
use etutor::domain::calendar::parse_day;
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, on_every_app_at};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oulad-2013j")
}

/// What a separate program counted: by (day, template) students and classes.
fn expected() -> BTreeMap<(String, String), (i32, i32)> {
    let text = std::fs::read_to_string(folder().join("expected_first_tasks.csv")).unwrap();
    let lines = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    lines
        .map(|v| ((v[0].to_owned(), v[1].to_owned()), (v[2].parse().unwrap(), v[3].parse().unwrap())))
        .collect()
}

async fn first_tasks(app: &TestApp) -> BTreeMap<(String, String), (i32, i32)> {
    let tasks = etutor::storage::staffing::vacancy_list_open(app.db().reader(), None).await.unwrap();
    tasks.into_iter().map(|task| ((task.day.to_string(), task.code), (task.students, task.needed))).collect()
}

#[test]
fn the_first_class_tasks_are_the_ones_a_separate_program_counted() {
    on_every_app_at("2013-03-01", async |app| {
        app.ignore_messages("this is about tasks");
        let outcome = import_through_rpc(&app, &academy()).await;
        assert!(outcome.written && outcome.places == 237_739, "{:?}", outcome.files);
        for day in 1..=7 {
            let d = parse_day(&format!("2013-10-0{day}")).unwrap();
            app.set_clock_to(app.time().midnight(etutor::domain::time::add_days(d, -3))).await;
            let report = app.fire("invite create", None).await;
            assert_eq!(
                report.changed as usize,
                expected().keys().filter(|(on, _)| *on == d.to_string()).count()
            );
            let again = app.fire("invite create", None).await;
            assert_eq!(again.changed, 0, "a second run changes nothing");
        }
        assert_eq!(first_tasks(&app).await, expected());
    });
}

/// Coaches who behave as `coach_behaviour.csv` says, until every first lesson is formed or given
/// up.
#[test]
fn the_first_week_is_staffed() {
    on_every_app_at("2013-03-01", async |app| {
        app.ignore_messages("the replay's invariants look at them");
        assert_eq!(app.instant("2013-03-01"), BEFORE);
        import_through_rpc(&app, &academy()).await;
        let mut player = Player::new(&app, habits(&folder().join("coach_behaviour.csv")));
        player.play(app.instant("2013-09-28"), app.instant("2013-10-07T21:00"), 30).await;
        let end = app.instant("2013-10-07T21:00");
        let places = app.fire("clazz init_place", None).await;
        assert_eq!((places.changed, places.failed), (0, 0), "{places:?}");
        let (placed, missed) = player.invariants.nobody_dropped(&app, end).await;
        let states: BTreeMap<String, i64> =
            sql("SELECT state, COUNT(*) AS n FROM class_task WHERE day <= ? GROUP BY state")
                .bind(parse_day("2013-10-07").unwrap())
                .tuples::<(String, i64)>(app.db().reader())
                .await
                .unwrap()
                .into_iter()
                .collect();
        assert!(
            states.keys().all(|state| ["FORMED", "PARTIAL", "FAILED", "CANCELLED"].contains(&state.as_str())),
            "{states:?}"
        );
        let (asked, classes) = asked_and_classes(&app).await;
        println!(
            "{:?}: first tasks {states:?}: {:.0} % could not be filled; {placed} of 6468 students in \
             {classes} classes (fill rate {:.1} %), \
             {missed} lessons missed and told; {asked} invitations, {:.1} per class and {:.2} per place; \
             refused {:?}; time to cover {}",
            app.db().backend(),
            100.0 * (states.get("PARTIAL").unwrap_or(&0) + states.get("FAILED").unwrap_or(&0)) as f64
                / states.values().sum::<i64>() as f64,
            100.0 * placed as f64 / 6468.0,
            asked as f64 / classes.max(1) as f64,
            asked as f64 / placed.max(1) as f64,
            player.refused,
            time_to_cover(&app).await,
        );
        assert!(classes > 200, "{classes} classes");
    });
}

async fn asked_and_classes(app: &TestApp) -> (i64, i64) {
    let rows: Vec<(i64, i64)> =
        sql("SELECT (SELECT COUNT(*) FROM invitation) AS a, (SELECT COUNT(*) FROM class) AS c")
            .tuples(app.db().reader())
            .await
            .unwrap();
    rows[0]
}

/// Median time from the first invitation of a task to its last yes that became a class, of tasks
/// that were formed whole.
async fn time_to_cover(app: &TestApp) -> String {
    let rows: Vec<(i64, i64)> = sql("SELECT MIN(i.queued_at) AS a, MAX(CASE WHEN i.state = 'ASSIGNED' \
         THEN i.answered_at END) AS b \
         FROM invitation i JOIN class_task t ON t.id = i.task_id WHERE t.state = 'FORMED' \
         AND i.queued_at IS NOT NULL \
         GROUP BY t.id HAVING MAX(CASE WHEN i.state = 'ASSIGNED' THEN 1 ELSE 0 END) = 1")
    .tuples(app.db().reader())
    .await
    .unwrap();
    let mut spans: Vec<i64> = rows.iter().map(|(first, last)| last - first).collect();
    spans.sort_unstable();
    spans
        .get(spans.len() / 2)
        .map_or_else(|| "–".to_owned(), |seconds| format!("{} min (median)", seconds / 60))
}
