//! `invite notify_test`: reminds coaches who have accepted that the software test is due
//! (docs/domain.md §3).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::test_reminder;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    test_reminder::notify_software_tests(call).await
}
