//! A lesson of a class that had fallen away is back: who teaches it, where somebody was looked for
//! or found in the place of its coach (docs/domain.md §6). The steps on the vacancies themselves
//! are in `lesson_back`.

use super::cover::{self, released};
use super::lesson_back::Reopened;
use super::opening::open_again;
use super::vacancy::{continuing_is_left, resize, times};
use crate::app::call::{Call, Work};
use crate::domain::eligibility::Span;
use crate::domain::state::task::Event;
use crate::domain::state::{Cancellation, TaskState, VacancyKind};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::continuation::continuation_ids_open;
use crate::storage::continuation::lessons::continuation_days_follow_in_txn;
use crate::storage::entity::lesson;
use crate::storage::season_edit::invitation_ends_by_in_txn;
use crate::storage::staffing::{
    Vacancy, vacancy_by_id, vacancy_filled_by, vacancy_list_in_place, vacancy_lock_in_txn,
    vacancy_mark_of_classes_in_txn, vacancy_step_in_txn,
};
use crate::storage::vacancy::vacancy_day_delete_in_txn;
use crate::storage::vacancy_list::day_list;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is wanted, or was found, in the place of the coaches of classes.
#[derive(Debug, Default)]
pub(crate) struct InPlace {
    vacancies: Vec<Vacancy>,
    /// Their listed days; of a change the first.
    days: HashMap<i64, Vec<Day>>,
    /// Who fills those that are filled: (coach, invitation).
    filled: HashMap<i64, (i64, i64)>,
}

/// Who is to teach a lesson that is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Teacher {
    /// The substitute who had it, by this vacancy and invitation.
    Substitute { coach_id: i64, vacancy_id: i64, invitation_id: i64 },
    /// The coach in whose place somebody is looked for: it is that coach's until then, also if the
    /// coach cannot teach it.
    Sought { coach_id: i64 },
    /// The coach of the class, in whose place this vacancy was filled while the lesson was away.
    Unfilled { vacancy_id: i64 },
    /// The coach of the class.
    Class,
}

/// A lesson that its substitute does not have again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// The vacancy that was filled.
    pub vacancy_id: i64,
    /// The substitute, if it was that coach's.
    pub coach_id: Option<i64>,
    /// The coach of the class, who has it now.
    pub class_coach_id: i64,
    /// When it is.
    pub span: Span,
}

impl InPlace {
    /// Of the classes of templates, for days from this one on.
    pub(crate) async fn load(work: Work<'_>, template_ids: &[i64], from: Day) -> Result<Self> {
        let vacancies = vacancy_list_in_place(work.txn, template_ids, from).await?;
        if vacancies.is_empty() {
            return Ok(Self::default());
        }
        let days = day_list(work.txn, vacancies.iter().map(|vacancy| -vacancy.id)).await?;
        let formed = vacancies.iter().filter(|vacancy| vacancy.state == TaskState::Formed);
        let filled = vacancy_filled_by(work.txn, formed.map(|vacancy| vacancy.id)).await?;
        let filled = filled.into_iter().map(|(id, coach, invitation)| (id, (coach, invitation)));
        Ok(Self {
            days: days.into_iter().map(|(id, days)| (-id, days)).collect(),
            filled: filled.collect(),
            vacancies,
        })
    }

    /// Whether a vacancy is about a day of its class, whether or not there is a lesson.
    fn is_about(&self, vacancy: &Vacancy, day: Day) -> bool {
        let days = self.days.get(&vacancy.id).map_or(&[][..], Vec::as_slice);
        match vacancy.kind {
            VacancyKind::Change => days.iter().min().is_some_and(|first| *first <= day) || vacancy.day <= day,
            _ => days.contains(&day),
        }
    }

