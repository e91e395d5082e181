//! The messages of staffing: what is said to whom about a task.

pub(crate) use crate::app::outbox::notice::class_of;

use crate::app::outbox::{Draft, Person};
use crate::domain::eligibility::Span;
use crate::domain::time::Instant;
use crate::message::content::{ClassNews, LessonCount};
use crate::storage::staffing::{InvitedCoach, Vacancy};

/// Its planned lessons in number.
pub(crate) fn count_of(task: &Vacancy, spans: &[Span]) -> LessonCount {
    LessonCount { lessons: spans.len(), last_day: spans.last().map_or(task.day, |span| span.day) }
}

/// A message to a coach about an invitation; of no use after the lesson began, unless the caller
/// says sooner.
pub(crate) fn to_coach(
    task: &Vacancy,
    coach: &InvitedCoach,
    version: impl ToString,
    news: ClassNews,
) -> Draft {
    let person = Person::Coach { user_name: coach.user_name.clone(), phone: coach.phone.clone() };
    Draft {
        about: task.about(),
        version: version.to_string(),
        task_id: task.task_id(),
        invitation_id: Some(coach.id),
        class_id: task.class_id,
        ..Draft::of_class(person, class_of(task), news, task.start_at)
    }
}

/// A message to the admins of the task's subject.
pub(crate) fn to_admins(
    task: &Vacancy,
    version: impl ToString,
    news: ClassNews,
    valid_until: Instant,
) -> Draft {
    let person = Person::Admins { subject_id: task.subject_id };
    Draft {
        about: task.about(),
        version: version.to_string(),
        task_id: task.task_id(),
        class_id: task.class_id,
        valid_until,
        ..Draft::of_class(person, class_of(task), news, task.start_at)
    }
}
