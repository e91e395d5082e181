//! `clazz init_place`: makes missing lesson days that lie ahead, recounts all places, repairs and
//! reports differences (docs/domain.md §2).

use super::Scope;
use crate::app::App;
use crate::app::report::Report;
use crate::app::upkeep::places;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    places::init_places(app, scope.now).await
}
