//! Sets of rows for the import: looked up by names, inserted and updated in chunks.

use super::entity::{coach, coach_availability, reservation, student};
use super::insert::insert_rows;
use super::sql::sql;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Value};
use std::collections::{HashMap, HashSet};

/// Names of one look-up.
const NAMES: usize = 1000;
/// Rows of one UPDATE: each column is a CASE with a branch a row.
const UPDATES: usize = 100;

/// The coaches of these user names.
pub async fn coach_list_by_names(conn: &impl ConnectionTrait, names: &[&str]) -> Result<Vec<coach::Model>> {
    let mut found = Vec::with_capacity(names.len());
    for chunk in names.chunks(NAMES) {
        found.extend(coach::Entity::find().filter(coach::Column::UserName.is_in(chunk.iter().copied())).all(conn).await?);
    }
    Ok(found)
}

/// The students of these user names.
pub async fn student_list_by_names(conn: &impl ConnectionTrait, names: &[&str]) -> Result<Vec<student::Model>> {
    let mut found = Vec::with_capacity(names.len());
    for chunk in names.chunks(NAMES) {
        found.extend(student::Entity::find().filter(student::Column::UserName.is_in(chunk.iter().copied())).all(conn).await?);
    }
    Ok(found)
}

/// Locks coaches until the transaction ends, without changing them.
pub async fn coach_lock_set_in_txn(txn: &impl ConnectionTrait, ids: &[i64]) -> Result<()> {
    sql("UPDATE coach SET version = version WHERE id IN ({ids})").ids(ids.iter().copied()).execute(txn).await.map(drop)
}

/// Marks coaches as changed.
pub async fn coach_bump_set_in_txn(txn: &impl ConnectionTrait, ids: &[i64]) -> Result<()> {
    sql("UPDATE coach SET version = version + 1 WHERE id IN ({ids})").ids(ids.iter().copied()).execute(txn).await.map(drop)
}

/// Locks students until the transaction ends, without changing them.
pub async fn student_lock_set_in_txn(txn: &impl ConnectionTrait, ids: &[i64]) -> Result<()> {
    sql("UPDATE student SET version = version WHERE id IN ({ids})").ids(ids.iter().copied()).execute(txn).await.map(drop)
}

/// All availability of coaches.
pub async fn availability_list(conn: &impl ConnectionTrait, coach_ids: &[i64]) -> Result<Vec<coach_availability::Model>> {
    sql("SELECT * FROM coach_availability WHERE coach_id IN ({ids})").ids(coach_ids.iter().copied()).all(conn).await
}

/// All reservations of students.
pub async fn reservation_list_of_students(conn: &impl ConnectionTrait, student_ids: &[i64]) -> Result<Vec<reservation::Model>> {
    sql("SELECT * FROM reservation WHERE student_id IN ({ids})").ids(student_ids.iter().copied()).all(conn).await
}

/// The highest key of a reservation; 0 = there is none.
pub async fn reservation_last_id(conn: &impl ConnectionTrait) -> Result<i64> {
    let found = sql("SELECT COALESCE(MAX(id), 0) FROM reservation").column(conn).await?;
    Ok(found.into_iter().next().unwrap_or(0))
}

/// Locks all seasons: the lesson days of templates follow from them.
pub async fn season_lock_all_in_txn(txn: &impl ConnectionTrait) -> Result<()> {
    sql("UPDATE season SET year = year").execute(txn).await.map(drop)
}

/// Which of these templates were ever signed up for or had a class task.
pub async fn template_used_set(conn: &impl ConnectionTrait, ids: &[i64]) -> Result<HashSet<i64>> {
    let found = sql("SELECT template_id FROM reservation WHERE template_id IN ({ids}) \
         UNION SELECT template_id FROM class_task WHERE template_id IN ({ids})")
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .column(conn)
    .await?;
    Ok(found.into_iter().collect())
}

/// Which of these periods have an offer that is used.
pub async fn period_used_set(conn: &impl ConnectionTrait, ids: &[i64]) -> Result<HashSet<i64>> {
    let found = sql("SELECT DISTINCT a.period_id FROM coach_availability a \
         JOIN availability_use u ON u.availability_id = a.id WHERE a.period_id IN ({ids})")
    .ids(ids.iter().copied())
    .column(conn)
    .await?;
    Ok(found.into_iter().collect())
}

/// The last day on which each of these offers is used, of those that are.
pub async fn availability_last_used(conn: &impl ConnectionTrait, ids: &[i64]) -> Result<HashMap<i64, Day>> {
    let found: Vec<(i64, Day)> =
        sql("SELECT availability_id, MAX(day) FROM availability_use WHERE availability_id IN ({ids}) GROUP BY availability_id")
            .ids(ids.iter().copied())
            .tuples(conn)
            .await?;
    Ok(found.into_iter().collect())
}

/// Inserts rows.
pub async fn insert_set_in_txn<A: ActiveModelTrait>(txn: &impl ConnectionTrait, rows: Vec<A>) -> Result<()> {
    Ok(insert_rows(txn, rows).await?)
}

/// Rows to be updated: key, and one value for each of the columns.
pub type Updates = Vec<(i64, Vec<Value>)>;

/// Updates rows in chunks, each row with values of its own; `version` counts up where the table has one.
///
/// # Errors
/// `Contended` when a row is not there any more.
pub async fn update_set_in_txn<E: EntityTrait>(
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
                let value = values.get(at).cloned().ok_or_else(|| Error::internal("a row has fewer values than columns"))?;
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
