//! `invite exec`: asks the next coaches of every open class task (docs/domain.md §5).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::staffing::wave;
use crate::domain::time::Day;
use crate::error::Result;

/// Of the lesson day given, or of every open task.
pub(super) async fn run(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    wave::send_invitations(call, day).await
}
