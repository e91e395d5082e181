//! Places: the lesson days of a template, and who gets a seat on them, decided in memory
//! (docs/domain.md §2, §6).

pub(crate) use super::claim::Claim;
pub(crate) use super::refusal::{Refusal, show_days, show_ids};

use super::calendar::{Timeline, lesson_days, lesson_span};
use super::recurrence::RecurrenceError;
use super::rules::Rules;
use super::time::{Day, Instant, add_days};
use chrono::NaiveTime;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// One lesson day of a template: when its lesson is and how many seats it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceDay {
    /// The day of the lesson's start.
    pub day: Day,
    /// Start of the lesson.
    pub start_at: Instant,
    /// End of the lesson; its first moment outside.
    pub end_at: Instant,
    /// max_classes × max_students_per_class.
    pub capacity: i32,
    /// Seats taken.
    pub taken: i32,
    /// When students without a class are told that the lesson does not take place.
    pub not_held_at: Instant,
}

impl PlaceDay {
    fn overlaps(&self, other: &Self) -> bool {
        self.start_at < other.end_at && other.start_at < self.end_at
    }
}

/// What the places of a template follow from: the template with its season and period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<'a> {
    /// First day of the season.
    pub season_start: Day,
    /// Last day of the season.
    pub season_end: Day,
    /// Days without lessons.
    pub except: &'a BTreeSet<Day>,
    /// RFC 5545 rule of the template.
    pub recurrence: &'a str,
    /// Start of the period.
    pub start_time: NaiveTime,
    /// End of the period; not after the start = on the next day.
    pub end_time: NaiveTime,
    /// How many classes the template may have.
    pub max_classes: i32,
    /// How many students each may have.
    pub max_students_per_class: i32,
}

/// All places of a template, in order of days, none taken.
///
/// # Errors
/// When the recurrence cannot be used.
pub(crate) fn places_of(rules: &Rules, slot: &Slot<'_>) -> Result<Vec<PlaceDay>, RecurrenceError> {
    let capacity = slot.max_classes.saturating_mul(slot.max_students_per_class);
    let days = lesson_days(slot.recurrence, slot.season_start, slot.season_end, slot.except)?;
    Ok(days
        .into_iter()
        .map(|day| {
            let (start_at, end_at) = lesson_span(rules.time, day, slot.start_time, slot.end_time);
            PlaceDay {
                day,
                start_at,
                end_at,
                capacity,
                taken: 0,
                not_held_at: Timeline::of(rules, day, start_at).not_held_at,
            }
        })
        .collect())
}

/// The first day on which a sign-up made today may still start: today + 4 (docs/domain.md §6).
pub(crate) fn first_possible_day(today: Day) -> Day {
    add_days(today, 4)
}

/// The part of places (in order of days) from `first` to `last`.
pub(crate) fn places_between(places: &[PlaceDay], first: Day, last: Day) -> &[PlaceDay] {
    let from = places.partition_point(|place| place.day < first);
    let to = places.partition_point(|place| place.day <= last);
    places.get(from..to).unwrap_or_default()
}

/// A template or a student of a [`Book`], by the order in which they were added.
pub(crate) type Key = usize;

#[derive(Clone, Debug)]
struct Offered {
    grade: i32,
    places: Vec<PlaceDay>,
}

#[derive(Clone, Debug)]
struct Pupil {
    grade: i32,
    held: Vec<Held>,
}

/// What a student has: of which template, by what, first and last day.
#[derive(Clone, Copy, Debug)]
struct Held {
    template: Key,
    claim: Claim,
    first: Day,
    last: Day,
}

/// Templates with their places and students with their sign-ups, to decide many sign-ups one after
/// the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    templates: Vec<Offered>,
    students: Vec<Pupil>,
}

impl Book {
    /// Adds a template; its places are put in order of days.
    pub(crate) fn add_template(&mut self, grade: i32, mut places: Vec<PlaceDay>) -> Key {
        places.sort_unstable_by_key(|place| place.day);
        self.templates.push(Offered { grade, places });
        self.templates.len() - 1
    }

    /// Adds a student without sign-ups.
    pub(crate) fn add_student(&mut self, grade: i32) -> Key {
        self.students.push(Pupil { grade, held: Vec::new() });
        self.students.len() - 1
    }

