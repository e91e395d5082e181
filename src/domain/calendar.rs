//! Lesson days, the start and end instants of lessons, and the timeline that follows from a
//! lesson's start (docs/domain.md §2, §3).

use super::recurrence::{Recurrence, RecurrenceError};
use super::rules::Rules;
use super::time::{BusinessTime, Day, Instant, add_days};
use chrono::{Datelike, NaiveTime, TimeDelta};
use std::collections::BTreeSet;

/// The longest season that is expanded, in days; far beyond any term.
pub(crate) const MAX_SEASON_DAYS: i64 = 400;
/// The longest period (docs/domain.md §1).
pub(crate) const MAX_PERIOD: TimeDelta = TimeDelta::hours(4);

/// The days of a recurrence in `[start, end]`, less the excepted ones, in order. The rule is
/// counted from `start`, the season's first day.
///
/// # Errors
/// When the text is no recurrence.
pub fn lesson_days(
    recurrence: &str,
    start: Day,
    end: Day,
    except: &BTreeSet<Day>,
) -> Result<Vec<Day>, RecurrenceError> {
    let rule: Recurrence = recurrence.parse()?;
    let last = end.min(add_days(start, MAX_SEASON_DAYS));
    Ok(rule.days(start, last).into_iter().filter(|day| !except.contains(day)).collect())
}

/// Start and end of a lesson of a period on a day. It lasts as long as its period does by the
/// clock, also where a zone change makes the clock's face skip or repeat an hour in the middle of
/// it. All lessons get their instants here.
pub(crate) fn lesson_span(
    time: BusinessTime,
    day: Day,
    start: NaiveTime,
    end: NaiveTime,
) -> (Instant, Instant) {
    let start_at = time.at(day, start);
    (start_at, start_at + period_length(start, end))
}

/// How long a period is by the clock; an end not after the start is on the next day.
pub(crate) fn period_length(start: NaiveTime, end: NaiveTime) -> TimeDelta {
    let span = end - start;
    if span <= TimeDelta::zero() { span + TimeDelta::days(1) } else { span }
}

/// `HH:MM`, as periods write their times.
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    has_shape(text, "00:00").then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten()
}

/// `YYYY-MM-DD`; years 1970 to 9999, so that every day has an instant.
pub fn parse_day(text: &str) -> Option<Day> {
    let day = has_shape(text, "0000-00-00").then(|| Day::parse_from_str(text, "%Y-%m-%d").ok()).flatten()?;
    (1970..=9999).contains(&day.year()).then_some(day)
}

/// Whether a text has digits where the shape has them, and is the same elsewhere: chrono alone
/// takes blanks and signs too.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(given, wanted)| if wanted == b'0' { given.is_ascii_digit() } else { given == wanted })
}

/// The instants that follow from the start `s` of a lesson on day D (docs/domain.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// D−3 00:00: sign-ups from here on count for a later task.
    pub cut_off: Instant,
    /// D−2 20:00, for tasks whose gate is before 08:00 of D−1; they are warned of early.
    pub early_warning_at: Option<Instant>,
    /// G = s − 26 h.
    pub gate_at: Instant,
    /// F: morning classes D−1 20:00, others s − 4 h.
    pub freeze_at: Instant,
    /// When students without a class are told that the lesson does not take place: s − 2 h, morning
    /// classes D−1 21:00.
    pub not_held_at: Instant,
    /// Until when staff may reopen the task: s − 30 min.
    pub reopen_until: Instant,
    /// Whether the lesson starts before 12:00.
    pub morning: bool,
}

