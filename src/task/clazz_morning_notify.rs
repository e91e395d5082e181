//! `clazz morning_notify`: reminds of the morning classes of the next day (docs/domain.md §3).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::remind;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    remind::remind_of_mornings(call).await
}