    /// Who teaches a lesson of a class that is back, which `had` taught before and `class_coach`
    /// has the class of.
    pub(crate) fn teacher(
        &self,
        call: &Call<'_>,
        (class_id, day, start): (i64, Day, Instant),
        (had, class_coach): (i64, i64),
    ) -> Teacher {
        let of_class = || {
            let of = self.vacancies.iter().filter(move |vacancy| vacancy.class_id == Some(class_id));
            of.filter(move |vacancy| self.is_about(vacancy, day))
        };
        let is_sought = |coach: i64| {
            of_class().any(|vacancy| {
                vacancy.replaces_id == Some(coach)
                    && vacancy.state != TaskState::Formed
                    && times(call.app.rules(), vacancy.kind, day, start).closes_at > call.now
            })
        };
        let filled =
            || of_class().filter_map(move |vacancy| Some((vacancy.id, *self.filled.get(&vacancy.id)?)));
        if is_sought(had) {
            return Teacher::Sought { coach_id: had };
        }
        if let Some((vacancy_id, (coach_id, invitation_id))) = filled().find(|(_, (coach, _))| *coach == had)
        {
            return Teacher::Substitute { coach_id, vacancy_id, invitation_id };
        }
        if is_sought(class_coach) {
            return Teacher::Sought { coach_id: class_coach };
        }
        filled().next_back().map_or(Teacher::Class, |(vacancy_id, _)| Teacher::Unfilled { vacancy_id })
    }

    /// Whether there is time to look for a substitute.
    pub(crate) fn may_be_sought(call: &Call<'_>, span: Span) -> bool {
        times(call.app.rules(), VacancyKind::Substitution, span.day, span.start).closes_at > call.now
    }

    /// What had ended because its lessons fell away and has some again looks for coaches again.
    /// Their coaches, and the coaches of their lessons, are as they were.
    pub(crate) async fn reopen(&self, work: Work<'_>, added: &[lesson::Model]) -> Result<Vec<Reopened>> {
        let has_a_lesson = |vacancy: &&Vacancy| {
            let is_of = |row: &lesson::Model| {
                Some(row.class_id) == vacancy.class_id
                    && Some(row.coach_id) == vacancy.replaces_id
                    && self.is_about(vacancy, row.day)
            };
            vacancy.cancelled() == Some(Cancellation::NoLesson) && added.iter().any(is_of)
        };
        let mut reopened = Vec::new();
        for vacancy in self.vacancies.iter().filter(has_a_lesson) {
            let vacancy = vacancy_lock_in_txn(work.txn, vacancy.id).await?;
            if vacancy.state != TaskState::Cancelled || !resize(work, &vacancy, None).await? {
                continue;
            }
            vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, Event::WantedAgain).await?;
            let task = vacancy_by_id(work.txn, vacancy.id).await?;
            reopened.push(Reopened { task, start_before: vacancy.start_at });
        }
        Ok(reopened)
    }
}

/// Open substitutions and coach changes in classes of templates follow their lessons, which are at
/// another time; those of which the first lesson is.
pub(crate) async fn follow(work: Work<'_>, template_ids: &[i64]) -> Result<Vec<Reopened>> {
    let (mut moved, mut classes) = (Vec::new(), Vec::new());
    for vacancy in vacancy_list_in_place(work.txn, template_ids, work.app.time().day(work.now)).await? {
        let start_before = vacancy.start_at;
        if !vacancy.state.is_open() || !resize(work, &vacancy, Some(vacancy.day)).await? {
            continue;
        }
        classes.extend(vacancy.class_id);
        let task = vacancy_by_id(work.txn, vacancy.id).await?;
        if task.day == vacancy.day && task.start_at != start_before {
            moved.push(Reopened { task, start_before });
        }
    }
    let ends: Vec<(i64, Instant)> = moved.iter().map(|one| (one.task.id, one.task.closes_at)).collect();
    end_by(work, &ends, &classes).await?;
    Ok(moved)
}

