//! A coach's yes or no to an invitation (docs/domain.md §5).

use super::days::look_at_days;
use super::hold::{candidate_of, coach_lock_in_txn, hold, need_of};
use super::notice;
use super::refused::eligible;
use super::step::{resize_in_txn, settle, task_lock_up_to_date};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_answered;
use crate::app::outbox::{self, Draft};
use crate::domain::actor::Actor;
use crate::domain::eligibility::Purpose;
use crate::domain::invitation::{No, Yes, judge_no, judge_yes};
use crate::domain::notice::Standing;
use crate::domain::state::invitation::Event;
use crate::domain::state::{InvitationState, LessonState, TaskState, VacancyKind};
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::message::content::ClassNews;
use crate::storage::class_lesson::{ClassLesson, class_lesson_list};
use crate::storage::entity::{coach, invitation};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use crate::storage::vacancy_list::day_list;
use sea_orm::EntityTrait;

/// Yes. One transaction: never more coaches accepted than needed; a yes beyond that is RESERVE.
///
/// # Errors
/// NOT_FOUND; NOT_YOURS; TASK_FORMED or TASK_CLOSED when it is too late; the reason why the coach
/// is not eligible (any more).
pub(crate) async fn accept(call: &Call<'_>, invitation_id: i64, coach: &str) -> Result<invitation::Model> {
    let (found, person) = own(call.app, invitation_id, coach).await?;
    let call = &call.clone().by(Actor::Coach(coach.to_owned()));
    let _turn = call.app.turns.of_task(found.task_id).await?;
    in_txn!(call, "invitation.accept", |work| {
        let task = task_lock_up_to_date(work, found.task_id).await?;
        coach_lock_in_txn(work.txn, &[person.id]).await?;
        // Tests that are overdue lapse before anything is judged, whether or not `invite check` has
        // run.
        settle(work, task.id).await?;
        let before = staffing::invitation_by_id(work.txn, invitation_id).await?;
        match judge_yes(before.state) {
            Yes::Same => return Ok(before),
            Yes::Refused(reason) => return Err(Error::precondition(reason, "the invitation was taken back")),
            Yes::Open => open_for_yes(&task, work.now)?,
        }
        let invited = InvitedCoach::of(&before, &person)?;
        if task.dirty {
            resize_in_txn(work, task.id, Some(invitation_id)).await?;
        }
        let task = staffing::vacancy_by_id(work.txn, task.id).await?;
        open_for_yes(&task, work.now)?;
        let need = need_of(work.txn, &task).await?;
        if need.spans.is_empty() {
            return Err(Error::precondition(Reason::TaskClosed, "no lesson is left of it"));
        }
        let mut candidate = candidate_of(work, person.id).await?;
        eligible(work, &candidate, &need, Purpose::Answer).await?;
        if before.state == InvitationState::Queued {
            // The coach saw it in the client: the message would only ask again.
            outbox::invitation_messages_cancel(work, &[invitation_id]).await?;
        }
        let counts = staffing::vacancy_counts(work.txn, std::slice::from_ref(&task), work.now).await?;
        if counts.get(&task.id).is_some_and(|counts| counts.missing() > 0) {
            hold(work, (&task, &need), &mut candidate, &invited, work.now).await?;
        } else {
            answered(work, &before, Event::Reserved).await?;
        }
        look_at_answered(work, invitation_id, Standing::SaidYes).await?;
        settle(work, task.id).await?;
        look_at_days(work, task.id, None).await?;
        staffing::invitation_by_id(work.txn, invitation_id).await
    })
}

