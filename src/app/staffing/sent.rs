//! What becomes of an invitation when its message has gone out, or never will (docs/domain.md §5).

use crate::app::after::{Following, Settled, Until};
use crate::app::call::Work;
use crate::domain::invitation::expiry;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::Event;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::staffing;
use std::collections::HashMap;

/// Until when invitations may be answered whose messages are handed over at these instants: their
/// life in minutes of W, never past F.
pub(crate) fn answer_until<'a>(work: Work<'a>, handed: &'a [(i64, Instant)]) -> Until<'a> {
    Box::pin(until(work, handed))
}

async fn until(work: Work<'_>, handed: &[(i64, Instant)]) -> Result<HashMap<i64, Instant>> {
    if handed.is_empty() {
        return Ok(HashMap::new());
    }
    let closing = staffing::invitation_closing(work.txn, handed.iter().map(|(id, _)| *id)).await?;
    let until =
        handed.iter().filter_map(|(id, at)| Some((*id, expiry(work.app.rules(), *at, *closing.get(id)?))));
    Ok(until.collect())
}

/// Of messages that ask: what follows when they settle.
pub(crate) fn messages_settled<'a>(work: Work<'a>, Settled { out, lost }: Settled<'a>) -> Following<'a> {
    Box::pin(settle(work, out, lost))
}

/// `out`: invitations whose message became SUBMITTED, CAPTURED or UNKNOWN, and until when they may
/// be answered as it says: QUEUED → SENT. `lost`: those whose message FAILED, EXPIRED or was
/// suppressed: QUEUED → UNDELIVERED, and the next coach is asked.
async fn settle(work: Work<'_>, out: &[(i64, Instant)], lost: &[i64]) -> Result<()> {
    if !out.is_empty() {
        let closing = staffing::invitation_closing(work.txn, out.iter().map(|(id, _)| *id)).await?;
        // An edit may have brought F nearer since the message was handed over.
        let until =
            |(id, until): &(i64, Instant)| (*id, closing.get(id).map_or(*until, |closes| *until.min(closes)));
        let out: Vec<(i64, Instant)> = out.iter().map(until).collect();
        staffing::invitation_sent_in_txn(work.txn, &out, work.now).await?;
    }
    staffing::invitation_step_in_txn(work.txn, lost, InvitationState::Queued, Event::MessageLost, work.now)
        .await
        .map(drop)
}
