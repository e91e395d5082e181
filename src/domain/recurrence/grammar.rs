//! The grammar of RFC 5545 §3.3.10, restricted to the parts that name days, and the combinations
//! that it forbids.

use super::rule::{
    ByDay, End, Frequency, MAX_COUNT, MAX_INTERVAL, MAX_LENGTH, Recurrence, RecurrenceError, WEEKDAYS,
};
use crate::domain::time::Day;
use chrono::{Datelike, Weekday};

type Result<T> = std::result::Result<T, RecurrenceError>;

/// The parts that a rule may have.
const PARTS: [&str; 11] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYMONTH",
    "BYWEEKNO",
    "BYYEARDAY",
    "BYMONTHDAY",
    "BYDAY",
    "BYSETPOS",
    "WKST",
];
/// Parts of RFC 5545 that say more than on which days.
const TIMES: [&str; 3] = ["BYHOUR", "BYMINUTE", "BYSECOND"];

fn refuse<T>(part: &str, reason: impl Into<String>) -> Result<T> {
    Err(RecurrenceError { part: part.to_owned(), reason: reason.into() })
}

/// Reads a rule. Names and words may be in lower case, as RFC 5545 §2 says; parts may stand in any
/// order, each once.
pub(super) fn parse(text: &str) -> Result<Recurrence> {
    if text.is_empty() {
        return refuse("FREQ", "is missing: a rule begins with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY");
    }
    if text.len() > MAX_LENGTH {
        return refuse("the rule", format!("must have at most {MAX_LENGTH} characters, all of them ASCII"));
    }
    if text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("RRULE:")) {
        return refuse(
            "RRULE:",
            "is the name of a property, not a part of the rule, which begins with FREQ=",
        );
    }
    let mut parts = Parts::default();
    for (index, piece) in text.split(';').enumerate() {
        parts.add(index, piece)?;
    }
    parts.rule()
}

/// The values of the parts by the order of [`PARTS`], each at most once.
#[derive(Default)]
struct Parts<'a>([Option<&'a str>; PARTS.len()]);

impl<'a> Parts<'a> {
    fn add(&mut self, index: usize, piece: &'a str) -> Result<()> {
        if piece.is_empty() {
            let reason = "is empty: put one ; between two parts, and none before the first or after the last";
            return refuse(&format!("part {}", index + 1), reason);
        }
        let Some((name, value)) = piece.split_once('=') else {
            return refuse(
                &shown(piece),
                "has no value: a part is written NAME=VALUE, with ; between two parts",
            );
        };
        let upper = name.to_ascii_uppercase();
        let Some(at) = PARTS.iter().position(|part| *part == upper) else {
            if TIMES.contains(&upper.as_str()) {
                return refuse(
                    &upper,
                    "is not allowed: a recurrence names days only, and lessons begin when their period does",
                );
            }
            return refuse(&shown(name), format!("is not a known part; the parts are {}", PARTS.join(", ")));
        };
        match &mut self.0[at] {
            Some(_) => refuse(PARTS[at], "is given twice: give each part once, with , between its values"),
            None if value.is_empty() => refuse(PARTS[at], "has no value"),
            slot => {
                *slot = Some(value);
                Ok(())
            }
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        PARTS.iter().position(|part| *part == name).and_then(|at| self.0[at])
    }

    fn rule(&self) -> Result<Recurrence> {
        let rule = Recurrence {
            frequency: self.frequency()?,
            interval: self.get("INTERVAL").map_or(Ok(1), |value| count("INTERVAL", value, MAX_INTERVAL))?,
            end: self.end()?,
            months: self.months()?,
            week_numbers: self.numbers("BYWEEKNO", 2, 53)?,
            year_days: self.numbers("BYYEARDAY", 3, 366)?,
            month_days: self.numbers("BYMONTHDAY", 2, 31)?,
            weekdays: self.weekdays()?,
            positions: self.numbers("BYSETPOS", 3, 366)?,
            week_start: match self.get("WKST") {
                None => Weekday::Mon,
                Some(value) => weekday(value).map_or_else(|| refuse("WKST", not_a_weekday(value)), Ok)?,
            },
        };
        check_together(&rule)?;
        Ok(rule)
    }

    fn frequency(&self) -> Result<Frequency> {
        let Some(value) = self.get("FREQ") else {
            return refuse("FREQ", "is missing: DAILY, WEEKLY, MONTHLY or YEARLY");
        };
        let upper = value.to_ascii_uppercase();
        match Frequency::ALL.iter().find(|(word, _)| *word == upper) {
            Some((_, frequency)) => Ok(*frequency),
            None if ["SECONDLY", "MINUTELY", "HOURLY"].contains(&upper.as_str()) => refuse(
                "FREQ",
                format!("must be DAILY, WEEKLY, MONTHLY or YEARLY, not {upper}: a recurrence names days"),
            ),
            None => refuse("FREQ", format!("must be DAILY, WEEKLY, MONTHLY or YEARLY, not {}", shown(value))),
        }
    }

    fn end(&self) -> Result<Option<End>> {
        match (self.get("COUNT"), self.get("UNTIL")) {
            (Some(_), Some(_)) => {
                refuse("UNTIL", "is not allowed together with COUNT: a rule ends in one way")
            }
            (Some(value), None) => Ok(Some(End::Count(count("COUNT", value, MAX_COUNT)?))),
            (None, Some(value)) => match day(value) {
                Some(day) => Ok(Some(End::Until(day))),
                None => refuse(
                    "UNTIL",
                    format!("must be a day YYYYMMDD without a time of day, not {}", shown(value)),
                ),
            },
            (None, None) => Ok(None),
        }
    }

    fn months(&self) -> Result<Vec<i16>> {
        self.list("BYMONTH", |item| {
            let month = digits(item, 2).filter(|month| (1..=12).contains(month));
            month.ok_or_else(|| format!("takes months from 1 to 12 without a sign, not {}", shown(item)))
        })
    }

    /// Numbers from 1 to `most`, or from the end with a minus.
    fn numbers(&self, name: &str, longest: usize, most: i16) -> Result<Vec<i16>> {
        self.list(name, |item| {
            let number = signed(item, longest).filter(|number| (1..=most).contains(&number.abs()));
            number.ok_or_else(|| {
                format!("takes numbers from 1 to {most} or from -1 to -{most}, not {}", shown(item))
            })
        })
    }

    /// The items of a list, sorted, each once.
    fn list(&self, name: &str, read: impl Fn(&str) -> std::result::Result<i16, String>) -> Result<Vec<i16>> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let read = |item| read(item).map_err(|reason| RecurrenceError { part: name.to_owned(), reason });
        let mut list = value.split(',').map(read).collect::<Result<Vec<i16>>>()?;
        list.sort_unstable();
        list.dedup();
        Ok(list)
    }

