//! Queries for coaches, the history of their status, and their availability.

use super::entity::{availability_use, coach, coach_availability, coach_status_change};
use super::insert::insert_rows;
use super::page::Page;
use super::sql::{Cell, sql, update_by_rows};
use super::{Txn, again_if_taken};
use crate::domain::state::{GradeType, JobStatus};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The coach of a user name.
pub async fn coach_by_user_name(
    conn: &impl ConnectionTrait,
    user_name: &str,
) -> Result<Option<coach::Model>> {
    Ok(coach::Entity::find().filter(coach::Column::UserName.eq(user_name)).one(conn).await?)
}

/// Which coaches to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoachFilter {
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of this grade type.
    pub grade_type: Option<GradeType>,
    /// Of this status.
    pub job_status: Option<JobStatus>,
}

/// Coaches in order of keys.
pub(crate) async fn coach_list(
    conn: &impl ConnectionTrait,
    filter: &CoachFilter,
    page: &Page,
) -> Result<Vec<coach::Model>> {
    use coach::Column;
    let mut query = coach::Entity::find().filter(Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(subject_id) = filter.subject_id {
        query = query.filter(Column::SubjectId.eq(subject_id));
    }
    if let Some(grade_type) = filter.grade_type {
        query = query.filter(Column::GradeType.eq(grade_type));
    }
    if let Some(job_status) = filter.job_status {
        query = query.filter(Column::JobStatus.eq(job_status));
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).all(conn).await?)
}

/// Takes the turn of a coach; how many there are.
pub(crate) async fn coach_lock_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    sql("UPDATE coach SET version = version + 1 WHERE id = ?").bind(id).execute(txn).await
}

/// Writes a new coach.
pub(crate) async fn coach_insert_in_txn(txn: &Txn, row: coach::ActiveModel) -> Result<i64> {
    Ok(coach::Entity::insert(row).exec(txn).await.map_err(again_if_taken)?.last_insert_id)
}

/// Writes the columns that are set; call it after [`coach_lock_in_txn`].
pub(crate) async fn coach_update_in_txn(txn: &Txn, row: coach::ActiveModel) -> Result<()> {
    coach::Entity::update(row).exec(txn).await?;
    Ok(())
}

/// Changes a status from one to another; whether it still was that one.
pub(crate) async fn coach_status_in_txn(txn: &Txn, id: i64, from: JobStatus, to: JobStatus) -> Result<bool> {
    let done = sql("UPDATE coach SET job_status = ?, version = version + 1 WHERE id = ? AND job_status = ?");
    Ok(done.bind(to).bind(id).bind(from).execute(txn).await? == 1)
}

/// Changes the status of coaches from one to another; how many still had that one.
pub(crate) async fn coach_status_set_in_txn(
    txn: &Txn,
    ids: &[i64],
    from: JobStatus,
    to: JobStatus,
) -> Result<u64> {
    sql("UPDATE coach SET job_status = ?, version = version + 1 WHERE id IN ({ids}) AND job_status = ?")
        .bind(to)
        .ids(ids.iter().copied())
        .bind(from)
        .execute(txn)
        .await
}

/// When the coach `c` last got a status; 0 = has had it from the beginning.
macro_rules! status_since {
    ($status:literal) => {
        concat!(
            "(SELECT COALESCE(MAX(h.changed_at), 0) FROM coach_status_change h WHERE h.coach_id = c.id \
             AND h.to_status = '",
            $status,
            "')"
        )
    };
}

/// Those on trial, of these coaches or of all, who have taught so many lessons since the trial
/// began.
pub(crate) async fn coach_tried_list(
    conn: &impl ConnectionTrait,
    lessons: u32,
    now: Instant,
    ids: Option<&[i64]>,
) -> Result<Vec<i64>> {
    macro_rules! tried {
        ($of:literal) => {
            sql(concat!(
                "SELECT c.id FROM coach c WHERE c.job_status = 'trial' AND (SELECT COUNT(*) FROM lesson l \
                 WHERE l.coach_id = c.id AND l.end_at <= ? \
                   AND l.state NOT IN ('CANCELLED', 'COACH_ABSENT', 'MADE_UP') \
                   AND l.start_at >= ",
                status_since!("trial"),
                ") >= ? ",
                $of,
                " ORDER BY c.id"
            ))
            .bind(now)
            .bind(i64::from(lessons))
        };
    }
    match ids {
        None => tried!("").column(conn).await,
        Some(ids) => tried!("AND c.id IN ({ids})").ids(ids.iter().copied()).column(conn).await,
    }
}

