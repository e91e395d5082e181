//! Substitutions and coach changes: somebody is wanted in the place of a class's coach, for listed
//! lesson days or from a day on (docs/domain.md §6).

pub(crate) use super::opening::Wanted;

use super::cover::give_back;
use super::hold::{candidate_of, coach_lock_in_txn, need_of};
use super::opening::open;
use super::refused::{eligible, refused};
use super::step::{cancel_in_txn, resize_in_txn, settle};
use super::vacancy::CHANGE_ASKS;
use super::{one, release};
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_invitations;
use crate::app::report::Report;
use crate::domain::eligibility::Purpose;
use crate::domain::invitation::test_is_valid;
use crate::domain::notice::Standing;
use crate::domain::places::show_days;
use crate::domain::state::{Cancellation, TaskState, VacancyKind};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::class_lesson::{ClassLesson, change_open_of_class, class_lesson_list};
use crate::storage::coach;
use crate::storage::page::{Page, Paged};
use crate::storage::staffing;
use crate::storage::vacancy::{self, vacancy_row};
use crate::storage::vacancy_list::{VacancyFilter, VacancyRow, day_list, vacancy_page};
use std::collections::BTreeSet;

/// A vacancy to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// The class.
    pub class_id: i64,
    /// What is wanted.
    pub wanted: Wanted,
    /// User name of the coach who does it; none = coaches are asked.
    pub coach: Option<String>,
}

/// A vacancy as staff see it.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// It with names.
    pub row: VacancyRow,
    /// The listed lesson days; none of a change.
    pub days: Vec<Day>,
}

/// Request ids are those of this call.
fn scope(wanted: &Wanted) -> &'static str {
    match wanted {
        Wanted::Substitute(_) => "StartSubstitution",
        Wanted::Change(_) => "StartCoachChange",
    }
}

/// Opens a substitution or a coach change; with a named coach it is filled at once, otherwise
/// coaches are asked as for a class task that needs one.
///
/// # Errors
/// NOT_FOUND; NOT_A_LESSON_DAY, IN_USE, TOO_LATE with the days; the reason why the named coach may
/// not do it.
pub(crate) async fn start(call: &Call<'_>, opening: &Opening) -> Result<Opened> {
    let coach_id = match &opening.coach {
        None => None,
        Some(name) => {
            let found = coach::coach_by_user_name(call.app.db.reader(), name).await?;
            Some(found.ok_or_else(|| Error::not_found("coach", name))?.id)
        }
    };
    let scope = scope(&opening.wanted);
    let id = in_txn!(call, "vacancy.start", |work| {
        // Before the look: the same request waits here, and then finds the first answer.
        staffing::class_lock_in_txn(work.txn, opening.class_id).await?;
        if let Some(id) = work.claimed_key(scope).await? {
            return match staffing::vacancy_by_id(work.txn, id).await?.state {
                TaskState::Cancelled => {
                    let text = format!("what the first such request opened ({}) was cancelled", -id);
                    Err(Error::precondition(Reason::Cancelled, text))
                }
                _ => Ok(id),
            };
        }
        let id = match coach_id {
            None => open(work, opening.class_id, &opening.wanted, false).await?,
            Some(coach_id) => {
                give_way(work, opening.class_id, &opening.wanted, coach_id).await?;
                let id = open(work, opening.class_id, &opening.wanted, true).await?;
                fill_with(work, id, coach_id).await?;
                id
            }
        };
        settle(work, id).await?;
        work.record(scope, id).await?;
        Ok(id)
    })?;
    one(call, id).await
}

