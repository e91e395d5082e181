//! Openings: on which lesson days of a template a sign-up made now could start, and why not on the
//! others (docs/domain.md §3, §6).

use super::apart::Pupil;
use super::calendar::{Timeline, cut_off};
use super::claim::Claim;
use super::class_task::Seats;
use super::reason::Reason;
use super::rules::Rules;
use super::time::{Day, Instant, add_days};

/// A lesson the student has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnLesson {
    /// The template.
    pub template_id: i64,
    /// By what.
    pub claim: Claim,
    /// The day of its start.
    pub day: Day,
    /// Start.
    pub start_at: Instant,
    /// End; its first moment outside.
    pub end_at: Instant,
}

/// A lesson day of a template with its places, as a page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LessonDay {
    /// The day of the lesson's start.
    pub day: Day,
    /// Start.
    pub start_at: Instant,
    /// End; its first moment outside.
    pub end_at: Instant,
    /// Places.
    pub capacity: i32,
    /// Places taken.
    pub taken: i32,
}

/// The first day whose cut-off is ahead of `now`; a later day's is later still.
pub(crate) fn open_from(rules: &Rules, now: Instant) -> Day {
    let mut day = rules.time.day(now);
    while cut_off(rules.time, day) <= now && day < Day::MAX {
        day = add_days(day, 1);
    }
    day
}

/// What a template's lesson days are judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// The template.
    pub template_id: i64,
    /// How many students a class may have.
    pub max_students: i64,
    /// Its running classes, with the rosters of the lesson days they still have.
    pub classes: &'a [Seats],
    /// The student's lessons of these days and the days beside them; none without a student.
    pub own: &'a [OwnLesson],
    /// The student; nobody without one.
    pub pupil: &'a Pupil,
    /// See [`open_from`]. Asked once for a page: each answer takes a look into the zone's history.
    pub open_from: Day,
}

impl Offer<'_> {
    /// Why a sign-up made at `now` cannot start on a lesson day; `None` = it can. The order is that
    /// in which a sign-up is refused.
    ///
    /// A season that is over needs no word of its own: all its lessons have begun.
    pub(crate) fn why_not(&self, rules: &Rules, lesson: &LessonDay, now: Instant) -> Option<Reason> {
        if lesson.start_at <= now {
            return Some(Reason::NotOpen);
        }
        if lesson.day < self.open_from {
            let freeze_at = Timeline::of(rules, lesson.day, lesson.start_at).freeze_at;
            if freeze_at <= now || !self.has_seat(lesson.day) {
                return Some(Reason::TooLate);
            }
        }
        let overlaps = |own: &&OwnLesson| own.start_at < lesson.end_at && lesson.start_at < own.end_at;
        let in_the_way = self.own.iter().filter(overlaps).map(|own| match own.claim {
            Claim::SignUp if own.template_id == self.template_id => Reason::AlreadyReserved,
            Claim::SignUp => Reason::ScheduleConflict,
            Claim::Hold | Claim::Offer => Reason::Held,
        });
        let order = |reason: &Reason| {
            [Reason::AlreadyReserved, Reason::ScheduleConflict]
                .iter()
                .position(|first| first == reason)
                .unwrap_or(2)
        };
        in_the_way.min_by_key(order).or((lesson.taken >= lesson.capacity).then_some(Reason::PlacesExhausted))
    }

    fn has_seat(&self, day: Day) -> bool {
        let free = |seats: &Seats| seats.rosters.get(&day).is_some_and(|roster| *roster < self.max_students);
        self.classes.iter().any(|seats| self.takes(seats) && free(seats))
    }

    fn takes(&self, seats: &Seats) -> bool {
        seats.apart.why(self.pupil).is_none()
    }

    /// The running classes with a free seat on each of their lesson days from `first` on: (class,
    /// free seats on the fullest of them).
    pub(crate) fn free_classes(&self, first: Day) -> Vec<(i64, i64)> {
        let free = self.classes.iter().filter(|seats| self.takes(seats)).filter_map(|seats| {
            let fullest = seats.rosters.range(first..).map(|(_, roster)| *roster).max()?;
            (fullest < self.max_students).then_some((seats.class_id, self.max_students - fullest))
        });
        free.collect()
    }
}

