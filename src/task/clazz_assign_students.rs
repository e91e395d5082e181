//! `clazz assign_students`: forms the classes whose rosters freeze, and reports the students left
//! over (docs/domain.md §3, §4).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::remind;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    remind::assign_students(call).await
}
