//! Makes class tasks follow their lessons: cancelled, moved and reopened with them. `invite check`
//! sizes the rest again.

use super::lessons::ClassLessons;
use super::plan::Edit;
use super::scene::{CatalogChange, Scene, TaskChange, span};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::app::outbox::{self, Draft};
use crate::app::staffing::lesson_back::{Reopened, lesson_back_in_txn};
use crate::app::staffing::{asking, in_place, step};
use crate::domain::calendar::Timeline;
use crate::domain::state::task::Event;
use crate::domain::state::{Cancellation, InvitationState, TaskChangeKind, TaskState};
use crate::domain::time::{Instant, add_days};
use crate::error::{Reason, Result};
use crate::storage::pool;
use crate::storage::season_edit::{self, TaskTimes};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use std::collections::HashMap;

/// A task whose lesson is at another time, as it is now, with the coaches who know of the old one.
#[derive(Debug)]
pub(super) struct MovedTask {
    pub task: Vacancy,
    pub start_before: Instant,
    pub coaches: Vec<InvitedCoach>,
}

/// Tasks that follow their lessons.
#[derive(Debug, Default)]
pub(super) struct FollowedTasks {
    pub moved: Vec<MovedTask>,
    /// Their lesson is back.
    pub reopened: Vec<Reopened>,
}

impl FollowedTasks {
    /// The same of what is wanted in the place of coaches of classes, whose lessons have followed.
    pub(super) async fn in_place(
        &mut self,
        work: Work<'_>,
        scene: &Scene<'_>,
        lessons: &ClassLessons,
        change_to: &mut CatalogChange,
    ) -> Result<()> {
        self.reopened.extend(lessons.in_place.reopen(work, &lessons.added).await?);
        let ids: Vec<i64> = scene.edits.iter().map(|edit| edit.template.id).collect();
        let in_place::Continuing { mut moved, others } = in_place::follow_continuing(work, &ids).await?;
        if !others.is_empty() {
            // Who has heard the question reads in the client which days are left.
            change_to.messages += invite_anew(work, others, |task| task.start_at).await?.1;
        }
        if !lessons.moved.is_empty() {
            moved.extend(in_place::follow(work, &ids).await?);
        }
        if moved.is_empty() {
            return Ok(());
        }
        let before: HashMap<i64, Instant> = moved.iter().map(|one| (one.task.id, one.start_before)).collect();
        let moved = moved.into_iter().map(|one| one.task).collect();
        let start_before = |task: &Vacancy| before.get(&task.id).copied().unwrap_or(task.start_at);
        let (known, messages) = invite_anew(work, moved, start_before).await?;
        change_to.messages += messages;
        self.moved.extend(known);
        Ok(())
    }
}

/// Tasks of the edited templates that are of today or ahead, or of a changed day.
async fn list(work: Work<'_>, scene: &Scene<'_>) -> Result<Vec<Vacancy>> {
    let ids: Vec<i64> = scene.edits.iter().map(|edit| edit.template.id).collect();
    // A lesson of yesterday may go on after midnight.
    let yesterday = add_days(work.app.time().day(work.now), -1);
    let from = span(&scene.edits).map_or(yesterday, |(first, _)| first.min(yesterday));
    staffing::vacancy_list_by_ids(work.txn, season_edit::task_ids_from(work.txn, &ids, from).await?).await
}

fn change(task: &Vacancy, kind: TaskChangeKind) -> TaskChange {
    TaskChange { task_id: task.id, class_template: task.code.clone(), day: task.day, kind }
}

/// Tasks whose lesson falls away: coaches are let go, students belong to the next task, and nobody
/// reopens it.
pub(super) async fn end(work: Work<'_>, scene: &Scene<'_>, messages: &mut u64) -> Result<Vec<TaskChange>> {
    let falls = |task: &&Vacancy| {
        scene.edit_of(task.template_id).is_some_and(|edit| edit.removed.contains_key(&task.day))
    };
    let tasks = list(work, scene).await?;
    let (mut changes, mut others) = (Vec::new(), Vec::new());
    for task in tasks.iter().filter(falls) {
        match task.state {
            TaskState::Pending | TaskState::Inviting | TaskState::Covered => {
                *messages += step::cancel_in_txn(work, task.id, Cancellation::NoLesson).await?;
                changes.push(change(task, TaskChangeKind::Cancelled));
            }
            TaskState::Partial | TaskState::Failed => {
                others.push(task);
                changes.push(change(task, TaskChangeKind::Cancelled));
            }
            // One that an admin cancelled stays the admin's.
            TaskState::Cancelled if task.cancelled() == Some(Cancellation::NoDemand) => others.push(task),
            TaskState::Cancelled => {}
            TaskState::Formed => {}
        }
    }
    for task in others {
        let event = Event::Cancelled(Cancellation::NoLesson);
        staffing::vacancy_step_in_txn(work.txn, &[task.id], task.state, event).await?;
    }
    Ok(changes)
}

/// The students of tasks whose lesson fell away go on to the next lesson day. Sign-ups and places
/// are as they will be.
pub(super) async fn pass_on(work: Work<'_>, scene: &Scene<'_>, changes: &[TaskChange]) -> Result<u64> {
    let mut messages = 0;
    for edit in &scene.edits {
        let of_template = changes.iter().filter(|change| change.class_template == edit.template.code);
        let fell =
            of_template.filter(|change| change.kind == TaskChangeKind::Cancelled).map(|change| change.day);
        if let Some(first) = fell.min() {
            messages += step::pass_on(work, edit.template.id, first).await?;
        }
    }
    Ok(messages)
}

