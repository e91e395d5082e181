//! `clazz offer_places`: ends holds and offers that have run out, and offers free places to the
//! waiting list (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::enrollment::offer;
use crate::app::report::Report;
use crate::error::Result;

/// At the run's `now`.
pub(super) async fn run(call: &Call<'_>) -> Result<Report> {
    offer::offer_places(call).await
}
