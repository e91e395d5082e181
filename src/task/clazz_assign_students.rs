//! `clazz assign_students`: forms the classes whose rosters freeze, and reports the students left
//! over (docs/domain.md §3, §4).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::staffing::step;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    step::assign_students(app, scope.now).await
}
