//! `clazz free_available_time`: frees the time of coaches that nothing needs any more
//! (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::upkeep::time;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    time::free_available_time(call).await
}
