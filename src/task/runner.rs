//! Runs a task once per tick, and records each run in `task_run` (docs/domain.md §8).
//!
//! The unique key (task, tick) and a plain INSERT decide who runs a tick. A tick whose run failed,
//! or was killed so that its lease ran out, is taken over by a guarded UPDATE with a new token. A
//! run renews its lease while it goes on. A run that lost its lease all the same (its machine stood
//! still, the database was away for longer) begins no more transactions and cannot end the row of
//! the run that replaced it.

use super::registry::{Argument, Task};
use super::{Scope, invite_create, work};
use crate::app::App;
use crate::app::report::Report;
use crate::clock::{new_token, system_now};
use crate::domain::state::RunState;
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Reason, Result};
use crate::storage::entity::task_run::Model;
use crate::storage::task_run::{
    Begin, RunLease, task_run_by_tick, task_run_end, task_run_insert, task_run_renew, task_run_take_over,
};
use crate::storage::test_clock::test_clock_row;
use crate::write_txn;
use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;

/// The tick that a firing stands for; cut to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// The current minute of the one clock.
    Now,
    /// A given one.
    At(Instant),
}

/// How a task is fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// The tick it stands for; none = it always runs.
    pub tick: Option<Tick>,
    /// Testing only: the `now` of the run.
    pub now: Option<Instant>,
    /// Testing only: the lesson day of the run; for tasks of [`Argument::ClassDay`].
    pub day: Option<Day>,
}

/// What came of a firing.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The row of the run.
    pub run: Model,
    /// What it did; empty while it is going on.
    pub report: Report,
    /// The tick had run before, or is running: this firing did nothing.
    pub already_done: bool,
}

/// Fires a task.
///
/// # Errors
/// `Precondition(NOT_TESTING)` for a test argument without `testing: true`; whatever the task fails
/// with.
pub async fn fire(app: &App, task: Task, firing: Firing) -> Result<Outcome> {
    fire_with(app, task, firing, async move |app, scope| work(&app, task, scope).await).await
}

/// Fires a task with work of the caller's in place of the task's: for tests of this runner.
///
/// # Errors
/// As [`fire`].
pub async fn fire_with<W, F>(app: &App, task: Task, firing: Firing, work: W) -> Result<Outcome>
where
    W: FnOnce(App, Scope) -> F,
    F: Future<Output = Result<Report>> + Send + 'static,
{
    let clock = app.now().await?;
    let scope = scope(app, task, firing, clock).await?;
    let tick_at = firing.tick.map(|tick| match tick {
        Tick::Now => minute(clock),
        Tick::At(at) => minute(at),
    });
    let run = match begin(app, task, tick_at, scope.now, clock).await? {
        Whose::Ours(run) => run,
        Whose::Theirs(run) => return Outcome::of(run, true),
    };
    let lease = RunLease::of(&run);
    let held = App { db: app.db.for_run(lease.clone()), ..app.clone() };
    // In a task of its own, so that a panic ends as a failed run and not as one that seems to go
    // on.
    let mut working = tokio::spawn(work(held, scope));
    let result = tokio::select! {
        ended = &mut working => ended,
        never = keep(app, &run, &lease) => match never {},
    };
    let result = match result {
        Ok(result) => result,
        Err(fault) => Err(Error::internal(format!("{} ended early: {fault}", task.name()))),
    };
    end(app, run, result).await
}

/// Renews the lease of a run three times as often as it would run out, for as long as it is asked
/// to.
async fn keep(app: &App, run: &Model, lease: &RunLease) -> Infallible {
    let whole = Duration::from_secs(app.config.tasks.lease_s.into());
    let mut pause = whole / 3;
    loop {
        tokio::time::sleep(pause).await;
        let renewed = write_txn!(&app.db.for_leases(), "task_run.renew", |txn| {
            let until = app.now_in(txn).await? + app.config.tasks.lease();
            task_run_renew(txn, lease, until).await
        });
        pause = match renewed {
            Ok(true) => whole / 3,
            Ok(false) => {
                tracing::warn!(task = run.task, run.id = run.id, "a run has lost its lease; it stops");
                return std::future::pending().await;
            }
            Err(error) => {
                tracing::warn!(
                    task = run.task,
                    run.id = run.id,
                    %error,
                    "the lease of a run could not be renewed yet"
                );
                whole / 12
            }
        };
    }
}

/// What the run is about: its `now` and its lesson day.
async fn scope(app: &App, task: Task, firing: Firing, clock: Instant) -> Result<Scope> {
    let Firing { tick: _, now, day } = firing;
    if (now.is_some() || day.is_some()) && !app.config.testing {
        return Err(Error::precondition(
            Reason::NotTesting,
            "a day or instant may be given only with `testing: true` in the configuration",
        ));
    }
    if day.is_some() && task.info().argument != Argument::ClassDay {
        return Err(Error::invalid("day", "this task takes no lesson day"));
    }
    let now = match (now, day) {
        (Some(now), _) => now,
        (None, Some(day)) if test_clock_row(app.db.reader()).await?.is_none() => {
            app.time().at(add_days(day, -invite_create::DAYS_AHEAD), app.time().time(clock))
        }
        (None, _) => clock,
    };
    Ok(Scope { now, day })
}

