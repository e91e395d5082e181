//! `invite check`: resizes open class tasks, ends invitations that have run out, promotes reserves
//! (docs/domain.md §4, §5).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::staffing::check;
use crate::error::Result;

/// Of the lesson day given, or of every open task.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    check::check_invitations(app, scope.now, scope.day).await
}
