//! `clazz check_on_time`: the ladder for lessons whose coach is not there (docs/domain.md §3).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::on_time;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    on_time::check_on_time(call).await
}
