//! A run holds its tick for as long as it goes on, and stops when it has lost it.

use super::{NO_TICK, count};
use chrono::TimeDelta;
use etutor::app::App;
use etutor::app::report::Report;
use etutor::domain::state::RunState;
use etutor::domain::time::Instant;
use etutor::error::{Error, Result};
use etutor::storage::Db;
use etutor::storage::entity::task_run;
use etutor::storage::sql::sql;
use etutor::storage::task_run::{Begin, RunLease, task_run_insert, task_run_renew, task_run_take_over};
use etutor::task::registry::Task;
use etutor::task::runner::{Firing, Outcome, Tick, fire_with};
use etutor::testing::{TestApp, on_every_app, on_every_app_with};
use etutor::write_txn;
use sea_orm::EntityTrait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A run that waits in the middle of its work until it is told to go on.
struct Long {
    ended: JoinHandle<Result<Outcome>>,
    go_on: oneshot::Sender<()>,
}

impl Long {
    /// Fires it, and returns when it has begun: it has written subject 1. It writes subjects 2 and
    /// 3 when it goes on, as a task does that goes on with the next thing when one fails.
    async fn begin(app: &TestApp, firing: Firing) -> Self {
        let app: App = (**app).clone();
        let ((begun, has_begun), (go_on, may_go_on)) = (oneshot::channel(), oneshot::channel());
        let ended = tokio::spawn(async move {
            let work = async move |app: App, _| {
                write_subject(&app.db, 1).await?;
                begun.send(()).unwrap();
                may_go_on.await.unwrap();
                let mut report = Report::default();
                for id in [2, 3] {
                    let written = write_subject(&app.db, id).await;
                    report.changed += report.or_failed("a subject", written)?.unwrap_or_default();
                }
                Ok(report)
            };
            fire_with(&app, Task::InviteExec, firing, work).await
        });
        has_begun.await.unwrap();
        Self { ended, go_on }
    }

    async fn end(self) -> Result<Outcome> {
        self.go_on.send(()).unwrap();
        self.ended.await.unwrap()
    }
}

async fn write_subject(db: &Db, id: i64) -> Result<u64> {
    write_txn!(db, "test.subject", |txn| {
        sql("INSERT INTO subject (id, name) VALUES (?, 'x')").bind(id).execute(txn).await
    })
}

async fn subjects(app: &TestApp) -> Vec<i64> {
    sql("SELECT id FROM subject ORDER BY id").column(app.db().reader()).await.unwrap()
}

async fn row(app: &TestApp) -> task_run::Model {
    task_run::Entity::find().one(app.db().reader()).await.unwrap().unwrap()
}

/// Waits until the only run holds its tick until then.
async fn is_held_until(app: &TestApp, until: Instant) {
    let renewed = async {
        while row(app).await.lease_until < until {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), renewed).await.expect("the lease is renewed");
}

#[test]
fn a_run_that_takes_longer_than_its_lease_is_not_run_beside_itself() {
    on_every_app_with(
        "2026-03-02",
        |config| config.tasks.lease_s = 2,
        async |app: TestApp| {
            let firing = Firing { tick: Some(Tick::At(app.now().await.unwrap())), ..NO_TICK };
            let (long, works) = (Long::begin(&app, firing).await, Arc::new(AtomicU64::new(0)));
            for _ in 0..3 {
                app.advance(TimeDelta::seconds(1)).await;
                is_held_until(&app, app.now().await.unwrap() + TimeDelta::seconds(2)).await;
                let beside = count(&app, firing, &works).await.unwrap();
                assert_eq!((beside.already_done, beside.run.state), (true, RunState::Running));
            }
            let ended = long.end().await.unwrap();
            assert_eq!((ended.run.state, ended.report.changed), (RunState::Done, 2));
            let after = count(&app, firing, &works).await.unwrap();
            assert_eq!((after.already_done, after.report.changed), (true, 2));
            assert_eq!(works.load(Ordering::SeqCst), 0);
        },
    );
}

