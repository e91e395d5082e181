//! Queries for students.

use super::entity::student;
use super::page::Page;
use super::sql::sql;
use super::{Txn, again_if_taken};
use crate::error::Result;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// The student of a user name.
pub async fn student_by_user_name(
    conn: &impl ConnectionTrait,
    user_name: &str,
) -> Result<Option<student::Model>> {
    Ok(student::Entity::find().filter(student::Column::UserName.eq(user_name)).one(conn).await?)
}

/// Students in order of keys, of one grade or of all.
pub(crate) async fn student_list(
    conn: &impl ConnectionTrait,
    grade: Option<i32>,
    page: &Page,
) -> Result<Vec<student::Model>> {
    let mut query = student::Entity::find().filter(student::Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(grade) = grade {
        query = query.filter(student::Column::Grade.eq(grade));
    }
    Ok(query.order_by_asc(student::Column::Id).limit(page.limit()).all(conn).await?)
}

/// Writes a new student.
pub(crate) async fn student_insert_in_txn(txn: &Txn, row: student::ActiveModel) -> Result<()> {
    student::Entity::insert(row).exec_without_returning(txn).await.map(drop).map_err(again_if_taken)
}

/// Writes the columns that are set, after taking the student's turn.
pub(crate) async fn student_update_in_txn(txn: &Txn, id: i64, row: student::ActiveModel) -> Result<()> {
    sql("UPDATE student SET version = version + 1 WHERE id = ?").bind(id).execute(txn).await?;
    student::Entity::update(row).exec(txn).await?;
    Ok(())
}

/// The templates that a student is signed up for.
pub(crate) async fn student_template_ids(conn: &impl ConnectionTrait, id: i64) -> Result<Vec<i64>> {
    sql("SELECT DISTINCT template_id FROM reservation WHERE student_id = ? \
        AND state IN ('HELD', 'BOOKED', 'PLACED', 'OFFERED')")
    .bind(id)
    .column(conn)
    .await
}
