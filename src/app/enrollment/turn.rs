//! Takes turns with `invite create` close to a cut-off (docs/domain.md §3).

use crate::app::App;
use crate::app::queue::{Ask, Wish};
use crate::domain::calendar::cut_off;
use crate::domain::time::{Instant, add_days};
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::sql::sql;
use chrono::TimeDelta;

/// Close to the cut-off of a first lesson sign-ups take turns with `invite create` and ask the
/// clock again: what commits after the tasks were made must not look as if it had been there
/// before, or nobody would count it. The time that counts.
pub(super) async fn take_turns_at_cut_off(
    app: &App,
    txn: &Txn,
    asks: &[Ask],
    now: Instant,
) -> Result<Instant> {
    // Any cut-off is a midnight, whichever day the first lesson is.
    let next = app.time().midnight(add_days(app.time().day(now), 1));
    let concerned = |ask: &Ask| {
        matches!(ask.wish, Wish::SignUp | Wish::Change(_)) && now < cut_off(app.time(), ask.end_day)
    };
    if next - now >= TimeDelta::minutes(1) || !asks.iter().any(concerned) {
        return Ok(now);
    }
    take_turn(app, txn).await
}

/// The turn itself; the clock's time then.
pub(super) async fn take_turn(app: &App, txn: &Txn) -> Result<Instant> {
    // Shared: those who take it so do not wait for each other, only for `invite create`, which
    // takes it for itself.
    sql("SELECT name, version FROM mutex WHERE name = 'create' {share}").fetch(txn).await?;
    app.now_in(txn).await
}
