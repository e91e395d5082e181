//! `clazz not_morning_notify`: reminds of the other classes, at most 4 h ahead (docs/domain.md §3).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::remind;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    remind::remind_of_rest(call).await
}