/// Whose run a firing is.
enum Whose {
    /// It is ours to do.
    Ours(Model),
    /// Another firing of the tick did it, or is doing it.
    Theirs(Model),
}

/// How often a tick is looked at when others take it over at the same moment.
const LOOKS: u32 = 3;

async fn begin(
    app: &App,
    task: Task,
    tick_at: Option<Instant>,
    logical_at: Instant,
    clock: Instant,
) -> Result<Whose> {
    let token = new_token();
    let begin = Begin {
        logical_at,
        started_at: system_now(),
        host: host(),
        lease_token: &token,
        lease_until: clock + app.config.tasks.lease(),
    };
    let inserted =
        write_txn!(&app.db, "task_run.begin", |txn| task_run_insert(txn, task.name(), tick_at, begin).await);
    let tick_at = match (inserted, tick_at) {
        // The only unique key that an insert can meet is that of the tick.
        (Err(Error::AlreadyExists { .. }), Some(tick_at)) => tick_at,
        (inserted, _) => return inserted.map(Whose::Ours),
    };
    for _ in 0..LOOKS {
        let Some(old) = task_run_by_tick(app.db.reader(), task.name(), tick_at).await? else { continue };
        let is_free = match old.state {
            RunState::Done => false,
            RunState::Failed => true,
            RunState::Running => old.lease_until <= clock,
        };
        if !is_free {
            return Ok(Whose::Theirs(old));
        }
        if write_txn!(&app.db, "task_run.take_over", |txn| task_run_take_over(txn, &old, begin).await)? {
            tracing::info!(task = task.name(), run.id = old.id, tick = %tick_at, was = %old.state, "a tick \
                is taken over");
            let Begin { logical_at, started_at, host, lease_until, .. } = begin;
            return Ok(Whose::Ours(Model {
                state: RunState::Running,
                logical_at,
                started_at,
                ended_at: None,
                host: host.to_owned(),
                lease_token: token.clone(),
                lease_until,
                report: String::new(),
                error: String::new(),
                idle: false,
                ..old
            }));
        }
    }
    Err(Error::Contended("task_run.take_over"))
}

async fn end(app: &App, mut run: Model, result: Result<Report>) -> Result<Outcome> {
    run.ended_at = Some(system_now());
    let outcome = match result {
        Ok(report) => {
            run.state = RunState::Done;
            run.idle = report.is_idle();
            run.report = serde_json::to_string(&report).map_err(Error::internal)?;
            Ok(report)
        }
        Err(error) => {
            run.state = RunState::Failed;
            run.error = told(&error);
            Err(error)
        }
    };
    let ended = write_txn!(&app.db, "task_run.end", |txn| task_run_end(txn, &run).await);
    match ended {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(
                task = run.task,
                run.id = run.id,
                "another firing took over the tick before this run ended"
            );
            // What the other does is the run's report.
            return Err(outcome.err().unwrap_or(Error::TakenOver));
        }
        // The work itself is done, or its own error matters more; the tick may be taken over when
        // the lease has run out.
        Err(error) => {
            tracing::warn!(task = run.task, run.id = run.id, %error, "the end of a run could not be written")
        }
    }
    let took_ms = (run.ended_at.unwrap_or(run.started_at) - run.started_at).num_milliseconds();
    let report = outcome?;
    if report != Report::default() {
        let Report { examined, changed, failed, messages, .. } = report;
        tracing::info!(
            task = run.task,
            run.id = run.id,
            examined,
            changed,
            failed,
            messages,
            took_ms,
            "a task has run"
        );
    }
    Ok(Outcome { run, report, already_done: false })
}

impl Outcome {
    /// Of a stored run.
    pub fn of(run: Model, already_done: bool) -> Result<Self> {
        let report = if run.report.is_empty() {
            Report::default()
        } else {
            serde_json::from_str(&run.report).map_err(|_| Error::Corrupt {
                table: "task_run",
                column: "report",
                id: run.id.to_string(),
            })?
        };
        Ok(Self { run, report, already_done })
    }
}

/// An error as it is stored with the run and shown to staff: without values of the database, which
/// may be about people.
fn told(error: &Error) -> String {
    let text = match error {
        Error::NotFound { kind, .. } => format!("{kind} does not exist"),
        Error::AlreadyExists { kind, .. } => format!("{kind} exists already"),
        Error::Precondition { reason, detail, days: _ } => format!("{reason}: {detail}"),
        Error::Unavailable(_) => "the database cannot be reached".to_owned(),
        Error::Internal(_) => "an internal error; see the server's log".to_owned(),
        Error::Invalid { .. }
        | Error::Contended(_)
        | Error::Busy(_)
        | Error::TakenOver
        | Error::Corrupt { .. } => error.to_string(),
    };
    text.chars().take(1000).collect()
}

/// The minute of an instant.
fn minute(at: Instant) -> Instant {
    Instant::from_unix(at.unix().div_euclid(60) * 60)
}

/// The name of this machine.
fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::fs::read_to_string("/etc/hostname"));
        let name: String = name.unwrap_or_default().trim().chars().take(100).collect();
        if name.is_empty() { "unknown".to_owned() } else { name }
    })
}
