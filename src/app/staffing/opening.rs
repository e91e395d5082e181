//! Opens substitutions and coach changes: for which lessons of a class, and when it is too late
//! (docs/domain.md §6). Who fills them is found by the steps that all vacancies share.

use super::vacancy::{CHANGE_ASKS, CHANGE_LATEST, count_students, times};
use crate::app::call::Work;
use crate::domain::places::show_days;
use crate::domain::state::{LessonState, VacancyKind};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::storage::class_lesson::{ClassLesson, change_open_of_class, class_lesson_list};
use crate::storage::entity::class;
use crate::storage::staffing::{self, Vacancy};
use crate::storage::vacancy::{NewVacancy, vacancy_insert_in_txn};
use std::collections::BTreeSet;

/// What is wanted in the place of a class's coach.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A substitute on these lesson days.
    Substitute(BTreeSet<Day>),
    /// Another coach from the first lesson on or after this day on.
    Change(Day),
}

impl Wanted {
    /// What it is.
    pub(super) fn kind(&self) -> VacancyKind {
        match self {
            Self::Substitute(_) => VacancyKind::Substitution,
            Self::Change(_) => VacancyKind::Change,
        }
    }

    /// Whether somebody is looked for already for such a lesson.
    fn is_taken(&self, lesson: &ClassLesson) -> bool {
        match self {
            Self::Substitute(_) => lesson.substitution_id.is_some(),
            Self::Change(_) => lesson.change_id.is_some(),
        }
    }
}

/// Opens a vacancy for a class, for which coaches are asked, or which is filled at once
/// (`is_named`) by somebody whom staff have found; its key.
///
/// # Errors
/// NOT_FOUND; NOT_A_LESSON_DAY, IN_USE, TOO_LATE with the days.
pub(super) async fn open(work: Work<'_>, class_id: i64, wanted: &Wanted, is_named: bool) -> Result<i64> {
    let class = staffing::class_lock_in_txn(work.txn, class_id).await?;
    let all = class_lesson_list(work.txn, class_id).await?;
    let lessons = match wanted {
        Wanted::Substitute(days) => listed(&work, &class, &all, days, is_named)?,
        Wanted::Change(from) => from_day(&work, &class, &all, *from, is_named)?,
    };
    let mut taken: Vec<Day> =
        lessons.iter().filter(|lesson| wanted.is_taken(lesson)).map(|lesson| lesson.day).collect();
    if let (Wanted::Change(_), true) = (wanted, taken.is_empty()) {
        // One that is about no lesson of the class's coach by now.
        if let Some(id) = change_open_of_class(work.txn, class_id).await? {
            taken.push(staffing::vacancy_by_id(work.txn, -id).await?.day);
        }
    }
    if !taken.is_empty() {
        let text = format!("somebody is already looked for, on {}", show_days(&taken));
        return Err(Error::refused_on(Reason::InUse, text, taken));
    }
    let Some(first) = lessons.first() else {
        return Err(Error::internal("a vacancy of no lesson"));
    };
    let kind = wanted.kind();
    let new = NewVacancy {
        kind,
        class_id,
        template_id: class.template_id,
        replaces_id: match wanted {
            Wanted::Substitute(_) => first.coach_id,
            Wanted::Change(_) => class.coach_id,
        },
        day: first.day,
        times: times(work.app.rules(), kind, first.day, first.start_at),
        asks_until: None,
        waits: kind == VacancyKind::Change && first.start_at >= work.now + CHANGE_ASKS,
        students: 1,
        days: match wanted {
            Wanted::Substitute(_) => lessons.iter().map(|lesson| lesson.day).collect(),
            Wanted::Change(_) => vec![first.day],
        },
    };
    let id = vacancy_insert_in_txn(work.txn, &new, (&work.actor, &work.remark), work.now).await?;
    let made = staffing::vacancy_by_id(work.txn, id).await?;
    count_students(work, &made).await?;
    Ok(id)
}

