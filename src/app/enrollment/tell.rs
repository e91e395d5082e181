//! The messages about sign-ups.

use crate::app::outbox::{Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::state::MessageKind;
use crate::domain::time::{Day, Instant};
use crate::message::text::Facts;
use crate::storage::catalog::Course;

/// What a text says about lessons from a first day on.
pub(super) fn facts(course: &Course, days: &[Day]) -> Facts {
    let first = days.first().copied().unwrap_or_default();
    Facts {
        template: course.code.clone(),
        subject: course.subject_name.clone(),
        grade: course.grade,
        day: first,
        start: parse_time(&course.start_time).unwrap_or_default(),
        end: parse_time(&course.end_time).unwrap_or_default(),
        lessons: days.len(),
        last_day: days.last().copied().unwrap_or(first),
        ..Facts::default()
    }
}

/// A message about a lesson; `version` tells it from others of its kind about the same lesson to
/// the same person.
pub(super) fn draft(
    course: &Course,
    kind: MessageKind,
    person: Person,
    facts: Facts,
    start: Instant,
    version: impl ToString,
) -> Draft {
    Draft {
        kind,
        person,
        about: format!("{}@{}", course.code, facts.day),
        version: version.to_string(),
        facts,
        task_id: None,
        invitation_id: None,
        class_id: None,
        lesson_at: Some(start),
        valid_until: start,
        as_notice: false,
    }
}