    fn weekdays(&self) -> Result<Vec<ByDay>> {
        let Some(value) = self.get("BYDAY") else { return Ok(Vec::new()) };
        let read = |item: &str| by_day(item).map_or_else(|| refuse("BYDAY", not_a_weekday(item)), Ok);
        let mut list = value.split(',').map(read).collect::<Result<Vec<ByDay>>>()?;
        list.sort_by_key(|day| (day.nth, day.weekday.num_days_from_monday()));
        list.dedup();
        Ok(list)
    }
}

/// What RFC 5545 forbids to stand together.
fn check_together(rule: &Recurrence) -> Result<()> {
    use Frequency::{Monthly, Weekly, Yearly};
    let frequency = rule.frequency;
    if let Some(numbered) = rule.weekdays.iter().find(|day| day.nth.is_some()) {
        if !matches!(frequency, Monthly | Yearly) {
            let reason = format!("{numbered} has a number, which only FREQ=MONTHLY and FREQ=YEARLY allow");
            return refuse("BYDAY", reason);
        }
        if !rule.week_numbers.is_empty() {
            return refuse(
                "BYDAY",
                format!("{numbered} has a number, which is not allowed together with BYWEEKNO"),
            );
        }
    }
    if frequency == Weekly && !rule.month_days.is_empty() {
        return refuse("BYMONTHDAY", "is not allowed together with FREQ=WEEKLY");
    }
    if frequency != Yearly && !rule.year_days.is_empty() {
        return refuse("BYYEARDAY", format!("is allowed only with FREQ=YEARLY, not {}", frequency.as_str()));
    }
    if frequency != Yearly && !rule.week_numbers.is_empty() {
        return refuse("BYWEEKNO", format!("is allowed only with FREQ=YEARLY, not {}", frequency.as_str()));
    }
    let others = [&rule.months, &rule.week_numbers, &rule.year_days, &rule.month_days];
    if !rule.positions.is_empty() && rule.weekdays.is_empty() && others.iter().all(|list| list.is_empty()) {
        return refuse(
            "BYSETPOS",
            "is allowed only together with another part whose name begins with BY, from whose days it picks",
        );
    }
    Ok(())
}

/// What was given, for people: short, quoted, nothing unprintable.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(24).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{cut}")
}

fn not_a_weekday(item: &str) -> String {
    format!(
        "{} is not a weekday: MO, TU, WE, TH, FR, SA or SU (with , between two; 1SA or -1SA for one of a \
         month or year)",
        shown(item)
    )
}

/// Plain digits, at most so many.
fn digits(text: &str, longest: usize) -> Option<i16> {
    let good = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// Digits with or without a sign.
fn signed(text: &str, longest: usize) -> Option<i16> {
    match text.strip_prefix('-') {
        Some(rest) => digits(rest, longest).map(|number| -number),
        None => digits(text.strip_prefix('+').unwrap_or(text), longest),
    }
}

fn count(name: &str, value: &str, most: u16) -> Result<u16> {
    // Any number of digits: zeros may lead.
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<u16>().ok().filter(|number| plain && (1..=most).contains(number)) {
        Some(number) => Ok(number),
        None => refuse(name, format!("must be a number from 1 to {most}, not {}", shown(value))),
    }
}

/// `YYYYMMDD`, of the years that days of seasons are of.
fn day(text: &str) -> Option<Day> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let year = i32::try_from(number(0, 4)?).ok()?;
    Day::from_ymd_opt(year, number(4, 6)?, number(6, 8)?).filter(|day| day.year() >= 1970)
}

fn weekday(text: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, day)| *day)
}

fn by_day(item: &str) -> Option<ByDay> {
    let at = item.len().checked_sub(2)?;
    let (number, name) = (item.get(..at)?, item.get(at..)?);
    let weekday = weekday(name)?;
    if number.is_empty() {
        return Some(ByDay { nth: None, weekday });
    }
    let nth = signed(number, 2).filter(|number| (1..=53).contains(&number.abs()))?;
    Some(ByDay { nth: Some(nth), weekday })
}
