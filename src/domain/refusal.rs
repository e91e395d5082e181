//! Why a sign-up is refused: a sentence for people, days for programs.

use super::claim::Claim;
use super::reason::{Days, Reason};
use super::time::Day;

/// Why a sign-up is refused, with the days concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of docs/domain.md §9.
    pub reason: Reason,
    /// One sentence that names the days.
    pub detail: String,
    /// The days, for programs.
    pub days: Box<Days>,
}

impl Refusal {
    fn on(reason: Reason, days: &[Day], detail: String) -> Self {
        Self { reason, detail, days: Box::new(Days { refused: days.to_vec(), ..Days::default() }) }
    }

    /// The student's grade is not the template's.
    pub fn grade(student: i32, template: i32) -> Self {
        Self::on(
            Reason::GradeMismatch,
            &[],
            format!("the class template is for grade {template}, the student is in grade {student}"),
        )
    }

    /// The class template is for make-ups.
    pub(crate) fn for_make_ups() -> Self {
        let detail = "the class template is for make-ups: who is owed a lesson is asked to come";
        Self::on(Reason::NotOpen, &[], detail.to_owned())
    }

    /// No lesson day in the range.
    pub(crate) fn no_lesson_day(first: Day, last: Day) -> Self {
        if first == last {
            return Self::on(Reason::NotALessonDay, &[first], format!("there is no lesson on {first}"));
        }
        Self::on(
            Reason::NotALessonDay,
            &[first, last],
            format!("there is no lesson day from {first} to {last}"),
        )
    }

    /// The student waits for the template on these days.
    pub fn waiting(days: &[Day]) -> Self {
        Self::on(
            Reason::AlreadyReserved,
            days,
            format!("the student is on the waiting list for {} already", show_days(days)),
        )
    }

    /// A hold or an offer of the student's own is in the way on these days: no sign-up yet, and it
    /// may go.
    pub fn promised(claim: Claim, days: &[Day]) -> Self {
        let days_shown = show_days(days);
        let detail = match claim {
            Claim::Offer => format!(
                "a place at that time is offered to the student on {days_shown}: take or decline the offer \
                 first"
            ),
            Claim::Hold | Claim::SignUp => {
                format!(
                    "the student holds a place at that time on {days_shown}: confirm or release the hold \
                     first"
                )
            }
        };
        Self::on(Reason::Held, days, detail)
    }

    /// The student has the template on these days.
    pub(crate) fn already_reserved(days: &[Day]) -> Self {
        Self::on(
            Reason::AlreadyReserved,
            days,
            format!("the student has this class template already on {}", show_days(days)),
        )
    }

    /// The student has lessons that overlap on these days.
    pub(crate) fn conflict(days: &[Day]) -> Self {
        Self::on(
            Reason::ScheduleConflict,
            days,
            format!("the student has another lesson at that time on {}", show_days(days)),
        )
    }

    /// No place is left on these days.
    pub fn full(days: &[Day]) -> Self {
        Self::on(Reason::PlacesExhausted, days, format!("no place is left on {}", show_days(days)))
    }

    /// It is too late to start on `day`; `possible` is the first lesson day that can be had.
    pub(crate) fn too_late(day: Day, possible: Option<Day>) -> Self {
        let detail = match possible {
            Some(possible) => {
                format!("it is too late to start on {day}; the first possible day is {possible}")
            }
            None => format!(
                "it is too late to start on {day}; no lesson day of the class template with a free place is \
                 left"
            ),
        };
        Self {
            reason: Reason::TooLate,
            detail,
            days: Box::new(Days { refused: vec![day], first_possible: possible, ..Days::default() }),
        }
    }
}

/// How many days a detail names before it only counts the rest.
const DAYS_NAMED: usize = 10;
/// Ids that a text names.
const IDS_NAMED: usize = 10;

/// `2013-10-01, 2013-10-08 and 12 more days`.
pub(crate) fn show_days(days: &[Day]) -> String {
    let named: Vec<String> = days.iter().take(DAYS_NAMED).map(Day::to_string).collect();
    match days.len().saturating_sub(DAYS_NAMED) {
        0 => named.join(", "),
        1 => format!("{} and 1 more day", named.join(", ")),
        more => format!("{} and {more} more days", named.join(", ")),
    }
}

/// Ids for people: the first of them, and how many more there are.
pub(crate) fn show_ids(ids: &[i64]) -> String {
    let named = ids.iter().take(IDS_NAMED).map(i64::to_string).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(IDS_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;
    use crate::domain::time::add_days;

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    #[test]
    fn a_day_without_a_lesson_is_named_once() {
        let (one, two) = (day("2026-03-12"), day("2026-03-13"));
        let refusal = Refusal::no_lesson_day(one, one);
        assert_eq!(
            (refusal.days.refused.as_slice(), refusal.detail.as_str()),
            (&[one][..], "there is no lesson on 2026-03-12")
        );
        assert_eq!(Refusal::no_lesson_day(one, two).days.refused, [one, two]);
    }

    #[test]
    fn many_days_are_counted_not_listed() {
        let days: Vec<Day> = (0..13).map(|n| add_days(day("2026-03-02"), n)).collect();
        assert!(show_days(&days).ends_with("2026-03-11 and 3 more days"));
    }
}
