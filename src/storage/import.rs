//! Sets of rows for the import: looked up by name, inserted and updated in chunks.

use super::entity::{coach, coach_availability, reservation, student};
use super::insert;
use super::sql::{Cell, insert_rows, sql};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::Txn;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityName, EntityTrait, IdenStatic, Iterable,
    QueryFilter, Value,
};
use std::collections::{HashMap, HashSet};

/// Rows of one UPDATE: each column is a CASE with a branch a row.
const UPDATES: usize = 100;

/// The coaches of these user names.
pub(crate) async fn coach_list_by_names(
    conn: &impl ConnectionTrait,
    names: &[&str],
) -> Result<Vec<coach::Model>> {
    sql("SELECT * FROM coach WHERE user_name IN ({texts})")
        .texts(names.iter().copied())
        .all_in_parts(conn)
        .await
}

/// The students of these user names.
pub(crate) async fn student_list_by_names(
    conn: &impl ConnectionTrait,
    names: &[&str],
) -> Result<Vec<student::Model>> {
    sql("SELECT * FROM student WHERE user_name IN ({texts})")
        .texts(names.iter().copied())
        .all_in_parts(conn)
        .await
}

/// Locks coaches until the transaction ends, without changing them.
pub(crate) async fn coach_lock_set_in_txn(txn: &impl ConnectionTrait, ids: &[i64]) -> Result<()> {
    sql("UPDATE coach SET version = version WHERE id IN ({ids})")
        .ids(ids.iter().copied())
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// Marks coaches as changed.
pub(crate) async fn coach_bump_set_in_txn(txn: &impl ConnectionTrait, ids: &[i64]) -> Result<()> {
    sql("UPDATE coach SET version = version + 1 WHERE id IN ({ids})")
        .ids(ids.iter().copied())
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// Locks students until the transaction ends, without changing them.
pub(crate) async fn student_lock_set_in_txn(txn: &impl ConnectionTrait, ids: &[i64]) -> Result<()> {
    sql("UPDATE student SET version = version WHERE id IN ({ids})")
        .ids(ids.iter().copied())
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// All availability of coaches.
pub(crate) async fn availability_list(
    conn: &impl ConnectionTrait,
    coach_ids: &[i64],
) -> Result<Vec<coach_availability::Model>> {
    sql("SELECT * FROM coach_availability WHERE coach_id IN ({ids})")
        .ids(coach_ids.iter().copied())
        .all_in_parts(conn)
        .await
}

/// All reservations of students.
pub(crate) async fn reservation_list_of_students(
    conn: &impl ConnectionTrait,
    student_ids: &[i64],
) -> Result<Vec<reservation::Model>> {
    sql("SELECT * FROM reservation WHERE student_id IN ({ids})")
        .ids(student_ids.iter().copied())
        .all_in_parts(conn)
        .await
}

/// The templates that any of these students is signed up for.
pub(crate) async fn template_ids_of_students(
    conn: &impl ConnectionTrait,
    student_ids: &[i64],
) -> Result<Vec<i64>> {
    sql("SELECT DISTINCT template_id FROM reservation WHERE student_id IN ({ids}) \
        AND state IN ('HELD', 'BOOKED', 'PLACED', 'OFFERED')")
    .ids(student_ids.iter().copied())
    .column(conn)
    .await
}

/// The highest key of a reservation; 0 = there is none.
pub(crate) async fn reservation_last_id(conn: &impl ConnectionTrait) -> Result<i64> {
    let found = sql("SELECT COALESCE(MAX(id), 0) FROM reservation").column(conn).await?;
    Ok(found.into_iter().next().unwrap_or(0))
}

/// Locks all seasons: the lesson days of templates follow from them.
pub(crate) async fn season_lock_all_in_txn(txn: &impl ConnectionTrait) -> Result<()> {
    sql("UPDATE season SET year = year").execute(txn).await.map(drop)
}

/// Which of these templates were ever signed up for, had a class task, or are one in which a class
/// is to go on.
pub(crate) async fn template_used_set(conn: &impl ConnectionTrait, ids: &[i64]) -> Result<HashSet<i64>> {
    let found = sql("SELECT template_id FROM reservation WHERE template_id IN ({ids}) \
         UNION SELECT template_id FROM class_task WHERE template_id IN ({ids}) \
         UNION SELECT template_id FROM vacancy WHERE template_id IN ({ids})")
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .column(conn)
    .await?;
    Ok(found.into_iter().collect())
}

/// Which of these periods have an offer that is used.
pub(crate) async fn period_used_set(conn: &impl ConnectionTrait, ids: &[i64]) -> Result<HashSet<i64>> {
    let found = sql("SELECT DISTINCT a.period_id FROM coach_availability a \
         JOIN availability_use u ON u.availability_id = a.id WHERE a.period_id IN ({ids})")
    .ids(ids.iter().copied())
    .column(conn)
    .await?;
    Ok(found.into_iter().collect())
}

/// The last day on which each of these offers is used, of those that are.
pub(crate) async fn availability_last_used(
    conn: &impl ConnectionTrait,
    ids: &[i64],
) -> Result<HashMap<i64, Day>> {
    let found: Vec<(i64, Day)> =
        sql("SELECT availability_id, MAX(day) FROM availability_use WHERE availability_id IN ({ids}) \
            GROUP BY availability_id")
        .ids(ids.iter().copied())
        .tuples(conn)
        .await?;
    Ok(found.into_iter().collect())
}

/// Inserts rows, all with the same columns, in as few statements as their database takes them
/// fastest.
pub(crate) async fn insert_set_in_txn<A: ActiveModelTrait>(
    txn: &impl ConnectionTrait,
    rows: Vec<A>,
) -> Result<()> {
    if txn.get_database_backend() == DbBackend::Sqlite {
        return Ok(insert::insert_rows(txn, rows).await?);
    }
    insert_by_set(txn, &rows).await
}

/// As sets of values: a parameter for each value would have to be named, bound and planned.
async fn insert_by_set<A: ActiveModelTrait>(txn: &impl ConnectionTrait, rows: &[A]) -> Result<()> {
    let given = |row: &A| -> Vec<(<A::Entity as EntityTrait>::Column, Value)> {
        <A::Entity as EntityTrait>::Column::iter()
            .filter_map(|column| Some((column, row.get(column).into_value()?)))
            .collect()
    };
    let Some(first) = rows.first().map(given) else { return Ok(()) };
    let columns = first.into_iter().map(|(column, value)| Ok((column.as_str().to_owned(), cell(value)?.0)));
    let columns: Vec<(String, char)> = columns.collect::<Result<_>>()?;
    let cells =
        rows.iter().flat_map(given).map(|(_, value)| Ok(cell(value)?.1)).collect::<Result<Vec<Cell>>>()?;
    if cells.len() != rows.len() * columns.len() {
        return Err(Error::internal("rows of one set have different columns"));
    }
    let table = <A::Entity as Default>::default();
    insert_rows(table.table_name(), &columns, cells).execute_in_parts(txn).await.map(drop)
}

/// A value as a cell, with the letter of its column.
fn cell(value: Value) -> Result<(char, Cell)> {
    Ok(match value {
        Value::BigInt(value) => ('i', value.into()),
        Value::Int(value) => ('i', value.map(i64::from).into()),
        Value::Bool(value) => ('b', value.map(i64::from).into()),
        Value::ChronoDate(value) => ('d', value.into()),
        Value::String(Some(value)) => ('t', value.as_str().into()),
        _ => return Err(Error::internal("a value of a type that sets cannot hold")),
    })
}

/// Rows to be updated: key, and one value for each of the columns.
pub(crate) type Updates = Vec<(i64, Vec<Value>)>;

/// Updates rows in chunks, each row with values of its own; `version` counts up where the table has
/// one.
///
/// # Errors
/// `Contended` when a row is not there any more.
pub(crate) async fn update_set_in_txn<E: EntityTrait>(
    txn: &impl ConnectionTrait,
    key: E::Column,
    version: Option<E::Column>,
    columns: &[E::Column],
    rows: &Updates,
) -> Result<()> {
    for chunk in rows.chunks(UPDATES) {
        let mut update = E::update_many().filter(key.is_in(chunk.iter().map(|(id, _)| *id)));
        for (at, column) in columns.iter().enumerate() {
            let mut case = CaseStatement::new();
            for (id, values) in chunk {
                let value = values
                    .get(at)
                    .cloned()
                    .ok_or_else(|| Error::internal("a row has fewer values than columns"))?;
                case = case.case(Expr::col(key).eq(*id), Expr::val(value));
            }
            update = update.col_expr(*column, case.into());
        }
        if let Some(version) = version {
            update = update.col_expr(version, Expr::col(version).add(1));
        }
        if update.exec(txn).await?.rows_affected != chunk.len() as u64 {
            return Err(Error::Contended("import"));
        }
    }
    Ok(())
}

/// Removes the excepted days of seasons.
pub(crate) async fn except_days_delete_in_txn(
    txn: &Txn,
    season_ids: impl IntoIterator<Item = i64>,
) -> Result<()> {
    sql("DELETE FROM season_except_day WHERE season_id IN ({ids})")
        .ids(season_ids)
        .execute(txn)
        .await
        .map(drop)
}
