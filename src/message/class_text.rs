//! How texts name a class and its lessons, and what they say of one without students.

use super::content::{ClassFacts, LeftEmpty, LessonCount};
use super::lesson_text::{MOST_DAYS, days, hours};
use super::phrase::{class_of, day, lessons_until};
use crate::domain::time::Day;

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
    format!("{}{}", day(class.day), hours(class.start, Some(class.end)))
}

/// `共12次课至12月17日`.
pub(super) fn course(LessonCount { lessons, last_day }: &LessonCount) -> String {
    lessons_until(*lessons, *last_day)
}

/// The lessons of these days: `3月5日（周四）、3月12日（周四）19:00-20:30，共2次课`; of a class from a day on
/// `自3月5日（周四）19:00-20:30起，共12次课至5月21日`.
pub(super) fn lessons_of(class: &ClassFacts, listed: &[Day], is_for_good: bool) -> String {
    let hours = hours(class.start, Some(class.end));
    match listed {
        [first, .., last] if is_for_good || listed.len() > MOST_DAYS => {
            format!("自{}{hours}起，{}", day(*first), lessons_until(listed.len(), *last))
        }
        _ => format!("{}{hours}，共{}次课", days(listed), listed.len()),
    }
}

/// That nobody is left in a class from a lesson on.
pub(super) fn left_empty(class: &ClassFacts, reader: &LeftEmpty) -> String {
    let (first, template) = (first(class), &class.template);
    match reader {
        LeftEmpty::Coach => {
            format!("{first}：您带的班自这次课起已没有学员，这次和之后的课全部取消，为您保留的时段已释放。")
        }
        LeftEmpty::Substitute => {
            format!("{first}：您代课的班已没有学员，您自这次课起的代课全部取消，为您保留的时段已释放。")
        }
        LeftEmpty::Admins { coach, runs_on } => {
            let rest = if *runs_on { "之前的课照常" } else { "班级已关闭" };
            format!(
                "{first}（{template}，教练{coach}）自这次课起已没有学员，这次和之后的课全部取消，{rest}。"
            )
        }
    }
}
