//! Limits how long a student may hold the same days of a template in total, however often the hold
//! is given back and made again (docs/domain.md §6).

use super::rules::Rules;
use super::time::{Day, Instant};
use chrono::TimeDelta;

/// Days of a template that a student held, or holds, and when: `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// First day.
    pub first: Day,
    /// Last day.
    pub last: Day,
    /// Since when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
}

/// A hold that could only be shorter than this is refused, unless it would be so short anyway.
const LEAST: TimeDelta = TimeDelta::minutes(1);

/// Until when a hold of lesson days, made or renewed at `now`, may last, beside what the same
/// student held of the template before: at the latest until `most`; `lasts_until` is until when one
/// that is renewed lasts anyway.
///
/// # Errors
/// The moment from which on the days can be held again.
pub(crate) fn hold_at_most(
    rules: &Rules,
    held: &[Held],
    days: &[Day],
    now: Instant,
    (lasts_until, most): (Option<Instant>, Instant),
) -> Result<Instant, Instant> {
    let least = LEAST.min(most - now);
    let is_more = |until: Instant| until == most || lasts_until.is_none_or(|ends| ends < until);
    let longest = last_true((most - now).num_seconds(), |seconds| {
        fits(rules, held, days, now, TimeDelta::seconds(seconds))
    });
    match longest.map(TimeDelta::seconds) {
        Some(longest) if least <= longest && is_more(now + longest) => Ok(now + longest),
        _ => Err(possible_from(rules, held, days, now)),
    }
}

/// Whether a hold from `now` on may last so long: no day is held longer than allowed in the span
/// that ends with it, and so in none before.
fn fits(rules: &Rules, held: &[Held], days: &[Day], now: Instant, length: TimeDelta) -> bool {
    let since = now + length - rules.hold_span;
    let used = |day: Day| -> TimeDelta {
        let of_day = held.iter().filter(|held| held.first <= day && day <= held.last);
        of_day.map(|held| (held.until.min(now) - held.from.max(since)).max(TimeDelta::zero())).sum()
    };
    days.iter().all(|day| used(*day) + length <= rules.hold_limit)
}

/// When a hold of the least length is possible again: once what is held now is over, the longer ago
/// the more.
fn possible_from(rules: &Rules, held: &[Held], days: &[Day], now: Instant) -> Instant {
    let of_days = held.iter().filter(|held| days.iter().any(|day| held.first <= *day && *day <= held.last));
    let over = of_days.map(|held| held.until).max().unwrap_or(now).max(now);
    let waits = last_true(rules.hold_span.num_seconds(), |seconds| {
        !fits(rules, held, days, over + TimeDelta::seconds(seconds), LEAST.min(rules.hold_limit))
    });
    over + TimeDelta::seconds(waits.map_or(0, |seconds| seconds + 1))
}

/// The largest number from 0 to `most` for which something is true that is so up to a number and
/// not beyond; none = not even for 0.
fn last_true(most: i64, is_true: impl Fn(i64) -> bool) -> Option<i64> {
    let (mut yes, mut no) = (-1, most + 1);
    while no - yes > 1 {
        let middle = yes + (no - yes) / 2;
        if is_true(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    (yes >= 0).then_some(yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;
    use chrono_tz::Asia::Shanghai;

    fn day(number: u32) -> Day {
        parse_day(&format!("2026-03-{number:02}")).unwrap()
    }

    /// Minutes after ten o'clock.
    fn at(minute: i64) -> Instant {
        Instant::from_unix(1_772_416_800 + minute * 60)
    }

    fn held(days: (u32, u32), from: i64, until: i64) -> Held {
        Held { first: day(days.0), last: day(days.1), from: at(from), until: at(until) }
    }

    fn ask(before: &[Held], days: &[u32], now: i64) -> Result<i64, i64> {
        renew(before, days, now, None)
    }

    fn renew(before: &[Held], days: &[u32], now: i64, lasts_until: Option<i64>) -> Result<i64, i64> {
        let days: Vec<Day> = days.iter().copied().map(day).collect();
        let minute = |at: Instant| (at.unix() - 1_772_416_800) / 60;
        hold_at_most(&Rules::new(Shanghai), before, &days, at(now), (lasts_until.map(at), at(now + 15)))
            .map(minute)
            .map_err(minute)
    }

    #[test]
    fn thirty_minutes_in_any_two_hours_are_counted_as_they_were_really_held() {
        type Row<'a> = (&'a str, &'a [Held], &'a [u32], i64, Result<i64, i64>);
        let twice = [held((14, 28), 0, 10), held((14, 28), 10, 20)];
        let all = [held((14, 28), 0, 15), held((14, 28), 15, 30)];
        let table: [Row<'_>; 10] = [
            ("the first", &[], &[14, 21], 0, Ok(15)),
            ("the second", &all[..1], &[14, 21], 15, Ok(30)),
            ("what is left of it", &twice, &[14, 21], 20, Ok(30)),
            ("nothing is left", &all, &[14, 21], 30, Err(120)),
            ("given back early", &[held((14, 28), 0, 1), held((14, 28), 1, 2)], &[14], 2, Ok(17)),
            ("other days of it", &all, &[7], 30, Ok(45)),
            ("one day of several", &all, &[7, 28], 30, Err(120)),
            (
                "days that were held side by side",
                &[held((14, 14), 0, 15), held((21, 21), 0, 15)],
                &[14, 21],
                15,
                Ok(30),
            ),
            ("two hours later", &all, &[14], 135, Ok(150)),
            ("when the first was two hours ago", &all, &[14], 120, Ok(135)),
        ];
        for (about, before, days, now, expected) in table {
            assert_eq!(ask(before, days, now), expected, "{about}");
        }
    }

    #[test]
    fn a_renewal_gives_more_or_is_refused() {
        assert_eq!(renew(&[held((14, 28), 0, 15)], &[14, 21], 10, Some(15)), Ok(25));
        assert_eq!(
            renew(&[held((14, 28), -10, 0), held((14, 28), 0, 15)], &[14], 10, Some(15)),
            Ok(20),
            "as long as is left"
        );
        assert_eq!(
            renew(&[held((14, 28), -15, 0), held((14, 28), 0, 15)], &[14], 10, Some(15)),
            Err(105),
            "nothing is left beyond its end"
        );
    }

    #[test]
    fn no_span_of_two_hours_ever_holds_more_however_it_is_asked_for() {
        let mut held_so_far: Vec<Held> = Vec::new();
        let mut now = 0;
        // As greedy as can be: again as soon as the last is over or it is possible again.
        for _ in 0..60 {
            match ask(&held_so_far, &[14], now) {
                Ok(until) => {
                    assert!(now < until);
                    held_so_far.push(held((14, 14), now, until));
                    now = until;
                }
                Err(from) => {
                    assert!(now < from, "it is said when it is possible");
                    now = from;
                }
            }
        }
        for end in 0..now {
            let used: i64 = held_so_far
                .iter()
                .map(|held| (held.until.min(at(end)) - held.from.max(at(end - 120))).num_minutes().max(0))
                .sum();
            assert!(used <= 30, "{used} minutes in the two hours before {end}");
        }
    }
}
