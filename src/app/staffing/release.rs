//! Lets coaches go when a task has shrunk or changed (docs/domain.md §4, Resizing): invitations are
//! recalled, and coaches who said yes go into the reserve or are told that they are not needed.

use super::hold::{budget_starts, candidate_of, coach_lock_in_txn, need_of, use_again};
use crate::app::call::Work;
use crate::app::outbox::{self, notice::look_at_invitations};
use crate::domain::class_task::{self, Invited, LetGo};
use crate::domain::eligibility::{self, Need, Purpose};
use crate::domain::notice::Standing;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::Event;
use crate::error::{Error, Reason, Result};
use crate::storage::pool::{self, Which};
use crate::storage::staffing::{self, InvitedCoach};
use std::collections::BTreeMap;

/// An invitation in any state that counts → CANCELLED; a QUEUED one's message is cancelled. How the
/// coach stood before: the caller looks at all that it has let go in one go.
pub(crate) async fn cancel(work: Work<'_>, coach: &InvitedCoach, reason: Reason) -> Result<(i64, Standing)> {
    end(work, coach, Event::Cancelled(reason)).await
}

/// The same, by what happened to it.
pub(super) async fn end(work: Work<'_>, coach: &InvitedCoach, event: Event) -> Result<(i64, Standing)> {
    let gone = end_set(work, &[coach], event).await?;
    gone.first().copied().ok_or_else(|| Error::internal("an invitation that ended is gone"))
}

/// The same of many, by what happened to all of them.
pub(super) async fn end_set(
    work: Work<'_>,
    coaches: &[&InvitedCoach],
    event: Event,
) -> Result<Vec<(i64, Standing)>> {
    let mut of_state: BTreeMap<InvitationState, Vec<i64>> = BTreeMap::new();
    for coach in coaches {
        of_state.entry(coach.stands.state()).or_default().push(coach.id);
    }
    for (from, ids) in &of_state {
        let ended = staffing::invitation_step_in_txn(work.txn, ids, *from, event, work.now).await?;
        if ended != ids.len() as u64 {
            return Err(Error::Contended("invitation.state"));
        }
    }
    let ids: Vec<i64> = coaches.iter().map(|coach| coach.id).collect();
    staffing::availability_free_in_txn(work.txn, &ids).await?;
    let queued = of_state.remove(&InvitationState::Queued).unwrap_or_default();
    // A gateway has it already: as good as sent. Or it would have asked anew.
    let mut out = Vec::new();
    if !queued.is_empty() {
        outbox::invitation_messages_cancel(work, &queued).await?;
        out = outbox::invitation_messages_out(work.txn, &queued).await?;
    }
    let is_out = |coach: &InvitedCoach| !queued.contains(&coach.id) || out.contains(&coach.id);
    Ok(coaches.iter().map(|coach| (coach.id, Standing::of(coach.stands, None, is_out(coach)))).collect())
}

/// Coaches who are no longer eligible for what the task has become, or were dismissed: CANCELLED,
/// and told.
pub(super) async fn drop_ineligible(work: Work<'_>, task_id: i64, answering: Option<i64>) -> Result<u64> {
    let task = staffing::vacancy_by_id(work.txn, task_id).await?;
    if task.is_of_task() && task.students == 0 {
        return Ok(0);
    }
    let invited = staffing::invited_of_task(work.txn, task_id).await?;
    let (held, others): (Vec<&InvitedCoach>, Vec<&InvitedCoach>) =
        invited.iter().partition(|coach| coach.stands.is_held());
    let need = need_of(work.txn, &task).await?;
    let mut gone = drop_held(work, &need, held).await?;
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
            gone.push(cancel(work, coach, reason).await?);
        }
    }
    look_at_invitations(work, &gone).await
}

/// Those who said yes: they use their availability for the task's days as they have become.
async fn drop_held(work: Work<'_>, need: &Need, held: Vec<&InvitedCoach>) -> Result<Vec<(i64, Standing)>> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = held.iter().map(|coach| coach.coach_id).collect();
    coach_lock_in_txn(work.txn, &ids).await?;
    // What they use for this task is theirs to use again, and may have become longer or shorter.
    let invitations: Vec<i64> = held.iter().map(|coach| coach.id).collect();
    staffing::availability_free_in_txn(work.txn, &invitations).await?;
    let mut gone = Vec::new();
    for coach in held {
        let mut candidate = candidate_of(work, coach.coach_id).await?;
        // The rank's limit counts this class as well.
        candidate.classes = candidate.classes.saturating_sub(1);
        match eligibility::check(work.app.rules(), &candidate, need, Purpose::Answer, work.now) {
            Ok(()) => use_again(work.txn, &candidate, need, coach.id).await?,
            Err(reason) => gone.push(cancel(work, coach, reason).await?),
        }
    }
    Ok(gone)
}

/// Lets go whom a smaller task does not need (docs/domain.md §4, Resizing).
pub(super) async fn let_go(
    work: Work<'_>,
    task_id: i64,
    (before, needed): (i64, i64),
    answering: Option<i64>,
) -> Result<u64> {
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
    let mut gone = Vec::new();
    for (id, what) in class_task::shrink(needed, work.app.rules().wave_factor, &asked) {
        let Some(coach) = invited.iter().find(|coach| coach.id == id) else { continue };
        gone.push(match what {
            LetGo::Drop | LetGo::Recall => cancel(work, coach, Reason::TaskCovered).await?,
            LetGo::Reserve => into_reserve(work, coach).await?,
        });
    }
    look_at_invitations(work, &gone).await
}

fn over(asked: &[Invited], needed: i64) -> bool {
    asked.iter().filter(|one| one.state.is_held()).count() as i64 > needed
}

async fn into_reserve(work: Work<'_>, coach: &InvitedCoach) -> Result<(i64, Standing)> {
    let from = coach.stands.state();
    staffing::invitation_step_one_in_txn(work.txn, coach.id, from, Event::SetAside, work.now).await?;
    staffing::availability_free_in_txn(work.txn, &[coach.id]).await?;
    Ok((coach.id, Standing::of(coach.stands, None, true)))
}
