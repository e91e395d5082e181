//! `clazz remove_expired_students`: takes students off the rosters when their last day is past
//! (docs/domain.md §6).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::upkeep::expired;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    expired::remove_expired_students(app, scope.now).await
}
