//! `message purge`: removes message contents, request ids and runs that are past their retention
//! (docs/domain.md §8).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::app::upkeep::purge;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    purge::purge(call).await
}