impl Timeline {
    /// Of a lesson on `day` that starts at `start`.
    pub fn of(rules: &Rules, day: Day, start: Instant) -> Self {
        let time = rules.time;
        let morning = time.time(start) < rules.morning_before;
        let gate_at = start - rules.gate_lead;
        let (freeze_at, not_held_at) = if morning {
            let eve = add_days(day, -1);
            (time.at(eve, rules.morning_freeze), time.at(eve, rules.morning_not_held))
        } else {
            (start - rules.freeze_lead, start - rules.not_held_lead)
        };
        let early = gate_at < time.at(add_days(day, -1), rules.early_warning_gate_before);
        Self {
            cut_off: cut_off(time, day),
            early_warning_at: early.then(|| time.at(add_days(day, -2), rules.early_warning)),
            gate_at,
            freeze_at,
            not_held_at,
            reopen_until: start - rules.reopen_lead,
            morning,
        }
    }
}

/// Of morning lessons people are reminded at this time on D−1: 20:00, when the scheduled task runs.
/// (A time that is none would not compile.)
pub(crate) const MORNING_REMINDER: NaiveTime = NaiveTime::from_hms_opt(20, 0, 0).unwrap();

/// Of the others this long before they start: 4 h, so that a run each minute from 08:00 to 20:00
/// reaches all of them.
pub(crate) const REMINDER_LEAD: TimeDelta = TimeDelta::hours(4);

/// When lessons of a day stop being morning lessons: 12:00.
pub(crate) fn noon_of(rules: &Rules, day: Day) -> Instant {
    rules.time.at(day, rules.morning_before)
}

/// D−3 00:00: only sign-ups made before this count for new classes of D (docs/domain.md §3).
pub fn cut_off(time: BusinessTime, day: Day) -> Instant {
    time.midnight(add_days(day, -3))
}