    /// Notes what the student has already; its places are counted in `taken` already.
    pub(crate) fn note(&mut self, student: Key, template: Key, claim: Claim, first: Day, last: Day) {
        if let Some(pupil) = self.students.get_mut(student) {
            pupil.held.push(Held { template, claim, first, last });
        }
    }

    /// The places of a template as they are now.
    pub(crate) fn places(&self, template: Key) -> &[PlaceDay] {
        self.templates.get(template).map_or(&[], |offered| &offered.places)
    }

    /// Whether a student may have these days of a template, whatever places there are; its lesson
    /// days.
    ///
    /// # Errors
    /// The first refusal of: grade, no lesson day, reserved already, overlap, only held or offered.
    pub(crate) fn check(
        &self,
        student: Key,
        template: Key,
        first: Day,
        last: Day,
    ) -> Result<&[PlaceDay], Refusal> {
        let (Some(pupil), Some(offered)) = (self.students.get(student), self.templates.get(template)) else {
            return Err(Refusal::no_lesson_day(first, last));
        };
        if pupil.grade != offered.grade {
            return Err(Refusal::grade(pupil.grade, offered.grade));
        }
        let wanted = places_between(&offered.places, first, last);
        if wanted.is_empty() {
            return Err(Refusal::no_lesson_day(first, last));
        }
        let (mut reserved, mut overlapping) = (BTreeSet::new(), BTreeSet::new());
        let (mut holds, mut offers) = (BTreeSet::new(), BTreeSet::new());
        for held in &pupil.held {
            let theirs = places_between(self.places(held.template), held.first, held.last);
            let days = match held.claim {
                Claim::SignUp if held.template == template => &mut reserved,
                Claim::SignUp => &mut overlapping,
                Claim::Hold => &mut holds,
                Claim::Offer => &mut offers,
            };
            days.extend(overlapping_days(wanted, theirs));
        }
        if !reserved.is_empty() {
            return Err(Refusal::already_reserved(&Vec::from_iter(reserved)));
        }
        if !overlapping.is_empty() {
            return Err(Refusal::conflict(&Vec::from_iter(overlapping)));
        }
        for (claim, days) in [(Claim::Hold, holds), (Claim::Offer, offers)] {
            if !days.is_empty() {
                return Err(Refusal::promised(claim, &Vec::from_iter(days)));
            }
        }
        Ok(wanted)
    }

    /// Takes every lesson day from `first` to `last` by a sign-up, a hold or an offer, or none; how
    /// many.
    ///
    /// # Errors
    /// As [`Self::check`], and then: no place left.
    pub(crate) fn take(
        &mut self,
        student: Key,
        template: Key,
        claim: Claim,
        first: Day,
        last: Day,
    ) -> Result<usize, Refusal> {
        let wanted = self.check(student, template, first, last)?;
        let full: Vec<Day> =
            wanted.iter().filter(|place| place.taken >= place.capacity).map(|place| place.day).collect();
        if !full.is_empty() {
            return Err(Refusal::full(&full));
        }
        let count = wanted.len();
        if let Some(offered) = self.templates.get_mut(template) {
            offered
                .places
                .iter_mut()
                .filter(|place| first <= place.day && place.day <= last)
                .for_each(|place| place.taken += 1);
        }
        self.note(student, template, claim, first, last);
        Ok(count)
    }
}

