//! The parts that end every step on a task: overdue tests lapse, the reserve moves up, the task's
//! state follows. `step` puts them together.

use super::hold::{candidate_of, coach_lock_in_txn, hold, leave_reserve, need_of};
use crate::app::call::Work;
use crate::app::outbox::notice::look_at_invitations;
use crate::domain::eligibility::{self, Purpose};
use crate::domain::notice::Standing;
use crate::domain::state::invitation::{Event, Invitation};
use crate::domain::state::task::Event as TaskEvent;
use crate::domain::state::{InvitationState, TaskState};
use crate::error::Result;
use crate::storage::staffing::{self, InvitedCoach, Vacancy};

/// Ends the acceptances of a locked task whose test is overdue, and nothing else.
pub(crate) async fn lapse_overdue(work: Work<'_>, task: &Vacancy) -> Result<u64> {
    let mut invited = staffing::invited_of_task(work.txn, task.id).await?;
    lapse(work, &mut invited).await
}

/// ACCEPTED whose deadline has come → LAPSED; each is told.
pub(super) async fn lapse(work: Work<'_>, invited: &mut Vec<InvitedCoach>) -> Result<u64> {
    let late = |coach: &InvitedCoach| coach.stands.test_by().is_some_and(|deadline| deadline <= work.now);
    let (lapsed, rest): (Vec<InvitedCoach>, Vec<InvitedCoach>) =
        std::mem::take(invited).into_iter().partition(late);
    *invited = rest;
    if lapsed.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = lapsed.iter().map(|coach| coach.id).collect();
    staffing::invitation_step_in_txn(work.txn, &ids, InvitationState::Accepted, Event::TestOverdue, work.now)
        .await?;
    staffing::availability_free_in_txn(work.txn, &ids).await?;
    let before =
        lapsed.iter().filter_map(|coach| Some((coach.id, Standing::Accepted(coach.stands.test_by()?))));
    look_at_invitations(work, &before.collect::<Vec<_>>()).await
}

fn count(invited: &[InvitedCoach], state: InvitationState) -> i64 {
    invited.iter().filter(|coach| coach.stands.state() == state).count() as i64
}

/// RESERVE → ACCEPTED or READY while someone is missing, by time of yes, then user name. Who is no
/// longer eligible leaves the reserve.
pub(super) async fn promote(work: Work<'_>, task: &Vacancy, invited: &mut [InvitedCoach]) -> Result<u64> {
    let held = count(invited, InvitationState::Accepted) + count(invited, InvitationState::Ready);
    let mut missing = i64::from(task.needed) - held;
    if !task.is_open_at(work.now) || missing <= 0 || count(invited, InvitationState::Reserve) == 0 {
        return Ok(0);
    }
    let mut reserve: Vec<&mut InvitedCoach> =
        invited.iter_mut().filter(|coach| coach.stands.state() == InvitationState::Reserve).collect();
    reserve
        .sort_by(|a, b| (a.stands.answered_at(), &a.user_name).cmp(&(b.stands.answered_at(), &b.user_name)));
    coach_lock_in_txn(work.txn, &reserve.iter().map(|coach| coach.coach_id).collect::<Vec<_>>()).await?;
    let need = need_of(work.txn, task).await?;
    let mut messages = 0;
    for coach in reserve {
        if missing == 0 {
            break;
        }
        let mut candidate = candidate_of(work, coach.coach_id).await?;
        messages += match eligibility::check(work.app.rules(), &candidate, &need, Purpose::Answer, work.now) {
            Ok(()) => {
                let said = coach.stands.answered_at().unwrap_or(work.now);
                let (stands, told) = hold(work, (task, &need), &mut candidate, coach, said).await?;
                coach.stands = stands;
                missing -= 1;
                told + look_at_invitations(work, &[(coach.id, Standing::Reserve)]).await?
            }
            Err(reason) => {
                let told = leave_reserve(work, coach, reason).await?;
                coach.stands = Invitation::Ended(InvitationState::Cancelled);
                told
            }
        };
    }
    Ok(messages)
}

/// PENDING → INVITING at G, INVITING ↔ COVERED by ready ≥ needed (docs/domain.md §4); the state it
/// is in then.
pub(super) async fn refresh(work: Work<'_>, task: &Vacancy, invited: &[InvitedCoach]) -> Result<TaskState> {
    if !task.state.is_open() {
        return Ok(task.state);
    }
    let covered = task.needed > 0 && count(invited, InvitationState::Ready) >= i64::from(task.needed);
    let event = match task.state {
        _ if covered => TaskEvent::Covered,
        TaskState::Pending if work.now < task.gate_at => return Ok(task.state),
        _ => TaskEvent::Short,
    };
    let state = task.state.after(event)?;
    if state != task.state {
        staffing::vacancy_step_in_txn(work.txn, &[task.id], task.state, event).await?;
    }
    Ok(state)
}
