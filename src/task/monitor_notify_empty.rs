//! `monitor notify_empty`: tells of lessons that go on without any student
//! (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::monitor::missing;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    missing::notify_empty(call).await
}
