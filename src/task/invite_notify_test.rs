//! `invite notify_test`: reminds coaches who have accepted of the software test (DOMAIN.md §3).

use super::{Scope, pending as staffing};
use crate::app::App;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    staffing::notify_software_tests(app, scope.now).await
}
