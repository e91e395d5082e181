//! Reads one row of an import file, cell by cell: a faulty cell is noted, and the rest of the row
//! is still read.
//!
//! `spelling` knows how a value may be written; [`Fields`], which RPCs use too, knows which values
//! are allowed.

use super::outcome::Problem;
use super::spelling::{self, Reading, folded, trimmed};
use crate::app::input::Fields;
use crate::domain::time::{BusinessTime, Day, Instant};
use crate::error::{Error, Result};
use chrono::NaiveTime;
use std::borrow::Cow;

/// A question that RPCs ask of a field.
type Question = fn(Fields<'static>, &str, &str) -> Result<()>;

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

    /// The cell as it is; one that is not there reads as empty (the header was checked before).
    fn raw(&self, column: &str) -> &'a str {
        let place = self.columns.iter().position(|name| *name == column).and_then(|at| self.places.get(at));
        place.and_then(|place| self.values.get(*place)).map_or("", String::as_str)
    }

    /// A cell by which other files name the row, as far as it can be read.
    pub(super) fn key(&self, column: &str) -> String {
        let text = folded(self.raw(column));
        spelling::whole(&text)
            .ok()
            .filter(|_| column == "subject_id")
            .map_or_else(|| text.into_owned(), |number| number.to_string())
    }

    /// Notes what is wrong with a cell.
    pub(super) fn bad<T>(&mut self, column: &'static str, reason: impl Into<String>) -> Option<T> {
        self.problems.push(Problem::bad(self.file, self.line, column, reason));
        None
    }

    /// Notes what is wrong with a row that is whole.
    pub(super) fn wrong(&mut self, error: Error) {
        self.problems.push(Problem::of(self.file, self.line, error));
    }

    /// A cell for people, without blanks around it.
    fn people(&mut self, column: &'static str) -> Option<&'a str> {
        let text = trimmed(self.raw(column));
        match spelling::accident(text) {
            None => Some(text),
            Some(wrong) => self.bad(column, wrong),
        }
    }

    /// A cell for programs, folded.
    fn program(&mut self, column: &'static str) -> Option<Cow<'a, str>> {
        let text = folded(self.raw(column));
        match spelling::accident(&text) {
            None => Some(text),
            Some(wrong) => self.bad(column, wrong),
        }
    }

    /// A cell for programs that must not be empty, as a value.
    fn read<T>(&mut self, column: &'static str, read: impl FnOnce(&str) -> Reading<T>) -> Option<T> {
        let text = self.program(column)?;
        if text.is_empty() {
            return self.bad(column, "is missing");
        }
        match read(&text) {
            Ok(value) => Some(value),
            Err(wrong) => self.bad(column, wrong),
        }
    }

    /// A text of which the same question is asked as of RPCs; `hint` adds to the answer.
    fn asked(&mut self, column: &'static str, text: &str, question: Question, hint: &str) -> Option<String> {
        match question(Fields { path: "" }, column, text) {
            Ok(()) => Some(text.to_owned()),
            Err(Error::Invalid { field: _, reason }) => self.bad(column, format!("{reason}{hint}")),
            Err(other) => self.bad(column, other.to_string()),
        }
    }

    /// Text for people: at most 200 characters, none of them a control character; may be empty.
    pub(super) fn text(&mut self, column: &'static str) -> Option<String> {
        let text = self.people(column)?;
        self.asked(column, text, |fields, column, text| fields.optional_text(column, text, 200), "")
    }

    /// A name of a person or a thing: 1 to 100 characters.
    pub(super) fn name(&mut self, column: &'static str) -> Option<String> {
        let text = self.people(column)?;
        self.asked(column, text, Fields::name, "")
    }

    /// A code or user name: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub(super) fn code(&mut self, column: &'static str) -> Option<String> {
        let text = self.program(column)?;
        match spelling::power_of_ten(&text) {
            None => self.asked(column, &text, Fields::code, ""),
            Some(wrong) => self.bad(column, wrong),
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, column: &'static str, least: i64, most: i64) -> Option<i64> {
        let number = self.read(column, spelling::whole)?;
        match (Fields { path: "" }).range(column, number, least, most) {
            Ok(()) => Some(number),
            Err(error) => {
                self.wrong(error);
                None
            }
        }
    }

    /// A whole number within bounds that are not far.
    pub(super) fn small(&mut self, column: &'static str, least: i32, most: i32) -> Option<i32> {
        self.number(column, least.into(), most.into()).and_then(|number| i32::try_from(number).ok())
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, column: &'static str) -> Option<bool> {
        self.read(column, spelling::boolean)
    }

    /// One of the words of a closed set.
    pub(super) fn word<T: Copy>(
        &mut self,
        column: &'static str,
        all: &[T],
        show: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        self.read(column, |text| {
            let found = all.iter().copied().find(|value| show(*value).eq_ignore_ascii_case(text));
            found.ok_or_else(|| {
                format!(
                    "must be one of {}",
                    all.iter().map(|value| show(*value)).collect::<Vec<_>>().join(", ")
                )
            })
        })
    }

    /// A civil day.
    pub(super) fn day(&mut self, column: &'static str) -> Option<Day> {
        self.read(column, spelling::day)
    }

    /// Civil days, each once, with `;` between; may be empty.
    pub(super) fn days(&mut self, column: &'static str) -> Option<Vec<Day>> {
        let text = self.program(column)?;
        match spelling::days(&text) {
            Ok(days) => Some(days),
            Err(wrong) => self.bad(column, wrong),
        }
    }

    /// A time of day at which something begins.
    pub(super) fn start_time(&mut self, column: &'static str) -> Option<NaiveTime> {
        self.read(column, spelling::start_time)
    }

    /// A time of day at which something ends.
    pub(super) fn end_time(&mut self, column: &'static str) -> Option<NaiveTime> {
        self.read(column, spelling::end_time)
    }

    /// An instant; without an offset it is date and time in the business zone.
    pub(super) fn instant(&mut self, column: &'static str) -> Option<Instant> {
        let (day, clock, offset) = self.read(column, spelling::date_time)?;
        Some(match offset {
            None => self.time.at(day, clock),
            Some(offset) => Instant::from_utc(day.and_time(clock).and_utc()) - offset,
        })
    }

    /// A recurrence rule; whether it gives days is asked where its season is known.
    pub(super) fn recurrence(&mut self, column: &'static str) -> Option<String> {
        let text = self.program(column)?;
        self.asked(column, &spelling::recurrence(&text), Fields::recurrence, "")
    }

    /// Six digits (GB/T 2260).
    pub(super) fn area_code(&mut self, column: &'static str) -> Option<String> {
        let text = self.program(column)?;
        self.asked(column, spelling::without_fraction(&text), Fields::area_code, "")
    }

    /// `+` and 5 to 15 digits, or the 11 digits of a Chinese mobile number.
    pub(super) fn phone(&mut self, column: &'static str) -> Option<String> {
        let text = self.program(column)?;
        match spelling::power_of_ten(&text) {
            None => {
                let number = spelling::phone(&text);
                self.asked(column, &number, Fields::phone, spelling::phone_hint(&number))
            }
            Some(wrong) => self.bad(column, wrong),
        }
    }
}
