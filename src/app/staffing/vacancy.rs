//! Vacancies in the place of a class's coach: what follows from their lessons (docs/domain.md §6).

use crate::app::call::Work;
use crate::domain::calendar::Timeline;
use crate::domain::on_time::LAST_SPAN;
use crate::domain::rules::Rules;
use crate::domain::state::VacancyKind;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::staffing::Vacancy;
use crate::storage::vacancy::{self, Times};
use chrono::{NaiveTime, TimeDelta};

/// When a change takes effect on its day: 03:00. (A time that is none would not compile.)
const EFFECT: NaiveTime = NaiveTime::from_hms_opt(3, 0, 0).unwrap();
/// A change asks coaches from so long before its first lesson on.
pub(super) const CHANGE_ASKS: TimeDelta = TimeDelta::days(8);
/// A change is made known at least so long before its first lesson.
pub(super) const CHANGE_LATEST: TimeDelta = TimeDelta::days(7);
/// Admins are told of a change that nobody has taken over so long before its first lesson.
const CHANGE_ALARM: TimeDelta = TimeDelta::days(6);

/// What follows from the start of the first lesson: answers count until 30 minutes before it, of a
/// change until it takes effect, of a standby until 15 minutes after.
pub(super) fn times(rules: &Rules, kind: VacancyKind, day: Day, start_at: Instant) -> Times {
    let line = Timeline::of(rules, day, start_at);
    let (gate_at, closes_at) = match kind {
        VacancyKind::Change => (start_at - CHANGE_ALARM, rules.time.at(day, EFFECT).min(line.reopen_until)),
        VacancyKind::Standby => (start_at, start_at + LAST_SPAN),
        VacancyKind::NewClasses | VacancyKind::Substitution => (line.gate_at, line.reopen_until),
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

/// Brings a locked vacancy in line with the lessons that are left of it, from a day on. Whether any
/// is left.
pub(super) async fn resize(work: Work<'_>, vacancy: &Vacancy, from: Day) -> Result<bool> {
    let spans = vacancy::span_list(work.txn, [vacancy.id]).await?.remove(&vacancy.id).unwrap_or_default();
    let rules = work.app.rules();
    let ahead = |day: Day, start: Instant| times(rules, vacancy.kind, day, start).closes_at > work.now;
    let Some(first) = spans.iter().find(|span| span.day >= from && ahead(span.day, span.start)) else {
        return Ok(false);
    };
    let cities = vacancy::city_list(work.txn, [vacancy.id]).await?;
    let students = cities.get(&vacancy.id).map_or(0, |cities| cities.values().sum());
    let times = times(rules, vacancy.kind, first.day, first.start);
    vacancy::vacancy_about_in_txn(work.txn, vacancy.id, first.day, times, students).await?;
    Ok(true)
}
