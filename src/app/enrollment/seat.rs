//! Why a student cannot have a seat in one particular class.

use crate::domain::apart::Pupil;
use crate::domain::class_task::Seats;
use crate::domain::places::show_days;
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};

/// Whether a class has a seat on all these days for a student.
///
/// # Errors
/// SAME_CITY, BLOCKED, NOT_A_LESSON_DAY with the days on which the class does not meet, CLASS_FULL
/// with the days on which it is full.
pub(super) fn check(class: &Seats, pupil: &Pupil, days: &[Day], max_students: i64) -> Result<()> {
    if class.is_free(pupil, days, max_students) {
        return Ok(());
    }
    if let Some(reason) = class.apart.why(pupil) {
        let text = match reason {
            Reason::SameCity => "the coach of the class does not teach students of the same city",
            _ => "staff have blocked the coach of the class with this student",
        };
        return Err(Error::precondition(reason, text));
    }
    let without: Vec<Day> = days.iter().copied().filter(|day| !class.rosters.contains_key(day)).collect();
    if !without.is_empty() {
        let detail = format!("the class has no lesson on {}", show_days(&without));
        return Err(Error::refused_on(Reason::NotALessonDay, detail, without));
    }
    let full: Vec<Day> = days
        .iter()
        .copied()
        .filter(|day| class.rosters.get(day).is_some_and(|roster| *roster >= max_students))
        .collect();
    Err(Error::refused_on(Reason::ClassFull, format!("the class is full on {}", show_days(&full)), full))
}