/// Those who wait, of these coaches or of all, to whom a class with lessons ahead was given since
/// they wait.
pub(crate) async fn coach_assigned_list(
    conn: &impl ConnectionTrait,
    now: Instant,
    ids: Option<&[i64]>,
) -> Result<Vec<i64>> {
    macro_rules! assigned {
        ($of:literal) => {
            sql(concat!(
                "SELECT c.id FROM coach c WHERE c.job_status = 'waiting' AND EXISTS (SELECT 1 FROM class k \
                 JOIN lesson l ON l.class_id = k.id AND l.coach_id = k.coach_id WHERE k.coach_id = c.id \
                   AND k.state <> 'CLOSED' AND l.state <> 'CANCELLED' AND l.end_at > ?) \
                 AND (EXISTS (SELECT 1 FROM class k WHERE k.coach_id = c.id AND k.state <> 'CLOSED' \
                     AND k.formed_at >= ",
                status_since!("waiting"),
                ") OR EXISTS (SELECT 1 FROM invitation i WHERE i.coach_id = c.id AND i.kind = 'CHANGE' \
                     AND i.state = 'ASSIGNED' AND i.answered_at >= ",
                status_since!("waiting"),
                ")) ",
                $of,
                " ORDER BY c.id"
            ))
            .bind(now)
        };
    }
    match ids {
        None => assigned!("").column(conn).await,
        Some(ids) => assigned!("AND c.id IN ({ids})").ids(ids.iter().copied()).column(conn).await,
    }
}

/// Writes when a coach passed the software test last.
pub(crate) async fn coach_test_passed_in_txn(txn: &Txn, id: i64, now: Instant) -> Result<()> {
    sql("UPDATE coach SET test_passed_at = ? WHERE id = ?").bind(now).bind(id).execute(txn).await.map(drop)
}

/// Writes when coaches logged in last, in the order of the keys.
pub(crate) async fn coach_login_set_in_txn(txn: &Txn, logins: &BTreeMap<i64, Instant>) -> Result<()> {
    if logins.is_empty() {
        return Ok(());
    }
    update_by_rows(
        txn,
        "coach",
        "{rows:id:i, last_login_at:i}",
        "coach.id = p.id",
        "last_login_at = p.last_login_at",
    )
    .rows(logins.iter().map(|(id, at)| [Cell::from(*id), Cell::from(*at)]))
    .execute(txn)
    .await
    .map(drop)
}

/// Writes a row of a coach's history.
pub(crate) async fn coach_status_change_insert_in_txn(
    txn: &Txn,
    row: coach_status_change::ActiveModel,
) -> Result<()> {
    coach_status_change::Entity::insert(row).exec_without_returning(txn).await?;
    Ok(())
}

/// The same for many coaches.
pub(crate) async fn coach_status_change_insert_set_in_txn(
    txn: &Txn,
    rows: Vec<coach_status_change::ActiveModel>,
) -> Result<()> {
    Ok(insert_rows(txn, rows).await?)
}

/// The history of a coach's status, latest first.
pub(crate) async fn coach_status_change_list(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    most: u64,
) -> Result<Vec<coach_status_change::Model>> {
    use coach_status_change::Column;
    let query = coach_status_change::Entity::find().filter(Column::CoachId.eq(coach_id));
    Ok(query.order_by_desc(Column::Id).limit(most).all(conn).await?)
}

/// What a coach offers, in order of keys.
pub(crate) async fn availability_list(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    season_id: Option<i64>,
    page: &Page,
) -> Result<Vec<coach_availability::Model>> {
    use coach_availability::Column;
    let mut query = coach_availability::Entity::find()
        .filter(Column::CoachId.eq(coach_id))
        .filter(Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(season_id) = season_id {
        query = query.filter(Column::SeasonId.eq(season_id));
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).all(conn).await?)
}

/// The days on which offers are used.
pub(crate) async fn availability_used_days(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeSet<Day>>> {
    let rows: Vec<availability_use::Model> =
        sql("SELECT * FROM availability_use WHERE availability_id IN ({ids})").ids(ids).all(conn).await?;
    let mut days: HashMap<i64, BTreeSet<Day>> = HashMap::new();
    for row in rows {
        days.entry(row.availability_id).or_default().insert(row.day);
    }
    Ok(days)
}

/// What uses an offer from a day on: invitations that have no class yet, and classes.
pub(crate) async fn availability_users(
    conn: &impl ConnectionTrait,
    id: i64,
    from: Day,
) -> Result<(Vec<i64>, Vec<i64>)> {
    let rows: Vec<(i64, Option<i64>)> = sql("SELECT DISTINCT i.id, i.class_id FROM availability_use u \
         JOIN invitation i ON i.id = u.invitation_id WHERE u.availability_id = ? AND u.day >= ? \
         ORDER BY i.id")
    .bind(id)
    .bind(from)
    .tuples(conn)
    .await?;
    let classes = rows.iter().filter_map(|(_, class)| *class).collect();
    Ok((rows.iter().filter(|(_, class)| class.is_none()).map(|(id, _)| *id).collect(), classes))
}

/// Writes offers.
pub(crate) async fn availability_insert_in_txn(
    txn: &Txn,
    rows: Vec<coach_availability::ActiveModel>,
) -> Result<()> {
    insert_rows(txn, rows).await.map_err(again_if_taken)
}

/// Changes the last day of an offer.
pub(crate) async fn availability_end_in_txn(txn: &Txn, id: i64, end_day: Day) -> Result<u64> {
    sql("UPDATE coach_availability SET end_day = ? WHERE id = ?").bind(end_day).bind(id).execute(txn).await
}

/// Deletes offers that nothing uses.
pub(crate) async fn availability_delete_in_txn(txn: &Txn, ids: &[i64]) -> Result<u64> {
    sql("DELETE FROM coach_availability WHERE id IN ({ids})").ids(ids.iter().copied()).execute(txn).await
}
