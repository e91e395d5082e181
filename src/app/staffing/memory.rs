//! What `invite exec` remembers: for which tasks a look found nobody to ask, and until when that
//! cannot change. So a minute in which nothing happened costs a few statements, however many tasks
//! are short (benches/RESULTS.md, "exhausted").
//!
//! The memory is in the database (`task_look`), so that replicas and restarts agree. A look depends
//! on the task, the coaches, the catalogue, the rules and the clock. Code that changes one of these
//! need not know of this file: every change counts up a version anyway, because the wave's
//! optimistic check relies on it (`class_task.version`, `coach.version`). Ending an invitation or
//! freeing an availability counts up the coach's version in the one function that does it
//! (`storage/staffing.rs`).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::{App, idempotency};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::Result;
use crate::in_txn;
use crate::storage::entity::task_look;
use crate::storage::task_look::{task_look_told, task_look_write_in_txn, world_versions};
use sea_orm::ConnectionTrait;
use std::collections::BTreeMap;

/// Everything a look sees apart from the task and the time, as one text. It is read before the
/// look: what changes meanwhile is then seen as a change the next time. Also how many tasks are
/// open.
pub(crate) async fn world(app: &App, conn: &impl ConnectionTrait) -> Result<(String, u64)> {
    let (coaches, versions, catalogue, open) = world_versions(conn).await?;
    // A server with other rules, or with another program, looks again.
    let mut rules = idempotency::fingerprint(&[env!("CARGO_PKG_VERSION"), &format!("{:?}", app.rules())]);
    rules.truncate(16);
    Ok((format!("{coaches}.{versions}.{catalogue}.{rules}"), open.unsigned_abs()))
}

/// What a report says of one task, by reason code.
pub(crate) type Skipped = BTreeMap<String, u64>;

/// A look at a task that asked nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// The task.
    pub task_id: i64,
    /// Its version when it was read.
    pub version: i64,
    /// When time alone may give another answer.
    pub again_at: Instant,
    /// What it reported.
    pub skipped: Skipped,
}

/// Reports what the looks that still hold found out, as if they had just been made.
pub(crate) async fn report_known(
    conn: &impl ConnectionTrait,
    world: &str,
    now: Instant,
    day: Option<Day>,
) -> Result<Report> {
    let mut report = Report::default();
    for (skipped, looks) in task_look_told(conn, world, now, day).await? {
        let skipped: Skipped = serde_json::from_str(&skipped).unwrap_or_default();
        for (reason, count) in skipped {
            report.skip(reason, count.saturating_mul(looks.unsigned_abs()));
        }
    }
    Ok(report)
}

/// The next midnight: budgets of the day and of the week begin anew.
pub(crate) fn tomorrow(call: &Call<'_>) -> Instant {
    call.app.time().midnight(add_days(call.app.time().day(call.now), 1))
}

/// Remembers looks that asked nobody. Not to be able to is no failure: what is not remembered is
/// looked at again.
pub(crate) async fn remember(call: &Call<'_>, world: &str, looked: &[Looked]) {
    if looked.is_empty() {
        return;
    }
    let row = |look: &Looked| task_look::Model {
        task_id: look.task_id,
        task_version: look.version,
        world: world.to_owned(),
        looked_at: call.now,
        again_at: look.again_at,
        skipped: serde_json::to_string(&look.skipped).unwrap_or_default(),
    };
    let rows: Vec<task_look::Model> = looked.iter().map(row).collect();
    let written =
        in_txn!(call, "invitation.looked", |work| task_look_write_in_txn(work.txn, &rows, work.now).await);
    if let Err(error) = written {
        tracing::warn!(%error, tasks = looked.len(), "what was found out about tasks could not be \
            stored; they will be looked at again");
    }
}