/// Tasks whose lesson is at another time or back; those that are sized again are named. The places
/// are written.
///
/// # Errors
/// IN_USE when the rosters of a moved task would be frozen already.
pub(super) async fn follow(
    work: Work<'_>,
    scene: &Scene<'_>,
    change_to: &mut CatalogChange,
) -> Result<FollowedTasks> {
    let tasks = list(work, scene).await?;
    let (mut times, mut reopened, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    let before: HashMap<i64, Instant> = tasks.iter().map(|task| (task.id, task.start_at)).collect();
    for task in &tasks {
        let Some(edit) = scene.edit_of(task.template_id) else { continue };
        let kind = if edit.moved.contains_key(&task.day) {
            times.push(moved_times(&work, edit, task)?);
            if task.state.is_open() {
                moved.push(task.id);
            }
            TaskChangeKind::Moved
        } else if edit.added.contains(&task.day) {
            let Some(back) = times_of(work.app, edit, task) else { continue };
            if task.cancelled() != Some(Cancellation::NoLesson) || back.freeze_at <= work.now {
                continue;
            }
            times.push(back);
            reopened.push(task.id);
            TaskChangeKind::Reopened
        } else if task.state.is_open()
            && !(edit.removed.is_empty() && edit.added.is_empty() && edit.resized.is_empty())
        {
            TaskChangeKind::Resized
        } else {
            continue;
        };
        change_to.tasks.push(change(task, kind));
    }
    if !times.is_empty() {
        season_edit::task_move_in_txn(work.txn, &times).await?;
    }
    if !reopened.is_empty() {
        staffing::task_lesson_back_in_txn(work.txn, &reopened).await?;
    }
    let mut followed = FollowedTasks::default();
    let start_before = |task: &Vacancy| before.get(&task.id).copied().unwrap_or(task.start_at);
    if !reopened.is_empty() {
        let tasks = staffing::vacancy_list_by_ids(work.txn, reopened).await?.into_iter();
        followed.reopened = tasks.map(|task| Reopened { start_before: start_before(&task), task }).collect();
    }
    if !moved.is_empty() {
        let moved = staffing::vacancy_list_by_ids(work.txn, moved).await?;
        let (known, messages) = invite_anew(work, moved, start_before).await?;
        change_to.messages += messages;
        followed.moved = known;
    }
    Ok(followed)
}

/// Who had said yes, or was asked, for a lesson that is back; those whom it finds at another hour
/// are added to the moved tasks. Sign-ups and places are as they will be.
pub(super) async fn lesson_back(work: Work<'_>, followed: &mut FollowedTasks) -> Result<u64> {
    let messages = lesson_back_in_txn(work, &followed.reopened).await?;
    for Reopened { task, start_before } in &followed.reopened {
        if *start_before != task.start_at {
            let mut coaches = staffing::invited_of_task(work.txn, task.id).await?;
            // Who is asked anew reads the new hour there.
            coaches.retain(|coach| coach.stands.answered_at().is_some());
            followed.moved.push(MovedTask { task: task.clone(), start_before: *start_before, coaches });
        }
    }
    Ok(messages)
}

fn times_of(app: &App, edit: &Edit<'_>, task: &Vacancy) -> Option<TaskTimes> {
    let start_at = edit.places.get(&task.day)?.start_at;
    let line = Timeline::of(app.rules(), task.day, start_at);
    let closes_at = if task.waits { line.reopen_until } else { line.freeze_at };
    Some(TaskTimes { id: task.id, start_at, gate_at: line.gate_at, freeze_at: line.freeze_at, closes_at })
}

fn moved_times(call: &Call<'_>, edit: &Edit<'_>, task: &Vacancy) -> Result<TaskTimes> {
    let refuse = || {
        edit.refuse(Reason::InUse, &[task.day], "the class task would have no time left to find coaches, on")
    };
    let times = times_of(call.app, edit, task).ok_or_else(refuse)?;
    if task.is_open_at(call.now) && times.closes_at <= call.now { Err(refuse()) } else { Ok(times) }
}

/// An invitation that has not gone out names the old time: its message is withdrawn and written
/// anew. Those who know the old time are returned.
async fn invite_anew(
    work: Work<'_>,
    tasks: Vec<Vacancy>,
    start_before: impl Fn(&Vacancy) -> Instant,
) -> Result<(Vec<MovedTask>, u64)> {
    let needs = pool::need_list(work.txn, &tasks).await?;
    let (mut known, mut drafts) = (Vec::new(), Vec::new());
    for task in tasks {
        let mut coaches = Vec::new();
        for coach in staffing::invited_of_task(work.txn, task.id).await? {
            let waits = coach.stands.state() == InvitationState::Queued;
            if waits && outbox::invitation_messages_cancel(work, &[coach.id]).await? > 0 {
                let spans = needs.get(&task.id).map_or(&[][..], |need| &need.spans);
                let draft = asking::invitation_draft(work.app.rules(), &task, &coach, spans, work.now);
                drafts.push(Draft { version: format!("{}", work.now.unix()), ..draft });
            } else {
                coaches.push(coach);
            }
        }
        known.push(MovedTask { start_before: start_before(&task), task, coaches });
    }
    let messages = outbox::write(work, drafts).await?;
    Ok((known, messages))
}
