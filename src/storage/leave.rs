//! Queries for students' leave from single lessons.

use super::Txn;
use super::entity::{reservation, student_leave};
use super::sql::sql;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

/// The days from `first` to `last` on which the student of a reservation is on leave.
pub(crate) async fn leave_days(
    conn: &impl ConnectionTrait,
    reservation_id: i64,
    first: Day,
    last: Day,
) -> Result<Vec<Day>> {
    sql("SELECT day FROM student_leave WHERE reservation_id = ? AND day BETWEEN ? AND ? ORDER BY day")
        .bind(reservation_id)
        .bind(first)
        .bind(last)
        .column(conn)
        .await
}

/// The days on which students of reservations are on leave: (reservation, day).
pub(crate) async fn leave_list(
    conn: &impl ConnectionTrait,
    reservation_ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, Day)>> {
    sql("SELECT reservation_id, day FROM student_leave WHERE reservation_id IN ({ids})")
        .ids(reservation_ids)
        .tuples(conn)
        .await
}

/// Writes that the student of a reservation is on leave.
pub(crate) async fn leave_insert_in_txn(
    txn: &Txn,
    reservation_id: i64,
    day: Day,
    now: Instant,
) -> Result<()> {
    let row = student_leave::ActiveModel {
        reservation_id: Set(reservation_id),
        day: Set(day),
        requested_at: Set(now),
    };
    student_leave::Entity::insert(row)
        .exec_without_returning(txn)
        .await
        .map(drop)
        .map_err(super::again_if_taken)
}

/// Takes leave for a day back; how many rows.
pub(crate) async fn leave_delete_in_txn(txn: &Txn, reservation_id: i64, day: Day) -> Result<u64> {
    sql("DELETE FROM student_leave WHERE reservation_id = ? AND day = ?")
        .bind(reservation_id)
        .bind(day)
        .execute(txn)
        .await
}

/// Takes all leave from a day on back.
pub(crate) async fn leave_delete_from_in_txn(txn: &Txn, reservation_id: i64, from: Day) -> Result<u64> {
    sql("DELETE FROM student_leave WHERE reservation_id = ? AND day >= ?")
        .bind(reservation_id)
        .bind(from)
        .execute(txn)
        .await
}

/// Gives the leave of a reservation from a day on to the reservation that goes on in its place.
pub(crate) async fn leave_hand_over_in_txn(txn: &Txn, from_id: i64, to_id: i64, from: Day) -> Result<u64> {
    sql("UPDATE student_leave SET reservation_id = ? WHERE reservation_id = ? AND day >= ?")
        .bind(to_id)
        .bind(from_id)
        .bind(from)
        .execute(txn)
        .await
}

/// Lessons of a season from which a student has taken leave.
pub(crate) async fn leave_count(conn: &impl ConnectionTrait, student_id: i64, season_id: i64) -> Result<i64> {
    let found: Vec<i64> =
        sql("SELECT COUNT(*) FROM reservation r JOIN student_leave v ON v.reservation_id = r.id \
         JOIN class_template t ON t.id = r.template_id WHERE r.student_id = ? AND t.season_id = ?")
        .bind(student_id)
        .bind(season_id)
        .column(conn)
        .await?;
    Ok(found.into_iter().next().unwrap_or(0))
}

/// Gives one place back on each lesson day of a reservation from `from` on, but those of leave; how
/// many days.
pub(crate) async fn place_free_but_leave_in_txn(
    txn: &Txn,
    of: &reservation::Model,
    from: Day,
) -> Result<u64> {
    sql("UPDATE place SET taken = taken - 1 WHERE template_id = ? AND day BETWEEN ? AND ? AND taken > 0 \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = ? AND v.day = place.day)")
    .bind(of.template_id)
    .bind(from)
    .bind(of.last_day)
    .bind(of.id)
    .execute(txn)
    .await
}
