//! `sms send`: sends the messages that are due; nothing else talks to a gateway (docs/domain.md
//! §7).

use super::Scope;
use crate::app::App;
use crate::app::outbox;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(app: &App, scope: Scope) -> Result<Report> {
    outbox::send_due(app, scope.now).await
}
