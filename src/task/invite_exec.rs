//! `invite exec`: asks the next coaches of every open class task (docs/domain.md §5).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::staffing::wave;
use crate::error::Result;

/// Of the lesson day given, or of every open task.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    wave::send_invitations(app, scope.now, scope.day).await
}
