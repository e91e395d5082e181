//! Students whom a task no longer counts go on to the template's next lesson day, also when its
//! `invite create` is over (docs/domain.md §4).
//!
//! Without it the students of a daily class whose task failed would be nobody's for the next three
//! days: the tasks of those days are made at D−3 00:00, while the failed task still counted the
//! students.

use super::{create, demand::demand_changed, settle::settle, sizing};
use crate::app::App;
use crate::app::outbox::notice::look_at_seated;
use crate::domain::calendar::{Timeline, cut_off, last_day_cut_off};
use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::sql::sql;
use crate::storage::staffing;
use sea_orm::FromQueryResult;

/// A lesson day of the template, with its task if it has one.
#[derive(FromQueryResult)]
struct LessonDay {
    day: Day,
    start_at: Instant,
    task_id: Option<i64>,
    state: Option<TaskState>,
    cancelled_by: Option<String>,
}

/// Gives the students of a template whom no task counts to the next lesson day after `after` whose
/// rosters are not frozen: they join its open task; a task is made (or reopened, where it was
/// cancelled for want of demand) when `invite create` of that day is over. A day that is further
/// ahead is left to its own `invite create`. Messages written.
///
/// Whoever calls it has let the students go (`task_id` is empty) in the same transaction.
pub async fn pass_on(app: &App, txn: &Txn, template_id: i64, after: Day, now: Instant) -> Result<u64> {
    sizing::mark_later_in_txn(txn, template_id, after).await?;
    let mut messages = 0;
    for lesson in lesson_days(app, txn, template_id, after, now).await? {
        let line = Timeline::of(app.rules(), lesson.day, lesson.start_at);
        if now < line.cut_off
            || line.freeze_at <= now
            || !has_uncounted(app, txn, template_id, lesson.day).await?
        {
            continue;
        }
        match (lesson.task_id, lesson.state) {
            (_, Some(state)) if state.is_open() => {
                // `invite check` sizes it, because it is marked.
                sizing::attach_in_txn(app, txn, lesson.day, &[template_id]).await?;
            }
            (Some(id), Some(TaskState::Cancelled)) if lesson.cancelled_by.as_deref() == Some("") => {
                create::reopen_in_txn(txn, &[id]).await?;
                messages += begin(app, txn, template_id, lesson.day, now).await?;
            }
            (None, _) => {
                create::insert_in_txn(
                    txn,
                    vec![create::new_task(app, template_id, lesson.day, lesson.start_at, now)],
                )
                .await?;
                messages += begin(app, txn, template_id, lesson.day, now).await?;
            }
            // One that has ended counts nobody any more: the day after it may.
            _ => {}
        }
    }
    Ok(messages)
}

/// The lesson days after `after` whose cut-off has come: three or four at most.
async fn lesson_days(
    app: &App,
    txn: &Txn,
    template_id: i64,
    after: Day,
    now: Instant,
) -> Result<Vec<LessonDay>> {
    sql("SELECT p.day, p.start_at, t.id AS task_id, t.state, t.cancelled_by FROM place p \
         LEFT JOIN class_task t ON t.template_id = p.template_id AND t.day = p.day \
         WHERE p.template_id = ? AND p.day > ? AND p.day <= ? ORDER BY p.day")
    .bind(template_id)
    .bind(after)
    .bind(last_day_cut_off(app.time(), now))
    .all(txn)
    .await
}

/// Whether a student of the day (docs/domain.md §4, Students of a task) is counted by no task.
async fn has_uncounted(app: &App, txn: &Txn, template_id: i64, day: Day) -> Result<bool> {
    let found: Vec<i64> = sql(
        "SELECT r.id FROM reservation r WHERE r.state = 'BOOKED' AND r.template_id = ? AND r.start_day <= ? \
         AND r.last_day >= ? AND r.created_at < ? AND r.task_id IS NULL \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = ?) LIMIT 1",
    )
    .bind(template_id)
    .bind(day)
    .bind(day)
    .bind(cut_off(app.time(), day))
    .bind(day)
    .column(txn)
    .await?;
    Ok(!found.is_empty())
}

/// Counts the students of a task just made or reopened, and sizes it; past its gate it begins in
/// rescue.
async fn begin(app: &App, txn: &Txn, template_id: i64, day: Day, now: Instant) -> Result<u64> {
    sizing::attach_in_txn(app, txn, day, &[template_id]).await?;
    let Some(task) = staffing::task_open_of_template(txn, template_id, day).await? else { return Ok(0) };
    let sizes = sizing::size_in_txn(txn, std::slice::from_ref(&task), day).await?;
    let size = sizes.get(&task.id).copied().unwrap_or_default();
    let mut messages = 0;
    if size.seated > 0 {
        messages += look_at_seated(app, txn, template_id, day, now).await?;
    }
    if size.students == 0 {
        // Everybody got a free seat of a running class.
        staffing::task_state_set_in_txn(txn, task.id, task.state, TaskState::Formed).await?;
        return Ok(messages);
    }
    if size.over > 0 {
        // `invite check` reports who does not fit.
        demand_changed(txn, &[template_id]).await?;
    }
    if now >= task.gate_at {
        messages += settle(app, txn, task.id, now).await?;
    }
    Ok(messages)
}
