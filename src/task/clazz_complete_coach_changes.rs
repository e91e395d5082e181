//! `clazz complete_coach_changes`: coach changes take effect (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::substitution;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    substitution::complete_changes(call).await
}
