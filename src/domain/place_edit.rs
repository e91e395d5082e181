//! What becomes of the lesson days of a template when the catalogue wants others (docs/domain.md
//! §2): one comparison for all who change the catalogue. What they make of it is theirs: an edit
//! refuses, and says what follows; an import lists conflicts.

use super::places::PlaceDay;
use super::time::{Day, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// The lesson days of a template as they were and as they are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlaceEdit {
    /// Its places as they are to be, by day.
    pub places: BTreeMap<Day, PlaceDay>,
    /// Days that fall away: as they were.
    pub removed: BTreeMap<Day, PlaceDay>,
    /// Days that come.
    pub added: BTreeSet<Day>,
    /// Days whose lesson is at another time: as they were.
    pub moved: BTreeMap<Day, PlaceDay>,
    /// Days with more or fewer places: how many there were.
    pub resized: BTreeMap<Day, i32>,
    /// Days whose lesson has begun: as they were.
    pub begun: BTreeMap<Day, PlaceDay>,
}

impl PlaceEdit {
    /// Compares. What has begun keeps its time, what is over its number of places; seats taken stay
    /// taken. No day comes whose lesson would have begun, but of a template that is new.
    pub(crate) fn new(old: impl IntoIterator<Item = PlaceDay>, wanted: &[PlaceDay], now: Instant) -> Self {
        let mut removed: BTreeMap<Day, PlaceDay> = old.into_iter().map(|had| (had.day, had)).collect();
        let is_new = removed.is_empty();
        let begun = removed.values().filter(|had| had.start_at <= now).map(|had| (had.day, *had)).collect();
        let mut edit = Self { begun, ..Self::default() };
        for want in wanted {
            if want.start_at <= now && !is_new && !removed.contains_key(&want.day) {
                continue;
            }
            let mut place = PlaceDay { taken: 0, ..*want };
            match removed.remove(&want.day) {
                None => drop(edit.added.insert(want.day)),
                Some(had) => {
                    place.taken = had.taken;
                    let is_at_same_time = (had.start_at, had.end_at) == (want.start_at, want.end_at);
                    if is_at_same_time || had.start_at <= now {
                        (place.start_at, place.end_at) = (had.start_at, had.end_at);
                        place.not_held_at = had.not_held_at;
                    } else {
                        edit.moved.insert(want.day, had);
                    }
                    if had.end_at <= now {
                        place.capacity = had.capacity;
                    } else if had.capacity != place.capacity {
                        edit.resized.insert(want.day, had.capacity);
                    }
                }
            }
            edit.places.insert(want.day, place);
        }
        edit.removed = removed;
        edit
    }

    /// Whether anything is to be done.
    pub(crate) fn is_change(&self) -> bool {
        !(self.removed.is_empty()
            && self.added.is_empty()
            && self.moved.is_empty()
            && self.resized.is_empty())
    }

    /// Days that come, go or have their lesson at another time, in their order.
    pub(crate) fn changed_lessons(&self) -> BTreeSet<Day> {
        self.removed.keys().chain(&self.added).chain(self.moved.keys()).copied().collect()
    }

    /// The first and the last day that changes.
    pub(crate) fn span(&self) -> Option<(Day, Day)> {
        let days =
            || self.removed.keys().chain(&self.added).chain(self.moved.keys()).chain(self.resized.keys());
        days().min().copied().zip(days().max().copied())
    }

    /// A lesson that has begun does not fall away.
    pub(crate) fn keep_begun(&mut self) {
        for (day, had) in &self.begun {
            if self.removed.remove(day).is_some() {
                self.places.insert(*day, *had);
            }
        }
    }

