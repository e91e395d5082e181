//! The messages of staffing: who is told what about a task.

use crate::app::outbox::{Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::eligibility::Span;
use crate::domain::state::MessageKind;
use crate::domain::time::Instant;
use crate::message::text::Facts;
use crate::storage::staffing::{InvitedCoach, TaskRow};

/// What the texts can say of a task.
pub(crate) fn facts(task: &TaskRow) -> Facts {
    Facts {
        template: task.code.clone(),
        subject: task.subject_name.clone(),
        grade: task.grade,
        day: task.day,
        start: parse_time(&task.start_time).unwrap_or_default(),
        end: parse_time(&task.end_time).unwrap_or_default(),
        last_day: task.day,
        lessons: 1,
        ..Facts::default()
    }
}

/// The same, of planned lessons.
pub(crate) fn facts_of_lessons(task: &TaskRow, spans: &[Span]) -> Facts {
    Facts { lessons: spans.len(), last_day: spans.last().map_or(task.day, |span| span.day), ..facts(task) }
}

/// A message to a coach about an invitation; of no use after the lesson began, unless the caller
/// says sooner.
pub(crate) fn to_coach(
    kind: MessageKind,
    task: &TaskRow,
    coach: &InvitedCoach,
    version: impl ToString,
    facts: Facts,
) -> Draft {
    Draft {
        kind,
        person: Person::Coach { user_name: coach.user_name.clone(), phone: coach.phone.clone() },
        about: task.about(),
        version: version.to_string(),
        facts,
        task_id: Some(task.id),
        invitation_id: Some(coach.id),
        class_id: None,
        lesson_at: Some(task.start_at),
        valid_until: task.start_at,
        as_notice: false,
    }
}

/// A message to the admins of the task's subject.
pub(crate) fn to_admins(
    kind: MessageKind,
    task: &TaskRow,
    version: impl ToString,
    facts: Facts,
    valid_until: Instant,
) -> Draft {
    Draft {
        kind,
        person: Person::Admins { subject_id: task.subject_id },
        about: task.about(),
        version: version.to_string(),
        facts,
        task_id: Some(task.id),
        invitation_id: None,
        class_id: None,
        lesson_at: Some(task.start_at),
        valid_until,
        as_notice: false,
    }
}

/// A message to a student about the lesson of a day.
pub(super) fn to_student(
    kind: MessageKind,
    about: String,
    user_name: &str,
    phone: &str,
    facts: Facts,
    start: Instant,
) -> Draft {
    Draft {
        kind,
        person: Person::Student { user_name: user_name.to_owned(), phone: phone.to_owned() },
        about,
        version: "1".to_owned(),
        facts,
        task_id: None,
        invitation_id: None,
        class_id: None,
        lesson_at: Some(start),
        valid_until: start,
        as_notice: false,
    }
}
