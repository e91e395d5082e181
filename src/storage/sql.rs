//! Statements written by hand: the only place that makes SQL text into a statement.

use super::dialect;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, TryGetableMany, Value};
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
    Ids(Vec<i64>),
    Pairs(Vec<(i64, i64)>),
    /// JSON, ready.
    Json(String),
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
    fn write(&self, json: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Number(Some(value)) => write!(json, "{value}"),
            Self::Day(Some(value)) => write!(json, "\"{value}\""),
            Self::Text(value) => write!(json, "{}", serde_json::Value::from(value.as_str())),
            Self::Number(None) | Self::Day(None) => write!(json, "null"),
        };
    }
}

/// A statement whose text is fixed in the program: `?` stands for a parameter, `{ids}` and `{pairs}` for sets (see `dialect`).
pub fn sql(text: &'static str) -> Sql {
    Sql { text: text.to_owned(), values: Vec::new() }
}

/// Tells the database that the sets of this transaction's statements are small; see [`dialect::small_sets`].
pub async fn expect_small_sets(txn: &super::Txn) -> Result<()> {
    match dialect::small_sets(txn.get_database_backend()) {
        Some(text) => sql(text).fetch(txn).await.map(drop),
        None => Ok(()),
    }
}

/// An UPDATE of many rows by the rows `p` of a set; see [`dialect::update_by_rows`]. The set is the first parameter.
pub fn update_by_rows(conn: &impl ConnectionTrait, table: &'static str, rows: &'static str, on: &'static str, set: &'static str) -> Sql {
    Sql { text: dialect::update_by_rows(conn.get_database_backend(), table, rows, on, set), values: Vec::new() }
}

/// An UPDATE of many rows, each with a value of its own; see [`dialect::update_by_pairs`].
pub fn update_by_pairs(
    conn: &impl ConnectionTrait,
    table: &'static str,
    key: &'static str,
    set: &'static str,
    and: &'static str,
    pairs: &[(i64, i64)],
) -> Sql {
    let text = dialect::update_by_pairs(conn.get_database_backend(), table, key, set, and);
    // MySQL's parameters stand in another order only if `set` or `and` had some; they follow the pairs everywhere.
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
        self.values.push(Parameter::Ids(ids.into_iter().collect()));
        self
    }

    /// The parameter of the next `{pairs}`.
    pub fn pairs(mut self, pairs: &[(i64, i64)]) -> Self {
        self.values.push(Parameter::Pairs(pairs.to_vec()));
        self
    }

    /// The parameter of the next `{rows:…}`: one value for each of its letters.
    pub fn rows<const N: usize>(mut self, rows: impl IntoIterator<Item = [Cell; N]>) -> Self {
        let mut json = String::from("[");
        for row in rows {
            json.push_str(if json.len() > 1 { ",[" } else { "[" });
            for (n, cell) in row.iter().enumerate() {
                if n > 0 {
                    json.push(',');
                }
                cell.write(&mut json);
            }
            json.push(']');
        }
        json.push(']');
        self.values.push(Parameter::Json(json));
        self
    }

    /// The parameter of the next `{texts}`.
    pub fn texts<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.values.push(Parameter::Json(serde_json::Value::from_iter(texts).to_string()));
        self
    }

    fn build(self, conn: &impl ConnectionTrait) -> Statement {
        let backend = conn.get_database_backend();
        let (mut text, mut values) = (self.text, Vec::with_capacity(self.values.len()));
        let lists_keys = dialect::lists_keys(backend, text.trim_start());
        for parameter in self.values {
            match parameter {
                Parameter::One(value) => values.push(value),
                // The sets stand in the order of their parameters, so the first left in the text is this one's.
                Parameter::Ids(ids) if lists_keys => text = text.replacen("{ids}", &dialect::key_list(&ids), 1),
                Parameter::Ids(ids) => values.push(json_array(ids.iter().map(i64::to_string))),
                Parameter::Json(json) => values.push(json.into()),
                Parameter::Pairs(pairs) => values.push(json_array(pairs.iter().map(|(a, b)| format!("[{a},{b}]")))),
            }
        }
        Statement::from_sql_and_values(backend, dialect::statement(backend, &text), values)
    }

    /// Runs it; how many rows it touched (matched, on MySQL too).
    pub async fn execute(self, conn: &impl ConnectionTrait) -> Result<u64> {
        Ok(conn.execute_raw(self.build(conn)).await?.rows_affected())
    }

    /// All rows as they come.
    pub async fn fetch(self, conn: &impl ConnectionTrait) -> Result<Vec<QueryResult>> {
        Ok(conn.query_all_raw(self.build(conn)).await?)
    }

    /// All rows as structs, columns by name.
    pub async fn all<T: FromQueryResult>(self, conn: &impl ConnectionTrait) -> Result<Vec<T>> {
        let rows = self.fetch(conn).await?;
        rows.iter().map(|row| Ok(T::from_query_result(row, "")?)).collect()
    }

    /// The first row as a struct.
    pub async fn one<T: FromQueryResult>(self, conn: &impl ConnectionTrait) -> Result<Option<T>> {
        let row = conn.query_one_raw(self.build(conn)).await?;
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

fn json_array(items: impl Iterator<Item = String>) -> Value {
    format!("[{}]", items.collect::<Vec<_>>().join(",")).into()
}
