//! A tick runs once, whoever fires it and however often; a failed or killed run is repeated.

mod lease;

use crate::grpc::{invalid_field, reason};
use chrono::TimeDelta;
use etutor::app::report::Report;
use etutor::domain::state::RunState;
use etutor::domain::time::{Day, Instant};
use etutor::error::{Error, Reason};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::storage::task_run::{Begin, task_run_end, task_run_insert};
use etutor::task::Scope;
use etutor::task::registry::Task;
use etutor::task::runner::{Firing, Outcome, Tick, fire_with};
use etutor::testing::{TestApp, on_every_app, on_every_app_at, on_every_app_with};
use etutor::write_txn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tonic::Code;

const TICK: Firing = Firing { tick: Some(Tick::Now), now: None, day: None };
const NO_TICK: Firing = Firing { tick: None, now: None, day: None };

/// Fires a task whose work counts itself.
async fn count(app: &TestApp, firing: Firing, works: &Arc<AtomicU64>) -> etutor::error::Result<Outcome> {
    let works = works.clone();
    fire_with(app, Task::InviteExec, firing, async move |_, _| {
        let before = works.fetch_add(1, Ordering::SeqCst);
        Ok(Report { examined: 7, changed: before + 1, ..Report::default() })
    })
    .await
}

/// Fires a task and returns what its work was told.
async fn scope(app: &TestApp, firing: Firing) -> etutor::error::Result<Scope> {
    let told = Arc::new(Mutex::new(None));
    let tell = told.clone();
    fire_with(app, Task::InviteCreate, firing, async move |_, scope| {
        *tell.lock().unwrap() = Some(scope);
        Ok(Report::default())
    })
    .await?;
    let scope = told.lock().unwrap().unwrap();
    Ok(scope)
}

async fn runs(app: &TestApp) -> Vec<pb::TaskReport> {
    app.tasks().list_task_runs(pb::ListTaskRunsRequest::default()).await.unwrap().into_inner().runs
}

#[test]
fn of_twenty_firings_of_a_tick_one_runs_and_all_get_its_report() {
    on_every_app(async |app: TestApp| {
        let replica = app.replica().await;
        let works = Arc::new(AtomicU64::new(0));
        let firings =
            (0..20).map(|number| count(if number % 2 == 0 { &app } else { &replica }, TICK, &works));
        let outcomes = futures_util::future::join_all(firings).await;
        let outcomes: Vec<Outcome> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(works.load(Ordering::SeqCst), 1);
        assert_eq!(outcomes.iter().filter(|outcome| !outcome.already_done).count(), 1);
        assert!(outcomes.iter().all(|outcome| outcome.run.id == outcomes[0].run.id));
        let again = count(&app, TICK, &works).await.unwrap();
        assert!(again.already_done);
        assert_eq!((again.report.examined, again.report.changed, again.run.state), (7, 1, RunState::Done));
        // The next minute is another tick, and another task has ticks of its own.
        app.advance(TimeDelta::seconds(60)).await;
        assert!(!count(&app, TICK, &works).await.unwrap().already_done);
        assert!(!app.fire("sms send", None).await.already_done);
        assert_eq!(runs(&app).await.len(), 3);
    });
}

#[test]
fn a_tick_is_a_minute() {
    on_every_app_at("2026-03-02T08:30", async |app: TestApp| {
        app.advance(TimeDelta::seconds(59)).await;
        let first = count(&app, TICK, &Arc::default()).await.unwrap();
        assert_eq!(first.run.tick_at, Some(app.instant("2026-03-02T08:30")));
        assert_eq!(first.run.logical_at, app.instant("2026-03-02T08:30") + TimeDelta::seconds(59));
        let named = Tick::At(app.instant("2026-03-02T08:30") + TimeDelta::seconds(7));
        assert!(
            count(&app, Firing { tick: Some(named), ..NO_TICK }, &Arc::default()).await.unwrap().already_done
        );
    });
}

#[test]
fn a_firing_without_a_tick_always_runs() {
    on_every_app(async |app: TestApp| {
        let works = Arc::new(AtomicU64::new(0));
        for number in 1..=3 {
            let outcome = count(&app, NO_TICK, &works).await.unwrap();
            assert_eq!(
                (outcome.already_done, outcome.report.changed, outcome.run.tick_at),
                (false, number, None)
            );
        }
    });
}

