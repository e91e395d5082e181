//! Lets coaches go when a task has shrunk or changed (docs/domain.md §4, Resizing): invitations are
//! recalled, and coaches who said yes go into the reserve or are told that they are not needed.

use super::hold::{budget_starts, candidate_of, coach_lock_in_txn, need_of, use_again};
use super::notice;
use crate::app::{App, outbox};
use crate::domain::class_task::{self, Asked, LetGo};
use crate::domain::eligibility::{self, Need, Purpose};
use crate::domain::state::{InvitationState, MessageKind};
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::pool::{self, Which};
use crate::storage::sql::sql;
use crate::storage::staffing::{self, InvitedCoach, TaskRow};

/// An invitation in any state that counts → CANCELLED: a QUEUED one's message is cancelled, a SENT
/// one is recalled, a yes is told.
pub(crate) async fn cancel_one(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    coach: &InvitedCoach,
    reason: Reason,
    now: Instant,
) -> Result<u64> {
    let rows = staffing::invitation_end_in_txn(
        txn,
        &[coach.id],
        coach.state,
        InvitationState::Cancelled,
        reason.as_str(),
        now,
    )
    .await?;
    if rows != 1 {
        return Err(Error::Contended("invitation.state"));
    }
    staffing::availability_free_in_txn(txn, &[coach.id]).await?;
    let kind = match coach.state {
        InvitationState::Queued => {
            let withdrawn = outbox::invitation_messages_cancel(txn, &[coach.id], now).await?;
            if withdrawn > 0 || !outbox::invitation_message_is_out(txn, coach.id).await? {
                return Ok(0);
            }
            // A gateway has it already: as good as sent.
            MessageKind::InvitationRecalled
        }
        InvitationState::Sent => MessageKind::InvitationRecalled,
        _ => MessageKind::NoLongerNeeded,
    };
    let draft = match kind {
        MessageKind::NoLongerNeeded => notice::let_go(task, coach, notice::let_go_for(reason), now),
        kind => notice::to_coach(kind, task, coach, now.unix(), notice::facts(task)),
    };
    outbox::write(app, txn, vec![draft], now).await
}

/// Coaches who are no longer eligible for what the task has become, or were dismissed: CANCELLED,
/// and told.
pub(super) async fn drop_ineligible(
    app: &App,
    txn: &Txn,
    task_id: i64,
    answering: Option<i64>,
    now: Instant,
) -> Result<u64> {
    let task = staffing::task_by_id(txn, task_id).await?;
    if task.students == 0 {
        return Ok(0);
    }
    let invited = staffing::invited_of_task(txn, task_id).await?;
    let (held, others): (Vec<&InvitedCoach>, Vec<&InvitedCoach>) =
        invited.iter().partition(|coach| coach.state.is_held());
    let need = need_of(txn, &task).await?;
    let mut messages = drop_held(app, txn, &task, &need, held, now).await?;
    // Who was asked or is in reserve could only be refused: better told now.
    let (today, week) = budget_starts(app, now);
    let ids = others.iter().map(|coach| coach.coach_id).collect();
    let candidates = pool::candidate_list(txn, &Which::Coaches(ids), now, today, week).await?;
    for coach in others.into_iter().filter(|coach| Some(coach.id) != answering) {
        let Some(candidate) = candidates.iter().find(|candidate| candidate.id == coach.coach_id) else {
            continue;
        };
        if let Err(reason) = eligibility::check(app.rules(), candidate, &need, Purpose::Answer, now) {
            messages += cancel_one(app, txn, &task, coach, reason, now).await?;
        }
    }
    Ok(messages)
}

/// Those who said yes: they use their availability for the task's days as they have become.
async fn drop_held(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    need: &Need,
    held: Vec<&InvitedCoach>,
    now: Instant,
) -> Result<u64> {
    if held.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = held.iter().map(|coach| coach.coach_id).collect();
    coach_lock_in_txn(txn, &ids).await?;
    // What they use for this task is theirs to use again, and may have become longer or shorter.
    let invitations: Vec<i64> = held.iter().map(|coach| coach.id).collect();
    staffing::availability_free_in_txn(txn, &invitations).await?;
    let mut messages = 0;
    for coach in held {
        let mut candidate = candidate_of(app, txn, coach.coach_id, now).await?;
        // The rank's limit counts this class as well.
        candidate.classes = candidate.classes.saturating_sub(1);
        match eligibility::check(app.rules(), &candidate, need, Purpose::Answer, now) {
            Ok(()) => use_again(txn, &candidate, need, coach.id).await?,
            Err(reason) => messages += cancel_one(app, txn, task, coach, reason, now).await?,
        }
    }
    Ok(messages)
}

/// Lets go whom a smaller task does not need (docs/domain.md §4, Resizing).
pub(super) async fn let_go(
    app: &App,
    txn: &Txn,
    task_id: i64,
    (before, needed): (i64, i64),
    answering: Option<i64>,
    now: Instant,
) -> Result<u64> {
    let task = staffing::task_by_id(txn, task_id).await?;
    let invited = staffing::invited_of_task(txn, task_id).await?;
    let asked: Vec<Asked> = invited
        .iter()
        .filter(|coach| Some(coach.id) != answering)
        .map(|coach| Asked {
            id: coach.id,
            state: coach.state,
            at: coach.answered_at.or(coach.sent_at).unwrap_or(coach.queued_at),
            user_name: coach.user_name.clone(),
        })
        .collect();
    // Only a smaller need lets anybody go; a wave may have asked more than a later, smaller one
    // would.
    if needed >= before && !over(&asked, needed) {
        return Ok(0);
    }
    let mut messages = 0;
    for (id, what) in class_task::shrink(needed, app.rules().wave_factor, &asked) {
        let Some(coach) = invited.iter().find(|coach| coach.id == id) else { continue };
        messages += match what {
            LetGo::Drop | LetGo::Recall => {
                cancel_one(app, txn, &task, coach, Reason::TaskCovered, now).await?
            }
            LetGo::Reserve => into_reserve(app, txn, &task, coach, now).await?,
        };
    }
    Ok(messages)
}

fn over(asked: &[Asked], needed: i64) -> bool {
    asked.iter().filter(|one| one.state.is_held()).count() as i64 > needed
}

async fn into_reserve(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    coach: &InvitedCoach,
    now: Instant,
) -> Result<u64> {
    let rows = sql("UPDATE invitation SET state = 'RESERVE', test_deadline = NULL, version = version + 1 \
        WHERE id = ? AND state = ?")
    .bind(coach.id)
    .bind(coach.state)
    .execute(txn)
    .await?;
    if rows != 1 {
        return Err(Error::Contended("invitation.state"));
    }
    staffing::availability_free_in_txn(txn, &[coach.id]).await?;
    // The coach did nothing just now: this is no answer, and nobody is woken for it.
    let draft = notice::to_coach(MessageKind::Reserved, task, coach, now.unix(), notice::facts(task));
    outbox::write(app, txn, vec![outbox::Draft { as_notice: true, ..draft }], now).await
}
