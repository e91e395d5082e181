//! `invite notify_test`: reminds coaches who have accepted that the software test is due
//! (docs/domain.md §3).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::staffing::alarm;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    alarm::notify_software_tests(app, scope.now).await
}
