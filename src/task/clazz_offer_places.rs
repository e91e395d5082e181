//! `clazz offer_places`: ends holds and offers that have run out, and offers free places to the
//! waiting list (docs/domain.md §6).

use super::Scope;
use crate::app::App;
use crate::app::enrollment::offer;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    offer::offer_places(app, scope.now).await
}
