//! `clazz auto_change_coach`: coach changes begin to ask (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::substitution;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    substitution::start_due_changes(call).await
}
