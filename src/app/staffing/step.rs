//! The steps on a vacancy, each with everything that follows from it (docs/domain.md §4):
//! settling, a new size, the end, and passing students on to the next lesson day.
//!
//! They are in one file because each may lead to another: a new size settles, settling may form
//! classes, and the students left over begin the next day's task. Their parts are in `settle`,
//! `sizing`, `release`, `form` and `next_day`, which do not depend on each other's order.

use super::days::look_at_days;
use super::demand::demand_changed;
use super::form::form;
use super::release::{cancel, drop_ineligible, end, let_go};
use super::settle::{lapse, lapse_overdue, promote, refresh};
use super::sizing::{Size, attach_in_txn, size_in_txn};
use super::{cover, next_day, notice, opening, roster, task, vacancy};
use crate::app::call::{Call, Work};
use crate::app::outbox;
use crate::app::outbox::notice::{look_at_invitations, look_at_seated};
use crate::app::report::Report;
use crate::domain::calendar::Timeline;
use crate::domain::state::task::Event;
use crate::domain::state::{Cancellation, InvitationState, TaskState, VacancyKind, invitation};
use crate::domain::time::Day;
use crate::error::{Reason, Result};
use crate::in_txn;
use crate::message::content::ClassNews;
use crate::storage::staffing::{self, Vacancy};
use crate::storage::vacancy::span_list;

/// Brings a locked vacancy in line at `now`; messages written.
pub async fn settle(work: Work<'_>, id: i64) -> Result<u64> {
    let vacancy = staffing::vacancy_by_id(work.txn, id).await?;
    let mut invited = staffing::invited_of_task(work.txn, id).await?;
    let mut messages = lapse(work, &mut invited).await?;
    messages += promote(work, &vacancy, &mut invited).await?;
    let state = refresh(work, &vacancy, &invited).await?;
    if state.is_open() {
        messages += match is_of_nothing(work, &vacancy, state).await? {
            true => {
                cover::tell_missing(work, &vacancy).await?
                    + cancel_in_txn(work, id, Cancellation::NoLesson).await?
            }
            false => fill(work, Vacancy { state, ..vacancy }).await?,
        };
    }
    Ok(messages)
}

/// Whether whoever was to have a class of which substitutes teach all lessons is let go: nobody can
/// be asked for it then, and admins are told.
async fn is_of_nothing(work: Work<'_>, vacancy: &Vacancy, state: TaskState) -> Result<bool> {
    // Lessons or coaches have changed: that is looked at first.
    let is_sure = vacancy.kind == VacancyKind::Change && state != TaskState::Covered && !vacancy.dirty;
    Ok(is_sure && span_list(work.txn, [vacancy.id]).await?.is_empty())
}

/// Fills a locked open vacancy as far as it may be filled now: the one place that knows what is
/// done when coaches are ready, by what they were looked for. Messages written.
async fn fill(work: Work<'_>, vacancy: Vacancy) -> Result<u64> {
    let covered = vacancy.state == TaskState::Covered;
    let may_fill = match vacancy.kind {
        // Otherwise at F.
        VacancyKind::NewClasses | VacancyKind::MakeUp => {
            return if (work.app.rules().form_when_covered && covered) || vacancy.waits {
                form_ready(work, &vacancy).await
            } else {
                Ok(0)
            };
        }
        // Lessons or coaches have changed: that is looked at first.
        _ if vacancy.dirty => false,
        VacancyKind::Substitution => covered,
        VacancyKind::Change => covered && vacancy.closes_at <= work.now,
        VacancyKind::Standby => covered && cover::is_to_be_taken_over(work, &vacancy).await?,
        // Places are taken for its students then, which needs other locks: `app::continuing` does
        // it within a minute.
        VacancyKind::Continue => false,
    };
    if !may_fill {
        return Ok(0);
    }
    let mut messages = 0;
    let mut invited = staffing::invited_of_task(work.txn, vacancy.id).await?;
    if vacancy.kind == VacancyKind::Standby {
        let Some((coach, absent)) = cover::standby_who_is_there(work, &invited).await? else { return Ok(0) };
        if !absent.is_empty() {
            // Another who said yes is there: those who are not are let go, and that one moves up.
            let mut gone = Vec::new();
            for one in invited.iter().filter(|one| absent.contains(&one.id)) {
                gone.push(cancel(work, one, Reason::TaskCovered).await?);
            }
            messages += look_at_invitations(work, &gone).await?;
            invited.retain(|one| one.id == coach);
            messages += promote(work, &vacancy, &mut invited).await?;
        }
    }
    let ready = invited.iter().find(|coach| coach.stands.state() == InvitationState::Ready);
    let Some(coach) = ready else { return Ok(messages) };
    match cover::take_over(work, &vacancy, coach).await? {
        Some(written) => messages += written,
        // No lesson is left.
        None => return Ok(messages + cancel_in_txn(work, vacancy.id, Cancellation::NoLesson).await?),
    }
    messages += let_everybody_go(work, &vacancy).await?;
    staffing::vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, Event::Formed).await?;
    Ok(messages)
}

