//! `clazz correct_coach_status`: coaches on trial become regular, those who waited go on trial
//! (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::upkeep::status;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    status::correct_coach_status(call).await
}
