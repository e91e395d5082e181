//! A coach who is dismissed is replaced in every class (docs/domain.md §6).

use super::opening::{Wanted, open};
use super::vacancy::{CHANGE_LATEST, times};
use crate::app::call::Work;
use crate::domain::state::{LessonState, VacancyKind};
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::class_lesson::{ClassLesson, change_open_of_class, class_lesson_list, classes_taught};
use std::collections::BTreeSet;

/// Opens what is needed for every class in which a coach has lessons ahead: a change from the first
/// lesson on that is far enough ahead for one, and a substitution for those before it. What is
/// nearer than a substitution takes is left to the ladder; where somebody is looked for already,
/// nothing more is opened.
pub(crate) async fn replace_everywhere(work: Work<'_>, coach_id: i64) -> Result<()> {
    for (class_id, class_coach_id) in classes_taught(work.txn, coach_id, work.now).await? {
        let lessons = class_lesson_list(work.txn, class_id).await?;
        // A change takes all lessons from its day on, so where somebody is looked for already, the
        // others are single days.
        let has_vacancy =
            |lesson: &ClassLesson| lesson.substitution_id.is_some() || lesson.change_id.is_some();
        // A change may be about no lesson of theirs by now: substitutes have these.
        let is_looked_for = lessons.iter().any(|lesson| lesson.coach_id == coach_id && has_vacancy(lesson))
            || change_open_of_class(work.txn, class_id).await?.is_some();
        let theirs = lessons.iter().filter(|lesson| {
            lesson.coach_id == coach_id && lesson.state == LessonState::Scheduled && !has_vacancy(lesson)
        });
        let (mut soon, mut change_from): (BTreeSet<Day>, Option<Day>) = (BTreeSet::new(), None);
        for lesson in theirs {
            let times = times(work.app.rules(), VacancyKind::Substitution, lesson.day, lesson.start_at);
            if times.closes_at <= work.now {
                continue;
            }
            // The lessons of a substitute stay single lessons.
            if class_coach_id == coach_id && !is_looked_for && lesson.start_at >= work.now + CHANGE_LATEST {
                change_from = change_from.or(Some(lesson.day));
            } else {
                soon.insert(lesson.day);
            }
        }
        if !soon.is_empty() {
            open(work, class_id, &Wanted::Substitute(soon), false).await?;
        }
        if let Some(day) = change_from {
            open(work, class_id, &Wanted::Change(day), false).await?;
        }
    }
    Ok(())
}
