//! Sets of values as parameters, in the form in which each database takes them.

use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::dialect;
use sea_orm::Value;
use std::fmt::Write as _;

/// A set of values, which is one parameter however many there are.
#[derive(Clone, Debug)]
pub(super) enum Set {
    /// For `{ids}`.
    Ids(Vec<i64>),
    /// For `{pairs:…}`.
    Pairs(Vec<(i64, i64)>),
    /// For `{texts}`.
    Texts(Vec<String>),
    /// For `{rows:…}`: row after row.
    Rows {
        /// Cells of a row.
        width: usize,
        /// The cells.
        cells: Vec<Cell>,
    },
}

/// A value of a row of a set; see [`Sql::rows`](super::Sql::rows).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A number, or an instant in seconds.
    Number(Option<i64>),
    /// A day.
    Day(Option<Day>),
    /// A text.
    Text(String),
}

impl Cell {
    /// About how many bytes it is in an array that is sent to PostgreSQL.
    pub fn size(&self) -> usize {
        4 + match self {
            Self::Number(value) => value.map_or(0, |_| 8),
            Self::Day(value) => value.map_or(0, |_| 4),
            Self::Text(value) => value.len(),
        }
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Number(Some(value))
    }
}

impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Self {
        Self::Number(value)
    }
}

impl From<Instant> for Cell {
    fn from(value: Instant) -> Self {
        Self::Number(Some(value.unix()))
    }
}

impl From<Option<Instant>> for Cell {
    fn from(value: Option<Instant>) -> Self {
        Self::Number(value.map(Instant::unix))
    }
}

impl From<Day> for Cell {
    fn from(value: Day) -> Self {
        Self::Day(Some(value))
    }
}

impl From<Option<Day>> for Cell {
    fn from(value: Option<Day>) -> Self {
        Self::Day(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl Cell {
    /// How many bytes it is when it is written out, with what stands between it and the next.
    fn written(&self) -> usize {
        match self {
            Self::Number(value) => value.map_or(5, digits),
            Self::Day(_) => 13,
            Self::Text(value) => value.len() + 3,
        }
    }

    fn write_json(&self, json: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Number(Some(value)) => write!(json, "{value}"),
            Self::Day(Some(value)) => write!(json, "\"{value}\""),
            Self::Text(value) => write!(json, "{}", serde_json::Value::from(value.as_str())),
            Self::Number(None) | Self::Day(None) => write!(json, "null"),
        };
    }

    /// As an element of PostgreSQL's array literals.
    fn write_element(&self, array: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Number(Some(value)) => write!(array, "{value}"),
            Self::Day(Some(value)) => write!(array, "{value}"),
            Self::Text(value) => return write_text_element(value, array),
            Self::Number(None) | Self::Day(None) => write!(array, "NULL"),
        };
    }
}

fn write_text_element(text: &str, array: &mut String) {
    array.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            array.push('\\');
        }
        array.push(letter);
    }
    array.push('"');
}

/// Bytes of values in one message to a database: a TLS record (16 KiB) less what else is in it.
/// What is longer is sent in several, of which the last waits for the server to acknowledge the
/// others (Nagle's algorithm, which the drivers leave on), which it does after 40 ms.
pub(crate) const RECORD: usize = 15_500;

/// In more records than this that wait is over sooner than their round trips.
const MOST_RECORDS: usize = 32;

/// Bytes of values in one message of so many: a database takes 16 MiB at least, but one that is
/// busy is to get through a statement well within its time limit.
const LARGE: usize = 1 << 20;

/// Splits items into as few parts as fit a record each, of very many items into large ones; one at
/// least, which may be empty.
fn fitting<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let all: usize = items.iter().map(&size).sum();
    let most = if all > MOST_RECORDS * RECORD { LARGE } else { RECORD };
    let (mut parts, mut part, mut full) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let size = size(&item);
        if full + size > most && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            full = 0;
        }
        full += size;
        part.push(item);
    }
    parts.push(part);
    parts
}

/// How many bytes a number is when it is written out, with what stands between it and the next.
fn digits(number: i64) -> usize {
    number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 3
}

impl Set {
    /// In parts that fit a record each.
    pub(super) fn parts(self) -> Vec<Self> {
        match self {
            Self::Ids(ids) => fitting(ids, |id| digits(*id)).into_iter().map(Self::Ids).collect(),
            Self::Pairs(pairs) => {
                fitting(pairs, |(a, b)| digits(*a) + digits(*b) + 2).into_iter().map(Self::Pairs).collect()
            }
            Self::Texts(texts) => {
                fitting(texts, |text| text.len() + 3).into_iter().map(Self::Texts).collect()
            }
            Self::Rows { width, cells } => {
                let rows = cells.chunks(width.max(1)).map(<[Cell]>::to_vec).collect();
                let size = |row: &Vec<Cell>| row.iter().map(Cell::written).sum::<usize>() + 3;
                fitting(rows, size)
                    .into_iter()
                    .map(|rows| Self::Rows { width, cells: rows.concat() })
                    .collect()
            }
        }
    }

