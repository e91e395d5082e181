//! The real program killed and started again, ended by SIGTERM while it works, and running twice on
//! one database.

pub mod killer;
pub mod mortal;
mod player;
pub mod process;
mod sign_ups;
pub mod snapshot;

use etutor::domain::calendar::parse_day;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::task::registry::Task;
use etutor::testing::academy::{Academy, student};
use etutor::testing::database::{Kind, on_every_kind};
use etutor::testing::{TestApp, TestDb, on_every_database};
use futures_util::future::join_all;
use killer::{Calls, Killer};
use player::{Deed, Player};
use process::{Server, fire};
use snapshot::Snapshot;

/// An academy of two lesson days, Thursday and Friday, made before the program runs. No connection
/// of ours stays open.
async fn make_academy(db: &TestDb) {
    let app = TestApp::start(db.replica().await, "2026-03-01T12:00", |_| ()).await;
    app.ignore_messages("nobody is told anything yet");
    let academy = Academy::new().season("2026-03-05", "2026-03-06");
    let academy = academy.period("10:00", "11:00").template("beta", "FREQ=DAILY").classes(2, 4);
    let academy = academy.period("19:00", "20:30").template("alpha", "FREQ=DAILY").classes(4, 4);
    let academy = academy.period("19:30", "21:00").template("gamma", "FREQ=WEEKLY;BYDAY=FR").classes(2, 4);
    let academy = academy.coaches(14).students(32).build(&app).await;
    academy.reserve_all(&app, "alpha", 1, 10, None).await;
    academy.reserve_all(&app, "alpha", 11, 14, Some(("2026-03-06", "2026-03-06"))).await;
    academy.reserve_all(&app, "beta", 15, 20, None).await;
    academy.reserve_all(&app, "gamma", 21, 26, Some(("2026-03-06", "2026-03-06"))).await;
    app.db().clone().close().await;
    drop(app);
    db.db().clone().close().await;
}

/// What a replay has come to.
struct Played {
    snapshot: Snapshot,
    answers: Vec<String>,
    calls: Calls,
}

async fn replay(kind: &Kind, killer: Killer) -> Played {
    let db = TestDb::new(kind).await;
    make_academy(&db).await;
    let url = db.options().url.clone();
    let mut player = Player::start(&url, killer).await;
    let (monday, friday) = (parse_day("2026-03-02").unwrap(), parse_day("2026-03-06").unwrap());
    // Some sign up meanwhile: in time for a task, too late for anything but a seat that is free,
    // and too late altogether.
    let late = [
        (27, "alpha", monday),
        (28, "gamma", monday),
        (29, "beta", monday),
        (30, "alpha", parse_day("2026-03-05").unwrap()),
        (31, "gamma", friday),
    ];
    for (number, template, day) in late {
        let deed = Deed::SignUp { student: student(number), template, from: "2026-03-06", to: "2026-03-06" };
        player.plan_at(day, 16, &student(number), deed);
    }
    player.play(monday, etutor::domain::time::add_days(friday, 1)).await;
    let Player { server, answers, taken_over, .. } = player;
    let (kills, unanswered, calls) = (server.kills(), server.unanswered, server.calls.clone());
    drop(server);

    let db = db.replica().await;
    let open: Vec<String> =
        sql("SELECT task FROM task_run WHERE state <> 'DONE'").column(db.reader()).await.unwrap();
    assert!(open.is_empty(), "{open:?}");
    let snapshot = snapshot::of(&db).await;
    println!(
        "{}: {} calls, {kills} kills, {unanswered} calls not answered, {taken_over} ticks taken over; {} \
         lines",
        kind.name(),
        calls.len(),
        snapshot.len()
    );
    if kills > 0 {
        assert!(kills >= 8, "{kills} kills");
        assert!(unanswered > 0 && taken_over > 0, "{unanswered} calls were cut off, {taken_over} runs");
    }
    Played { snapshot, answers, calls }
}

#[test]
fn a_server_killed_at_random_ends_with_the_same_tasks_invitations_rosters_and_messages() {
    on_every_kind(async |kind| {
        let calm = replay(kind, Killer::idle()).await;
        let count = |start: &str| calm.snapshot.keys().filter(|line| line.starts_with(start)).count();
        assert!(
            count("task") == 5 && count("roster") > 8 && count("invitation") > 10 && count("message") > 40,
            "{:#?}",
            calm.snapshot
        );
        let killed = replay(kind, Killer::new(20_260_302, calm.calls)).await;
        assert_eq!(calm.answers, killed.answers);
        snapshot::assert_same(&calm.snapshot, &killed.snapshot);
    });
}

#[test]
fn sigterm_lets_calls_in_flight_end_and_loses_nothing_that_was_acknowledged() {
    on_every_database(async |db| {
        let mut server = Server::start(&db.options().url).await;
        let mut calls = tokio::task::JoinSet::new();
        for subject_id in 1..=60 {
            let mut catalog = pb::catalog_service_client::CatalogServiceClient::new(server.channel());
            let subject = Some(pb::Subject { subject_id, name: format!("学科{subject_id}") });
            let request = pb::UpsertSubjectRequest { subject, request_id: String::new() };
            calls.spawn(async move { catalog.upsert_subject(request).await.is_ok().then_some(subject_id) });
        }
        let mut acknowledged: Vec<i64> = calls.join_next().await.unwrap().unwrap().into_iter().collect();
        server.terminate();
        let ended = server.ended().await;
        acknowledged.extend(calls.join_all().await.into_iter().flatten());
        assert_eq!(ended.code(), Some(0));
        let kept: Vec<i64> = sql("SELECT id FROM subject").column(db.reader()).await.unwrap();
        assert!(
            !acknowledged.is_empty() && acknowledged.iter().all(|id| kept.contains(id)),
            "{acknowledged:?} of {kept:?}"
        );
        let after = pb::catalog_service_client::CatalogServiceClient::new(server.channel());
        assert!({ after }.list_subjects(pb::ListSubjectsRequest::default()).await.is_err(), "it is gone");
    });
}

#[test]
fn two_programs_on_one_database_run_each_tick_once() {
    on_every_kind(async |kind| {
        if matches!(kind, Kind::Sqlite) {
            // A SQLite file belongs to one server.
            return;
        }
        let db = TestDb::new(kind).await;
        make_academy(&db).await;
        let url = &db.options().url;
        let servers = [Server::start(url).await, Server::start(url).await];
        let time = etutor::config::Config::default().rules.time;
        let tick = time.midnight(parse_day("2026-03-02").unwrap());
        for task in Task::ALL {
            let firings = [&servers[0], &servers[1], &servers[0], &servers[1]]
                .map(|server| fire(server.channel(), *task, tick));
            let reports: Vec<pb::TaskReport> =
                join_all(firings).await.into_iter().map(Result::unwrap).collect();
            assert_eq!(reports.iter().filter(|report| !report.already_done).count(), 1, "{task:?}");
            assert!(reports.iter().all(|report| report.run_id == reports[0].run_id), "{task:?}");
        }
        drop(servers);
        let db = db.replica().await;
        let runs: Vec<(String, String)> =
            sql("SELECT task, state FROM task_run ORDER BY id").tuples(db.reader()).await.unwrap();
        let expected: Vec<(String, String)> =
            Task::ALL.iter().map(|task| (task.name().to_owned(), "DONE".to_owned())).collect();
        assert_eq!(runs, expected);
        let tasks: Vec<i64> = sql("SELECT COUNT(*) AS n FROM class_task").column(db.reader()).await.unwrap();
        assert_eq!(tasks, [2]);
    });
}