#[test]
fn a_run_whose_tick_was_taken_writes_nothing_more_and_does_not_end_the_others_run() {
    on_every_app(async |app: TestApp| {
        let firing = Firing { tick: Some(Tick::At(app.now().await.unwrap())), ..NO_TICK };
        let long = Long::begin(&app, firing).await;
        let _taken: u64 = write_txn!(app.db(), "test.taken", |txn| {
            sql("UPDATE task_run SET lease_token = 'another'").execute(txn).await
        })
        .unwrap();
        assert!(matches!(long.end().await, Err(Error::TakenOver)));
        assert_eq!(subjects(&app).await, [1], "what was written before stays");
        let row = row(&app).await;
        assert_eq!((row.state, row.error.as_str(), row.ended_at), (RunState::Running, "", None));
        // Nobody else is stopped by it.
        write_subject(app.db(), 4).await.unwrap();
    });
}

#[test]
fn work_that_is_done_when_its_tick_was_taken_is_not_this_runs_to_report() {
    on_every_app(async |app: TestApp| {
        let db = app.db().clone();
        let fired = fire_with(&app, Task::InviteExec, NO_TICK, async move |_, _| {
            let _taken: u64 = write_txn!(&db, "test.taken", |txn| {
                sql("UPDATE task_run SET lease_token = 'another'").execute(txn).await
            })?;
            Ok(Report::default())
        });
        assert!(matches!(fired.await, Err(Error::TakenOver)));
        assert_eq!(row(&app).await.state, RunState::Running);
    });
}

#[test]
fn a_lease_renewed_at_the_last_moment_is_not_taken() {
    on_every_app(async |app: TestApp| {
        let now = app.now().await.unwrap();
        let begin = |lease_token| Begin {
            logical_at: now,
            started_at: now,
            host: "here",
            lease_token,
            lease_until: now + TimeDelta::seconds(60),
        };
        let (taken, renewed, held) = write_txn!(app.db(), "test.race", |txn| {
            let slow = task_run_insert(txn, "invite_exec", Some(now), begin("slow")).await?;
            let lease = RunLease::of(&slow);
            // Somebody has found that the lease has run out; then its run renews it.
            let renewed = task_run_renew(txn, &lease, now + TimeDelta::seconds(120)).await?;
            let taken = task_run_take_over(txn, &slow, begin("other")).await?;
            Ok((taken, renewed, task_run_renew(txn, &lease, now + TimeDelta::seconds(180)).await?))
        })
        .unwrap();
        assert_eq!((taken, renewed, held), (false, true, true));
    });
}

#[test]
fn a_lease_is_renewed_however_many_others_write() {
    on_every_app_with(
        "2026-03-02",
        |config| config.tasks.lease_s = 2,
        async |app: TestApp| {
            if app.db().is_sqlite() {
                return; // It has one that writes: whoever would take the run over waits as well.
            }
            let others = app.replica().await;
            let firing = Firing { tick: Some(Tick::At(app.now().await.unwrap())), ..NO_TICK };
            let long = Long::begin(&app, firing).await;
            // Every connection that writes is in use by somebody who takes long.
            let (begun, mut all_begun) = tokio::sync::mpsc::channel::<()>(100);
            let (end, _) = tokio::sync::broadcast::channel::<()>(1);
            let many = app.write_connections();
            let writers: Vec<JoinHandle<Result<u64>>> = (0..many)
                .map(|_| {
                    let (db, begun, end) = (app.db().clone(), begun.clone(), end.clone());
                    tokio::spawn(async move {
                        write_txn!(&db, "test.slow", |txn| {
                            let mut ended = end.subscribe();
                            sql("SELECT 1 FROM task_run").fetch(txn).await?;
                            begun.send(()).await.unwrap();
                            ended.recv().await.unwrap();
                            Ok(1)
                        })
                    })
                })
                .collect();
            for _ in 0..many {
                all_begun.recv().await.unwrap();
            }
            others.advance(TimeDelta::seconds(1)).await;
            is_held_until(&app, app.now().await.unwrap() + TimeDelta::seconds(2)).await;
            end.send(()).unwrap();
            for writer in writers {
                writer.await.unwrap().unwrap();
            }
            assert_eq!(long.end().await.unwrap().report.changed, 2);
        },
    );
}
