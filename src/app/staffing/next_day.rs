//! Finds where students go when a task no longer counts them: the template's next lesson days, even
//! those whose `invite create` is over (docs/domain.md §4).
//!
//! Otherwise no task would count the students of a daily class for three days after its task had
//! failed: the tasks of those days are made at D−3 00:00, while the failed task still counted the
//! students.

use crate::app::call::Work;
use crate::domain::calendar::{cut_off, last_day_cut_off};
use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::sql::sql;
use sea_orm::FromQueryResult;

/// A lesson day of the template, with its task if it has one.
#[derive(FromQueryResult)]
pub(super) struct LessonDay {
    pub(super) day: Day,
    pub(super) start_at: Instant,
    pub(super) task_id: Option<i64>,
    pub(super) state: Option<TaskState>,
    pub(super) cancelled_by: Option<String>,
}

/// The lesson days after `after` whose cut-off has come: three or four at most.
pub(super) async fn lesson_days(work: Work<'_>, template_id: i64, after: Day) -> Result<Vec<LessonDay>> {
    sql("SELECT p.day, p.start_at, t.id AS task_id, t.state, t.cancelled_by FROM place p \
         LEFT JOIN class_task t ON t.template_id = p.template_id AND t.day = p.day \
         WHERE p.template_id = ? AND p.day > ? AND p.day <= ? ORDER BY p.day")
    .bind(template_id)
    .bind(after)
    .bind(last_day_cut_off(work.app.time(), work.now))
    .all(work.txn)
    .await
}

/// Whether a student of the day (docs/domain.md §4, Students of a task) is counted by no task.
pub(super) async fn has_uncounted(work: Work<'_>, template_id: i64, day: Day) -> Result<bool> {
    let found: Vec<i64> = sql(
        "SELECT r.id FROM reservation r WHERE r.state = 'BOOKED' AND r.template_id = ? AND r.start_day <= ? \
         AND r.last_day >= ? AND r.created_at < ? AND r.task_id IS NULL \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = ?) LIMIT 1",
    )
    .bind(template_id)
    .bind(day)
    .bind(day)
    .bind(cut_off(work.app.time(), day))
    .bind(day)
    .column(work.txn)
    .await?;
    Ok(!found.is_empty())
}