/// Sizes a locked open task again and does what follows: asks of those who are no longer needed,
/// looks again at those who said yes. An invitation that is just being answered is not let go: its
/// yes finds the new size. Messages written, and the new size.
pub(crate) async fn resize_in_txn(
    work: Work<'_>,
    task_id: i64,
    answering: Option<i64>,
) -> Result<(u64, Size)> {
    let task = staffing::vacancy_by_id(work.txn, task_id).await?;
    if !task.state.is_open() {
        return Ok((0, Size::default()));
    }
    if !task.is_of_task() {
        return Ok((resize_other(work, &task, answering).await?, Size::default()));
    }
    // An overdue test counts for nothing: neither for the size nor for the reserve.
    let mut messages = lapse_overdue(work, &task).await?;
    // A student who cancelled from before D on, or is on leave that day, no longer needs this task.
    let freed = staffing::student_detach_in_txn(work.txn, task_id, task.day).await?;
    attach_in_txn(work, task.day, &[task.template_id]).await?;
    let sizes = size_in_txn(work.txn, std::slice::from_ref(&task), task.day).await?;
    let size = sizes.get(&task_id).copied().unwrap_or_default();
    if size.seated > 0 {
        messages += look_at_seated(work, task.template_id, task.day).await?;
    }
    messages += drop_ineligible(work, task_id, answering).await?;
    // Nobody is put into the reserve of a task that is cancelled.
    messages += if size.students == 0 {
        cancel_in_txn(work, task_id, Cancellation::NoDemand).await?
    } else {
        let_go(work, task_id, (i64::from(task.needed), size.needed), answering).await?
    };
    messages += settle(work, task_id).await?;
    if freed > 0 {
        // Who is on leave on this day comes to the next one.
        messages += pass_on(work, task.template_id, task.day).await?;
    }
    Ok((messages, size))
}

/// The same of a vacancy in the place of a class's coach: its lessons, or the class, have changed.
async fn resize_other(work: Work<'_>, vacancy: &Vacancy, answering: Option<i64>) -> Result<u64> {
    let mut messages = lapse_overdue(work, vacancy).await?;
    let is_left = match vacancy.kind {
        // Its lesson has begun, and is looked for by the ladder.
        VacancyKind::Standby => vacancy::standby_is_left(work, vacancy).await?,
        VacancyKind::Continue => vacancy::continuing_is_left(work, vacancy).await?,
        _ => vacancy::resize(work, vacancy, Some(vacancy.day)).await?,
    };
    if !is_left {
        return Ok(messages + cancel_in_txn(work, vacancy.id, Cancellation::NoLesson).await?);
    }
    messages += drop_ineligible(work, vacancy.id, answering).await?;
    messages += settle(work, vacancy.id).await?;
    Ok(messages + look_at_days(work, vacancy.id, answering).await?)
}