/// No: DECLINED before a yes, WITHDRAWN after one. Saying it twice changes nothing.
///
/// # Errors
/// NOT_FOUND; NOT_YOURS; TASK_FORMED when the coach has the class already (admins are told).
pub(crate) async fn decline(call: &Call<'_>, invitation_id: i64, coach: &str) -> Result<invitation::Model> {
    let (found, person) = own(call.app, invitation_id, coach).await?;
    let call = &call.clone().by(Actor::Coach(coach.to_owned()));
    let _turn = call.app.turns.of_task(found.task_id).await?;
    let (after, judged) = in_txn!(call, "invitation.decline", |work| {
        let task = task_lock_up_to_date(work, found.task_id).await?;
        coach_lock_in_txn(work.txn, &[person.id]).await?;
        settle(work, task.id).await?;
        let before = staffing::invitation_by_id(work.txn, invitation_id).await?;
        let judged = judge_no(before.state);
        match judged {
            No::Same => return Ok((before, judged)),
            No::Decline => {
                if before.state == InvitationState::Queued {
                    outbox::invitation_messages_cancel(work, &[invitation_id]).await?;
                }
                answered(work, &before, Event::Declined).await?;
                look_at_answered(work, invitation_id, Standing::Closed).await?;
            }
            No::Withdraw => {
                answered(work, &before, Event::Withdrawn).await?;
                staffing::availability_free_in_txn(work.txn, &[invitation_id]).await?;
                settle(work, task.id).await?;
                look_at_answered(work, invitation_id, Standing::Closed).await?;
            }
            No::Assigned => {
                let Some((class_id, next)) = next_lesson(work, &before, &task).await? else {
                    let over = "the class is formed, and no lesson of it that is yours is ahead";
                    return Err(Error::precondition(Reason::TaskFormed, over));
                };
                // Until that lesson staff can do something; after it, it is said anew.
                let next = Vacancy { day: next.day, start_at: next.start_at, ..task };
                let news = ClassNews::AssignedWithdrawal { coach: person.user_name.clone() };
                let draft = notice::to_admins(&next, &person.user_name, news, next.start_at);
                // Whichever invitation it was by which the coach has the lesson.
                let about = format!("{}@{}/class-{class_id}", next.code, next.day);
                outbox::write(work, vec![Draft { about, ..draft }]).await?;
            }
        }
        Ok((staffing::invitation_by_id(work.txn, invitation_id).await?, judged))
    })?;
    if judged == No::Assigned {
        let told =
            "the class is formed and yours; the education admins have been told that you want to leave it";
        return Err(Error::precondition(Reason::TaskFormed, told));
    }
    Ok(after)
}

/// The next lesson that a coach has by an invitation, with its class.
async fn next_lesson(
    work: Work<'_>,
    invitation: &invitation::Model,
    task: &Vacancy,
) -> Result<Option<(i64, ClassLesson)>> {
    let Some(class_id) = invitation.class_id.or(task.class_id) else { return Ok(None) };
    let listed = match task.kind {
        VacancyKind::Substitution => day_list(work.txn, [-task.id]).await?.remove(&-task.id),
        _ => None,
    };
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let next = lessons.into_iter().find(|lesson| {
        lesson.coach_id == invitation.coach_id
            && lesson.start_at > work.now
            && lesson.state != LessonState::Cancelled
            && listed.as_ref().is_none_or(|days| days.contains(&lesson.day))
    });
    Ok(next.map(|lesson| (class_id, lesson)))
}

/// A no after a yes; before one it is a no like any other.
///
/// # Errors
/// As [`decline`].
pub(crate) async fn withdraw(call: &Call<'_>, invitation_id: i64, coach: &str) -> Result<invitation::Model> {
    decline(call, invitation_id, coach).await
}

/// The invitation and its coach, when it is this coach's.
async fn own(app: &App, invitation_id: i64, coach: &str) -> Result<(invitation::Model, coach::Model)> {
    let found = staffing::invitation_by_id(app.db.reader(), invitation_id).await?;
    let person = coach::Entity::find_by_id(found.coach_id).one(app.db.reader()).await?;
    match person {
        Some(person) if person.user_name == coach => Ok((found, person)),
        _ => Err(Error::precondition(Reason::NotYours, "the invitation is another coach's")),
    }
}

fn open_for_yes(task: &Vacancy, now: Instant) -> Result<()> {
    if task.is_open_at(now) {
        return Ok(());
    }
    let reason = if task.state == TaskState::Formed { Reason::TaskFormed } else { Reason::TaskClosed };
    let what = if task.is_of_task() {
        format!("the classes of {}", task.about())
    } else {
        "these lessons".to_owned()
    };
    Err(Error::precondition(reason, format!("{what} take no more answers")))
}

/// Writes an answer that gives the coach no place.
async fn answered(work: Work<'_>, before: &invitation::Model, event: Event) -> Result<()> {
    staffing::invitation_step_one_in_txn(work.txn, before.id, before.state, event, work.now).await
}
