//! What becomes of the lesson days of one template by an edit, for those who have a claim on them,
//! and what forbids it; decided in memory.

use crate::domain::place_edit::PlaceEdit;
use crate::domain::places::{PlaceDay, show_days};
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason};
use crate::storage::entity::{class_template, place};
use crate::storage::season_edit::EditedReservation;
use std::ops::Deref;

/// An edit of a template's lesson days, with those who have a claim on them.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    /// The template as it is to be.
    pub template: &'a class_template::Model,
    days: PlaceEdit,
}

impl Deref for Edit<'_> {
    type Target = PlaceEdit;

    fn deref(&self) -> &PlaceEdit {
        &self.days
    }
}

impl<'a> Edit<'a> {
    /// Compares.
    pub(super) fn new(
        template: &'a class_template::Model,
        old: &[place::Model],
        wanted: &[PlaceDay],
        now: Instant,
    ) -> Self {
        Self { template, days: PlaceEdit::new(old.iter().map(PlaceDay::from), wanted, now) }
    }

    /// Days that come, go or move in the range of a reservation.
    pub(super) fn touched(&self, reservation: &EditedReservation) -> Touched {
        let range = || reservation.start_day..=reservation.last_day;
        Touched {
            lost: self.removed.range(range()).map(|(day, _)| *day).collect(),
            added: self.added.range(range()).copied().collect(),
            moved: self.moved.range(range()).map(|(day, _)| *day).collect(),
        }
    }

    /// The first lesson of a reservation as it was.
    pub(super) fn first_before(&self, reservation: &EditedReservation) -> Option<&PlaceDay> {
        let range = || reservation.start_day..=reservation.last_day;
        let kept = self.places.range(range()).filter(|(day, _)| !self.added.contains(*day));
        let kept = kept.map(|(day, row)| self.moved.get(day).unwrap_or(row));
        kept.chain(self.removed.range(range()).map(|(_, row)| row)).min_by_key(|row| row.day)
    }

    /// Counts the reservations into the days that come; they are those of this template.
    pub(super) fn count(&mut self, reservations: &[&EditedReservation]) {
        for reservation in reservations.iter().filter(|reservation| reservation.state.takes_places()) {
            for day in self.days.added.range(reservation.start_day..=reservation.last_day) {
                if let Some(row) = self.days.places.get_mut(day) {
                    row.taken += 1;
                }
            }
        }
    }

    /// A lesson that has begun stays, also where nobody has a claim on it; after [`Self::refusal`].
    pub(super) fn keep_begun(&mut self) {
        self.days.keep_begun();
    }

    /// What forbids the edit, after [`Self::count`]: sign-ups for what has begun, and more of them
    /// than there are places.
    pub(super) fn refusal(&self, reservations: &[&EditedReservation], now: Instant) -> Option<Error> {
        let taken = |day: Day| {
            reservations.iter().any(|one| takes(one) && one.start_day <= day && day <= one.last_day)
        };
        let of =
            |days: &mut dyn Iterator<Item = Day>| -> Vec<Day> { days.filter(|day| taken(*day)).collect() };
        let by = |days: &[Day]| -> Vec<i64> {
            let covers = |reservation: &&&EditedReservation| {
                days.iter().any(|day| reservation.start_day <= *day && *day <= reservation.last_day)
            };
            reservations
                .iter()
                .filter(|reservation| takes(reservation))
                .filter(covers)
                .map(|reservation| reservation.id)
                .collect()
        };
        let refuse = |reason, days: &[Day], why| self.refuse(reason, days, why).of_reservations(by(days));
        let begun = of(&mut self.removed.keys().copied().filter(|day| self.begun.contains_key(day)));
        if !begun.is_empty() {
            return Some(refuse(Reason::InUse, &begun, "the lesson has begun and cannot be removed, on"));
        }
        let late = |day: &Day| self.places.get(day).is_some_and(|row| row.start_at <= now);
        let past = of(&mut self.moved.keys().copied().filter(late));
        if !past.is_empty() {
            return Some(refuse(Reason::InUse, &past, "the lesson would already have begun, on"));
        }
        let crowded = |day: &Day| self.places.get(day).is_some_and(|row| row.taken > row.capacity);
        let full: Vec<Day> = self.added.iter().copied().filter(crowded).collect();
        if !full.is_empty() {
            return Some(refuse(
                Reason::PlacesExhausted,
                &full,
                "more students are signed up than there would be places, on",
            ));
        }
        let small: Vec<Day> =
            self.places.keys().copied().filter(|day| crowded(day) && !self.added.contains(day)).collect();
        (!small.is_empty())
            .then(|| refuse(Reason::InUse, &small, "more places are taken than there would be, on"))
    }

