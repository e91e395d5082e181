//! Queries for how long students have held days of a template.

use super::Txn;
use super::sql::{Cell, sql};
use crate::domain::hold::Held;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeSet, HashMap};

/// What each student held of each template: (student, template).
pub(crate) type HeldTimes = HashMap<(i64, i64), Vec<Held>>;

/// A hold as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct HeldTime {
    /// The hold.
    pub reservation_id: i64,
    /// The student.
    pub student_id: i64,
    /// The template.
    pub template_id: i64,
    /// First day.
    pub first_day: Day,
    /// Last day.
    pub last_day: Day,
    /// Since when.
    pub held_from: Instant,
    /// Until when.
    pub held_until: Instant,
}

/// What students held of templates later than `since`: (student, template).
pub(crate) async fn held_time_list(
    conn: &impl ConnectionTrait,
    of: &BTreeSet<(i64, i64)>,
    since: Instant,
) -> Result<HeldTimes> {
    let rows: Vec<HeldTime> = sql("SELECT h.* FROM {rows:student_id:i, template_id:i} q \
         {look_up:held_time h ON h.student_id = q.student_id AND h.template_id = q.template_id \
         AND h.held_until > ?}")
    .rows(of.iter().map(|(student, template)| [Cell::from(*student), Cell::from(*template)]))
    .bind(since)
    .all(conn)
    .await?;
    let mut found = HeldTimes::new();
    for row in rows {
        let held =
            Held { first: row.first_day, last: row.last_day, from: row.held_from, until: row.held_until };
        found.entry((row.student_id, row.template_id)).or_default().push(held);
    }
    Ok(found)
}

/// Writes holds that were just made.
pub(crate) async fn held_time_insert_set_in_txn(txn: &Txn, rows: &[HeldTime]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let cells = |row: &HeldTime| -> [Cell; 7] {
        [
            row.reservation_id.into(),
            row.student_id.into(),
            row.template_id.into(),
            row.first_day.into(),
            row.last_day.into(),
            row.held_from.into(),
            row.held_until.into(),
        ]
    };
    sql("INSERT INTO held_time (reservation_id, student_id, template_id, first_day, last_day, held_from, \
         held_until) \
         SELECT q.reservation_id, q.student_id, q.template_id, q.first_day, q.last_day, q.held_from, \
         q.held_until \
         FROM {rows:reservation_id:i, student_id:i, template_id:i, first_day:d, last_day:d, held_from:i, \
         held_until:i} q")
    .rows(rows.iter().map(cells))
    .execute(txn)
    .await
    .map(drop)
}

/// A hold was renewed: it lasts until then.
pub(crate) async fn held_time_renew_in_txn(txn: &Txn, reservation_id: i64, until: Instant) -> Result<()> {
    let update =
        sql("UPDATE held_time SET held_until = ? WHERE reservation_id = ?").bind(until).bind(reservation_id);
    update.execute(txn).await.map(drop)
}

/// What was held of these reservations ends, if it lasted longer; what is no hold has nothing to
/// end.
pub(crate) async fn held_time_end_in_txn(txn: &Txn, reservation_ids: &[i64], at: Instant) -> Result<()> {
    sql("UPDATE held_time SET held_until = ? WHERE held_until > ? AND reservation_id IN ({ids})")
        .bind(at)
        .bind(at)
        .ids(reservation_ids.iter().copied())
        .execute(txn)
        .await
        .map(drop)
}

/// Holds whose end was brought forward end then.
pub(crate) async fn held_time_follow_in_txn(
    txn: &Txn,
    reservation_ids: impl IntoIterator<Item = i64>,
) -> Result<()> {
    sql("UPDATE held_time SET held_until = (SELECT r.expires_at FROM reservation r \
         WHERE r.id = held_time.reservation_id) \
         WHERE reservation_id IN ({ids}) AND EXISTS (SELECT 1 FROM reservation r \
             WHERE r.id = held_time.reservation_id AND r.state = 'HELD' \
             AND r.expires_at < held_time.held_until)")
    .ids(reservation_ids)
    .execute(txn)
    .await
    .map(drop)
}