#[test]
fn a_failed_tick_runs_again_and_its_error_is_kept_meanwhile() {
    on_every_app(async |app: TestApp| {
        let failed = fire_with(&app, Task::InviteExec, TICK, async |_, _| {
            Err(Error::precondition(Reason::TaskClosed, "the template spring-math is closed"))
        });
        assert_eq!(failed.await.unwrap_err().reason(), Some(Reason::TaskClosed));
        let run = &runs(&app).await[0];
        assert_eq!(
            (run.state(), run.error.as_str()),
            (pb::TaskRunState::Failed, "TASK_CLOSED: the template spring-math is closed")
        );
        assert!(run.end_time.is_some());

        let works = Arc::new(AtomicU64::new(0));
        let firings = (0..20).map(|_| count(&app, TICK, &works));
        let outcomes = futures_util::future::join_all(firings).await;
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().run.id == run.run_id));
        assert_eq!(works.load(Ordering::SeqCst), 1, "taken over once");
        let run = &runs(&app).await[0];
        assert_eq!((run.state(), run.error.as_str(), run.changed), (pb::TaskRunState::Done, "", 1));
    });
}

#[test]
fn a_panic_is_a_failed_run_that_tells_nobody_its_text() {
    on_every_app(async |app: TestApp| {
        let fired = fire_with(&app, Task::InviteExec, TICK, async |_, _| panic!("13800138000"));
        assert!(matches!(fired.await.unwrap_err(), Error::Internal(_)));
        let run = &runs(&app).await[0];
        assert_eq!(
            (run.state(), run.error.as_str()),
            (pb::TaskRunState::Failed, "an internal error; see the server's log")
        );
    });
}

#[test]
fn a_run_that_was_killed_is_taken_over_when_its_lease_has_run_out() {
    on_every_app(async |app: TestApp| {
        let now = app.now().await.unwrap();
        let lease_until = now + TimeDelta::seconds(app.config.tasks.lease_s.into());
        let begin =
            Begin { logical_at: now, started_at: now, host: "gone", lease_token: "gone", lease_until };
        let killed =
            write_txn!(app.db(), "test.killed", |txn| task_run_insert(txn, "invite_exec", Some(now), begin)
                .await)
            .unwrap();
        let firing = Firing { tick: Some(Tick::At(now)), ..NO_TICK };
        let works = Arc::new(AtomicU64::new(0));

        app.advance(TimeDelta::seconds(599)).await;
        let outcome = count(&app, firing, &works).await.unwrap();
        assert_eq!(
            (outcome.already_done, outcome.run.state, outcome.report),
            (true, RunState::Running, Report::default())
        );

        app.advance(TimeDelta::seconds(1)).await;
        let firings = (0..20).map(|_| count(&app, firing, &works));
        for outcome in futures_util::future::join_all(firings).await {
            assert_eq!(outcome.unwrap().run.id, killed.id);
        }
        assert_eq!(works.load(Ordering::SeqCst), 1);

        // It was only slow: what it has to say comes too late.
        let late = etutor::storage::entity::task_run::Model {
            state: RunState::Failed,
            error: "late".to_owned(),
            ..killed
        };
        let ended = write_txn!(app.db(), "test.late", |txn| task_run_end(txn, &late).await).unwrap();
        assert!(!ended);
        let run = &runs(&app).await[0];
        assert_eq!((run.state(), run.changed), (pb::TaskRunState::Done, 1));
        assert_ne!(run.host, "gone");
    });
}

#[test]
fn a_run_with_nothing_to_do_is_two_small_writes() {
    on_every_app(async |app: TestApp| {
        // What a database does once is not counted.
        count(&app, NO_TICK, &Arc::default()).await.unwrap();
        for firing in [NO_TICK, TICK] {
            let (_, sent) =
                app.statements().of(async || count(&app, firing, &Arc::default()).await.unwrap()).await;
            // Not those by which the server looks after its health.
            let of_the_run = |text: &&str| text.contains("task_run") || text.contains("test_clock");
            let texts: Vec<&str> =
                sent.iter().map(|statement| statement.sql.as_str()).filter(of_the_run).collect();
            assert_eq!(
                texts.iter().filter(|text| text.starts_with("INSERT") || text.starts_with("UPDATE")).count(),
                2,
                "{texts:#?}"
            );
            // The clock's row; MySQL reads the inserted row back.
            assert!(texts.len() <= 4, "{texts:#?}");
        }
    });
}

#[test]
fn a_day_moves_now_three_days_before_it_unless_the_clock_was_set() {
    let day: Day = "2026-09-04".parse().unwrap();
    on_every_app_at("2026-03-02T08:30", async |app: TestApp| {
        let firing = Firing { day: Some(day), ..NO_TICK };
        let set = scope(&app, firing).await.unwrap();
        assert_eq!(set, Scope { now: app.instant("2026-03-02T08:30"), day: Some(day) });

        write_txn!(app.db(), "test.forget_clock", |txn| sql("DELETE FROM test_clock").execute(txn).await)
            .unwrap();
        let before = app.time().time(app.now().await.unwrap());
        let unset = scope(&app, firing).await.unwrap();
        assert_eq!((app.time().day(unset.now), unset.day), ("2026-09-01".parse().unwrap(), Some(day)));
        let late = app.time().time(unset.now) - before;
        assert!(late.num_seconds().rem_euclid(86_400) < 60, "at the clock's time of day");

        let at: Instant = app.instant("2026-09-02T07:00");
        assert_eq!(
            scope(&app, Firing { now: Some(at), ..NO_TICK }).await.unwrap(),
            Scope { now: at, day: None }
        );
        let both = Firing { now: Some(at), day: Some(day), tick: None };
        assert_eq!(scope(&app, both).await.unwrap(), Scope { now: at, day: Some(day) });
    });
}

