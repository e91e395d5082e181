//! What becomes of an invitation when its message has gone out, or never will (docs/domain.md §5).

use crate::app::after::{Following, Settled, Until};
use crate::domain::invitation::expiry;
use crate::domain::rules::Rules;
use crate::domain::state::InvitationState;
use crate::domain::time::Instant;
use crate::error::{Reason, Result};
use crate::storage::sql::{sql, update_by_pairs};
use crate::storage::{Txn, staffing};
use std::collections::HashMap;

/// Until when invitations may be answered whose messages are handed over at these instants: their
/// life in minutes of W, never past F.
pub(crate) fn answer_until<'a>(rules: &'a Rules, txn: &'a Txn, handed: &'a [(i64, Instant)]) -> Until<'a> {
    Box::pin(until(rules, txn, handed))
}

async fn until(rules: &Rules, txn: &Txn, handed: &[(i64, Instant)]) -> Result<HashMap<i64, Instant>> {
    if handed.is_empty() {
        return Ok(HashMap::new());
    }
    let closing = closing(txn, handed.iter().map(|(id, _)| *id)).await?;
    let until = handed.iter().filter_map(|(id, at)| Some((*id, expiry(rules, *at, *closing.get(id)?))));
    Ok(until.collect())
}

/// Of messages that ask: what follows when they settle.
pub(crate) fn messages_settled<'a>(
    txn: &'a Txn,
    Settled { out, lost }: Settled<'a>,
    now: Instant,
) -> Following<'a> {
    Box::pin(settle(txn, out, lost, now))
}

/// `out`: invitations whose message became SUBMITTED, CAPTURED or UNKNOWN, and until when they may
/// be answered as it says: QUEUED → SENT. `lost`: those whose message FAILED, EXPIRED or was
/// suppressed: QUEUED → UNDELIVERED, and the next coach is asked.
async fn settle(txn: &Txn, out: &[(i64, Instant)], lost: &[i64], now: Instant) -> Result<()> {
    if !out.is_empty() {
        let closing = closing(txn, out.iter().map(|(id, _)| *id)).await?;
        // An edit may have brought F nearer since the message was handed over.
        let until = |(id, until): &(i64, Instant)| {
            (*id, closing.get(id).map_or(*until, |closes| *until.min(closes)).unix())
        };
        let pairs: Vec<(i64, i64)> = out.iter().map(until).collect();
        let set = "state = 'SENT', expires_at = p.expires_at, version = version + 1";
        update_by_pairs(txn, "invitation", ["id", "expires_at"], set, "invitation.state = 'QUEUED'", &pairs)
            .execute(txn)
            .await?;
        sql("UPDATE invitation SET sent_at = ? WHERE state = 'SENT' AND sent_at IS NULL AND id IN ({ids})")
            .bind(now)
            .ids(out.iter().map(|(id, _)| *id))
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

/// F of the tasks of invitations (s − 30 min where staff reopened them), by invitation.
async fn closing(txn: &Txn, ids: impl Iterator<Item = i64>) -> Result<HashMap<i64, Instant>> {
    let rows: Vec<(i64, Instant)> =
        sql("SELECT i.id, t.closes_at FROM invitation i JOIN class_task t ON t.id = i.task_id \
             WHERE i.id IN ({ids})")
        .ids(ids)
        .tuples(txn)
        .await?;
    Ok(rows.into_iter().collect())
}
