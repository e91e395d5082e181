//! What becomes of an invitation when its message has gone out, or never will (docs/domain.md §5).

use crate::app::after::{Following, Settled};
use crate::domain::invitation::expiry;
use crate::domain::rules::Rules;
use crate::domain::state::InvitationState;
use crate::domain::time::Instant;
use crate::error::{Reason, Result};
use crate::storage::sql::{sql, update_by_pairs};
use crate::storage::{Txn, staffing};

/// Of messages that ask: what follows when they settle.
pub(crate) fn messages_settled<'a>(
    rules: &'a Rules,
    txn: &'a Txn,
    Settled { out, lost }: Settled<'a>,
    now: Instant,
) -> Following<'a> {
    Box::pin(settle(rules, txn, out, lost, now))
}

/// `out`: invitations whose message became SUBMITTED, CAPTURED or UNKNOWN: QUEUED → SENT, and their
/// life begins. `lost`: those whose message FAILED, EXPIRED or was suppressed: QUEUED →
/// UNDELIVERED, and the next coach is asked.
async fn settle(rules: &Rules, txn: &Txn, out: &[i64], lost: &[i64], now: Instant) -> Result<()> {
    if !out.is_empty() {
        let ends: Vec<(i64, Instant)> =
            sql("SELECT i.id, t.closes_at FROM invitation i JOIN class_task t ON t.id = i.task_id \
             WHERE i.id IN ({ids}) AND i.state = 'QUEUED'")
            .ids(out.iter().copied())
            .tuples(txn)
            .await?;
        let pairs: Vec<(i64, i64)> =
            ends.iter().map(|(id, closes)| (*id, expiry(rules, now, *closes).unix())).collect();
        let set = "state = 'SENT', expires_at = p.b, version = version + 1";
        update_by_pairs(txn, "invitation", "id", set, "invitation.state = 'QUEUED'", &pairs)
            .execute(txn)
            .await?;
        sql("UPDATE invitation SET sent_at = ? WHERE state = 'SENT' AND sent_at IS NULL AND id IN ({ids})")
            .bind(now)
            .ids(out.iter().copied())
            .execute(txn)
            .await?;
    }
    let reason = Reason::Expired.as_str();
    staffing::invitation_end_in_txn(
        txn,
        lost,
        InvitationState::Queued,
        InvitationState::Undelivered,
        reason,
        now,
    )
    .await
    .map(drop)
}
