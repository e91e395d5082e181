//! `sms send`: sends the messages that are due; nothing else talks to a gateway (docs/domain.md
//! §7).

use crate::app::call::Call;
use crate::app::outbox;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    outbox::send_due(call).await
}