/// Staff have found somebody for lessons of a locked class for which coaches are being asked: that
/// search ends, or goes on for its other days. Who was asked, or said yes, is told, but for the one
/// who has the lessons now.
async fn give_way(work: Work<'_>, class_id: i64, wanted: &Wanted, coach_id: i64) -> Result<()> {
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let is_wanted = |lesson: &ClassLesson| match wanted {
        Wanted::Substitute(days) => days.contains(&lesson.day),
        Wanted::Change(from) => lesson.day >= *from,
    };
    let search = |lesson: &ClassLesson| match wanted {
        Wanted::Substitute(_) => lesson.substitution_id,
        Wanted::Change(_) => lesson.change_id,
    };
    let searches: BTreeSet<i64> = match wanted {
        Wanted::Substitute(_) => {
            lessons.iter().filter(|lesson| is_wanted(lesson)).filter_map(search).collect()
        }
        // A class has one, also when substitutes teach all of its lessons.
        Wanted::Change(_) => change_open_of_class(work.txn, class_id).await?.into_iter().collect(),
    };
    for search_id in searches {
        let (found, left): (Vec<&ClassLesson>, Vec<&ClassLesson>) = lessons
            .iter()
            .filter(|lesson| search(lesson) == Some(search_id) && lesson.start_at > work.now)
            .partition(|lesson| is_wanted(lesson));
        let key = -search_id;
        // Of a change for which somebody is ready substitutes may have all lessons.
        let first = match wanted {
            Wanted::Substitute(_) => None,
            Wanted::Change(from) => {
                let open = staffing::vacancy_by_id(work.txn, key).await?;
                left.first().map(|lesson| lesson.day).or((open.day < *from).then_some(open.day))
            }
        };
        if let Some(first) = first {
            let text = format!(
                "another coach is looked for from {first} on: name somebody from then on, or cancel \
                 that change"
            );
            return Err(Error::refused_on(Reason::InUse, text, vec![first]));
        }
        if left.is_empty() {
            // Who was asked before is told of the lessons, not that nobody is wanted any more.
            for invited in staffing::invited_of_task(work.txn, key).await? {
                if invited.coach_id == coach_id {
                    release::cancel(work, &invited, Reason::TaskCovered).await?;
                }
            }
            cancel_in_txn(work, key, Cancellation::Admin).await?;
            vacancy::vacancy_ended_by_in_txn(work.txn, key, &work.actor, &work.remark).await?;
            continue;
        }
        let days: Vec<Day> = found.iter().map(|lesson| lesson.day).collect();
        vacancy::vacancy_day_delete_in_txn(work.txn, key, &days).await?;
        resize_in_txn(work, key, None).await?;
    }
    Ok(())
}

/// Staff have found somebody: the coach has the lessons at once, a change from its day on.
async fn fill_with(work: Work<'_>, id: i64, coach_id: i64) -> Result<()> {
    coach_lock_in_txn(work.txn, &[coach_id]).await?;
    let vacancy = staffing::vacancy_by_id(work.txn, id).await?;
    let need = need_of(work.txn, &vacancy).await?;
    if vacancy.replaces_id == Some(coach_id) {
        let days: Vec<Day> = need.spans.iter().map(|span| span.day).collect();
        let text = match vacancy.kind {
            VacancyKind::Change => "the coach who was named has the class already".to_owned(),
            _ => format!("the coach who was named teaches these lessons already, on {}", show_days(&days)),
        };
        let refused = Error::refused_on(Reason::OverlapClass, text, days);
        return Err(refused.of_classes(vacancy.class_id.into_iter().collect()));
    }
    let mut candidate = candidate_of(work, coach_id).await?;
    eligible(work, &candidate, &need, Purpose::Named).await?;
    if !test_is_valid(work.app.rules(), candidate.test_passed, work.now) {
        return Err(refused(Reason::TestNotValid));
    }
    let invitation = one::take(work, (&vacancy, &need), &mut candidate).await?;
    if vacancy.kind == VacancyKind::Change {
        // Its day may be far: who has the lessons at once is told of them.
        look_at_invitations(work, &[(invitation, Standing::Unasked)]).await?;
    }
    Ok(())
}

/// Ends a substitution or a coach change by hand. An open one asks nobody any more; of one that is
/// filled, the lessons ahead go to the coach of the class, if that coach can. Twice is once.
///
/// # Errors
/// NOT_FOUND; IN_USE for a change that has taken effect, or where the substitute has the class by
/// now; the reason why the coach of the class cannot teach.
pub(crate) async fn cancel(call: &Call<'_>, kind: VacancyKind, id: i64) -> Result<Opened> {
    let key = -id;
    in_txn!(call, "vacancy.cancel", |work| {
        let vacancy = staffing::vacancy_lock_in_txn(work.txn, key).await?;
        if vacancy.kind != kind {
            return Err(is_another(kind, vacancy.kind));
        }
        match vacancy.state {
            state if state.is_open() => {
                cancel_in_txn(work, key, Cancellation::Admin).await?;
                vacancy::vacancy_ended_by_in_txn(work.txn, key, &work.actor, &work.remark).await?;
            }
            TaskState::Formed if kind == VacancyKind::Substitution => {
                let substitute = vacancy_row(work.txn, key).await?.coach_id;
                let Some(substitute) = substitute else { return Ok(()) };
                give_back(work, &vacancy, substitute).await?;
                if vacancy_row(work.txn, key).await?.state == TaskState::Cancelled {
                    vacancy::vacancy_ended_by_in_txn(work.txn, key, &work.actor, &work.remark).await?;
                }
            }
            TaskState::Formed => {
                return Err(Error::precondition(
                    Reason::InUse,
                    "the change has taken effect; start another to undo it",
                ));
            }
            _ => {}
        }
        Ok(())
    })?;
    one(call, key).await
}

