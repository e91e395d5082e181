//! A parsed rule, and its canonical text.

use crate::domain::time::Day;
use chrono::{Datelike, Weekday};
use std::fmt;

/// The longest text of a rule, in bytes; a rule is ASCII.
pub(crate) const MAX_LENGTH: usize = 200;

/// The largest INTERVAL: far longer than a season whatever it counts.
pub(crate) const MAX_INTERVAL: u16 = 1_000;

/// The largest COUNT: far more days than a season has.
pub(crate) const MAX_COUNT: u16 = 10_000;

/// Why a text is no recurrence: which part of it, what is wrong, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {reason}")]
pub struct RecurrenceError {
    /// The name of the part, `BYDAY`; for one that has no known name, its text or which one it is.
    pub part: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

/// How often: the unit that `INTERVAL` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// `DAILY`
    Daily,
    /// `WEEKLY`
    Weekly,
    /// `MONTHLY`
    Monthly,
    /// `YEARLY`
    Yearly,
}

impl Frequency {
    /// Their words.
    pub(super) const ALL: [(&str, Self); 4] = [
        ("DAILY", Self::Daily),
        ("WEEKLY", Self::Weekly),
        ("MONTHLY", Self::Monthly),
        ("YEARLY", Self::Yearly),
    ];

    /// The word of the rule.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, frequency)| *frequency == self).map_or("", |(word, _)| word)
    }
}

/// Where a rule ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After so many days.
    Count(u16),
    /// With this day.
    Until(Day),
}

/// A weekday, or one of those of a month or year: `SA`, `1SA`, `-1SA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByDay {
    /// Which one of the month or year, from its end when negative; `None` = every one.
    pub nth: Option<i16>,
    /// The weekday.
    pub weekday: Weekday,
}

/// A rule that RFC 5545 allows and that says only on which days. Lists are sorted and hold nothing
/// twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    pub(super) frequency: Frequency,
    pub(super) interval: u16,
    pub(super) end: Option<End>,
    pub(super) months: Vec<i16>,
    pub(super) week_numbers: Vec<i16>,
    pub(super) year_days: Vec<i16>,
    pub(super) month_days: Vec<i16>,
    pub(super) weekdays: Vec<ByDay>,
    pub(super) positions: Vec<i16>,
    pub(super) week_start: Weekday,
}

/// The canonical text: FREQ first, the parts in one order, nothing that says what holds anyway.
impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FREQ={}", self.frequency.as_str())?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        match self.end {
            None => {}
            Some(End::Count(count)) => write!(f, ";COUNT={count}")?,
            Some(End::Until(day)) => write!(f, ";UNTIL={:04}{:02}{:02}", day.year(), day.month(), day.day())?,
        }
        let lists = [
            ("BYMONTH", &self.months),
            ("BYWEEKNO", &self.week_numbers),
            ("BYYEARDAY", &self.year_days),
            ("BYMONTHDAY", &self.month_days),
        ];
        for (name, list) in lists {
            write_list(f, name, list)?;
        }
        write_list(f, "BYDAY", &self.weekdays)?;
        write_list(f, "BYSETPOS", &self.positions)?;
        if self.week_start != Weekday::Mon {
            write!(f, ";WKST={}", word(self.week_start))?;
        }
        Ok(())
    }
}

impl fmt::Display for ByDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nth) = self.nth {
            write!(f, "{nth}")?;
        }
        f.write_str(word(self.weekday))
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, list: &[T]) -> fmt::Result {
    for (index, value) in list.iter().enumerate() {
        match index {
            0 => write!(f, ";{name}={value}")?,
            _ => write!(f, ",{value}")?,
        }
    }
    Ok(())
}

/// How a rule writes weekdays.
pub(super) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Mon),
    ("TU", Weekday::Tue),
    ("WE", Weekday::Wed),
    ("TH", Weekday::Thu),
    ("FR", Weekday::Fri),
    ("SA", Weekday::Sat),
    ("SU", Weekday::Sun),
];

/// How a rule writes a weekday.
pub(super) fn word(weekday: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, day)| *day == weekday).map_or("", |(word, _)| word)
}