/// Any open state → CANCELLED: live invitations recalled, accepted coaches told; students belong to
/// nobody's task.
pub(crate) async fn cancel_in_txn(work: Work<'_>, task_id: i64, why: Cancellation) -> Result<u64> {
    let task = staffing::vacancy_by_id(work.txn, task_id).await?;
    if !task.state.is_open() {
        return Ok(0);
    }
    let event = match why {
        // It may come back, and they with it.
        Cancellation::NoLesson => invitation::Event::LessonOff,
        Cancellation::NoDemand | Cancellation::Admin => invitation::Event::Cancelled(Reason::TaskClosed),
    };
    let mut gone = Vec::new();
    for coach in staffing::invited_of_task(work.txn, task_id).await? {
        gone.push(end(work, &coach, event).await?);
    }
    let messages = look_at_invitations(work, &gone).await?;
    staffing::vacancy_step_in_txn(work.txn, &[task_id], task.state, Event::Cancelled(why)).await?;
    if !task.is_of_task() {
        return Ok(messages);
    }
    staffing::student_detach_all_in_txn(work.txn, task_id).await?;
    staffing::task_mark_later_in_txn(work.txn, &[task.template_id], task.day).await?;
    Ok(messages)
}

/// `clazz assign_students`: forms what is due, reports who is left over, and tells students whose
/// lesson does not take place.
pub async fn assign_students(call: &Call<'_>) -> Result<Report> {
    let mut report = form_due(call).await?;
    report.messages += roster::tell_not_held(call).await?;
    Ok(report)
}

/// Forms the classes of every task whose F (or reopened end) has come.
async fn form_due(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    for task in staffing::vacancy_list_closing(call.app.db.reader(), call.now).await? {
        report.examined += 1;
        let formed = in_txn!(call, "class_task.form", |work| {
            let task = staffing::vacancy_lock_in_txn(work.txn, task.id).await?;
            if task.state.is_open() { close(work, task).await } else { Ok((0, Vec::new())) }
        });
        let Some((messages, left)) = report.or_failed(&task.about(), formed)? else { continue };
        report.changed += 1;
        report.messages += messages;
        if !left.is_empty() {
            report.skip("LEFT_OVER", left.len() as u64);
            report.notes.push(format!("{}: {} students are left over", task.about(), left.len()));
        }
    }
    Ok(report)
}

/// Locks a task and forms it when that is due, so that an answer finds it as it is whether or not
/// `clazz assign_students` has run.
pub(crate) async fn task_lock_up_to_date(work: Work<'_>, id: i64) -> Result<Vacancy> {
    let task = staffing::vacancy_lock_in_txn(work.txn, id).await?;
    if !task.state.is_open() || work.now < task.closes_at {
        return Ok(task);
    }
    close(work, task).await?;
    staffing::vacancy_by_id(work.txn, id).await
}

