//! `invite create`: makes the class tasks of a lesson day (docs/domain.md §3, §4).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::create;
use crate::domain::time::{Day, add_days};
use crate::error::Result;

/// How many days before a lesson day its tasks are made.
pub(super) const DAYS_AHEAD: i64 = 3;

/// Of the day given, or of three days from now.
pub(super) async fn run(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    let day = day.unwrap_or_else(|| add_days(call.app.time().day(call.now), DAYS_AHEAD));
    create::create_class_tasks(call, day).await
}
