//! `clazz offer_places`: ends holds and offers that have run out, offers free places to the waiting
//! list, and lets classes go on whose coach is ready (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::continuing::go_on;
use crate::app::enrollment::offer;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    // Those who go on with their class come before whoever waits for a place of it.
    let mut report = go_on::go_on_due(call).await?;
    report.add(offer::offer_places(call).await?);
    Ok(report)
}