/// The last day whose cut-off has come at `now`.
pub(crate) fn last_day_cut_off(time: BusinessTime, now: Instant) -> Day {
    add_days(time.day(now), 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Asia::Shanghai;

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }
    fn local(text: &str) -> Instant {
        let (day, time) = text.split_once(' ').unwrap();
        BusinessTime::new(Shanghai).at(parse_day(day).unwrap(), parse_time(time).unwrap())
    }

    #[test]
    fn a_weekly_rule_is_expanded_over_the_season_less_its_excepted_days() {
        let except = BTreeSet::from([day("2026-03-14")]);
        let days =
            lesson_days("FREQ=WEEKLY;BYDAY=SA", day("2026-03-02"), day("2026-03-28"), &except).unwrap();
        assert_eq!(days, [day("2026-03-07"), day("2026-03-21"), day("2026-03-28")]);
    }

    #[test]
    fn intervals_count_from_the_first_day_of_the_season() {
        let every_other =
            lesson_days("FREQ=DAILY;INTERVAL=2", day("2026-03-02"), day("2026-03-07"), &BTreeSet::new())
                .unwrap();
        assert_eq!(every_other, [day("2026-03-02"), day("2026-03-04"), day("2026-03-06")]);
        let daily =
            lesson_days("FREQ=DAILY", day("2026-03-02"), day("2026-03-04"), &BTreeSet::new()).unwrap();
        assert_eq!(daily.len(), 3);
    }

    /// The worked examples of docs/domain.md §3, D = Thursday 2026-03-05.
    #[test]
    fn the_worked_examples_hold() {
        let rules = Rules::new(Shanghai);
        let thursday = day("2026-03-05");
        let of = |start: &str| Timeline::of(&rules, thursday, local(&format!("2026-03-05 {start}")));
        let six = of("06:00");
        assert_eq!(
            (six.gate_at, six.early_warning_at),
            (local("2026-03-04 04:00"), Some(local("2026-03-03 20:00")))
        );
        assert_eq!((six.freeze_at, six.not_held_at), (local("2026-03-04 20:00"), local("2026-03-04 21:00")));
        let nine = of("09:00");
        assert_eq!((nine.cut_off, nine.gate_at), (local("2026-03-02 00:00"), local("2026-03-04 07:00")));
        assert!(nine.early_warning_at.is_some() && nine.morning);
        let noon = of("12:00");
        assert_eq!(
            (noon.morning, noon.freeze_at, noon.early_warning_at),
            (false, local("2026-03-05 08:00"), None)
        );
        let evening = of("19:00");
        assert_eq!(
            (evening.gate_at, evening.freeze_at),
            (local("2026-03-04 17:00"), local("2026-03-05 15:00"))
        );
        assert_eq!(of("23:30").freeze_at, local("2026-03-05 19:30"));
        // The gate of a class just after midnight is on D−2, at night.
        assert_eq!(of("00:30").gate_at, local("2026-03-03 22:30"));
        assert_eq!(of("00:30").early_warning_at, Some(local("2026-03-03 20:00")));
        assert!(of("09:59").early_warning_at.is_some() && of("10:00").early_warning_at.is_none());
    }

    #[test]
    fn a_lesson_over_midnight_ends_on_the_next_day() {
        let time = BusinessTime::new(Shanghai);
        let (start, end) =
            lesson_span(time, day("2026-03-05"), parse_time("23:30").unwrap(), parse_time("00:30").unwrap());
        assert_eq!((start, end), (local("2026-03-05 23:30"), local("2026-03-06 00:30")));
        assert_eq!(
            period_length(parse_time("23:30").unwrap(), parse_time("00:30").unwrap()),
            TimeDelta::hours(1)
        );
    }

    /// New York skips 02:00 to 03:00 on 14 March 2027 and repeats 01:00 to 02:00 on 1 November
    /// 2026; Lord Howe does so by half an hour.
    #[test]
    fn a_lesson_keeps_its_length_when_the_clocks_change() {
        use chrono_tz::{America::New_York, Australia::Lord_Howe};
        for (zone, on, start, end, from, to) in [
            (New_York, "2027-03-14", "02:00", "03:00", "2027-03-14 03:00", "2027-03-14 04:00"),
            (New_York, "2027-03-14", "02:15", "03:05", "2027-03-14 03:15", "2027-03-14 04:05"),
            (New_York, "2027-03-14", "01:30", "02:30", "2027-03-14 01:30", "2027-03-14 03:30"),
            (New_York, "2027-03-13", "23:30", "00:30", "2027-03-13 23:30", "2027-03-14 00:30"),
            (New_York, "2027-03-13", "23:30", "03:00", "2027-03-13 23:30", "2027-03-14 04:00"),
            (New_York, "2026-11-01", "01:30", "02:30", "2026-11-01 01:30", "2026-11-01 01:30"),
            (New_York, "2026-11-01", "00:30", "02:30", "2026-11-01 00:30", "2026-11-01 01:30"),
            (Lord_Howe, "2026-10-04", "02:00", "02:30", "2026-10-04 02:30", "2026-10-04 03:00"),
            (Lord_Howe, "2026-10-04", "01:45", "02:15", "2026-10-04 01:45", "2026-10-04 02:45"),
            (Lord_Howe, "2026-04-05", "01:15", "02:15", "2026-04-05 01:15", "2026-04-05 01:45"),
        ] {
            let time = BusinessTime::new(zone);
            let (start, end) = (parse_time(start).unwrap(), parse_time(end).unwrap());
            let (start_at, end_at) = lesson_span(time, day(on), start, end);
            assert_eq!(
                (time.show(start_at).as_str(), time.show(end_at).as_str()),
                (from, to),
                "{zone} {on} {start}-{end}"
            );
            assert_eq!(end_at - start_at, period_length(start, end), "{zone} {on} {start}-{end}");
        }
    }

    #[test]
    fn days_and_times_are_strict() {
        for bad in ["2026-3-5", "2026-02-30", "1969-12-31", "20260305", "", "+026-01-01"] {
            assert_eq!(parse_day(bad), None, "{bad:?}");
        }
        for bad in ["9:00", "24:00", "09:60", "", "09-00"] {
            assert_eq!(parse_time(bad), None, "{bad:?}");
        }
    }
}
