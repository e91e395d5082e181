//! Queries for blocks: the students and classes that coaches are not to teach, and coaches who are
//! not to be invited at all (docs/domain.md §6).

use super::Txn;
use super::entity::{coach, coach_block};
use super::page::Page;
use super::sql::sql;
use crate::domain::city::city;
use crate::domain::eligibility::Block;
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Blocks, by the key of what they concern and by coach.
pub(super) type Blocks = HashMap<i64, BTreeMap<i64, Vec<Block>>>;

/// A block as it is read: what it concerns, the coach, its key, and the student's area code, which
/// is empty of a class.
pub(super) type BlockCells = (i64, i64, i64, String);

/// Blocks by what they concern.
pub(super) fn by_coach(rows: Vec<BlockCells>) -> Blocks {
    let mut blocks = Blocks::new();
    for (concerned, coach, id, area_code) in rows {
        let city = (!area_code.is_empty()).then(|| city(&area_code));
        blocks.entry(concerned).or_default().entry(coach).or_default().push(Block { id, city });
    }
    blocks
}

/// The blocks with students whom these tasks count, and of a make-up those with the class whose
/// lessons are made up.
pub(super) async fn block_list_of_tasks(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
) -> Result<Blocks> {
    let ids = Vec::from_iter(task_ids);
    let rows: Vec<BlockCells> =
        sql("SELECT r.task_id, b.coach_id, b.id AS id, s.area_code FROM reservation r \
         JOIN coach_block b ON b.student_id = r.student_id AND b.removed_at IS NULL \
         JOIN student s ON s.id = r.student_id WHERE r.task_id IN ({ids}) AND r.state = 'BOOKED' \
         UNION ALL SELECT t.id, b.coach_id, b.id, '' FROM class_task t \
         JOIN make_up_day u ON u.template_id = t.template_id \
         JOIN coach_block b ON b.class_id = u.class_id AND b.removed_at IS NULL WHERE t.id IN ({ids}) \
         ORDER BY id")
        .ids(ids.iter().copied())
        .ids(ids.iter().copied())
        .tuples(conn)
        .await?;
    Ok(by_coach(rows))
}

/// The students with whom coaches are blocked, by coach.
pub(crate) async fn student_list_blocked(
    conn: &impl ConnectionTrait,
    coach_ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeSet<i64>>> {
    let rows: Vec<(i64, i64)> = sql("SELECT coach_id, student_id FROM coach_block \
         WHERE coach_id IN ({ids}) AND student_id IS NOT NULL AND removed_at IS NULL")
    .ids(coach_ids)
    .tuples(conn)
    .await?;
    let mut students: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for (coach, student) in rows {
        students.entry(coach).or_default().insert(student);
    }
    Ok(students)
}

/// A block as staff see it.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct BlockRow {
    /// The row.
    #[sea_orm(nested)]
    pub row: coach_block::Model,
    /// User name of the coach.
    pub coach: String,
    /// User name of the student.
    pub student: Option<String>,
}

/// Which blocks to list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockFilter {
    /// Of this coach.
    pub coach_id: Option<i64>,
    /// With this student.
    pub student_id: Option<i64>,
    /// With this class.
    pub class_id: Option<i64>,
    /// Those that were removed, too.
    pub removed: bool,
    /// Of this key.
    pub id: Option<i64>,
}

/// Blocks in the order in which they were set.
pub(crate) async fn block_page(
    conn: &impl ConnectionTrait,
    filter: &BlockFilter,
    page: &Page,
) -> Result<Vec<BlockRow>> {
    use coach_block::Column;
    let to_coach = coach_block::Entity::belongs_to(coach::Entity).from(Column::CoachId).to(coach::Column::Id);
    let student = Expr::cust("(SELECT s.user_name FROM student s WHERE s.id = coach_block.student_id)");
    let mut query = coach_block::Entity::find()
        .column_as(coach::Column::UserName, "coach")
        .column_as(student, "student")
        .join(JoinType::InnerJoin, to_coach.into())
        .filter(Column::Id.gt(page.after.unwrap_or(0)));
    let BlockFilter { coach_id, student_id, class_id, removed, id } = *filter;
    for (column, wanted) in [
        (Column::CoachId, coach_id),
        (Column::StudentId, student_id),
        (Column::ClassId, class_id),
        (Column::Id, id),
    ] {
        if let Some(wanted) = wanted {
            query = query.filter(column.eq(wanted));
        }
    }
    if !removed {
        query = query.filter(Column::RemovedAt.is_null());
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).into_model::<BlockRow>().all(conn).await?)
}

