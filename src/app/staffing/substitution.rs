//! Substitutions and coach changes: somebody is wanted in the place of a class's coach, for listed
//! lesson days or from a day on (docs/domain.md §6).

use super::cover::give_back;
use super::hold::{candidate_of, coach_lock_in_txn, hold, need_of, refused};
use super::step::{cancel_in_txn, resize_in_txn, settle};
use super::vacancy::{CHANGE_ASKS, CHANGE_LATEST, times};
use super::wave;
use crate::app::call::{Call, Work};
use crate::app::report::Report;
use crate::domain::eligibility::{self, Purpose};
use crate::domain::invitation::test_is_valid;
use crate::domain::places::show_days;
use crate::domain::state::{Cancellation, LessonState, TaskState, VacancyKind};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::coach;
use crate::storage::entity::class;
use crate::storage::page::{Page, Paged};
use crate::storage::staffing;
use crate::storage::vacancy::{
    self, ClassLesson, NewVacancy, class_lesson_list, vacancy_insert_in_txn, vacancy_row,
};
use crate::storage::vacancy_list::{VacancyFilter, VacancyRow, day_list, vacancy_page};
use sea_orm::ActiveValue::Set;
use std::collections::BTreeSet;

/// What is wanted in the place of a class's coach.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A substitute on these lesson days.
    Substitute(BTreeSet<Day>),
    /// Another coach from the first lesson on or after this day on.
    Change(Day),
}

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

impl Wanted {
    fn kind(&self) -> VacancyKind {
        match self {
            Self::Substitute(_) => VacancyKind::Substitution,
            Self::Change(_) => VacancyKind::Change,
        }
    }

    /// Request ids are those of this call.
    fn scope(&self) -> &'static str {
        match self {
            Self::Substitute(_) => "StartSubstitution",
            Self::Change(_) => "StartCoachChange",
        }
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
    let scope = opening.wanted.scope();
    let id = in_txn!(call, "vacancy.start", |work| {
        if let Some(id) = work.claimed(scope).await? {
            return id.parse().map_err(|_| Error::Corrupt {
                table: "request_log",
                column: "result",
                id: work.key.request_id.clone(),
            });
        }
        let id = open_for(work, opening.class_id, &opening.wanted, coach_id.is_some()).await?;
        if let Some(coach_id) = coach_id {
            fill_with(work, id, coach_id).await?;
        }
        work.record(scope, id).await?;
        Ok(id)
    })?;
    one(call, id).await
}

/// Opens a vacancy for a class, for which coaches are asked; its key.
pub(crate) async fn open(work: Work<'_>, class_id: i64, wanted: &Wanted) -> Result<i64> {
    open_for(work, class_id, wanted, false).await
}

async fn open_for(work: Work<'_>, class_id: i64, wanted: &Wanted, is_named: bool) -> Result<i64> {
    let class = staffing::class_lock_in_txn(work.txn, class_id).await?;
    let all = class_lesson_list(work.txn, class_id).await?;
    let lessons = match wanted {
        Wanted::Substitute(days) => listed(&work, &class, &all, days, is_named)?,
        Wanted::Change(from) => from_day(&work, &class, &all, *from)?,
    };
    let taken: Vec<Day> =
        lessons.iter().filter(|lesson| lesson.vacancy_id.is_some()).map(|lesson| lesson.day).collect();
    if !taken.is_empty() {
        let text = format!("somebody is already looked for, on {}", show_days(&taken));
        return Err(Error::refused_on(Reason::InUse, text, taken));
    }
    let Some(first) = lessons.first() else {
        return Err(Error::precondition(
            Reason::NotALessonDay,
            "the class has no lesson ahead from that day on",
        ));
    };
    let kind = wanted.kind();
    let new = NewVacancy {
        kind,
        class_id,
        template_id: class.template_id,
        replaces_id: first.coach_id,
        day: first.day,
        times: times(work.app.rules(), kind, first.day, first.start_at),
        asks_until: None,
        waits: kind == VacancyKind::Change && first.start_at >= work.now + CHANGE_ASKS,
        students: 1,
        days: match wanted {
            Wanted::Substitute(_) => lessons.iter().map(|lesson| lesson.day).collect(),
            Wanted::Change(_) => Vec::new(),
        },
    };
    let id = vacancy_insert_in_txn(work.txn, &new, (&work.actor, &work.remark), work.now).await?;
    // How many students there are, and from where, is read with its lessons.
    let made = staffing::vacancy_by_id(work.txn, id).await?;
    super::vacancy::resize(work, &made, made.day).await?;
    settle(work, id).await?;
    Ok(id)
}

