//! Statements written by hand: the only place that makes SQL text into a statement.

use super::dialect;
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, TryGetableMany, Value};

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
}

/// A statement whose text is fixed in the program: `?` stands for a parameter, `{ids}` and `{pairs}` for sets (see `dialect`).
pub fn sql(text: &'static str) -> Sql {
    Sql { text: text.to_owned(), values: Vec::new() }
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
