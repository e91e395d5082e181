//! The messages about sign-ups.

use crate::domain::calendar::parse_time;
use crate::domain::time::Day;
use crate::message::content::ClassFacts;
use crate::storage::catalog::Course;

/// Lessons of a template from this day on.
pub(super) fn class_from(course: &Course, day: Day) -> ClassFacts {
    ClassFacts {
        template: course.code.clone(),
        subject: course.subject_name.clone(),
        grade: course.grade,
        day,
        start: parse_time(&course.start_time).unwrap_or_default(),
        end: parse_time(&course.end_time).unwrap_or_default(),
    }
}
