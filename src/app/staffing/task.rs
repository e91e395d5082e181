//! A new class task.

use crate::app::call::Call;
use crate::domain::calendar::Timeline;
use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use crate::storage::entity::class_task as task;
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
