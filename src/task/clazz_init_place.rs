//! `clazz init_place`: makes missing lesson days that lie ahead, recounts all places, repairs and
//! reports differences (docs/domain.md §2).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::upkeep::places;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    places::init_places(call).await
}
