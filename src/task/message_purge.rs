//! `message purge`: removes message contents, request ids and runs that are past their retention
//! (docs/domain.md §8).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::upkeep::purge;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    purge::purge(app, scope.now).await
}
