//! One row of an import file, read cell by cell: what is wrong with a cell is noted, and the rest of the row is read on.

use super::Problem;
use crate::app::input::Fields;
use crate::domain::calendar::{parse_day, parse_time};
use crate::domain::time::{BusinessTime, Day, Instant};
use crate::error::{Error, Result};
use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime};

/// The cells of a row by the names of their columns.
pub(super) struct Cells<'a> {
    file: &'static str,
    line: u32,
    columns: &'static [&'static str],
    /// Where in the row each of `columns` stands.
    places: &'a [usize],
    values: &'a [String],
    time: BusinessTime,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(
        (file, columns): (&'static str, &'static [&'static str]),
        places: &'a [usize],
        line: u32,
        values: &'a [String],
        time: BusinessTime,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self { file, line, columns, places, values, time, problems }
    }

    /// The cell as it is; a column that is not there reads as empty (the header was checked before).
    pub(super) fn raw(&self, column: &str) -> &'a str {
        let place = self.columns.iter().position(|name| *name == column).and_then(|at| self.places.get(at));
        place.and_then(|place| self.values.get(*place)).map_or("", String::as_str)
    }

    /// Notes what is wrong with a cell.
    pub(super) fn bad<T>(&mut self, column: &'static str, reason: impl Into<String>) -> Option<T> {
        self.problems.push(Problem::bad(self.file, self.line, column, reason));
        None
    }

    /// A cell that must not be empty.
    fn required(&mut self, column: &'static str) -> Option<&'a str> {
        let text = self.raw(column);
        if text.trim().is_empty() { self.bad(column, "is missing") } else { Some(text) }
    }

    /// A cell that the same question accepts which RPCs ask.
    fn checked(&mut self, column: &'static str, check: impl Fn(Fields<'static>, &str, &str) -> Result<()>) -> Option<String> {
        let text = self.raw(column);
        match check(Fields { path: "" }, column, text) {
            Ok(()) => Some(text.to_owned()),
            Err(Error::Invalid { field: _, reason }) => self.bad(column, reason),
            Err(other) => self.bad(column, other.to_string()),
        }
    }

    /// Text for people: at most `longest` characters, none of them a control character; may be empty.
    pub(super) fn text(&mut self, column: &'static str, longest: usize) -> Option<String> {
        self.checked(column, |fields, column, text| fields.optional_text(column, text, longest))
    }

    /// A name of a person or a thing: 1 to 100 characters.
    pub(super) fn name(&mut self, column: &'static str) -> Option<String> {
        self.checked(column, Fields::name)
    }

    /// A code or user name: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub(super) fn code(&mut self, column: &'static str) -> Option<String> {
        self.checked(column, Fields::code)
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, column: &'static str, least: i32, most: i32) -> Option<i32> {
        let text = self.required(column)?;
        let digits = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<i64>().ok().filter(|_| digits) {
            None => self.bad(column, "is not a whole number"),
            Some(number) => match i32::try_from(number).ok().filter(|number| (least..=most).contains(number)) {
                None => self.bad(column, format!("is not within {least} to {most}")),
                found => found,
            },
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, column: &'static str) -> Option<bool> {
        match self.required(column)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.bad(column, "is neither true nor false"),
        }
    }

    /// One of the words of a closed set.
    pub(super) fn word<T: Copy>(&mut self, column: &'static str, all: &[T], show: impl Fn(T) -> &'static str) -> Option<T> {
        let text = self.required(column)?;
        match all.iter().copied().find(|value| show(*value) == text) {
            None => {
                let words: Vec<&str> = all.iter().map(|value| show(*value)).collect();
                self.bad(column, format!("is none of {}", words.join(", ")))
            }
            found => found,
        }
    }

    /// A civil day.
    pub(super) fn day(&mut self, column: &'static str) -> Option<Day> {
        let text = self.required(column)?;
        match parse_day(text).filter(|day| is_sane(*day)) {
            None => self.bad(column, DAY),
            found => found,
        }
    }

    /// Civil days with `;` between; may be empty.
    pub(super) fn days(&mut self, column: &'static str) -> Option<Vec<Day>> {
        let text = self.raw(column);
        if text.is_empty() {
            return Some(Vec::new());
        }
        let days: Option<Vec<Day>> = text.split(';').map(|day| parse_day(day).filter(|day| is_sane(*day))).collect();
        match days {
            None => self.bad(column, format!("has a part that {DAY}; there is ; between days")),
            found => found,
        }
    }

    /// A time of day.
    pub(super) fn time(&mut self, column: &'static str) -> Option<NaiveTime> {
        let text = self.required(column)?;
        match parse_time(text) {
            None => self.bad(column, "is not a time of day HH:MM"),
            found => found,
        }
    }

    /// An instant: RFC 3339, or date and time in the business zone.
    pub(super) fn instant(&mut self, column: &'static str) -> Option<Instant> {
        let text = self.required(column)?;
        let local = || ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"].iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        let read = || match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Some(Instant::from_utc(at.to_utc())),
            Err(_) => local().map(|at| self.time.at(at.date(), at.time())),
        };
        let found = text.is_char_boundary(10).then(read).flatten().filter(|_| text.get(..10).and_then(parse_day).is_some_and(is_sane));
        match found {
            None => self
                .bad(column, "is not a date and time YYYY-MM-DDTHH:MM:SS, nor one with its offset (RFC 3339), of the years 1970 to 2200"),
            found => found,
        }
    }

    /// A recurrence rule; whether it can be used is checked once for each different one.
    pub(super) fn recurrence(&mut self, column: &'static str) -> Option<String> {
        self.checked(column, Fields::recurrence)
    }

    /// Six digits (GB/T 2260).
    pub(super) fn area_code(&mut self, column: &'static str) -> Option<String> {
        self.checked(column, Fields::area_code)
    }

    /// `+` and 5 to 15 digits, or the 11 digits of a Chinese mobile number.
    pub(super) fn phone(&mut self, column: &'static str) -> Option<String> {
        self.checked(column, Fields::phone)
    }
}

const DAY: &str = "is not a day YYYY-MM-DD of the years 1970 to 2200";

/// Whether the calendar of the rules goes that far; all three databases do.
fn is_sane(day: Day) -> bool {
    day.year() <= 2200
}