/// Nobody has taken a class over by the day of a locked change: for the lesson of that day a
/// substitute is looked for, while there is time and nobody is yet.
pub(super) async fn open_for_first_day(work: Work<'_>, change: &Vacancy) -> Result<()> {
    let Some((class_id, replaces_id)) = change.class_id.zip(change.replaces_id) else { return Ok(()) };
    open_again(work, class_id, replaces_id, &BTreeSet::from([change.day])).await.map(drop)
}

/// Looks for a substitute on those of these days on which this coach has a lesson of the class for
/// which nobody is looked for, as far as there is time; for which.
pub(super) async fn open_again(
    work: Work<'_>,
    class_id: i64,
    coach_id: i64,
    days: &BTreeSet<Day>,
) -> Result<BTreeSet<Day>> {
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let is_wanted = |lesson: &&ClassLesson| {
        let times = times(work.app.rules(), VacancyKind::Substitution, lesson.day, lesson.start_at);
        days.contains(&lesson.day)
            && lesson.coach_id == coach_id
            && lesson.state == LessonState::Scheduled
            && lesson.substitution_id.is_none()
            && times.closes_at > work.now
    };
    let found: BTreeSet<Day> = lessons.iter().filter(is_wanted).map(|lesson| lesson.day).collect();
    if !found.is_empty() {
        open(work, class_id, &Wanted::Substitute(found.clone()), false).await?;
    }
    Ok(found)
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
    // What has begun, in whatever state it is by now, is too late.
    let is_held = |lesson: &ClassLesson| {
        lesson.state == LessonState::Scheduled
            || (lesson.state != LessonState::Cancelled && lesson.start_at <= work.now)
    };
    let lessons: Vec<&ClassLesson> =
        all.iter().filter(|lesson| days.contains(&lesson.day) && is_held(lesson)).collect();
    let has = |day: &Day| lessons.iter().any(|lesson| lesson.day == *day);
    let none: Vec<Day> = days.iter().filter(|day| !has(day)).copied().collect();
    if !none.is_empty() {
        return refuse(Reason::NotALessonDay, "the class has no lesson on", none);
    }
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
/// enough ahead. Where substitutes teach all of them, the class can be given to somebody who is
/// named: the day is that of the first.
fn from_day<'a>(
    work: &Work<'_>,
    class: &class::Model,
    all: &'a [ClassLesson],
    from: Day,
    is_named: bool,
) -> Result<Vec<&'a ClassLesson>> {
    let ahead = |lesson: &&ClassLesson| {
        lesson.state == LessonState::Scheduled && lesson.day >= from && lesson.start_at > work.now
    };
    let lessons: Vec<&ClassLesson> = all.iter().filter(ahead).collect();
    let Some(first) = lessons.first() else {
        let text = format!("the class has no lesson ahead from {from} on");
        return Err(Error::refused_on(Reason::NotALessonDay, text, [from]));
    };
    if first.start_at < work.now + CHANGE_LATEST {
        let in_time = lessons.iter().find(|lesson| lesson.start_at >= work.now + CHANGE_LATEST);
        let possible = in_time.map_or_else(String::new, |lesson| format!("; possible from {}", lesson.day));
        let text = format!(
            "a change begins with a lesson at least 7 days ahead, not {} (a substitution may come before \
             it){possible}",
            first.day
        );
        let refused = Error::refused_on(Reason::TooLate, text, [first.day]);
        return Err(refused.first_possible(in_time.map(|lesson| lesson.day)));
    }
    // Who teaches in the coach's place meanwhile goes on doing so.
    let own: Vec<&ClassLesson> =
        lessons.iter().copied().filter(|lesson| lesson.coach_id == class.coach_id).collect();
    match (own.is_empty(), is_named) {
        (false, _) => Ok(own),
        (true, true) => Ok(vec![*first]),
        (true, false) => {
            let days: Vec<Day> = lessons.iter().map(|lesson| lesson.day).collect();
            let text = format!(
                "substitutes teach all lessons of the class from that day on: name the new coach, who may \
                 be one of them, or end a substitution first (CancelSubstitution), of {}",
                show_days(&days)
            );
            Err(Error::refused_on(Reason::InUse, text, days))
        }
    }
}
