//! Rows of class tasks: inserting new ones, and reopening those that were cancelled for want of
//! demand.

use crate::app::call::Call;
use crate::domain::calendar::Timeline;
use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::entity::class_task as task;
use crate::storage::insert::insert_rows;
use crate::storage::sql::sql;
use crate::storage::{Txn, unique_violation};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set};

/// A new task, PENDING, not sized yet.
pub(super) fn new_task(call: &Call<'_>, template_id: i64, day: Day, start: Instant) -> task::ActiveModel {
    let line = Timeline::of(call.app.rules(), day, start);
    task::ActiveModel {
        id: NotSet,
        template_id: Set(template_id),
        day: Set(day),
        state: Set(TaskState::Pending),
        start_at: Set(start),
        gate_at: Set(line.gate_at),
        freeze_at: Set(line.freeze_at),
        closes_at: Set(line.freeze_at),
        reopened: Set(false),
        cancelled_by: Set(String::new()),
        students: Set(0),
        needed: Set(0),
        dirty: Set(false),
        early_warned: Set(false),
        told_uncovered: Set(0),
        gate_alarmed: Set(false),
        created_at: Set(call.now),
        version: Set(0),
    }
}

/// Inserts tasks; one that another transaction made first makes this one run again, and find it.
pub(super) async fn insert_in_txn(txn: &Txn, rows: Vec<task::ActiveModel>) -> Result<()> {
    match insert_rows(txn, rows).await {
        Err(error) if unique_violation(&error) => Err(Error::Contended("class_task")),
        done => Ok(done?),
    }
}

/// CANCELLED for want of demand → PENDING.
pub(super) async fn reopen_in_txn(txn: &Txn, ids: &[i64]) -> Result<()> {
    sql("UPDATE class_task SET state = 'PENDING', version = version + 1 WHERE state = 'CANCELLED' \
        AND id IN ({ids})")
    .ids(ids.iter().copied())
    .execute(txn)
    .await
    .map(drop)
}
