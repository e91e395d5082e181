//! Whom a coach does not teach: students of the own city, where the coach is so marked, and those
//! with whom staff blocked the coach (docs/domain.md §4 Spreading, §6).

use super::reason::Reason;
use std::collections::BTreeSet;

/// A student as far as it matters for who may teach them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pupil {
    /// The student; 0 = nobody in particular.
    pub student_id: i64,
    /// The student's city.
    pub city: String,
}

/// Whom a coach does not teach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Apart {
    /// Those of this city.
    pub city: Option<String>,
    /// Those whom staff keep from the coach.
    pub students: BTreeSet<i64>,
}

impl Apart {
    /// Why the coach does not teach the student; `None` = the coach may.
    pub(crate) fn why(&self, pupil: &Pupil) -> Option<Reason> {
        if self.city.as_deref() == Some(pupil.city.as_str()) {
            return Some(Reason::SameCity);
        }
        self.students.contains(&pupil.student_id).then_some(Reason::Blocked)
    }
}