    /// A refusal about days of this template.
    pub(super) fn refuse(&self, reason: Reason, days: &[Day], why: &str) -> Error {
        let detail = format!("class template {:?}: {why} {}", self.template.code, show_days(days));
        Error::refused_on(reason, detail, days.iter().copied())
    }
}

/// Days that change in the range of a reservation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// They fall away.
    pub lost: Vec<Day>,
    /// They come.
    pub added: Vec<Day>,
    /// Their lesson is at another time.
    pub moved: Vec<Day>,
}

impl Touched {
    /// Whether none does.
    pub(super) fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.added.is_empty() && self.moved.is_empty()
    }
}

/// Whether a reservation takes places: all but those who wait.
pub(super) fn takes(reservation: &EditedReservation) -> bool {
    reservation.state.takes_places()
}

/// Whether it is about lessons that are ahead: not one that has ended.
pub(super) fn is_live(reservation: &EditedReservation) -> bool {
    reservation.state != ReservationState::Ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    fn template() -> class_template::Model {
        class_template::Model {
            id: 1,
            code: "sat".to_owned(),
            season_id: 1,
            subject_id: 1,
            grade: 7,
            period_id: 1,
            recurrence: String::new(),
            max_classes: 1,
            max_students_per_class: 2,
        }
    }

    /// A lesson that begins so many hours after the epoch and takes one.
    fn want(text: &str, hour: i64, capacity: i32) -> PlaceDay {
        let start_at = Instant::from_unix(hour * 3600);
        let (end_at, not_held_at) =
            (Instant::from_unix((hour + 1) * 3600), Instant::from_unix((hour - 2) * 3600));
        PlaceDay { day: day(text), start_at, end_at, capacity, taken: 0, not_held_at }
    }

    fn had(text: &str, hour: i64, capacity: i32, taken: i32) -> place::Model {
        let PlaceDay { day, start_at, end_at, capacity, not_held_at, .. } = want(text, hour, capacity);
        place::Model {
            template_id: 1,
            day,
            start_at,
            end_at,
            capacity,
            taken,
            not_held_at,
            not_held_told: false,
        }
    }

    fn reservation(first: &str, last: &str, state: ReservationState) -> EditedReservation {
        EditedReservation {
            id: 1,
            student_id: 1,
            template_id: 1,
            start_day: day(first),
            last_day: day(last),
            state,
            class_id: None,
            placed_from: None,
            expires_at: None,
            first_lesson_day: None,
            user_name: String::new(),
            phone: String::new(),
        }
    }

    #[test]
    fn claims_forbid_what_would_take_from_them() {
        let template = template();
        let now = Instant::from_unix(15 * 3600);
        let old = [had("2026-03-07", 10, 2, 2), had("2026-03-14", 20, 2, 2)];
        let two = [
            reservation("2026-03-01", "2026-03-31", ReservationState::Booked),
            reservation("2026-03-01", "2026-03-31", ReservationState::Placed),
        ];
        let two: Vec<&EditedReservation> = two.iter().collect();
        let refused = |wanted: &[PlaceDay]| {
            let mut edit = Edit::new(&template, &old, wanted, now);
            edit.count(&two);
            edit.refusal(&two, now).map(|error| error.to_string())
        };
        let both = [want("2026-03-07", 10, 2), want("2026-03-14", 20, 2)];
        assert_eq!(refused(&both), None);
        let begun = refused(&both[1..]).unwrap();
        assert!(begun.ends_with("the lesson has begun and cannot be removed, on 2026-03-07"), "{begun}");
        let small = refused(&[both[0], want("2026-03-14", 20, 1)]).unwrap();
        assert!(small.ends_with("more places are taken than there would be, on 2026-03-14"), "{small}");
        let past = refused(&[both[0], want("2026-03-14", 12, 2)]).unwrap();
        assert!(past.ends_with("the lesson would already have begun, on 2026-03-14"), "{past}");
        let full = refused(&[both[0], both[1], want("2026-03-21", 40, 1)]).unwrap();
        assert!(full.contains("than there would be places, on 2026-03-21"), "{full}");
        assert_eq!(refused(&[both[0]]), None, "a lesson that is ahead may fall away");
    }
}