/// What the key is of, where it is not of what it should be.
fn is_another(wanted: VacancyKind, found: VacancyKind) -> Error {
    let field = if wanted == VacancyKind::Change { "coach_change_id" } else { "substitution_id" };
    let what = match found {
        VacancyKind::Standby => "is of a standby, which ends with its lesson and cannot be cancelled",
        VacancyKind::Change => "is of a coach change: CancelCoachChange ends it",
        VacancyKind::Continue => "is of a class that goes on: CancelContinuation ends it",
        VacancyKind::Substitution | VacancyKind::NewClasses | VacancyKind::MakeUp => {
            "is of a substitution: CancelSubstitution ends it"
        }
    };
    Error::invalid(field, what)
}

/// Which vacancies to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Of these kinds.
    pub kinds: Vec<VacancyKind>,
    /// Of this class.
    pub class_id: Option<i64>,
    /// With this coach, as the one who is replaced or who does it.
    pub coach: Option<String>,
    /// In one of these states; none = all.
    pub states: Vec<TaskState>,
}

/// Vacancies in the order in which they were made.
pub(crate) async fn list(call: &Call<'_>, query: &Query, page: &Page) -> Result<Paged<Opened>> {
    let conn = call.app.db.reader();
    let coach_id = match &query.coach {
        None => None,
        Some(name) => {
            let found = coach::coach_by_user_name(conn, name).await?;
            Some(found.ok_or_else(|| Error::not_found("coach", name))?.id)
        }
    };
    let Query { kinds, class_id, coach: _, states } = query.clone();
    let filter = VacancyFilter { kinds, class_id, coach_id, states, ..VacancyFilter::default() };
    let rows = page.cut(vacancy_page(conn, &filter, page).await?, |row| row.row.id);
    let mut days = day_list(conn, rows.items.iter().map(|row| row.row.id)).await?;
    Ok(rows.map(|row| Opened { days: days.remove(&row.row.id).unwrap_or_default(), row }))
}

async fn one(call: &Call<'_>, key: i64) -> Result<Opened> {
    let conn = call.app.db.reader();
    let filter = VacancyFilter { ids: vec![-key], ..VacancyFilter::default() };
    let row = vacancy_page(conn, &filter, &Page { after: None, size: 1 }).await?.pop();
    let row = row.ok_or_else(|| Error::not_found("substitution", -key))?;
    let days = day_list(conn, [-key]).await?.remove(&-key).unwrap_or_default();
    Ok(Opened { row, days })
}

/// `clazz auto_change_coach`: changes whose first lesson is at most 8 days ahead begin to ask.
pub(crate) async fn start_due_changes(call: &Call<'_>) -> Result<Report> {
    let due = vacancy::change_list_waiting(call.app.db.reader(), call.now + CHANGE_ASKS).await?;
    let mut report = Report { examined: due.len() as u64, ..Report::default() };
    for id in due {
        let begun = in_txn!(call, "change.start", |work| {
            let change = staffing::vacancy_lock_in_txn(work.txn, id).await?;
            if !change.state.is_open() || !change.waits {
                return Ok(false);
            }
            vacancy::vacancy_waits_in_txn(work.txn, id, false).await?;
            Ok(true)
        });
        report.changed += u64::from(report.or_failed("a coach change", begun)?.unwrap_or(false));
    }
    Ok(report)
}

/// `clazz complete_coach_changes`: changes that are covered take effect on the day of their first
/// lesson.
pub(crate) async fn complete_changes(call: &Call<'_>) -> Result<Report> {
    let today = call.app.time().day(call.now);
    let due = vacancy::change_list_due(call.app.db.reader(), today).await?;
    let mut report = Report { examined: due.len() as u64, ..Report::default() };
    for id in due {
        let done = in_txn!(call, "change.complete", |work| {
            let change = staffing::vacancy_lock_in_txn(work.txn, id).await?;
            let written = match change.dirty {
                true => resize_in_txn(work, id, None).await?.0,
                false => settle(work, id).await?,
            };
            Ok((staffing::vacancy_by_id(work.txn, id).await?.state == TaskState::Formed, written))
        });
        let Some((formed, written)) = report.or_failed("a coach change", done)? else { continue };
        report.changed += u64::from(formed);
        report.messages += written;
    }
    Ok(report)
}
