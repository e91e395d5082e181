//! What becomes of an invitation when its message has gone out, or never will (docs/domain.md §5).

use crate::app::after::{Following, Settled, Until};
use crate::domain::invitation::expiry;
use crate::domain::rules::Rules;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::Event;
use crate::domain::time::Instant;
use crate::error::Result;
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
    let closing = staffing::invitation_closing(txn, handed.iter().map(|(id, _)| *id)).await?;
    let until = |(id, at): &(i64, Instant)| {
        let (closes_at, asks_until) = *closing.get(id)?;
        Some((*id, asks_until.unwrap_or_else(|| expiry(rules, *at, closes_at))))
    };
    Ok(handed.iter().filter_map(until).collect())
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
        let closing = staffing::invitation_closing(txn, out.iter().map(|(id, _)| *id)).await?;
        // An edit may have brought F nearer since the message was handed over.
        let until = |(id, until): &(i64, Instant)| {
            (*id, closing.get(id).map_or(*until, |(closes, _)| *until.min(closes)))
        };
        let out: Vec<(i64, Instant)> = out.iter().map(until).collect();
        staffing::invitation_sent_in_txn(txn, &out, now).await?;
    }
    staffing::invitation_step_in_txn(txn, lost, InvitationState::Queued, Event::MessageLost, now)
        .await
        .map(drop)
}
