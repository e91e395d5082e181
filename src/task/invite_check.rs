//! `invite check`: resizes open class tasks, ends invitations that have run out, promotes reserves
//! (docs/domain.md §4, §5).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::check;
use crate::domain::time::Day;
use crate::error::Result;

/// Of the lesson day given, or of every open task.
pub(super) async fn run(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    check::check_invitations(call, day).await
}
