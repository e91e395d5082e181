//! Finds where students go when a task no longer counts them: the template's next lesson days, even
//! those whose `invite create` is over (docs/domain.md §4).
//!
//! Otherwise no task would count the students of a daily class for three days after its task had
//! failed: the tasks of those days are made at D−3 00:00, while the failed task still counted the
//! students.

use crate::app::call::Work;
use crate::domain::calendar::{cut_off, last_day_cut_off};
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::staffing::{self, LessonDay};

/// The lesson days after `after` whose cut-off has come: three or four at most.
pub(super) async fn lesson_days(work: Work<'_>, template_id: i64, after: Day) -> Result<Vec<LessonDay>> {
    let until = last_day_cut_off(work.app.time(), work.now);
    staffing::lesson_day_list(work.txn, template_id, after, until).await
}

/// Whether a student of the day (docs/domain.md §4, Students of a task) is counted by no task.
pub(super) async fn has_uncounted(work: Work<'_>, template_id: i64, day: Day) -> Result<bool> {
    staffing::student_is_uncounted(work.txn, template_id, day, cut_off(work.app.time(), day)).await
}
