//! Statements written by hand: the only place that makes SQL text into a statement.

mod set;

use super::dialect;
use crate::error::Result;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement, TryGetableMany, Value};
pub use set::Cell;
pub(crate) use set::RECORD;
use set::Set;

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
                Parameter::Many(set) => {
                    set.fits()?;
                    match backend {
                        DbBackend::Postgres => set.arrays(&mut values),
                        _ => values.push(set.json().into()),
                    }
                }
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
