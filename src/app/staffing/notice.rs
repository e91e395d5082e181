//! The messages of staffing: what is said to whom about a task.

pub(crate) use crate::app::outbox::notice::class_of;

use crate::app::outbox::{Draft, Person};
use crate::domain::eligibility::Span;
use crate::domain::time::Instant;
use crate::message::content::{ClassNews, LessonCount};
use crate::storage::staffing::{InvitedCoach, TaskRow};

/// Its planned lessons in number.
pub(crate) fn count_of(task: &TaskRow, spans: &[Span]) -> LessonCount {
    LessonCount { lessons: spans.len(), last_day: spans.last().map_or(task.day, |span| span.day) }
}

/// A message to a coach about an invitation; of no use after the lesson began, unless the caller
/// says sooner.
pub(crate) fn to_coach(
    task: &TaskRow,
    coach: &InvitedCoach,
    version: impl ToString,
    news: ClassNews,
) -> Draft {
    let person = Person::Coach { user_name: coach.user_name.clone(), phone: coach.phone.clone() };
    Draft {
        version: version.to_string(),
        task_id: Some(task.id),
        invitation_id: Some(coach.id),
        ..Draft::of_class(person, class_of(task), news, task.start_at)
    }
}

/// A message to the admins of the task's subject.
pub(crate) fn to_admins(
    task: &TaskRow,
    version: impl ToString,
    news: ClassNews,
    valid_until: Instant,
) -> Draft {
    let person = Person::Admins { subject_id: task.subject_id };
    Draft {
        version: version.to_string(),
        task_id: Some(task.id),
        valid_until,
        ..Draft::of_class(person, class_of(task), news, task.start_at)
    }
}
