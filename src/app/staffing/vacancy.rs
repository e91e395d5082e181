//! Vacancies in the place of a class's coach: what follows from their lessons (docs/domain.md §6).

use crate::app::call::Work;
use crate::domain::calendar::Timeline;
use crate::domain::eligibility::Span;
use crate::domain::on_time::LAST_SPAN;
use crate::domain::rules::Rules;
use crate::domain::state::{LessonState, TaskState, VacancyKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::class_lesson::{ClassLesson, class_lesson_list};
use crate::storage::continuation;
use crate::storage::entity::class;
use crate::storage::staffing::Vacancy;
use crate::storage::vacancy::{self, Times};
use crate::storage::vacancy_list::day_list;
use chrono::{NaiveTime, TimeDelta};
use sea_orm::EntityTrait;

/// When a change takes effect on its day: 03:00. (A time that is none would not compile.)
const EFFECT: NaiveTime = NaiveTime::from_hms_opt(3, 0, 0).unwrap();
/// A change asks coaches from so long before its first lesson on.
pub(super) const CHANGE_ASKS: TimeDelta = TimeDelta::days(8);
/// A change is made known at least so long before its first lesson.
pub(super) const CHANGE_LATEST: TimeDelta = TimeDelta::days(7);
/// Admins are told of a change that nobody has taken over so long before its first lesson.
const CHANGE_ALARM: TimeDelta = TimeDelta::days(6);

/// What follows from the start of the first lesson: answers count until 30 minutes before it, of a
/// change until it takes effect, of a standby until 15 minutes after, of a class that goes on until
/// D−3 00:00.
pub(crate) fn times(rules: &Rules, kind: VacancyKind, day: Day, start_at: Instant) -> Times {
    let line = Timeline::of(rules, day, start_at);
    let (gate_at, closes_at) = match kind {
        VacancyKind::Change => (start_at - CHANGE_ALARM, rules.time.at(day, EFFECT).min(line.reopen_until)),
        VacancyKind::Standby => (start_at, start_at + LAST_SPAN),
        // Afterwards there would be no time to ask the students.
        VacancyKind::Continue => (line.cut_off, line.cut_off),
        VacancyKind::NewClasses | VacancyKind::MakeUp | VacancyKind::Substitution => {
            (line.gate_at, line.reopen_until)
        }
    };
    Times { start_at, gate_at, closes_at }
}

/// Whether the lesson of a locked standby is still to be taught; it is in line with it then.
pub(super) async fn standby_is_left(work: Work<'_>, vacancy: &Vacancy) -> Result<bool> {
    let spans = vacancy::span_list(work.txn, [vacancy.id]).await?.remove(&vacancy.id).unwrap_or_default();
    let Some(span) = spans.first() else { return Ok(false) };
    let times = times(work.app.rules(), vacancy.kind, span.day, span.start);
    let students = i64::from(vacancy.students);
    vacancy::vacancy_about_in_txn(work.txn, vacancy.id, span.day, times, students).await?;
    Ok(true)
}

/// Whether the class of a locked vacancy may still go on with its coach; it is in line with the
/// lesson days then that are left. One that is covered waits for nobody.
pub(super) async fn continuing_is_left(work: Work<'_>, vacancy: &Vacancy) -> Result<bool> {
    let Some(id) = vacancy.class_id else { return Ok(false) };
    let class = class::Entity::find_by_id(id).one(work.txn).await?;
    let class = class.ok_or_else(|| Error::not_found("class", id))?;
    // All its students may have left.
    let has_students = match continuation::lessons::class_end(work.txn, id).await? {
        Some((day, _)) => !continuation::students_of_day(work.txn, id, day).await?.is_empty(),
        None => false,
    };
    let is_wanted = has_students || !continuation::seat_rows(work.txn, [vacancy.id]).await?.is_empty();
    if !is_wanted || vacancy.replaces_id != Some(class.coach_id) {
        return Ok(false);
    }
    let spans = vacancy::span_list(work.txn, [vacancy.id]).await?.remove(&vacancy.id).unwrap_or_default();
    let rules = work.app.rules();
    let is_in_time = |span: &Span| {
        let closes_at = times(rules, vacancy.kind, span.day, span.start).closes_at;
        closes_at > work.now || (vacancy.state == TaskState::Covered && span.start > work.now)
    };
    let Some(first) = spans.into_iter().find(is_in_time) else { return Ok(false) };
    let times = times(rules, vacancy.kind, first.day, first.start);
    let students = i64::from(vacancy.students);
    vacancy::vacancy_about_in_txn(work.txn, vacancy.id, first.day, times, students).await?;
    Ok(true)
}

/// Brings a locked vacancy in line with its lessons for which there is time left; also with those
/// that had fallen away and are back. The lesson of the day `due`, which may be filled at this
/// moment, counts until it begins. Whether there is any.
pub(super) async fn resize(work: Work<'_>, vacancy: &Vacancy, due: Option<Day>) -> Result<bool> {
    let rules = work.app.rules();
    let is_in_time = |span: &Span| {
        times(rules, vacancy.kind, span.day, span.start).closes_at > work.now
            || (Some(span.day) == due && span.start > work.now)
    };
    let mut first = vacancy::span_list_ever(work.txn, vacancy.id).await?.into_iter().find(is_in_time);
    if first.is_none() && vacancy.kind == VacancyKind::Change && vacancy.state == TaskState::Covered {
        // Somebody has the class from then on, also when substitutes have all of its lessons.
        first = spans_of_class(work, vacancy).await?.into_iter().find(is_in_time);
    }
    let Some(first) = first else { return Ok(false) };
    let times = times(rules, vacancy.kind, first.day, first.start);
    let students = i64::from(vacancy.students);
    vacancy::vacancy_about_in_txn(work.txn, vacancy.id, first.day, times, students).await?;
    count_students(work, vacancy).await?;
    Ok(true)
}

/// The lessons ahead of the class of a change from its day on, whoever teaches them.
async fn spans_of_class(work: Work<'_>, change: &Vacancy) -> Result<Vec<Span>> {
    let Some(class_id) = change.class_id else { return Ok(Vec::new()) };
    let listed = day_list(work.txn, [-change.id]).await?.remove(&-change.id).unwrap_or_default();
    let from = listed.first().copied().unwrap_or(change.day);
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let is_ahead = |lesson: &&ClassLesson| {
        lesson.day >= from && lesson.state == LessonState::Scheduled && lesson.start_at > work.now
    };
    let ahead = lessons.iter().filter(is_ahead);
    Ok(ahead.map(|lesson| Span { day: lesson.day, start: lesson.start_at, end: lesson.end_at }).collect())
}

/// Counts the students of the lessons that a locked vacancy is about by now.
pub(super) async fn count_students(work: Work<'_>, vacancy: &Vacancy) -> Result<()> {
    let cities = vacancy::city_list(work.txn, [vacancy.id]).await?;
    let students = cities.get(&vacancy.id).map_or(0, |cities| cities.values().sum());
    if students == i64::from(vacancy.students) {
        return Ok(());
    }
    vacancy::vacancy_students_in_txn(work.txn, vacancy.id, students).await
}
