//! Expands a rule to days: in each unit (day, week, month, year), the days that satisfy every part,
//! and of those the ones that BYSETPOS picks.

use super::rule::{ByDay, End, Frequency, Recurrence};
use crate::domain::time::{Day, add_days};
use chrono::{Datelike, Months};

/// The days in `[first, last]`, counted from `first`.
pub(super) fn days(rule: &Recurrence, first: Day, last: Day) -> Vec<Day> {
    let rule = &completed(rule, first);
    let last = match rule.end {
        Some(End::Until(until)) => until.min(last),
        _ => last,
    };
    let most = match rule.end {
        Some(End::Count(count)) => usize::from(count),
        _ => usize::MAX,
    };
    let mut found = Vec::new();
    for number in 0.. {
        let Some((from, to)) = unit(rule, first, number).filter(|(from, _)| *from <= last) else { break };
        let passing = from.iter_days().take_while(|day| *day <= to).filter(|day| passes(rule, *day));
        found.extend(
            picked(&rule.positions, passing.collect())
                .into_iter()
                .filter(|day| first <= *day && *day <= last),
        );
        if found.len() >= most {
            found.truncate(most);
            break;
        }
    }
    found
}

/// The rule with what it leaves to its first day: the weekday, the day of the month, the month.
fn completed(rule: &Recurrence, first: Day) -> Recurrence {
    let mut rule = rule.clone();
    let says_day = !(rule.week_numbers.is_empty()
        && rule.year_days.is_empty()
        && rule.month_days.is_empty()
        && rule.weekdays.is_empty());
    if says_day {
        return rule;
    }
    match rule.frequency {
        Frequency::Daily => {}
        Frequency::Weekly => rule.weekdays.push(ByDay { nth: None, weekday: first.weekday() }),
        Frequency::Monthly => rule.month_days.push(small(first.day())),
        Frequency::Yearly => {
            rule.month_days.push(small(first.day()));
            if rule.months.is_empty() {
                rule.months.push(small(first.month()));
            }
        }
    }
    rule
}

/// First and last day of a unit; the first week begins with the rule's first day, as it does for
/// other programs.
fn unit(rule: &Recurrence, first: Day, number: u32) -> Option<(Day, Day)> {
    let step = number.checked_mul(u32::from(rule.interval))?;
    match rule.frequency {
        Frequency::Daily => Some(add_days(first, i64::from(step))).map(|day| (day, day)),
        Frequency::Weekly => {
            let from = add_days(week_begin(first, rule.week_start), 7 * i64::from(step));
            Some((from.max(first), add_days(from, 6)))
        }
        Frequency::Monthly => {
            let from = first.with_day(1)?.checked_add_months(Months::new(step))?;
            Some((from, from.checked_add_months(Months::new(1))?.pred_opt()?))
        }
        Frequency::Yearly => {
            let year = first.year().checked_add(i32::try_from(step).ok()?)?;
            Some((Day::from_ymd_opt(year, 1, 1)?, Day::from_ymd_opt(year, 12, 31)?))
        }
    }
}

/// Whether a day passes every part that is there.
fn passes(rule: &Recurrence, day: Day) -> bool {
    let (month_length, year_length) = (small(u32::from(day.num_days_in_month())), year_length(day));
    let on = |list: &[i16], number: i16, of: i16| {
        list.is_empty() || list.contains(&number) || list.contains(&(number - of - 1))
    };
    (rule.months.is_empty() || rule.months.contains(&small(day.month())))
        && on(&rule.month_days, small(day.day()), month_length)
        && on(&rule.year_days, small(day.ordinal()), year_length)
        && (rule.week_numbers.is_empty() || {
            let (number, of) = week_number(day, rule.week_start);
            on(&rule.week_numbers, number, of)
        })
        && (rule.weekdays.is_empty() || rule.weekdays.iter().any(|by| is_by_day(rule, *by, day)))
}

/// Whether a day is such a weekday: a number counts in the month, or in the year when neither
/// frequency nor BYMONTH speak of months.
fn is_by_day(rule: &Recurrence, by: ByDay, day: Day) -> bool {
    let Some(nth) = by.nth else { return by.weekday == day.weekday() };
    if by.weekday != day.weekday() {
        return false;
    }
    let in_month = rule.frequency == Frequency::Monthly || !rule.months.is_empty();
    let (ordinal, length) = if in_month {
        (small(day.day()), small(u32::from(day.num_days_in_month())))
    } else {
        (small(day.ordinal()), year_length(day))
    };
    nth == (ordinal - 1) / 7 + 1 || nth == -((length - ordinal) / 7 + 1)
}

/// The days that BYSETPOS picks, in order, each once; all when it is not there.
fn picked(positions: &[i16], days: Vec<Day>) -> Vec<Day> {
    if positions.is_empty() {
        return days;
    }
    let count = days.len();
    let is_picked = |index: &usize| {
        let (front, back) = (index + 1, count - index);
        positions
            .iter()
            .any(|position| usize::from(position.unsigned_abs()) == if *position > 0 { front } else { back })
    };
    days.into_iter().enumerate().filter(|(index, _)| is_picked(index)).map(|(_, day)| day).collect()
}

/// The first day of a day's week.
fn week_begin(day: Day, week_start: chrono::Weekday) -> Day {
    add_days(day, -i64::from(day.weekday().days_since(week_start)))
}

/// The number of a day's week and how many its year has. A week is of the year that has at least
/// four of its days (ISO 8601).
fn week_number(day: Day, week_start: chrono::Weekday) -> (i16, i16) {
    let number = |fourth: Day| small(fourth.ordinal0() / 7 + 1);
    let fourth = |day| add_days(week_begin(day, week_start), 3);
    let own = fourth(day);
    // The 28th of December is in the last week of its year unless weeks begin late; the 31st is in
    // it or in the one after.
    let last = Day::from_ymd_opt(own.year(), 12, 31).map_or(own, fourth);
    let last = if last.year() == own.year() { last } else { add_days(last, -7) };
    (number(own), number(last))
}

fn year_length(day: Day) -> i16 {
    if day.leap_year() { 366 } else { 365 }
}

/// A number of the calendar: at most 366.
fn small(number: u32) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}
