//! `clazz close_ended`: writes down that lessons and classes are over (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::upkeep::close;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    close::close_ended(call).await
}