#[test]
fn a_real_server_takes_no_test_argument() {
    on_every_app_with(
        "2026-03-02",
        |config| config.testing = false,
        async |app: TestApp| {
            for words in Task::ALL.iter().map(|task| task.words()) {
                let refused = app.try_fire(words, Some("2026-09-01"), None).await.unwrap_err();
                assert_eq!(
                    (refused.code(), reason(&refused).as_str()),
                    (Code::FailedPrecondition, "NOT_TESTING"),
                    "{words}"
                );
                assert!(app.try_fire(words, None, None).await.is_ok(), "{words}");
            }
            assert_eq!(runs(&app).await.len(), Task::ALL.len(), "what was refused left no row");
        },
    );
}

#[test]
fn a_test_argument_is_read_or_refused_by_its_name() {
    on_every_app(async |app: TestApp| {
        let report = app.fire("sms send", Some("2026-09-01T08:30")).await;
        assert_eq!(report.logical_time.unwrap().seconds, app.instant("2026-09-01T08:30").unix());
        let report = app.fire("sms send", Some("2026-09-01")).await;
        assert_eq!(report.logical_time.unwrap().seconds, app.instant("2026-09-01").unix());
        for text in ["soon", "2026-13-01", "2026-09-01T08", "99999-01-01", "0000-00-00", &"9".repeat(5_000)] {
            assert_eq!(
                invalid_field(&app.try_fire("sms send", Some(text), None).await.unwrap_err()),
                "firing.when",
                "{text}"
            );
            assert_eq!(
                invalid_field(&app.try_fire("invite exec", Some(text), None).await.unwrap_err()),
                "day",
                "{text}"
            );
        }
        let tick = Some(pb::firing::Tick::TickAt(prost_types::Timestamp { seconds: -1, nanos: 0 }));
        let firing = Some(pb::Firing { tick, when: String::new() });
        let refused = app.tasks().send_sms(pb::SendSmsRequest { firing }).await.unwrap_err();
        assert_eq!(invalid_field(&refused), "firing.tick_at");
    });
}

#[test]
fn the_tasks_are_listed_with_their_last_runs() {
    on_every_app(async |app: TestApp| {
        app.fire("sms send", None).await;
        let last = app.fire("sms send", None).await;
        let tasks = app.tasks().list_tasks(pb::ListTasksRequest {}).await.unwrap();
        assert_eq!(tasks.metadata().get("etutor-testing").unwrap(), "true");
        let tasks = tasks.into_inner().tasks;
        assert_eq!(tasks.len(), Task::ALL.len());
        let sms = tasks.iter().find(|task| task.name == "sms send").unwrap();
        assert_eq!((sms.rpc.as_str(), sms.command.as_str()), ("SendSms", "etutorctl sms send [WHEN]"));
        assert_eq!(sms.last_run.as_ref().unwrap().run_id, last.run_id);
        assert!(tasks.iter().find(|task| task.name == "invite create").unwrap().last_run.is_none());
    });
}

#[test]
fn runs_are_listed_latest_first_in_pages() {
    on_every_app(async |app: TestApp| {
        let works = Arc::new(AtomicU64::new(0));
        for _ in 0..5 {
            count(&app, NO_TICK, &works).await.unwrap();
        }
        app.fire("sms send", None).await;
        let request =
            pb::ListTaskRunsRequest { task: "invite exec".to_owned(), page_size: 2, ..Default::default() };
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = pb::ListTaskRunsRequest { page_token, ..request.clone() };
            let page = app.tasks().list_task_runs(page).await.unwrap().into_inner();
            found.extend(page.runs.iter().map(|run| run.changed));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            assert_eq!(page.runs.len(), 2);
        }
        assert_eq!(found, [5, 4, 3, 2, 1]);
        for (request, field) in [
            (pb::ListTaskRunsRequest { task: "dance".to_owned(), ..Default::default() }, "task"),
            (pb::ListTaskRunsRequest { state: 9, ..Default::default() }, "state"),
            (pb::ListTaskRunsRequest { page_size: -1, ..Default::default() }, "page_size"),
            (pb::ListTaskRunsRequest { page_token: "x".to_owned(), ..Default::default() }, "page_token"),
        ] {
            assert_eq!(invalid_field(&app.tasks().list_task_runs(request).await.unwrap_err()), field);
        }
        let failed = pb::ListTaskRunsRequest { state: pb::TaskRunState::Failed.into(), ..Default::default() };
        assert!(app.tasks().list_task_runs(failed).await.unwrap().into_inner().runs.is_empty());
    });
}