/// The lessons of a substitution: all that are listed, which must be ahead, and one coach's.
fn listed<'a>(
    work: &Work<'_>,
    class: &class::Model,
    all: &'a [ClassLesson],
    days: &BTreeSet<Day>,
    is_named: bool,
) -> Result<Vec<&'a ClassLesson>> {
    let refuse = |reason, text: &str, days: Vec<Day>| {
        Err(Error::refused_on(reason, format!("{text} {}", show_days(&days)), days))
    };
    let held =
        |day: &&Day| all.iter().any(|lesson| lesson.day == **day && lesson.state == LessonState::Scheduled);
    let none: Vec<Day> = days.iter().filter(|day| !held(day)).copied().collect();
    if !none.is_empty() {
        return refuse(Reason::NotALessonDay, "the class has no lesson on", none);
    }
    let lessons: Vec<&ClassLesson> = all.iter().filter(|lesson| days.contains(&lesson.day)).collect();
    let late = |lesson: &&&ClassLesson| {
        let times = times(work.app.rules(), VacancyKind::Substitution, lesson.day, lesson.start_at);
        // Whom staff have found needs no time to be asked.
        if is_named { lesson.start_at <= work.now } else { times.closes_at <= work.now }
    };
    let late: Vec<Day> = lessons.iter().filter(late).map(|lesson| lesson.day).collect();
    if !late.is_empty() {
        return refuse(Reason::TooLate, "no coach can be found any more for", late);
    }
    let coach = lessons.first().map_or(class.coach_id, |lesson| lesson.coach_id);
    let others: Vec<Day> =
        lessons.iter().filter(|lesson| lesson.coach_id != coach).map(|lesson| lesson.day).collect();
    if !others.is_empty() {
        return refuse(Reason::InUse, "another coach than on the first of these days teaches on", others);
    }
    Ok(lessons)
}

/// The lessons of a change: those of the class's coach from a day on, of which the first is far
/// enough ahead.
fn from_day<'a>(
    work: &Work<'_>,
    class: &class::Model,
    all: &'a [ClassLesson],
    from: Day,
) -> Result<Vec<&'a ClassLesson>> {
    let ahead = |lesson: &&ClassLesson| {
        lesson.state == LessonState::Scheduled && lesson.day >= from && lesson.start_at > work.now
    };
    let lessons: Vec<&ClassLesson> = all.iter().filter(ahead).collect();
    let first_in_time =
        all.iter().find(|lesson| ahead(lesson) && lesson.start_at >= work.now + CHANGE_LATEST);
    match lessons.first() {
        Some(first) if first.start_at < work.now + CHANGE_LATEST => {
            let possible =
                first_in_time.map_or_else(String::new, |lesson| format!("; possible from {}", lesson.day));
            let text = format!(
                "a change begins with a lesson at least 7 days ahead, not {} (a substitution may come \
                 before it){possible}",
                first.day
            );
            Err(Error::refused_on(Reason::TooLate, text, vec![first.day]))
        }
        // Who teaches in the coach's place meanwhile goes on doing so.
        _ => Ok(lessons.into_iter().filter(|lesson| lesson.coach_id == class.coach_id).collect()),
    }
}

/// Staff have found somebody: the coach has the lessons at once, a change from its day on.
async fn fill_with(work: Work<'_>, id: i64, coach_id: i64) -> Result<()> {
    coach_lock_in_txn(work.txn, &[coach_id]).await?;
    let vacancy = staffing::vacancy_by_id(work.txn, id).await?;
    let need = need_of(work.txn, &vacancy).await?;
    let mut candidate = candidate_of(work, coach_id).await?;
    let purpose = Purpose::Manual { overriding: true };
    eligibility::check(work.app.rules(), &candidate, &need, purpose, work.now).map_err(refused)?;
    if !test_is_valid(work.app.rules(), candidate.test_passed, work.now) {
        return Err(refused(Reason::TestNotValid));
    }
    let last_day = need.spans.last().map_or(vacancy.day, |span| span.day);
    let kind = vacancy.kind.invitation();
    let mut row = wave::new_invitation(work.app.rules(), &vacancy, coach_id, kind, last_day, work.now);
    row.operator = Set(work.actor.name().to_owned());
    row.remark = Set(work.remark.clone());
    staffing::invitation_insert_in_txn(work.txn, vec![row]).await?;
    let invited = staffing::invited_of_task(work.txn, id).await?;
    let invited = invited
        .iter()
        .find(|invited| invited.coach_id == coach_id)
        .ok_or_else(|| Error::internal("an invitation just made is missing"))?;
    // By the word of staff: no question was asked, so there is nothing to answer.
    hold(work, (&vacancy, &need), &mut candidate, invited, work.now).await?;
    settle(work, id).await?;
    Ok(())
}

/// Ends a substitution or a coach change by hand. An open one asks nobody any more; of one that is
/// filled, the lessons ahead go back to the coach who was replaced, if that coach can. Twice is
/// once.
///
/// # Errors
/// NOT_FOUND; IN_USE for a change that has taken effect; the reason why the coach cannot teach.
pub(crate) async fn cancel(call: &Call<'_>, kind: VacancyKind, id: i64) -> Result<Opened> {
    let key = -id;
    in_txn!(call, "vacancy.cancel", |work| {
        let vacancy = staffing::vacancy_lock_in_txn(work.txn, key).await?;
        if vacancy.kind != kind {
            return Err(missing(kind, id));
        }
        match vacancy.state {
            state if state.is_open() => {
                cancel_in_txn(work, key, Cancellation::Admin).await?;
            }
            TaskState::Formed if kind == VacancyKind::Substitution => {
                let substitute = vacancy_row(work.txn, key).await?.coach_id;
                let Some(substitute) = substitute else { return Ok(()) };
                let mut coaches = vec![substitute];
                coaches.extend(vacancy.replaces_id);
                coach_lock_in_txn(work.txn, &coaches).await?;
                give_back(work, &vacancy, substitute).await?;
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

fn missing(kind: VacancyKind, id: i64) -> Error {
    let what = if kind == VacancyKind::Change { "coach change" } else { "substitution" };
    Error::not_found(what, id)
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
    let filter = VacancyFilter { kinds, class_id, coach_id, states, ids: Vec::new() };
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