    /// A lesson that has begun does not fall away, nor get another number of places.
    pub(crate) fn leave_begun(&mut self) {
        self.keep_begun();
        for (day, had) in &self.begun {
            if self.resized.remove(day).is_some() {
                self.places.insert(*day, *had);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    /// A lesson that begins so many hours after the epoch and takes one.
    fn place(text: &str, hour: i64, capacity: i32, taken: i32) -> PlaceDay {
        let at = |hour: i64| Instant::from_unix(hour * 3600);
        let (start_at, end_at, not_held_at) = (at(hour), at(hour + 1), at(hour - 2));
        PlaceDay { day: day(text), start_at, end_at, capacity, taken, not_held_at }
    }

    fn days<'a>(days: impl IntoIterator<Item = &'a Day>) -> Vec<Day> {
        days.into_iter().copied().collect()
    }

    #[test]
    fn days_come_go_move_and_are_resized_and_keep_what_is_taken() {
        let old = [
            place("2026-03-07", 20, 2, 1),
            place("2026-03-14", 30, 2, 2),
            place("2026-03-21", 40, 2, 0),
            place("2026-03-28", 50, 2, 1),
        ];
        let wanted = [
            place("2026-03-07", 20, 2, 0),
            place("2026-03-14", 32, 2, 0),
            place("2026-03-21", 40, 3, 0),
            place("2026-04-04", 60, 2, 0),
        ];
        let edit = PlaceEdit::new(old, &wanted, Instant::from_unix(0));
        assert!(edit.is_change() && edit.begun.is_empty());
        assert_eq!(edit.removed, BTreeMap::from([(old[3].day, old[3])]));
        assert_eq!(days(&edit.added), [day("2026-04-04")]);
        assert_eq!(edit.moved, BTreeMap::from([(old[1].day, old[1])]));
        assert_eq!(edit.resized, BTreeMap::from([(old[2].day, 2)]));
        assert_eq!(edit.places[&old[0].day], old[0]);
        assert_eq!(edit.places[&old[1].day], place("2026-03-14", 32, 2, 2));
        assert_eq!(days(&edit.changed_lessons()), ["2026-03-14", "2026-03-28", "2026-04-04"].map(day));
        assert_eq!(edit.span(), Some((day("2026-03-14"), day("2026-04-04"))));
        let same = PlaceEdit::new(old, &old, Instant::from_unix(0));
        assert_eq!((same.is_change(), same.span()), (false, None));
    }

    #[test]
    fn what_has_begun_keeps_its_time_and_what_is_over_its_places() {
        let old =
            [place("2026-03-07", 10, 2, 1), place("2026-03-14", 20, 2, 1), place("2026-03-21", 30, 2, 1)];
        let wanted =
            [place("2026-03-07", 12, 3, 0), place("2026-03-14", 22, 3, 0), place("2026-03-21", 32, 3, 0)];
        let mut edit = PlaceEdit::new(old, &wanted, Instant::from_unix(20 * 3600));
        assert_eq!(days(edit.moved.keys()), [day("2026-03-21")]);
        assert_eq!(edit.places[&day("2026-03-07")], old[0], "over");
        assert_eq!(edit.places[&day("2026-03-14")], PlaceDay { capacity: 3, ..old[1] }, "begun");
        assert_eq!(days(edit.resized.keys()), ["2026-03-14", "2026-03-21"].map(day));
        edit.keep_begun();
        assert_eq!(edit.places[&day("2026-03-14")].capacity, 3);
        edit.leave_begun();
        assert_eq!(edit.places[&day("2026-03-14")], old[1]);
        assert_eq!(days(edit.resized.keys()), [day("2026-03-21")]);
    }

    #[test]
    fn lessons_that_have_begun_neither_come_nor_go() {
        let now = Instant::from_unix(15 * 3600);
        let old =
            [place("2026-03-06", 10, 2, 0), place("2026-03-13", 15, 2, 0), place("2026-03-20", 30, 2, 0)];
        let wanted =
            [place("2026-03-07", 12, 2, 0), place("2026-03-14", 15, 2, 0), place("2026-03-21", 32, 2, 0)];
        let mut edit = PlaceEdit::new(old, &wanted, now);
        assert_eq!(days(edit.removed.keys()), old.map(|place| place.day), "who is signed up forbids that");
        edit.keep_begun();
        assert_eq!(days(edit.removed.keys()), [day("2026-03-20")]);
        assert_eq!(days(&edit.added), [day("2026-03-21")]);
        assert_eq!(days(edit.places.keys()), ["2026-03-06", "2026-03-13", "2026-03-21"].map(day));
        assert_eq!(edit.places[&day("2026-03-06")], old[0]);
        // Nothing but what has begun: nothing is to be done.
        let mut edit = PlaceEdit::new(old[..2].to_vec(), &wanted[..2], now);
        edit.keep_begun();
        assert!(!edit.is_change());
        // A template that is new has all of its days.
        assert_eq!(PlaceEdit::new([], &wanted, now).added.len(), 3);
    }
}
