//! Finds and removes what is past its retention. Rows are found without locks and then removed by
//! key, so that no writer waits for a search.

use super::Txn;
use super::sql::{Cell, delete_by_rows, sql};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::ConnectionTrait;

/// Messages that ended before an instant and still have their content, the oldest first.
pub(crate) async fn message_list_old(
    conn: &impl ConnectionTrait,
    before: Instant,
    most: i64,
) -> Result<Vec<i64>> {
    sql("SELECT id FROM message WHERE purged_at IS NULL AND settled_at < ? \
         AND state NOT IN ('QUEUED', 'LEASED', 'RETRY', 'DEFERRED') \
         ORDER BY settled_at LIMIT ?")
    .bind(before)
    .bind(most)
    .column(conn)
    .await
}

/// Removes number or address, subject line and body of messages that have ended; how many.
/// Everything else stays: what was told, to whom, and the key by which it is not told again.
pub(crate) async fn message_purge_in_txn(txn: &Txn, ids: &[i64], now: Instant) -> Result<u64> {
    sql("UPDATE message SET address = '', subject = '', body = '', purged_at = ? WHERE id IN ({ids}) \
         AND purged_at IS NULL \
         AND state NOT IN ('QUEUED', 'LEASED', 'RETRY', 'DEFERRED')")
    .bind(now)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// What people were told of lessons before a day.
pub(crate) async fn topic_list_old(conn: &impl ConnectionTrait, before: Day, most: i64) -> Result<Vec<i64>> {
    sql("SELECT id FROM notice_topic WHERE day < ? ORDER BY day LIMIT ?")
        .bind(before)
        .bind(most)
        .column(conn)
        .await
}

/// Deletes what people were told of lessons; how many lessons and people.
pub(crate) async fn topic_delete_in_txn(txn: &Txn, ids: &[i64]) -> Result<u64> {
    sql("DELETE FROM message_topic WHERE topic_id IN ({ids})").ids(ids.iter().copied()).execute(txn).await?;
    sql("DELETE FROM notice_topic WHERE id IN ({ids})").ids(ids.iter().copied()).execute(txn).await
}

/// Request ids that were stored before an instant: (scope, id).
pub(crate) async fn request_list_old(
    conn: &impl ConnectionTrait,
    before: Instant,
    most: i64,
) -> Result<Vec<(String, String)>> {
    // By no index: each sign-up would pay for it, and there are never more rows than a few days
    // have.
    sql("SELECT scope, request_id FROM request_log WHERE created_at < ? LIMIT ?")
        .bind(before)
        .bind(most)
        .tuples(conn)
        .await
}

/// Deletes request ids; how many.
pub(crate) async fn request_delete_in_txn(txn: &Txn, keys: &[(String, String)]) -> Result<u64> {
    delete_by_rows(
        txn,
        "request_log",
        "{rows:scope:t, request_id:t}",
        "request_log.scope = p.scope AND request_log.request_id = p.request_id",
    )
    .rows(keys.iter().map(|(scope, id)| [Cell::from(scope.as_str()), Cell::from(id.as_str())]))
    .execute(txn)
    .await
}

/// The last run of each task, which stays however old it is.
pub(crate) async fn task_run_last_ids(conn: &impl ConnectionTrait) -> Result<Vec<i64>> {
    sql("SELECT MAX(id) FROM task_run GROUP BY task").column(conn).await
}

/// Runs before an instant, those that changed nothing or the others, without `but`; the oldest
/// first.
pub(crate) async fn task_run_list_old(
    conn: &impl ConnectionTrait,
    idle: bool,
    before: Instant,
    but: &[i64],
    most: i64,
) -> Result<Vec<i64>> {
    sql(
        "SELECT id FROM task_run WHERE idle = ? AND logical_at < ? AND lease_until < ? AND id NOT IN ({ids}) \
        ORDER BY logical_at LIMIT ?",
    )
    .bind(idle)
    .bind(before)
    .bind(before)
    .ids(but.iter().copied())
    .bind(most)
    .column(conn)
    .await
}

/// Deletes runs; how many.
pub(crate) async fn task_run_delete_in_txn(txn: &Txn, ids: &[i64]) -> Result<u64> {
    sql("DELETE FROM task_run WHERE id IN ({ids})").ids(ids.iter().copied()).execute(txn).await
}

/// Spans of presence that ended before an instant, the oldest first.
pub(crate) async fn presence_list_old(
    conn: &impl ConnectionTrait,
    before: Instant,
    most: i64,
) -> Result<Vec<i64>> {
    sql("SELECT id FROM presence_span WHERE to_at < ? ORDER BY to_at LIMIT ?")
        .bind(before)
        .bind(most)
        .column(conn)
        .await
}

/// Deletes spans of presence; how many.
pub(crate) async fn presence_delete_in_txn(txn: &Txn, ids: &[i64], before: Instant) -> Result<u64> {
    sql("DELETE FROM presence_span WHERE id IN ({ids}) AND to_at < ?")
        .ids(ids.iter().copied())
        .bind(before)
        .execute(txn)
        .await
}

/// Holds that were over before an instant.
pub(crate) async fn held_time_list_old(
    conn: &impl ConnectionTrait,
    before: Instant,
    most: i64,
) -> Result<Vec<i64>> {
    sql("SELECT reservation_id FROM held_time WHERE held_until < ? LIMIT ?")
        .bind(before)
        .bind(most)
        .column(conn)
        .await
}

/// Deletes what is known of holds; how many.
pub(crate) async fn held_time_delete_in_txn(txn: &Txn, ids: &[i64]) -> Result<u64> {
    sql("DELETE FROM held_time WHERE reservation_id IN ({ids})").ids(ids.iter().copied()).execute(txn).await
}
