//! What staff do by hand: invite a coach, even after F, and take an invitation back (docs/domain.md
//! §§4, 5).

use super::hold::{candidate_of, coach_lock_in_txn, need_of, refused};
use super::step::{settle, task_lock_up_to_date};
use super::{release, sizing, wave};
use crate::app::input::RequestKey;
use crate::app::{App, outbox};
use crate::domain::calendar::Timeline;
use crate::domain::eligibility::{self, Purpose};
use crate::domain::state::{InvitationKind, InvitationState, TaskState};
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::entity::{coach, invitation};
use crate::storage::sql::sql;
use crate::storage::staffing::{self, TaskRow};
use crate::write_txn;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

/// A manual invitation.
#[derive(Clone, Debug)]
pub(crate) struct ManualInvitation {
    /// The task.
    pub task_id: i64,
    /// The coach's user name.
    pub coach: String,
    /// Who invites.
    pub operator: String,
    /// Ignores the order, budgets and the city rule; wants a remark.
    pub overriding: bool,
    /// Why.
    pub remark: String,
    /// For a safe retry.
    pub key: RequestKey,
}

/// Request ids are those of this call.
const SCOPE: &str = "InviteCoach";

/// Invites a coach by hand. A PARTIAL or FAILED task is reopened by it, until s − 30 min.
///
/// # Errors
/// NOT_FOUND; `remark` missing with `override`; TASK_CLOSED, TASK_FORMED, TASK_COVERED; the reason
/// why the coach is not eligible.
pub(crate) async fn invite_coach(
    app: &App,
    wanted: &ManualInvitation,
    now: Instant,
) -> Result<invitation::Model> {
    if wanted.overriding && wanted.remark.trim().is_empty() {
        return Err(Error::invalid("remark", "must say why when override is set"));
    }
    let person = coach::Entity::find()
        .filter(coach::Column::UserName.eq(wanted.coach.as_str()))
        .one(app.db.reader())
        .await?;
    let person = person.ok_or_else(|| Error::not_found("coach", &wanted.coach))?;
    let _turn = app.turns.of_task(wanted.task_id).await?;
    let made = write_txn!(&app.db, "invitation.manual", |txn| {
        sql("UPDATE mutex SET version = version + 1 WHERE name = ?").bind("invite").execute(txn).await?;
        if let Some(id) = wanted.key.claimed(txn, SCOPE).await? {
            let id = id.parse().map_err(|_| Error::Corrupt {
                table: "request_log",
                column: "result",
                id: wanted.key.request_id.clone(),
            })?;
            return staffing::invitation_by_id(txn, id).await.map(Some);
        }
        let mut task = task_lock_up_to_date(app, txn, wanted.task_id, now).await?;
        if !task.state.is_open() {
            match reopen(app, txn, task, now).await? {
                Some(open) => task = open,
                None => return Ok(None),
            }
        }
        coach_lock_in_txn(txn, &[person.id]).await?;
        let counts = staffing::task_counts(txn, std::slice::from_ref(&task), now).await?;
        if counts.get(&task.id).is_none_or(|counts| counts.missing() == 0) && !wanted.overriding {
            return Err(Error::precondition(
                Reason::TaskCovered,
                format!("{} needs no more coaches", task.about()),
            ));
        }
        let need = need_of(txn, &task).await?;
        let mut candidates = vec![candidate_of(app, txn, person.id, now).await?];
        crate::storage::pool::asked_add(txn, [task.id], &mut candidates).await?;
        let purpose = Purpose::Manual { overriding: wanted.overriding };
        eligibility::check(app.rules(), &candidates[0], &need, purpose, now).map_err(refused)?;
        let last_day = need.spans.last().map_or(task.day, |span| span.day);
        let row = invitation::ActiveModel {
            operator: Set(wanted.operator.clone()),
            remark: Set(wanted.remark.clone()),
            ..wave::new_invitation(app.rules(), &task, person.id, InvitationKind::Manual, last_day, now)
        };
        wave::insert(txn, vec![row]).await?;
        sql("UPDATE coach SET last_invited_at = ? WHERE id = ?")
            .bind(now)
            .bind(person.id)
            .execute(txn)
            .await?;
        if task.state == TaskState::Pending {
            staffing::task_state_set_in_txn(txn, task.id, TaskState::Pending, TaskState::Inviting).await?;
        }
        let invited = staffing::invited_of_task(txn, task.id).await?;
        let invited = invited.iter().find(|invited| invited.coach_id == person.id);
        let invited = invited.ok_or_else(|| Error::internal("an invitation just made is missing"))?;
        outbox::write(
            app,
            txn,
            vec![wave::invitation_draft(app.rules(), &task, invited, &need.spans, now)],
            now,
        )
        .await?;
        wanted.key.record(txn, SCOPE, invited.id, now).await?;
        staffing::invitation_by_id(txn, invited.id).await.map(Some)
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
async fn reopen(app: &App, txn: &Txn, task: TaskRow, now: Instant) -> Result<Option<TaskRow>> {
    let until = Timeline::of(app.rules(), task.day, task.start_at).reopen_until;
    match task.state {
        TaskState::Partial | TaskState::Failed if now < until => {}
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
    sql("UPDATE class_task SET state = 'INVITING', reopened = TRUE, closes_at = ?, version = version + 1 \
        WHERE id = ? AND state = ?")
    .bind(until)
    .bind(task.id)
    .bind(task.state)
    .execute(txn)
    .await?;
    sizing::attach_in_txn(app, txn, task.day, &[task.template_id]).await?;
    let task = staffing::task_by_id(txn, task.id).await?;
    sizing::size_in_txn(txn, std::slice::from_ref(&task), task.day).await?;
    crate::app::outbox::notice::look_at_seated(app, txn, task.template_id, task.day, now).await?;
    let task = staffing::task_by_id(txn, task.id).await?;
    if task.students == 0 {
        // Everybody left over sits in a free seat of a running class now, and that must stay.
        staffing::task_state_set_in_txn(txn, task.id, TaskState::Inviting, TaskState::Formed).await?;
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
pub(crate) async fn cancel_invitation(
    app: &App,
    invitation_id: i64,
    operator: &str,
    remark: &str,
    now: Instant,
) -> Result<invitation::Model> {
    let found = staffing::invitation_by_id(app.db.reader(), invitation_id).await?;
    let _turn = app.turns.of_task(found.task_id).await?;
    write_txn!(&app.db, "invitation.cancel", |txn| {
        let task = staffing::task_lock_in_txn(txn, found.task_id).await?;
        coach_lock_in_txn(txn, &[found.coach_id]).await?;
        let before = staffing::invitation_by_id(txn, invitation_id).await?;
        if before.state == InvitationState::Assigned {
            return Err(Error::precondition(
                Reason::TaskFormed,
                "the class is formed; its coach can only be replaced",
            ));
        }
        if before.state.is_ended() {
            return Ok(before);
        }
        let invited = staffing::invited_of_task(txn, task.id).await?;
        if let Some(invited) = invited.iter().find(|invited| invited.id == invitation_id) {
            release::cancel_one(app, txn, &task, invited, Reason::Cancelled, now).await?;
        }
        sql("UPDATE invitation SET operator = ?, remark = ? WHERE id = ?")
            .bind(operator)
            .bind(remark)
            .bind(invitation_id)
            .execute(txn)
            .await?;
        settle(app, txn, task.id, now).await?;
        staffing::invitation_by_id(txn, invitation_id).await
    })
}