/// The days of `mine` whose lessons overlap one of `theirs`; both in order of days. Half-open: one
/// may start when the other ends.
fn overlapping_days(mine: &[PlaceDay], theirs: &[PlaceDay]) -> Vec<Day> {
    let mut found = Vec::new();
    let mut rest = theirs;
    for place in mine {
        // A lesson is at most four hours: whatever has ended before this one starts has ended for
        // all later ones.
        let ended =
            rest.iter().take_while(|other| other.end_at.cmp(&place.start_at) != Ordering::Greater).count();
        rest = rest.get(ended..).unwrap_or_default();
        if rest.iter().take_while(|other| other.start_at < place.end_at).any(|other| place.overlaps(other)) {
            found.push(place.day);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{parse_day, parse_time};
    use crate::domain::reason::Reason;
    use chrono_tz::Asia::Shanghai;
    use proptest::prelude::*;

    impl Book {
        fn sign_up(&mut self, student: Key, template: Key, first: Day, last: Day) -> Result<usize, Refusal> {
            self.take(student, template, Claim::SignUp, first, last)
        }
    }

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    /// A template over March 2026: recurrence, period, seats a day.
    fn template(recurrence: &str, from: &str, to: &str, seats: i32) -> Vec<PlaceDay> {
        let except = BTreeSet::from([day("2026-03-14")]);
        let slot = Slot {
            season_start: day("2026-03-02"),
            season_end: day("2026-03-31"),
            except: &except,
            recurrence,
            start_time: parse_time(from).unwrap(),
            end_time: parse_time(to).unwrap(),
            max_classes: 1,
            max_students_per_class: seats,
        };
        places_of(&Rules::new(Shanghai), &slot).unwrap()
    }

    fn reason(result: Result<usize, Refusal>) -> Reason {
        result.unwrap_err().reason
    }

    #[test]
    fn places_are_the_lesson_days_with_their_instants_and_seats() {
        let places = template("FREQ=WEEKLY;BYDAY=SA", "23:30", "00:30", 6);
        assert_eq!(
            places.iter().map(|place| place.day).collect::<Vec<_>>(),
            [day("2026-03-07"), day("2026-03-21"), day("2026-03-28")]
        );
        assert_eq!(
            (places[0].start_at.to_string(), places[0].end_at.to_string()),
            ("2026-03-07T15:30:00Z".into(), "2026-03-07T16:30:00Z".into())
        );
        assert_eq!(
            (places[0].capacity, places[0].taken, places[0].not_held_at.to_string()),
            (6, 0, "2026-03-07T13:30:00Z".into())
        );
    }

    #[test]
    fn a_sign_up_takes_every_lesson_day_of_its_range_or_none() {
        let mut book = Book::default();
        let saturdays = book.add_template(7, template("FREQ=WEEKLY;BYDAY=SA", "09:00", "10:30", 1));
        let (first, second) = (book.add_student(7), book.add_student(7));
        assert_eq!(book.sign_up(first, saturdays, day("2026-03-20"), day("2026-03-24")), Ok(1));
        let refusal = book.sign_up(second, saturdays, day("2026-03-01"), day("2026-03-31")).unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.detail.as_str()),
            (Reason::PlacesExhausted, "no place is left on 2026-03-21")
        );
        assert_eq!(book.places(saturdays).iter().map(|place| place.taken).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(book.sign_up(second, saturdays, day("2026-03-01"), day("2026-03-20")), Ok(1));
    }

    #[test]
    fn each_rule_refuses_with_its_reason() {
        let mut book = Book::default();
        let nine = book.add_template(7, template("FREQ=DAILY", "09:00", "10:30", 6));
        let half_past_ten = book.add_template(7, template("FREQ=DAILY", "10:30", "12:00", 6));
        let ten = book.add_template(7, template("FREQ=WEEKLY;BYDAY=MO", "10:29", "11:30", 6));
        let senior = book.add_template(10, template("FREQ=DAILY", "18:00", "19:00", 6));
        let student = book.add_student(7);
        let (from, to) = (day("2026-03-02"), day("2026-03-10"));
        assert_eq!(reason(book.sign_up(student, senior, from, to)), Reason::GradeMismatch);
        assert_eq!(
            reason(book.sign_up(student, nine, day("2026-03-14"), day("2026-03-14"))),
            Reason::NotALessonDay
        );
        assert_eq!(book.sign_up(student, nine, from, to), Ok(9));
        assert_eq!(reason(book.sign_up(student, nine, to, day("2026-03-12"))), Reason::AlreadyReserved);
        let refusal = book.sign_up(student, ten, from, day("2026-03-31")).unwrap_err();
        assert_eq!(refusal.reason, Reason::ScheduleConflict);
        assert_eq!(refusal.detail, "the student has another lesson at that time on 2026-03-02, 2026-03-09");
        assert_eq!(
            book.sign_up(student, half_past_ten, from, to),
            Ok(9),
            "one lesson may start when the other ends"
        );
        assert_eq!(
            book.sign_up(student, ten, day("2026-03-11"), day("2026-03-20")),
            Ok(1),
            "days that do not overlap are free"
        );
    }

    #[test]
    fn what_is_only_held_or_offered_is_told_from_a_sign_up() {
        let mut book = Book::default();
        let nine = book.add_template(7, template("FREQ=DAILY", "09:00", "10:30", 6));
        let ten = book.add_template(7, template("FREQ=DAILY", "10:00", "11:00", 6));
        let student = book.add_student(7);
        let (from, to) = (day("2026-03-02"), day("2026-03-04"));
        assert_eq!(book.take(student, nine, Claim::Hold, from, from), Ok(1));
        assert_eq!(book.take(student, nine, Claim::Offer, to, to), Ok(1));
        for wanted in [nine, ten] {
            let held = book.sign_up(student, wanted, from, to).unwrap_err();
            assert_eq!((held.reason, held.days.refused.as_slice()), (Reason::Held, &[from][..]));
            let offered = book.sign_up(student, wanted, to, to).unwrap_err();
            assert_eq!((offered.reason, offered.detail.contains("offered")), (Reason::Held, true));
        }
        assert_eq!(book.sign_up(student, ten, day("2026-03-03"), day("2026-03-03")), Ok(1));
        assert_eq!(
            reason(book.sign_up(student, nine, from, to)),
            Reason::ScheduleConflict,
            "what stays is told first"
        );
    }

    #[test]
    fn a_lesson_over_midnight_overlaps_with_the_early_one_of_the_next_day() {
        let mut book = Book::default();
        let late = book.add_template(7, template("FREQ=WEEKLY;BYDAY=FR", "23:30", "00:30", 6));
        let early = book.add_template(7, template("FREQ=WEEKLY;BYDAY=SA", "00:00", "01:00", 6));
        let student = book.add_student(7);
        assert_eq!(book.sign_up(student, late, day("2026-03-06"), day("2026-03-06")), Ok(1));
        let refusal = book.sign_up(student, early, day("2026-03-07"), day("2026-03-31")).unwrap_err();
        assert_eq!(refusal.detail, "the student has another lesson at that time on 2026-03-07");
    }

    proptest! {
        /// Whatever is asked in whatever order: no seat twice, no student in two lessons at once,
        /// and refusals change nothing.
        #[test]
        fn no_seat_is_sold_twice_and_no_student_is_in_two_places(
            asked in proptest::collection::vec((0_usize..5, 0_usize..4, 0_i64..30, 0_i64..15), 1..60),
        ) {
            let mut book = Book::default();
            let slots = [("FREQ=DAILY", "09:00", "10:30"), ("FREQ=DAILY;INTERVAL=2", "10:00", "11:00"),
                ("FREQ=WEEKLY;BYDAY=SA", "23:30", "00:30"), ("FREQ=DAILY", "00:00", "00:45")];
            for (recurrence, from, to) in slots {
                book.add_template(7, template(recurrence, from, to, 2));
            }
            for _ in 0..5 {
                book.add_student(7);
            }
            let mut booked: Vec<(usize, usize, Day, Day)> = Vec::new();
            for (student, wanted, from, length) in asked {
                let first = add_days(day("2026-03-02"), from);
                let before = book.clone();
                match book.sign_up(student, wanted, first, add_days(first, length)) {
                    Ok(_) => booked.push((student, wanted, first, add_days(first, length))),
                    Err(_) => for key in 0..slots.len() {
                        prop_assert_eq!(book.places(key), before.places(key));
                    },
                }
            }
            for key in 0..slots.len() {
                for place in book.places(key) {
                    let covers =
                        |first: &Day, last: &Day| (*first..=*last).contains(&place.day);
                    let covering =
                        booked.iter().filter(|(_, t, first, last)| *t == key && covers(first, last)).count();
                    prop_assert_eq!(usize::try_from(place.taken).unwrap(), covering);
                    prop_assert!(place.taken <= place.capacity);
                }
            }
            for student in 0..5 {
                let mut lessons: Vec<PlaceDay> = booked.iter().filter(|(s, ..)| *s == student)
                    .flat_map(|(_, t, first, last)| places_between(book.places(*t), *first, *last).to_vec())
                    .collect();
                lessons.sort_by_key(|place| place.start_at);
                prop_assert!(lessons.windows(2).all(|pair| pair[0].end_at <= pair[1].start_at));
            }
        }
    }
}
