//! `invite notify_class`: alerts admins to class tasks without enough coaches (docs/domain.md §3).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::alarm;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    alarm::notify_unstaffed_classes(call).await
}
