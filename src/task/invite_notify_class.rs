//! `invite notify_class`: alerts admins to class tasks without enough coaches (docs/domain.md §3).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::staffing::alarm;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    alarm::notify_unstaffed_classes(app, scope.now).await
}