/// One block, removed or not.
pub(crate) async fn block_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<BlockRow> {
    let filter = BlockFilter { id: Some(id), removed: true, ..BlockFilter::default() };
    let found = block_page(conn, &filter, &Page { after: None, size: 1 }).await?.pop();
    found.ok_or_else(|| Error::not_found("block", id))
}

/// The block of a locked coach that is in force with a student, with a class, or (with neither) as
/// a whole.
pub(crate) async fn block_in_force(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    (student_id, class_id): (Option<i64>, Option<i64>),
) -> Result<Option<i64>> {
    // NULL is none like 0, which no key is.
    let found: Vec<i64> = sql("SELECT id FROM coach_block WHERE coach_id = ? AND removed_at IS NULL \
         AND COALESCE(student_id, 0) = ? AND COALESCE(class_id, 0) = ?")
    .bind(coach_id)
    .bind(student_id.unwrap_or(0))
    .bind(class_id.unwrap_or(0))
    .column(conn)
    .await?;
    Ok(found.first().copied())
}

/// Writes a block of a locked coach; its key.
pub(crate) async fn block_insert_in_txn(txn: &Txn, row: coach_block::ActiveModel) -> Result<i64> {
    Ok(coach_block::Entity::insert(row).exec(txn).await?.last_insert_id)
}

/// A block of a locked coach is in force no more; whether it was.
pub(crate) async fn block_remove_in_txn(
    txn: &Txn,
    id: i64,
    (by, remark): (&str, &str),
    now: Instant,
) -> Result<bool> {
    let done = sql("UPDATE coach_block SET removed_by = ?, removal_remark = ?, removed_at = ? \
         WHERE id = ? AND removed_at IS NULL");
    Ok(done.bind(by).bind(remark).bind(now).bind(id).execute(txn).await? == 1)
}

/// A locked coach is blocked as a whole, or not any more.
pub(crate) async fn coach_blocked_in_txn(txn: &Txn, coach_id: i64, blocked: bool) -> Result<()> {
    sql("UPDATE coach SET blocked = ? WHERE id = ?").bind(blocked).bind(coach_id).execute(txn).await.map(drop)
}

/// The classes in which a coach has lessons ahead: all, that of a key with its make-ups, or those
/// in which a student comes to such a lesson.
pub(crate) async fn class_list_blocked(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    (student_id, class_id): (Option<i64>, Option<i64>),
    now: Instant,
) -> Result<Vec<i64>> {
    sql("SELECT DISTINCT l.class_id FROM lesson l WHERE l.coach_id = ? \
         AND l.start_at > ? AND l.state = 'SCHEDULED' AND (? = 0 OR l.class_id = ? OR EXISTS \
         (SELECT 1 FROM class c JOIN make_up_day u ON u.template_id = c.template_id \
          WHERE c.id = l.class_id AND u.class_id = ?)) \
         AND (? = 0 OR EXISTS \
           (SELECT 1 FROM reservation r WHERE r.class_id = l.class_id AND r.state = 'PLACED' \
            AND r.student_id = ? AND COALESCE(r.placed_from, r.start_day) <= l.day AND r.last_day >= l.day)) \
         ORDER BY l.class_id")
    .bind(coach_id)
    .bind(now)
    .bind(class_id.unwrap_or(0))
    .bind(class_id.unwrap_or(0))
    .bind(class_id.unwrap_or(0))
    .bind(student_id.unwrap_or(0))
    .bind(student_id.unwrap_or(0))
    .column(conn)
    .await
}
