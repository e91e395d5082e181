//! Queries for runs of the scheduled tasks (docs/domain.md §8).

use super::entity::task_run::{ActiveModel, Column, Entity, Model};
use super::page::Page;
use super::sql::sql;
use crate::domain::state::RunState;
use crate::domain::time::Instant;
use crate::error::Result;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, NotSet, QueryFilter, QueryOrder,
    QuerySelect, Set,
};
use std::sync::Arc;

/// A run that begins: RUNNING, its lease held by `lease_token`.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// `now` of its rules.
    pub logical_at: Instant,
    /// When it really starts.
    pub started_at: Instant,
    /// Where it runs.
    pub host: &'a str,
    /// Whoever has this may end it.
    pub lease_token: &'a str,
    /// From then on, by the one clock, another firing of the tick may take it over.
    pub lease_until: Instant,
}

/// What a run holds its tick by.
#[derive(Clone, Debug)]
pub struct RunLease {
    run_id: i64,
    token: Arc<str>,
}

impl RunLease {
    /// Of a run that begins.
    pub fn of(run: &Model) -> Self {
        Self { run_id: run.id, token: run.lease_token.as_str().into() }
    }
}

/// Inserts a run; with a tick that exists already it fails with `AlreadyExists`.
pub async fn task_run_insert(
    conn: &impl ConnectionTrait,
    task: &str,
    tick_at: Option<Instant>,
    begin: Begin<'_>,
) -> Result<Model> {
    let row = ActiveModel {
        id: NotSet,
        task: Set(task.to_owned()),
        tick_at: Set(tick_at),
        state: Set(RunState::Running),
        logical_at: Set(begin.logical_at),
        started_at: Set(begin.started_at),
        ended_at: Set(None),
        host: Set(begin.host.to_owned()),
        lease_token: Set(begin.lease_token.to_owned()),
        lease_until: Set(begin.lease_until),
        report: Set(String::new()),
        error: Set(String::new()),
        idle: Set(false),
    };
    Ok(row.insert(conn).await?)
}

/// The run of a tick.
pub(crate) async fn task_run_by_tick(
    conn: &impl ConnectionTrait,
    task: &str,
    tick_at: Instant,
) -> Result<Option<Model>> {
    Ok(Entity::find().filter(Column::Task.eq(task)).filter(Column::TickAt.eq(tick_at)).one(conn).await?)
}

/// Begins a run of the same tick again; whether nobody else did so, or renewed the lease, since
/// `old` was read.
pub async fn task_run_take_over(conn: &impl ConnectionTrait, old: &Model, begin: Begin<'_>) -> Result<bool> {
    let rows =
        sql("UPDATE task_run SET state = ?, logical_at = ?, started_at = ?, ended_at = NULL, host = ?, \
         lease_token = ?, lease_until = ?, \
         report = '', error = '', idle = FALSE \
         WHERE id = ? AND state = ? AND lease_token = ? AND lease_until = ?")
        .bind(RunState::Running)
        .bind(begin.logical_at)
        .bind(begin.started_at)
        .bind(begin.host)
        .bind(begin.lease_token)
        .bind(begin.lease_until)
        .bind(old.id)
        .bind(old.state)
        .bind(old.lease_token.as_str())
        .bind(old.lease_until)
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Whether a run still holds its tick.
pub async fn task_run_is_held(conn: &impl ConnectionTrait, lease: &RunLease) -> Result<bool> {
    let held: Vec<i64> = sql("SELECT id FROM task_run WHERE id = ? AND state = ? AND lease_token = ?")
        .bind(lease.run_id)
        .bind(RunState::Running)
        .bind(&*lease.token)
        .column(conn)
        .await?;
    Ok(!held.is_empty())
}

/// Lets a run hold its tick for longer; whether it still held it.
pub async fn task_run_renew(conn: &impl ConnectionTrait, lease: &RunLease, until: Instant) -> Result<bool> {
    let rows = sql("UPDATE task_run SET lease_until = ? WHERE id = ? AND state = ? AND lease_token = ?")
        .bind(until)
        .bind(lease.run_id)
        .bind(RunState::Running)
        .bind(&*lease.token)
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Ends a run; whether it was still ours to end.
pub async fn task_run_end(conn: &impl ConnectionTrait, run: &Model) -> Result<bool> {
    let rows =
        sql("UPDATE task_run SET state = ?, ended_at = ?, report = ?, error = ?, idle = ? WHERE id = ? \
            AND state = ? AND lease_token = ?")
        .bind(run.state)
        .bind(run.ended_at)
        .bind(run.report.as_str())
        .bind(run.error.as_str())
        .bind(run.idle)
        .bind(run.id)
        .bind(RunState::Running)
        .bind(run.lease_token.as_str())
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// The last run of a task.
pub(crate) async fn task_run_last(conn: &impl ConnectionTrait, task: &str) -> Result<Option<Model>> {
    Ok(Entity::find().filter(Column::Task.eq(task)).order_by_desc(Column::Id).one(conn).await?)
}

/// Runs, latest first: of a task, in a state.
pub(crate) async fn task_run_list(
    conn: &impl ConnectionTrait,
    task: Option<&str>,
    state: Option<RunState>,
    page: &Page,
) -> Result<Vec<Model>> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(page.limit());
    if let Some(task) = task {
        query = query.filter(Column::Task.eq(task));
    }
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state));
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(query.all(conn).await?)
}
