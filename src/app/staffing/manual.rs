//! What staff do by hand: invite a coach, even after F, and take an invitation back (docs/domain.md
//! §§4, 5).

use super::hold::{candidate_of, coach_lock_in_txn, need_of};
use super::refused::eligible;
use super::step::{settle, task_lock_up_to_date};
use super::{one, release, sizing};
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_invitations;
use crate::domain::calendar::Timeline;
use crate::domain::eligibility::Purpose;
use crate::domain::state::task::Event;
use crate::domain::state::{InvitationKind, InvitationState, TaskState};
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::entity::{coach, invitation};
use crate::storage::staffing::{self, Vacancy};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// A manual invitation.
#[derive(Clone, Debug)]
pub(crate) struct ManualInvitation {
    /// The task.
    pub task_id: i64,
    /// The coach's user name.
    pub coach: String,
    /// Ignores the order, budgets and the city rule; wants a remark.
    pub overriding: bool,
}

/// Request ids are those of this call.
const SCOPE: &str = "InviteCoach";

/// Invites a coach by hand. A PARTIAL or FAILED task is reopened by it, until s − 30 min.
///
/// # Errors
/// NOT_FOUND; `remark` missing with `override`; TASK_CLOSED, TASK_FORMED, TASK_COVERED; the reason
/// why the coach is not eligible.
pub(crate) async fn invite_coach(call: &Call<'_>, wanted: &ManualInvitation) -> Result<invitation::Model> {
    if wanted.overriding && call.remark.trim().is_empty() {
        return Err(Error::invalid("remark", "must say why when override is set"));
    }
    let person = coach::Entity::find()
        .filter(coach::Column::UserName.eq(wanted.coach.as_str()))
        .one(call.app.db.reader())
        .await?;
    let person = person.ok_or_else(|| Error::not_found("coach", &wanted.coach))?;
    let _turn = call.app.turns.of_task(wanted.task_id).await?;
    let made = in_txn!(call, "invitation.manual", |work| {
        staffing::mutex_lock_in_txn(work.txn, "invite").await?;
        if let Some(id) = work.claimed_key(SCOPE).await? {
            return staffing::invitation_by_id(work.txn, id).await.map(Some);
        }
        let mut task = task_lock_up_to_date(work, wanted.task_id).await?;
        if !task.state.is_open() {
            match reopen(work, task).await? {
                Some(open) => task = open,
                None => return Ok(None),
            }
        }
        coach_lock_in_txn(work.txn, &[person.id]).await?;
        let counts = staffing::vacancy_counts(work.txn, std::slice::from_ref(&task), work.now).await?;
        if counts.get(&task.id).is_none_or(|counts| counts.missing() == 0) && !wanted.overriding {
            return Err(Error::precondition(
                Reason::TaskCovered,
                format!("{} needs no more coaches", task.about()),
            ));
        }
        let need = need_of(work.txn, &task).await?;
        let mut candidates = vec![candidate_of(work, person.id).await?];
        crate::storage::pool::asked_add(work.txn, [task.id], &mut candidates).await?;
        let purpose = Purpose::Manual { overriding: wanted.overriding };
        eligible(work, &candidates[0], &need, purpose).await?;
        let id = one::ask(work, (&task, &need), person.id, InvitationKind::Manual).await?;
        work.record(SCOPE, id).await?;
        staffing::invitation_by_id(work.txn, id).await.map(Some)
    })?;
    made.ok_or_else(|| {
        Error::precondition(
            Reason::TaskCovered,
            "all students who were left over have a seat in a running class now",
        )
    })
}

/// PARTIAL, FAILED → INVITING until s − 30 min: the students left over are counted again. `None`
/// when all of them found a free seat.
async fn reopen(work: Work<'_>, task: Vacancy) -> Result<Option<Vacancy>> {
    let until = Timeline::of(work.app.rules(), task.day, task.start_at).reopen_until;
    match task.state {
        TaskState::Partial | TaskState::Failed if work.now < until => {}
        TaskState::Formed => {
            return Err(Error::precondition(
                Reason::TaskFormed,
                format!("the classes of {} are formed", task.about()),
            ));
        }
        _ => {
            return Err(Error::precondition(
                Reason::TaskClosed,
                format!("{} takes no more invitations", task.about()),
            ));
        }
    }
    staffing::task_reopen_in_txn(work.txn, &task, until).await?;
    sizing::attach_in_txn(work, task.day, &[task.template_id]).await?;
    let task = staffing::vacancy_by_id(work.txn, task.id).await?;
    sizing::size_in_txn(work.txn, std::slice::from_ref(&task), task.day).await?;
    crate::app::outbox::notice::look_at_seated(work, task.template_id, task.day).await?;
    let task = staffing::vacancy_by_id(work.txn, task.id).await?;
    if task.students == 0 {
        // Everybody left over sits in a free seat of a running class now, and that must stay.
        staffing::vacancy_step_in_txn(work.txn, &[task.id], task.state, Event::AllSeated).await?;
        return Ok(None);
    }
    if task.needed == 0 {
        return Err(Error::precondition(
            Reason::TaskCovered,
            format!("{} cannot have more classes", task.about()),
        ));
    }
    Ok(Some(task))
}

/// Takes an invitation back: the message of a QUEUED one is cancelled, a SENT one is recalled, a
/// coach who said yes is told. Twice is once.
///
/// # Errors
/// NOT_FOUND; TASK_FORMED when the coach has the class.
pub(crate) async fn cancel_invitation(call: &Call<'_>, invitation_id: i64) -> Result<invitation::Model> {
    let found = staffing::invitation_by_id(call.app.db.reader(), invitation_id).await?;
    let _turn = call.app.turns.of_task(found.task_id).await?;
    in_txn!(call, "invitation.cancel", |work| {
        let task = staffing::vacancy_lock_in_txn(work.txn, found.task_id).await?;
        coach_lock_in_txn(work.txn, &[found.coach_id]).await?;
        let before = staffing::invitation_by_id(work.txn, invitation_id).await?;
        if before.state == InvitationState::Assigned {
            return Err(Error::precondition(
                Reason::TaskFormed,
                "the class is formed; its coach can only be replaced",
            ));
        }
        if before.state.is_ended() {
            return Ok(before);
        }
        let invited = staffing::invited_of_task(work.txn, task.id).await?;
        if let Some(invited) = invited.iter().find(|invited| invited.id == invitation_id) {
            let gone = release::cancel(work, invited, Reason::Cancelled).await?;
            look_at_invitations(work, &[gone]).await?;
        }
        staffing::invitation_operator_in_txn(work.txn, invitation_id, work.actor.name(), &work.remark)
            .await?;
        settle(work, task.id).await?;
        staffing::invitation_by_id(work.txn, invitation_id).await
    })
}
