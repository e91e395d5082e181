//! The messages of staffing: what is said to whom about a task.

use crate::app::outbox::{Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::eligibility::Span;
use crate::domain::state::{InvitationState, MessageKind};
use crate::domain::time::Instant;
use crate::error::Reason;
use crate::message::text::{Facts, LetGo};
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

/// What a coach who said yes, or waits in reserve, is told who is let go.
pub(crate) fn let_go(task: &TaskRow, coach: &InvitedCoach, why: LetGo, now: Instant) -> Draft {
    let in_reserve = coach.stands.state() == InvitationState::Reserve;
    let facts = Facts { in_reserve, let_go: why, ..facts(task) };
    to_coach(MessageKind::NoLongerNeeded, task, coach, now.unix(), facts)
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