/// A task's end: what can be formed is, everybody else is let go, students left over are listed and
/// passed on.
async fn close(work: Work<'_>, task: Vacancy) -> Result<(u64, Vec<String>)> {
    if !task.is_of_task() {
        return Ok((close_other(work, task).await?, Vec::new()));
    }
    let mut messages = 0;
    if task.dirty {
        // Sign-ups changed since the last look; one instant earlier the task was still open.
        messages += resize_in_txn(work, task.id, None).await?.0;
    }
    messages += settle(work, task.id).await?;
    let task = staffing::vacancy_by_id(work.txn, task.id).await?;
    if !task.state.is_open() {
        return Ok((messages, Vec::new()));
    }
    let formed = form(work, &task).await?;
    messages += formed.messages;
    messages += let_everybody_go(work, &task).await?;
    // After a reopening the classes formed earlier count too.
    let classes = staffing::class_count_of_task(work.txn, task.id).await?;
    // Nothing needed and students left over: there is no class left that they could form.
    let event = if formed.classes >= i64::from(task.needed) && (task.needed > 0 || formed.left.is_empty()) {
        Event::Formed
    } else if classes > 0 {
        Event::FormedInPart
    } else {
        Event::FormedNone
    };
    staffing::vacancy_step_in_txn(work.txn, &[task.id], task.state, event).await?;
    staffing::student_detach_all_in_txn(work.txn, task.id).await?;
    if !formed.left.is_empty() {
        messages += pass_on(work, task.template_id, task.day).await?;
        let news = ClassNews::TaskLeftOver {
            students: formed.left.iter().map(|student| student.user_name.clone()).collect(),
            needed: i64::from(task.needed),
            ready: formed.classes,
            reason: formed.reason,
        };
        let draft = notice::to_admins(&task, formed.left.len(), news, task.start_at.max(work.now));
        messages += outbox::write(work, vec![draft]).await?;
    }
    Ok((messages, formed.left.into_iter().map(|student| student.user_name).collect()))
}

/// The end of a vacancy in the place of a class's coach, for its first lesson. Lessons that are
/// left are looked after further; those who were asked for all of them are let go.
async fn close_other(work: Work<'_>, vacancy: Vacancy) -> Result<u64> {
    let mut messages = 0;
    if vacancy.dirty {
        messages += resize_other(work, &vacancy, None).await?;
    }
    messages += settle(work, vacancy.id).await?;
    let vacancy = staffing::vacancy_by_id(work.txn, vacancy.id).await?;
    if !vacancy.state.is_open() {
        return Ok(messages);
    }
    if vacancy.kind == VacancyKind::Continue {
        if vacancy.state == TaskState::Covered {
            // Its coach is ready, and it goes on in a moment.
            return Ok(messages);
        }
        messages += cover::tell_not_continued(work, &vacancy).await?;
    } else if vacancy.kind != VacancyKind::Standby {
        // The ladder tells of a standby.
        messages += cover::tell_missing(work, &vacancy).await?;
        if vacancy.kind == VacancyKind::Change {
            opening::open_for_first_day(work, &vacancy).await?;
        }
        if vacancy::resize(work, &vacancy, None).await? {
            let vacancy = staffing::vacancy_by_id(work.txn, vacancy.id).await?;
            return Ok(messages + resize_other(work, &vacancy, None).await?);
        }
    }
    messages += let_everybody_go(work, &vacancy).await?;
    staffing::vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, Event::FormedNone).await?;
    Ok(messages)
}

/// Classes for the coaches who are ready, while the task goes on looking for the rest.
async fn form_ready(work: Work<'_>, task: &Vacancy) -> Result<u64> {
    let ready = staffing::invited_of_task(work.txn, task.id)
        .await?
        .iter()
        .any(|coach| coach.stands.state() == InvitationState::Ready);
    if !ready {
        return Ok(0);
    }
    let formed = form(work, task).await?;
    let mut messages = formed.messages;
    let sizes = size_in_txn(work.txn, std::slice::from_ref(task), task.day).await?;
    if sizes.get(&task.id).is_some_and(|size| size.seated > 0) {
        messages += look_at_seated(work, task.template_id, task.day).await?;
    }
    if sizes.get(&task.id).is_some_and(|size| size.students == 0) {
        let task = staffing::vacancy_by_id(work.txn, task.id).await?;
        messages += let_everybody_go(work, &task).await?;
        staffing::vacancy_step_in_txn(work.txn, &[task.id], task.state, Event::Formed).await?;
    }
    Ok(messages)
}

