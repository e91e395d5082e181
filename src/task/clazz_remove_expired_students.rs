//! `clazz remove_expired_students`: takes students off the rosters when their last day is past
//! (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::upkeep::expired;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    expired::remove_expired_students(call).await
}
