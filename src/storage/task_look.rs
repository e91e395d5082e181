//! What `invite exec` remembers of tasks for which it found nobody to ask.

use super::Txn;
use super::entity::task_look;
use super::insert::insert_rows;
use super::sql::sql;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::unique_violation;
use sea_orm::{ActiveModelTrait, ConnectionTrait};

/// How many coaches there are, how many changes of coaches were counted in all, and the version of
/// the catalogue. No coach is ever deleted and no version goes back, so whatever changes for any
/// coach makes these numbers others than they ever were. Last, how many vacancies are open.
pub(crate) async fn world_versions(conn: &impl ConnectionTrait) -> Result<(i64, i64, i64, i64)> {
    let found: Vec<(i64, i64, i64, i64)> =
        sql("SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS {bigint}), \
         (SELECT CAST(MAX(m.version) AS {bigint}) FROM mutex m WHERE m.name = ?), \
         (SELECT COUNT(*) FROM class_task WHERE state IN ('PENDING', 'INVITING', 'COVERED')) \
         + (SELECT COUNT(*) FROM vacancy WHERE state IN ('PENDING', 'INVITING', 'COVERED')) FROM coach")
        .bind("catalog")
        .tuples(conn)
        .await?;
    found.into_iter().next().ok_or_else(|| Error::internal("an aggregate has one row"))
}

/// What the looks reported that still hold, and how many reported it; the opposite of
/// `staffing::vacancy_list_asking`.
pub(crate) async fn task_look_told(
    conn: &impl ConnectionTrait,
    world: &str,
    now: Instant,
    day: Option<Day>,
) -> Result<Vec<(String, i64)>> {
    let told: Vec<(Day, String, i64)> = sql("SELECT t.day, k.skipped, COUNT(*) FROM class_task t \
         JOIN task_look k ON k.task_id = t.id \
         WHERE t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at > ? AND t.reopened = FALSE \
         AND k.task_version = t.version \
         AND k.world = ? AND k.looked_at <= ? AND k.again_at > ? GROUP BY t.day, k.skipped \
         UNION ALL SELECT v.day, k.skipped, COUNT(*) FROM vacancy v JOIN task_look k ON k.task_id = -v.id \
         WHERE v.state IN ('PENDING', 'INVITING', 'COVERED') AND v.closes_at > ? AND v.waits = FALSE \
         AND k.task_version = v.version \
         AND k.world = ? AND k.looked_at <= ? AND k.again_at > ? GROUP BY v.day, k.skipped")
    .bind(now)
    .bind(world)
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(world)
    .bind(now)
    .bind(now)
    .tuples(conn)
    .await?;
    Ok(told
        .into_iter()
        .filter(|(on, ..)| day.is_none_or(|day| day == *on))
        .map(|(_, told, looks)| (told, looks))
        .collect())
}

/// Writes what was found out, in place of what was known of these tasks; what has run out is
/// forgotten.
pub(crate) async fn task_look_write_in_txn(txn: &Txn, rows: &[task_look::Model], now: Instant) -> Result<()> {
    sql("DELETE FROM task_look WHERE again_at <= ? OR task_id IN ({ids})")
        .bind(now)
        .ids(rows.iter().map(|row| row.task_id))
        .execute(txn)
        .await?;
    // Every column as it is, the key too.
    match insert_rows(txn, rows.iter().cloned().map(|row| task_look::ActiveModel::from(row).reset_all()))
        .await
    {
        // Another replica found out the same.
        Err(error) if unique_violation(&error) => Err(Error::Contended("task_look")),
        done => Ok(done?),
    }
}
