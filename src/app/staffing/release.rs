//! Lets coaches go when a task has shrunk or changed (docs/domain.md §4, Resizing): invitations are
//! recalled, and coaches who said yes go into the reserve or are told that they are not needed.

use super::hold::{budget_starts, candidate_of, coach_lock_in_txn, need_of, use_again};
use super::notice;
use crate::app::call::Work;
use crate::app::outbox;
use crate::domain::class_task::{self, Invited, LetGo};
use crate::domain::eligibility::{self, Need, Purpose};
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::Event;
use crate::error::{Reason, Result};
use crate::message::content::ClassNews;
use crate::storage::pool::{self, Which};
use crate::storage::staffing::{self, InvitedCoach, TaskRow};

/// An invitation in any state that counts → CANCELLED: a QUEUED one's message is cancelled, a SENT
/// one is recalled, a yes is told.
pub(crate) async fn cancel_one(
    work: Work<'_>,
    task: &TaskRow,
    coach: &InvitedCoach,
    reason: Reason,
) -> Result<u64> {
    let from = coach.stands.state();
    staffing::invitation_step_one_in_txn(work.txn, coach.id, from, Event::Cancelled(reason), work.now)
        .await?;
    staffing::availability_free_in_txn(work.txn, &[coach.id]).await?;
    let recall = match from {
        InvitationState::Queued => {
            let withdrawn = outbox::invitation_messages_cancel(work, &[coach.id]).await?;
            if withdrawn > 0 || !outbox::invitation_message_is_out(work.txn, coach.id).await? {
                return Ok(0);
            }
            // A gateway has it already: as good as sent.
            true
        }
        InvitationState::Sent => true,
        _ => false,
    };
    let draft = if recall {
        notice::to_coach(task, coach, work.now.unix(), ClassNews::InvitationRecalled)
    } else {
        notice::let_go(task, coach, notice::let_go_for(reason), work.now)
    };
    outbox::write(work, vec![draft]).await
}

/// Coaches who are no longer eligible for what the task has become, or were dismissed: CANCELLED,
/// and told.
pub(super) async fn drop_ineligible(work: Work<'_>, task_id: i64, answering: Option<i64>) -> Result<u64> {
    let task = staffing::task_by_id(work.txn, task_id).await?;
    if task.students == 0 {
        return Ok(0);
    }
    let invited = staffing::invited_of_task(work.txn, task_id).await?;
    let (held, others): (Vec<&InvitedCoach>, Vec<&InvitedCoach>) =
        invited.iter().partition(|coach| coach.stands.is_held());
    let need = need_of(work.txn, &task).await?;
    let mut messages = drop_held(work, &task, &need, held).await?;
    // Who was asked or is in reserve could only be refused: better told now.
    let (today, week) = budget_starts(&work);
    let ids = others.iter().map(|coach| coach.coach_id).collect();
    let candidates = pool::candidate_list(work.txn, &Which::Coaches(ids), work.now, today, week).await?;
    for coach in others.into_iter().filter(|coach| Some(coach.id) != answering) {
        let Some(candidate) = candidates.iter().find(|candidate| candidate.id == coach.coach_id) else {
            continue;
        };
        if let Err(reason) = eligibility::check(work.app.rules(), candidate, &need, Purpose::Answer, work.now)
        {
            messages += cancel_one(work, &task, coach, reason).await?;
        }
    }
    Ok(messages)
}

/// Those who said yes: they use their availability for the task's days as they have become.
async fn drop_held(work: Work<'_>, task: &TaskRow, need: &Need, held: Vec<&InvitedCoach>) -> Result<u64> {
    if held.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = held.iter().map(|coach| coach.coach_id).collect();
    coach_lock_in_txn(work.txn, &ids).await?;
    // What they use for this task is theirs to use again, and may have become longer or shorter.
    let invitations: Vec<i64> = held.iter().map(|coach| coach.id).collect();
    staffing::availability_free_in_txn(work.txn, &invitations).await?;
    let mut messages = 0;
    for coach in held {
        let mut candidate = candidate_of(work, coach.coach_id).await?;
        // The rank's limit counts this class as well.
        candidate.classes = candidate.classes.saturating_sub(1);
        match eligibility::check(work.app.rules(), &candidate, need, Purpose::Answer, work.now) {
            Ok(()) => use_again(work.txn, &candidate, need, coach.id).await?,
            Err(reason) => messages += cancel_one(work, task, coach, reason).await?,
        }
    }
    Ok(messages)
}

/// Lets go whom a smaller task does not need (docs/domain.md §4, Resizing).
pub(super) async fn let_go(
    work: Work<'_>,
    task_id: i64,
    (before, needed): (i64, i64),
    answering: Option<i64>,
) -> Result<u64> {
    let task = staffing::task_by_id(work.txn, task_id).await?;
    let invited = staffing::invited_of_task(work.txn, task_id).await?;
    let asked: Vec<Invited> = invited
        .iter()
        .filter(|coach| Some(coach.id) != answering)
        .map(|coach| Invited {
            id: coach.id,
            state: coach.stands.state(),
            at: coach.stands.answered_at().or(coach.sent_at).unwrap_or(coach.queued_at),
            user_name: coach.user_name.clone(),
        })
        .collect();
    // Only a smaller need lets anybody go; a wave may have asked more than a later, smaller one
    // would.
    if needed >= before && !over(&asked, needed) {
        return Ok(0);
    }
    let mut messages = 0;
    for (id, what) in class_task::shrink(needed, work.app.rules().wave_factor, &asked) {
        let Some(coach) = invited.iter().find(|coach| coach.id == id) else { continue };
        messages += match what {
            LetGo::Drop | LetGo::Recall => cancel_one(work, &task, coach, Reason::TaskCovered).await?,
            LetGo::Reserve => into_reserve(work, &task, coach).await?,
        };
    }
    Ok(messages)
}

fn over(asked: &[Invited], needed: i64) -> bool {
    asked.iter().filter(|one| one.state.is_held()).count() as i64 > needed
}

async fn into_reserve(work: Work<'_>, task: &TaskRow, coach: &InvitedCoach) -> Result<u64> {
    let from = coach.stands.state();
    staffing::invitation_step_one_in_txn(work.txn, coach.id, from, Event::SetAside, work.now).await?;
    staffing::availability_free_in_txn(work.txn, &[coach.id]).await?;
    // The coach did nothing just now: this is no answer, and nobody is woken for it.
    let draft = notice::to_coach(task, coach, work.now.unix(), ClassNews::Reserved);
    outbox::write(work, vec![outbox::Draft { as_notice: true, ..draft }]).await
}
