//! The messages of staffing: what is said to whom about a task.

use crate::app::outbox::{Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::eligibility::Span;
use crate::domain::state::InvitationState;
use crate::domain::time::Instant;
use crate::error::Reason;
use crate::message::content::{ClassFacts, ClassNews, LessonCount, LetGo};
use crate::storage::staffing::{InvitedCoach, TaskRow};

/// The class that a task looks coaches for.
pub(crate) fn class_of(task: &TaskRow) -> ClassFacts {
    ClassFacts {
        template: task.code.clone(),
        subject: task.subject_name.clone(),
        grade: task.grade,
        day: task.day,
        start: parse_time(&task.start_time).unwrap_or_default(),
        end: parse_time(&task.end_time).unwrap_or_default(),
    }
}

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

/// What a coach who said yes, or waits in reserve, is told who is let go.
pub(crate) fn let_go(task: &TaskRow, coach: &InvitedCoach, why: LetGo, now: Instant) -> Draft {
    let in_reserve = coach.stands.state() == InvitationState::Reserve;
    to_coach(task, coach, now.unix(), ClassNews::NoLongerNeeded { why, in_reserve })
}

/// What stands behind the reason with which an invitation is cancelled.
pub(crate) fn let_go_for(reason: Reason) -> LetGo {
    match reason {
        Reason::TaskCovered | Reason::TaskClosed | Reason::Cancelled => LetGo::NotNeeded,
        _ => LetGo::NotEligible,
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
