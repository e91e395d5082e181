//! Takes turns with `invite create` close to a cut-off (docs/domain.md §3).

use crate::app::call::{Call, Work};
use crate::app::sign_up::{Ask, Wish};
use crate::domain::calendar::cut_off;
use crate::domain::time::add_days;
use crate::error::Result;
use crate::storage::staffing::mutex_share_in_txn;
use chrono::TimeDelta;

/// Close to the cut-off of a first lesson sign-ups take turns with `invite create` and ask the
/// clock again: what commits after the tasks were made must not look as if it had been there
/// before, or nobody would count it. The call at the time that counts.
pub(super) async fn take_turns_at_cut_off<'a>(work: Work<'a>, asks: &[Ask]) -> Result<Call<'a>> {
    // Any cut-off is a midnight, whichever day the first lesson is.
    let next = work.app.time().midnight(add_days(work.app.time().day(work.now), 1));
    let concerned = |ask: &Ask| {
        matches!(ask.wish, Wish::SignUp | Wish::Change(_) | Wish::MakeUp)
            && work.now < cut_off(work.app.time(), ask.end_day)
    };
    if next - work.now >= TimeDelta::minutes(1) || !asks.iter().any(concerned) {
        return Ok((*work).clone());
    }
    take_turn(work).await
}

/// The turn itself; the call at the time that it is then.
pub(super) async fn take_turn<'a>(work: Work<'a>) -> Result<Call<'a>> {
    // Shared: those who take it so do not wait for each other, only for `invite create`, which
    // takes it for itself.
    mutex_share_in_txn(work.txn, "create").await?;
    let now = work.app.now_in(work.txn).await?;
    Ok(work.at(now.max(work.now)))
}
