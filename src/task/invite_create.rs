//! `invite create`: makes the class tasks of a lesson day (docs/domain.md §3, §4).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::staffing::create;
use crate::domain::time::add_days;
use crate::error::Result;

/// How many days before a lesson day its tasks are made.
pub(super) const DAYS_AHEAD: i64 = 3;

/// Of the day given, or of three days from now.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    let day = scope.day.unwrap_or_else(|| add_days(app.time().day(scope.now), DAYS_AHEAD));
    create::create_class_tasks(app, scope.now, day).await
}
