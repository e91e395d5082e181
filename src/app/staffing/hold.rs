//! Gives a coach a place of a task together with the availability it uses, and takes both back; and
//! the checks that are made under the coach's lock before (docs/domain.md §5).

use super::refused::refused;
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_invitations;
use crate::domain::eligibility::{self, Candidate, Held, Need, Purpose};
use crate::domain::invitation::{test_deadline, test_is_valid};
use crate::domain::notice::Standing;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::{Event, Invitation};
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::pool::{self, Which};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};

/// Gives a coach one of the task's places: ACCEPTED, or READY with a valid test; takes the
/// availability; ends what the coach has in reserve elsewhere and can no longer hold. Task and
/// coach are locked, and the coach is eligible and said yes at `answered_at`. How the invitation
/// stands then, and the messages written.
pub(crate) async fn hold(
    work: Work<'_>,
    (task, need): (&Vacancy, &Need),
    candidate: &mut Candidate,
    coach: &InvitedCoach,
    answered_at: Instant,
) -> Result<(Invitation, u64)> {
    let uses = eligibility::offers_for(candidate, need).ok_or_else(|| refused(Reason::NoAvailability))?;
    staffing::availability_take_in_txn(work.txn, coach.id, &uses).await?;
    let ready = test_is_valid(work.app.rules(), candidate.test_passed, work.now);
    let test_by = (!ready).then(|| test_deadline(work.app.rules(), work.now, task.closes_at));
    let last_day = need.spans.last().map_or(task.day, |span| span.day);
    let event = Event::Held { answered_at, test_by, last_day };
    staffing::invitation_step_one_in_txn(work.txn, coach.id, coach.stands.state(), event, work.now).await?;
    candidate.held.push(Held { task_id: task.id, spans: need.spans.clone(), until: test_by });
    candidate.classes += u32::from(need.is_a_class);
    for (offer, day) in &uses {
        if let Some(offer) = candidate.offers.iter_mut().find(|row| row.id == *offer) {
            offer.used.insert(*day);
        }
    }
    let messages = end_other_reserves(work, task.id, candidate).await?;
    let stands = match test_by {
        Some(test_by) => Invitation::Accepted { answered_at, test_by },
        None => Invitation::Ready { answered_at },
    };
    Ok((stands, messages))
}

/// RESERVE holds no time: where the coach can no longer take it, it ends (docs/domain.md §5).
async fn end_other_reserves(work: Work<'_>, task_id: i64, candidate: &Candidate) -> Result<u64> {
    let others = staffing::reserve_list_elsewhere(work.txn, candidate.id, task_id).await?;
    let mut messages = 0;
    if others.is_empty() {
        return Ok(messages);
    }
    let tasks = staffing::vacancy_list_by_ids(work.txn, others.iter().map(|(_, task)| *task)).await?;
    let needs = pool::need_list(work.txn, &tasks).await?;
    for task in &tasks {
        let Some(need) = needs.get(&task.id) else { continue };
        if let Err(reason) = eligibility::check(work.app.rules(), candidate, need, Purpose::Answer, work.now)
        {
            let invited = staffing::invited_of_task(work.txn, task.id).await?;
            for coach in invited.iter().filter(|coach| {
                coach.coach_id == candidate.id && coach.stands.state() == InvitationState::Reserve
            }) {
                // What the coach took uses the time that was offered for this.
                let took_it = reason == Reason::NoAvailability;
                let reason = if took_it { Reason::OverlapInvitation } else { reason };
                messages += leave_reserve(work, coach, reason).await?;
            }
        }
    }
    Ok(messages)
}

/// RESERVE → CANCELLED, told.
pub(super) async fn leave_reserve(work: Work<'_>, coach: &InvitedCoach, reason: Reason) -> Result<u64> {
    let (from, event) = (InvitationState::Reserve, Event::Cancelled(reason));
    if staffing::invitation_step_in_txn(work.txn, &[coach.id], from, event, work.now).await? == 0 {
        return Ok(0);
    }
    look_at_invitations(work, &[(coach.id, Standing::Reserve)]).await
}

/// Takes the availability for an invitation whose use was freed, when its coach is still eligible.
pub(crate) async fn use_again(
    txn: &Txn,
    candidate: &Candidate,
    need: &Need,
    invitation_id: i64,
) -> Result<()> {
    let uses = eligibility::offers_for(candidate, need).ok_or_else(|| refused(Reason::NoAvailability))?;
    staffing::availability_take_in_txn(txn, invitation_id, &uses).await?;
    // A class of which substitutes teach all lessons has none.
    let Some(last) = need.spans.last() else { return Ok(()) };
    staffing::invitation_last_day_in_txn(txn, invitation_id, last.day).await
}

/// Locks coaches for the transaction, by id.
pub(crate) async fn coach_lock_in_txn(txn: &Txn, ids: &[i64]) -> Result<()> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    for id in ids {
        // One by one: the order of the ids is the order of the locks, which no database promises
        // for a set. There are few.
        crate::storage::coach::coach_lock_in_txn(txn, id).await?;
    }
    Ok(())
}

/// What a locked task needs of a coach.
pub(crate) async fn need_of(txn: &Txn, task: &Vacancy) -> Result<Need> {
    let mut needs = pool::need_list(txn, std::slice::from_ref(task)).await?;
    needs.remove(&task.id).ok_or_else(|| Error::not_found("class task", task.id))
}

/// A locked coach as the rules see one.
pub(crate) async fn candidate_of(work: Work<'_>, coach_id: i64) -> Result<Candidate> {
    let (today, week) = budget_starts(&work);
    let mut found =
        pool::candidate_list(work.txn, &Which::Coaches(vec![coach_id]), work.now, today, week).await?;
    found.pop().ok_or_else(|| Error::not_found("coach", coach_id))
}

/// The first instants of the civil day and of the week of `now`.
pub(crate) fn budget_starts(call: &Call<'_>) -> (Instant, Instant) {
    let (time, day) = (call.app.time(), call.app.time().day(call.now));
    (time.midnight(day), time.midnight(time.week_start(day)))
}
