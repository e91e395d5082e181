//! How texts name a class and its lessons.

use super::content::{ClassFacts, LessonCount};
use super::phrase::{class_of, day, lessons_until};

/// `初一数学班`.
pub(super) fn class_name(class: &ClassFacts) -> String {
    class_of(&class.subject, class.grade)
}

/// `10月1日（周二）14:00初一数学班`: the (first) lesson in short.
pub(super) fn first(class: &ClassFacts) -> String {
    format!("{}{}{}", day(class.day), class.start.format("%H:%M"), class_name(class))
}

/// `10月1日（周二）14:00–15:00`.
pub(super) fn span(class: &ClassFacts) -> String {
    let next = if class.end <= class.start { "次日" } else { "" };
    format!("{}{}-{next}{}", day(class.day), class.start.format("%H:%M"), class.end.format("%H:%M"))
}

/// `共12次课至12月17日`.
pub(super) fn course(LessonCount { lessons, last_day }: &LessonCount) -> String {
    lessons_until(*lessons, *last_day)
}
