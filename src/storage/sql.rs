//! Statements written by hand: the only place that makes SQL text into a statement.

use super::dialect;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement, TryGetableMany, Value};
use std::fmt::Write as _;

/// A statement with its parameters; see [`sql`].
#[derive(Clone, Debug)]
pub struct Sql {
    text: String,
    values: Vec<Parameter>,
}

#[derive(Clone, Debug)]
enum Parameter {
    One(Value),
    Many(Set),
}

impl Parameter {
    /// How many cells its rows have, if it is a set of rows.
    fn width(&self) -> Option<usize> {
        match self {
            Self::Many(Set::Rows { width, .. }) => Some(*width),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
enum Set {
    Ids(Vec<i64>),
    Pairs(Vec<(i64, i64)>),
    Texts(Vec<String>),
    /// Row after row, each of `width` cells.
    Rows {
        width: usize,
        cells: Vec<Cell>,
    },
}

/// A value of a row of a set; see [`Sql::rows`].
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

/// A statement whose text is fixed in the program: `?` stands for a parameter, `{ids}`, `{texts}`,
/// `{pairs:…}` and `{rows:…}` for sets (see `dialect`).
pub fn sql(text: &'static str) -> Sql {
    Sql { text: text.to_owned(), values: Vec::new() }
}

/// An INSERT of rows that are given value by value in the order of the columns: (name, letter as in
/// `{rows:…}`, or `b` for a truth value).
pub fn insert_rows(table: &str, columns: &[(String, char)], cells: Vec<Cell>) -> Sql {
    let each = |column: fn(&str, char) -> String| {
        columns.iter().map(|(name, letter)| column(name, *letter)).collect::<Vec<_>>().join(", ")
    };
    let text = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {{rows:{}}} q",
        each(|name, _| name.to_owned()),
        each(|name, letter| if letter == 'b' { format!("q.{name} <> 0") } else { format!("q.{name}") }),
        each(|name, letter| format!("{name}:{}", if letter == 'b' { 'i' } else { letter })),
    );
    Sql { text, values: vec![Parameter::Many(Set::Rows { width: columns.len(), cells })] }
}

/// An UPDATE of many rows by the rows `p` of a set; see `dialect::update_by_rows`. The set is the
/// first parameter.
pub fn update_by_rows(
    conn: &impl ConnectionTrait,
    table: &'static str,
    rows: &'static str,
    on: &'static str,
    set: &'static str,
) -> Sql {
    Sql {
        text: dialect::update_by_rows(conn.get_database_backend(), table, rows, on, set),
        values: Vec::new(),
    }
}

/// A DELETE of the rows of a table that rows `p` of a set name; see `dialect::delete_by_rows`.
/// The set is the only parameter.
pub(crate) fn delete_by_rows(
    conn: &impl ConnectionTrait,
    table: &'static str,
    rows: &'static str,
    on: &'static str,
) -> Sql {
    Sql { text: dialect::delete_by_rows(conn.get_database_backend(), table, rows, on), values: Vec::new() }
}

/// An UPDATE of many rows, each with a value of its own; `names`: the key, and what the value is
/// called. See `dialect::update_by_pairs`.
pub fn update_by_pairs(
    conn: &impl ConnectionTrait,
    table: &'static str,
    names: [&'static str; 2],
    set: &'static str,
    and: &'static str,
    pairs: &[(i64, i64)],
) -> Sql {
    let text = dialect::update_by_pairs(conn.get_database_backend(), table, names, set, and);
    // MySQL's parameters stand in another order only if `set` or `and` had some; they follow the
    // pairs everywhere.
    Sql { text, values: Vec::new() }.pairs(pairs)
}

impl Sql {
    /// The next parameter.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(Parameter::One(value.into()));
        self
    }

    /// The parameter of the next `{ids}`.
    pub fn ids(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        self.values.push(Parameter::Many(Set::Ids(ids.into_iter().collect())));
        self
    }

    /// The parameter of the next `{pairs:…}`.
    pub fn pairs(mut self, pairs: &[(i64, i64)]) -> Self {
        self.values.push(Parameter::Many(Set::Pairs(pairs.to_vec())));
        self
    }

    /// The parameter of the next `{rows:…}`: one value for each of its columns.
    pub fn rows<const N: usize>(mut self, rows: impl IntoIterator<Item = [Cell; N]>) -> Self {
        self.values
            .push(Parameter::Many(Set::Rows { width: N, cells: rows.into_iter().flatten().collect() }));
        self
    }

    /// The parameter of the next `{texts}`.
    pub fn texts<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.values.push(Parameter::Many(Set::Texts(texts.into_iter().map(str::to_owned).collect())));
        self
    }

    fn build(self, conn: &impl ConnectionTrait) -> Result<Statement> {
        let backend = conn.get_database_backend();
        let (mut text, mut values) = (self.text, Vec::with_capacity(self.values.len()));
        let lists_keys = dialect::lists_keys(backend, text.trim_start());
        let widths: Vec<usize> = self.values.iter().filter_map(Parameter::width).collect();
        for parameter in self.values {
            match parameter {
                Parameter::One(value) => values.push(value),
                // The sets stand in the order of their parameters, so the first left in the text is
                // this one's.
                Parameter::Many(Set::Ids(ids)) if lists_keys => {
                    let (list, bound) = dialect::key_list(ids);
                    text = text.replacen("{ids}", &list, 1);
                    values.extend(bound.into_iter().map(Value::from));
                }
                Parameter::Many(set) if backend == DbBackend::Postgres => set.arrays(&mut values),
                Parameter::Many(set) => values.push(set.json().into()),
            }
        }
        Ok(Statement::from_sql_and_values(backend, dialect::statement(backend, &text, &widths)?, values))
    }

    /// Runs it; how many rows it touched (matched, on MySQL too).
    pub async fn execute(self, conn: &impl ConnectionTrait) -> Result<u64> {
        Ok(conn.execute_raw(self.build(conn)?).await?.rows_affected())
    }

    /// Runs it for parts of its first set, each of which is sent at once (see [`RECORD`]): for what
    /// does not depend on the set as a whole. How many rows it touched in all.
    pub(crate) async fn execute_in_parts(self, conn: &impl ConnectionTrait) -> Result<u64> {
        let mut touched = 0;
        for part in self.parts(conn) {
            touched += part.execute(conn).await?;
        }
        Ok(touched)
    }

    /// All rows as structs, asked for as [`Sql::execute_in_parts`] does.
    pub(crate) async fn all_in_parts<T: FromQueryResult>(
        self,
        conn: &impl ConnectionTrait,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        for part in self.parts(conn) {
            found.extend(part.all(conn).await?);
        }
        Ok(found)
    }

    /// All rows as tuples, asked for as [`Sql::execute_in_parts`] does.
    pub(crate) async fn tuples_in_parts<T: TryGetableMany>(
        self,
        conn: &impl ConnectionTrait,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        for part in self.parts(conn) {
            found.extend(part.tuples(conn).await?);
        }
        Ok(found)
    }

    fn parts(mut self, conn: &impl ConnectionTrait) -> Vec<Self> {
        let set = self.values.iter().position(|parameter| matches!(parameter, Parameter::Many(_)));
        let (Some(at), true) = (set, conn.get_database_backend() != DbBackend::Sqlite) else {
            return vec![self];
        };
        // What stands in its place is put there again by each part.
        let Parameter::Many(set) =
            std::mem::replace(&mut self.values[at], Parameter::Many(Set::Ids(Vec::new())))
        else {
            return vec![self];
        };
        let part = |set| {
            let mut part = self.clone();
            part.values[at] = Parameter::Many(set);
            part
        };
        set.parts().into_iter().map(part).collect()
    }

    /// All rows as they come.
    pub async fn fetch(self, conn: &impl ConnectionTrait) -> Result<Vec<QueryResult>> {
        Ok(conn.query_all_raw(self.build(conn)?).await?)
    }

    /// All rows as structs, columns by name.
    pub async fn all<T: FromQueryResult>(self, conn: &impl ConnectionTrait) -> Result<Vec<T>> {
        let rows = self.fetch(conn).await?;
        rows.iter().map(|row| Ok(T::from_query_result(row, "")?)).collect()
    }

    /// The first row as a struct.
    pub async fn one<T: FromQueryResult>(self, conn: &impl ConnectionTrait) -> Result<Option<T>> {
        let row = conn.query_one_raw(self.build(conn)?).await?;
        Ok(row.map(|row| T::from_query_result(&row, "")).transpose()?)
    }

    /// All rows as tuples, columns by position. A tuple has two columns at least.
    pub async fn tuples<T: TryGetableMany>(self, conn: &impl ConnectionTrait) -> Result<Vec<T>> {
        let rows = self.fetch(conn).await?;
        rows.iter().map(|row| Ok(row.try_get_many_by_index()?)).collect()
    }

    /// The first column of all rows.
    pub async fn column<T: sea_orm::TryGetable>(self, conn: &impl ConnectionTrait) -> Result<Vec<T>> {
        let rows = self.fetch(conn).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }
}

/// Bytes of values in one message to a database: a TLS record (16 KiB) less what else is in it.
/// What is longer is sent in several, of which the last waits for the server to acknowledge the
/// others (Nagle's algorithm, which the drivers leave on), which it does after 40 ms.
pub(crate) const RECORD: usize = 15_500;

/// Splits items into as few parts as fit a record each; one at least, which may be empty.
fn fitting<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut full) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let size = size(&item);
        if full + size > RECORD && !part.is_empty() {
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
    fn parts(self) -> Vec<Self> {
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

    /// As one JSON array: of values, or of rows.
    fn json(&self) -> String {
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
    fn arrays(&self, values: &mut Vec<Value>) {
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
    }
}
