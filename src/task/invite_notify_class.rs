//! `invite notify_class`: tells admins of class tasks without enough coaches (DOMAIN.md §3).

use super::{Scope, pending as staffing};
use crate::app::App;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    staffing::notify_unstaffed_classes(app, scope.now).await
}