/// The coaches of classes are being asked whether these go on in templates whose lesson days have
/// changed: on which days by now. `invite check` looks at the rest.
pub(crate) async fn follow_continuing(work: Work<'_>, template_ids: &[i64]) -> Result<Continuing> {
    let (mut found, mut classes) = (Continuing::default(), Vec::new());
    for id in continuation_ids_open(work.txn, template_ids).await? {
        let before = vacancy_lock_in_txn(work.txn, id).await?;
        if !before.state.is_open() {
            continue;
        }
        continuation_days_follow_in_txn(work.txn, id).await?;
        classes.extend(before.class_id);
        if continuing_is_left(work, &before).await? {
            let (start_before, task) = (before.start_at, vacancy_by_id(work.txn, id).await?);
            match task.day == before.day && task.start_at != start_before {
                true => found.moved.push(Reopened { task, start_before }),
                false => found.others.push(task),
            }
        }
    }
    let left = found.moved.iter().map(|one| &one.task).chain(&found.others);
    let ends: Vec<(i64, Instant)> = left.map(|task| (task.id, task.closes_at)).collect();
    end_by(work, &ends, &classes).await?;
    Ok(found)
}

/// Classes whose coaches are asked whether they go on, with the lesson days that are left.
#[derive(Debug, Default)]
pub(crate) struct Continuing {
    /// Their first lesson is at another time.
    pub moved: Vec<Reopened>,
    /// The others: a question that has not gone out names other days.
    pub others: Vec<Vacancy>,
}

/// Questions and tests end by then; whether the coaches can follow is looked at as for every change
/// of a class.
async fn end_by(work: Work<'_>, ends: &[(i64, Instant)], classes: &[i64]) -> Result<()> {
    if !ends.is_empty() {
        invitation_ends_by_in_txn(work.txn, ends).await?;
    }
    if classes.is_empty() { Ok(()) } else { vacancy_mark_of_classes_in_txn(work.txn, classes).await }
}

/// Lessons are back without the substitutes who had them: these are told, and others are looked for
/// while there is time; otherwise admins are told. Messages written.
pub(crate) async fn look_again(work: Work<'_>, lost: &[Lost]) -> Result<u64> {
    let mut by_vacancy: BTreeMap<i64, Vec<&Lost>> = BTreeMap::new();
    for one in lost {
        by_vacancy.entry(one.vacancy_id).or_default().push(one);
    }
    let mut messages = 0;
    for (id, lost) in by_vacancy {
        let vacancy = vacancy_lock_in_txn(work.txn, id).await?;
        let Some((class_id, class_coach_id)) =
            vacancy.class_id.zip(lost.first().map(|one| one.class_coach_id))
        else {
            continue;
        };
        let days: BTreeSet<Day> = lost.iter().map(|one| one.span.day).collect();
        let listed = day_list(work.txn, [-id]).await?.remove(&-id).unwrap_or_default();
        let theirs: Vec<&&Lost> = lost.iter().filter(|one| one.coach_id.is_some()).collect();
        if let Some(coach_id) = theirs.first().and_then(|one| one.coach_id) {
            let spans: Vec<Span> = theirs.iter().map(|one| one.span).collect();
            messages += released(work, &vacancy, coach_id, &spans).await?;
            if listed.iter().all(|day| days.contains(day)) {
                messages += cover::end_filled(work, &vacancy, coach_id, true).await?;
            }
        }
        // What is left of it is the substitute's as before.
        if !listed.iter().all(|day| days.contains(day)) {
            vacancy_day_delete_in_txn(work.txn, id, &Vec::from_iter(days.iter().copied())).await?;
        }
        let sought = open_again(work, class_id, class_coach_id, &days).await?;
        if let Some(first) = lost.iter().map(|one| one.span).find(|span| !sought.contains(&span.day)) {
            let of_day = Vacancy { day: first.day, start_at: first.start, ..vacancy };
            messages += cover::tell_missing(work, &of_day).await?;
        }
    }
    Ok(messages)
}