/// Everybody who has no class ends: the reserve is released and told, who was asked or has not
/// passed the test has run out of time. When classes form before the task's end, who was asked is
/// told that it is no longer so.
async fn let_everybody_go(work: Work<'_>, task: &Vacancy) -> Result<u64> {
    let invited = staffing::invited_of_task(work.txn, task.id).await?;
    let of = |state: InvitationState| -> Vec<i64> {
        invited.iter().filter(|coach| coach.stands.state() == state).map(|coach| coach.id).collect()
    };
    let early = work.now < task.closes_at;
    let (queued, sent) = if early {
        (Vec::new(), Vec::new())
    } else {
        (of(InvitationState::Queued), of(InvitationState::Sent))
    };
    for (ids, from, event) in [
        (&sent, InvitationState::Sent, invitation::Event::TimeUp),
        (&queued, InvitationState::Queued, invitation::Event::MessageLost),
    ] {
        staffing::invitation_step_in_txn(work.txn, ids, from, event, work.now).await?;
    }
    if !queued.is_empty() {
        outbox::invitation_messages_cancel(work, &queued).await?;
    }
    let mut gone = Vec::new();
    for coach in invited.iter().filter(|coach| coach.stands.answered_at().is_some() || early) {
        gone.push(cancel(work, coach, Reason::TaskCovered).await?);
    }
    look_at_invitations(work, &gone).await
}

/// Gives the students of a template whom no task counts to the next lesson day after `after` whose
/// rosters are not frozen: they join its open task; a task is made (or reopened, where it was
/// cancelled for want of demand) when `invite create` of that day is over. A day that is further
/// ahead is left to its own `invite create`. Messages written.
///
/// Whoever calls it has let the students go (`task_id` is empty) in the same transaction.
pub(crate) async fn pass_on(work: Work<'_>, template_id: i64, after: Day) -> Result<u64> {
    staffing::task_mark_later_in_txn(work.txn, &[template_id], after).await?;
    let mut messages = 0;
    for lesson in next_day::lesson_days(work, template_id, after).await? {
        let line = Timeline::of(work.app.rules(), lesson.day, lesson.start_at);
        if work.now < line.cut_off
            || line.freeze_at <= work.now
            || !next_day::has_uncounted(work, template_id, lesson.day).await?
        {
            continue;
        }
        match (lesson.task_id, lesson.state) {
            (_, Some(state)) if state.is_open() => {
                // `invite check` sizes it, because it is marked.
                attach_in_txn(work, lesson.day, &[template_id]).await?;
            }
            (Some(id), Some(state)) if lesson.wants_demand() => {
                staffing::vacancy_step_in_txn(work.txn, &[id], state, Event::WantedAgain).await?;
                messages += begin(work, template_id, lesson.day).await?;
            }
            (None, _) => {
                let made = task::new_task(&work, template_id, lesson.day, lesson.start_at);
                staffing::task_insert_in_txn(work.txn, vec![made]).await?;
                messages += begin(work, template_id, lesson.day).await?;
            }
            // One that has ended counts nobody any more: the day after it may.
            _ => {}
        }
    }
    Ok(messages)
}

/// Counts the students of a task just made or reopened, and sizes it; past its gate it begins in
/// rescue.
async fn begin(work: Work<'_>, template_id: i64, day: Day) -> Result<u64> {
    attach_in_txn(work, day, &[template_id]).await?;
    let Some(task) = staffing::task_open_of_template(work.txn, template_id, day).await? else { return Ok(0) };
    let sizes = size_in_txn(work.txn, std::slice::from_ref(&task), day).await?;
    let size = sizes.get(&task.id).copied().unwrap_or_default();
    let mut messages = 0;
    if size.seated > 0 {
        messages += look_at_seated(work, template_id, day).await?;
    }
    if size.students == 0 {
        // Everybody got a free seat of a running class.
        staffing::vacancy_step_in_txn(work.txn, &[task.id], task.state, Event::AllSeated).await?;
        return Ok(messages);
    }
    if size.over > 0 {
        // `invite check` reports who does not fit.
        demand_changed(work.txn, &[template_id]).await?;
    }
    if work.now >= task.gate_at {
        messages += settle(work, task.id).await?;
    }
    Ok(messages)
}