    /// Refuses texts that a database would cut.
    pub(super) fn fits(&self) -> Result<()> {
        match self {
            Self::Ids(_) | Self::Pairs(_) => Ok(()),
            Self::Texts(texts) => texts.iter().try_for_each(|text| dialect::fits(text, dialect::TEXT_MOST)),
            Self::Rows { cells, .. } => cells.iter().try_for_each(|cell| match cell {
                Cell::Text(text) => dialect::fits(text, dialect::CELL_MOST),
                Cell::Number(_) | Cell::Day(_) => Ok(()),
            }),
        }
    }

    /// As one JSON array: of values, or of rows.
    pub(super) fn json(&self) -> String {
        let mut json = String::from("[");
        let comma = |json: &mut String| json.push_str(if json.len() > 1 { "," } else { "" });
        match self {
            Self::Ids(ids) => ids.iter().for_each(|id| {
                comma(&mut json);
                Cell::from(*id).write_json(&mut json);
            }),
            Self::Pairs(pairs) => pairs.iter().for_each(|(a, b)| {
                comma(&mut json);
                // Writing to a String cannot fail.
                let _ = write!(json, "[{a},{b}]");
            }),
            Self::Texts(texts) => {
                return serde_json::Value::from_iter(texts.iter().map(String::as_str)).to_string();
            }
            Self::Rows { width, cells } => cells.chunks(*width).for_each(|row| {
                comma(&mut json);
                for (n, cell) in row.iter().enumerate() {
                    json.push(if n == 0 { '[' } else { ',' });
                    cell.write_json(&mut json);
                }
                json.push(']');
            }),
        }
        json.push(']');
        json
    }

    /// As PostgreSQL's arrays, one for each column.
    pub(super) fn arrays(&self, values: &mut Vec<Value>) {
        match self {
            Self::Ids(ids) => {
                values.push(array(ids.iter(), |id, array| Cell::from(*id).write_element(array)))
            }
            Self::Texts(texts) => {
                values.push(array(texts.iter(), |text, array| write_text_element(text, array)))
            }
            Self::Pairs(pairs) => {
                values.push(array(pairs.iter(), |(a, _), array| Cell::from(*a).write_element(array)));
                values.push(array(pairs.iter(), |(_, b), array| Cell::from(*b).write_element(array)));
            }
            Self::Rows { width, cells } => {
                for column in 0..*width {
                    values.push(array(cells.iter().skip(column).step_by(*width), Cell::write_element));
                }
            }
        }
    }
}

fn array<T>(items: impl Iterator<Item = T>, write: impl Fn(T, &mut String)) -> Value {
    let mut array = String::from("{");
    for item in items {
        array.push_str(if array.len() > 1 { "," } else { "" });
        write(item, &mut array);
    }
    array.push('}');
    array.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sent_in_parts_that_fit_a_record_each_and_nothing_is_lost() {
        let ids: Vec<i64> = (0..10_000).collect();
        let parts = Set::Ids(ids.clone()).parts();
        assert_eq!(parts.len(), 4);
        assert!(parts.iter().all(|part| part.json().len() <= RECORD));
        let all =
            parts.iter().flat_map(|part| if let Set::Ids(ids) = part { ids.clone() } else { Vec::new() });
        assert_eq!(all.collect::<Vec<_>>(), ids);
        let cells = (0..3_000).flat_map(|n| [Cell::from(n), Cell::from("王小明"), Cell::Day(None)]).collect();
        let parts = Set::Rows { width: 3, cells }.parts();
        assert_eq!(parts.len(), 7);
        assert!(parts.iter().all(|part| part.json().len() <= RECORD));
        assert_eq!(Set::Texts(Vec::new()).parts().len(), 1, "an empty set is asked for as well");
        assert_eq!(
            Set::Texts(vec!["x".repeat(RECORD), "y".repeat(RECORD)]).parts().len(),
            2,
            "what is too long by itself is sent"
        );
        assert_eq!(Set::Ids((0..100_000).collect()).parts().len(), 1, "one wait is shorter than many trips");
        assert_eq!(Set::Ids((0..200_000).collect()).parts().len(), 2, "but no message is too large");
    }
}