/// The next instant after `now` at which a lesson day is judged otherwise although nobody has done
/// anything: its cut-off, its freeze, its start.
pub(crate) fn next_turn<'a>(
    rules: &Rules,
    lessons: impl IntoIterator<Item = &'a LessonDay>,
    now: Instant,
) -> Option<Instant> {
    let open_from = open_from(rules, now);
    let mut first_open = None;
    let mut next = None;
    for lesson in lessons.into_iter().filter(|lesson| now < lesson.start_at) {
        if open_from <= lesson.day {
            // Nothing of it comes before its cut-off, and the earliest day's is the first.
            first_open = Some(first_open.map_or(lesson.day, |first: Day| first.min(lesson.day)));
            continue;
        }
        let turns = [Timeline::of(rules, lesson.day, lesson.start_at).freeze_at, lesson.start_at];
        next = turns.into_iter().filter(|turn| now < *turn).chain(next).min();
    }
    first_open.map(|day| cut_off(rules.time, day)).into_iter().chain(next).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::apart::Apart;
    use crate::domain::calendar::{parse_day, parse_time};
    use chrono::TimeDelta;
    use chrono_tz::Asia::Shanghai;
    use std::collections::BTreeMap;

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    fn at(text: &str) -> Instant {
        let (day, time) = text.split_once(' ').unwrap();
        Rules::new(Shanghai).time.at(parse_day(day).unwrap(), parse_time(time).unwrap())
    }

    /// A lesson of an hour and a half with six places.
    fn lesson(start: &str, taken: i32) -> LessonDay {
        let start_at = at(start);
        let end_at = start_at + TimeDelta::minutes(90);
        LessonDay { day: day(&start[..10]), start_at, end_at, capacity: 6, taken }
    }

    fn own(template_id: i64, start: &str) -> OwnLesson {
        let LessonDay { day, start_at, end_at, .. } = lesson(start, 0);
        OwnLesson { template_id, claim: Claim::SignUp, day, start_at, end_at }
    }

    fn seats(class_id: i64, rosters: &[(&str, i64)], forbidden_city: Option<&str>) -> Seats {
        let rosters: BTreeMap<Day, i64> = rosters.iter().map(|(text, roster)| (day(text), *roster)).collect();
        let apart = Apart { city: forbidden_city.map(str::to_owned), ..Apart::default() };
        Seats { class_id, rosters, apart }
    }

    fn from(city: &str) -> Pupil {
        Pupil { student_id: 4, city: city.to_owned() }
    }

    /// Template 1, with classes of six, at an instant.
    fn offer<'a>(classes: &'a [Seats], own: &'a [OwnLesson], pupil: &'a Pupil, now: Instant) -> Offer<'a> {
        Offer {
            template_id: 1,
            max_students: 6,
            classes,
            own,
            pupil,
            open_from: open_from(&Rules::new(Shanghai), now),
        }
    }

    #[test]
    fn a_day_can_be_had_until_its_cut_off_and_then_in_a_running_class_until_f() {
        let rules = Rules::new(Shanghai);
        let with_seat = [seats(7, &[("2026-03-05", 5)], None)];
        let full = [seats(7, &[("2026-03-05", 6), ("2026-03-12", 0)], None)];
        let not_that_day = [seats(7, &[("2026-03-12", 0)], None)];
        let evening = lesson("2026-03-05 19:00", 5);
        let early = lesson("2026-03-05 09:00", 5);
        let late = Some(Reason::TooLate);
        type Row<'a> = (&'a str, &'a LessonDay, &'a [Seats], &'a str, Option<Reason>);
        let table: [Row<'_>; 11] = [
            ("the second before the cut-off", &evening, &[], "2026-03-01 23:59", None),
            ("the cut-off itself", &evening, &[], "2026-03-02 00:00", late),
            ("a class with a seat", &evening, &with_seat, "2026-03-02 00:00", None),
            ("a class that is full that day", &evening, &full, "2026-03-02 00:00", late),
            ("a class that does not meet that day", &evening, &not_that_day, "2026-03-02 00:00", late),
            ("before F", &evening, &with_seat, "2026-03-05 14:59", None),
            ("F", &evening, &with_seat, "2026-03-05 15:00", late),
            ("before F of a morning class", &early, &with_seat, "2026-03-04 19:59", None),
            ("F of a morning class", &early, &with_seat, "2026-03-04 20:00", late),
            ("begun", &evening, &with_seat, "2026-03-05 19:00", Some(Reason::NotOpen)),
            ("over", &evening, &with_seat, "2026-07-01 00:00", Some(Reason::NotOpen)),
        ];
        for (what, lesson, classes, now, expected) in table {
            assert_eq!(
                offer(classes, &[], &from(""), at(now)).why_not(&rules, lesson, at(now)),
                expected,
                "{what}"
            );
        }
    }

    #[test]
    fn places_and_the_students_own_lessons_stand_in_the_way() {
        let rules = Rules::new(Shanghai);
        let now = at("2026-02-20 12:00");
        let table: [(&str, LessonDay, &[OwnLesson], Option<Reason>); 7] = [
            ("the last place", lesson("2026-03-05 19:00", 5), &[], None),
            ("no place", lesson("2026-03-05 19:00", 6), &[], Some(Reason::PlacesExhausted)),
            ("more taken than there are", lesson("2026-03-05 19:00", 7), &[], Some(Reason::PlacesExhausted)),
            (
                "the student has it",
                lesson("2026-03-05 19:00", 6),
                &[own(1, "2026-03-05 19:00")],
                Some(Reason::AlreadyReserved),
            ),
            (
                "another lesson",
                lesson("2026-03-05 19:00", 6),
                &[own(2, "2026-03-05 20:29")],
                Some(Reason::ScheduleConflict),
            ),
            (
                "one may start when the other ends",
                lesson("2026-03-05 19:00", 5),
                &[own(2, "2026-03-05 20:30")],
                None,
            ),
            (
                "over midnight",
                lesson("2026-03-06 00:15", 5),
                &[own(2, "2026-03-05 23:00")],
                Some(Reason::ScheduleConflict),
            ),
        ];
        for (what, lesson, own, expected) in table {
            assert_eq!(offer(&[], own, &from("4101"), now).why_not(&rules, &lesson, now), expected, "{what}");
        }
        let both = [own(2, "2026-03-05 18:00"), own(1, "2026-03-05 19:00")];
        let reason =
            offer(&[], &both, &from("4101"), now).why_not(&rules, &lesson("2026-03-05 19:00", 0), now);
        assert_eq!(reason, Some(Reason::AlreadyReserved), "what is reserved already is told first");
    }

    #[test]
    fn a_class_is_free_when_it_is_on_each_of_its_days_and_takes_the_students_city() {
        let classes = [
            seats(7, &[("2026-03-05", 6), ("2026-03-12", 4), ("2026-03-19", 5)], None),
            seats(8, &[("2026-03-05", 2), ("2026-03-12", 6)], None),
            seats(9, &[("2026-03-05", 2)], Some("4101")),
        ];
        let now = at("2026-03-04 12:00");
        let free = |city: &str, first: &str| offer(&classes, &[], &from(city), now).free_classes(day(first));
        assert_eq!(free("3201", "2026-03-05"), [(9, 4)]);
        assert_eq!(free("4101", "2026-03-05"), [], "the coach of class 9 takes nobody of the own city");
        assert_eq!(free("", "2026-03-06"), [(7, 1)]);
        assert_eq!(free("", "2026-03-20"), [], "no lesson is left");
        let rules = Rules::new(Shanghai);
        let lesson = lesson("2026-03-05 19:00", 0);
        let reason = |classes: &[Seats], city: &str| {
            offer(classes, &[], &from(city), now).why_not(&rules, &lesson, now)
        };
        assert_eq!(
            (reason(&classes[2..], "3201"), reason(&classes[2..], "4101")),
            (None, Some(Reason::TooLate))
        );
        let blocked = Apart { students: [4].into(), ..Apart::default() };
        let blocked = [Seats { apart: blocked, ..classes[1].clone() }];
        assert_eq!(reason(&blocked, "3201"), Some(Reason::TooLate), "nor whom staff keep from the coach");
    }

    #[test]
    fn a_page_turns_at_each_cut_off_freeze_and_start() {
        let rules = Rules::new(Shanghai);
        let lessons = [lesson("2026-03-05 19:00", 0), lesson("2026-03-07 09:00", 0)];
        let mut now = at("2026-03-01 12:00");
        let mut turns = Vec::new();
        while let Some(turn) = next_turn(&rules, &lessons, now) {
            turns.push(rules.time.show(turn));
            now = turn;
        }
        assert_eq!(
            turns,
            [
                "2026-03-02 00:00",
                "2026-03-04 00:00",
                "2026-03-05 15:00",
                "2026-03-05 19:00",
                "2026-03-06 20:00",
                "2026-03-07 09:00"
            ]
        );
    }
}
