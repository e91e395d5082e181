//! Messages that invite. Each names the instant until which it can be answered, which is known only
//! at the hand-over, and its invitation follows what becomes of the message (docs/domain.md §5).

use crate::app::after::Settled;
use crate::app::call::Work;
use crate::domain::state::MessageKind;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::message::text::with_answer_by;
use crate::storage::entity::message;
use crate::storage::message::message_say;
use std::collections::HashMap;

/// An INVITATION that is handed over.
#[derive(Clone, Debug)]
pub(super) struct Question {
    invitation_id: i64,
    /// What the coach reads.
    pub body: String,
    /// Until when the coach may answer.
    until: Instant,
}

/// The INVITATIONs among messages that are handed over, each at its instant, by message.
pub(super) async fn questions<'a>(
    work: Work<'_>,
    handed: impl Iterator<Item = (&'a message::Model, Instant)>,
) -> Result<HashMap<i64, Question>> {
    let rows: Vec<(&message::Model, i64, Instant)> =
        handed.filter_map(|(row, at)| Some((row, invitation_of(row)?, at))).collect();
    let invitations: Vec<(i64, Instant)> = rows.iter().map(|(_, id, at)| (*id, *at)).collect();
    let until = work
        .app
        .after
        .answer_until(MessageKind::Invitation, work.app.rules(), work.txn, &invitations)
        .await?;
    let questions = rows.into_iter().filter_map(|(row, invitation_id, _)| {
        let until = *until.get(&invitation_id)?;
        let body = with_answer_by(&row.body, until, work.app.time());
        Some((row.id, Question { invitation_id, body, until }))
    });
    Ok(questions.collect())
}

/// The invitation that a message is the question of.
pub(super) fn invitation_of(row: &message::Model) -> Option<i64> {
    row.invitation_id.filter(|_| row.kind.row().is_question())
}

/// In the transaction that settles their messages, those that are `out` (by message) keep what they
/// said and their invitations become SENT; of the `lost` (by invitation) they become UNDELIVERED.
pub(super) async fn settle<'a>(
    work: Work<'_>,
    out: impl Iterator<Item = (&'a i64, &'a Question)>,
    lost: &[i64],
) -> Result<()> {
    let out: Vec<(&i64, &Question)> = out.collect();
    if out.is_empty() && lost.is_empty() {
        return Ok(());
    }
    let until: Vec<(i64, Instant)> = out.iter().map(|(_, one)| (one.invitation_id, one.until)).collect();
    let settled = Settled { out: &until, lost };
    work.app.after.settled(MessageKind::Invitation, work.txn, settled, work.now).await?;
    let bodies: Vec<(i64, &str)> = out.iter().map(|(id, one)| (**id, one.body.as_str())).collect();
    message_say(work.txn, &bodies).await
}
