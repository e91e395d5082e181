//! Counts from the reservations who comes to the lesson days of templates, in set statements.

use super::opening::DayRange;
use super::sql::sql;
use crate::domain::time::Day;
use crate::error::Result;
use sea_orm::ConnectionTrait;
use std::collections::HashMap;

/// Students of a lesson day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Signed up, in a class or not.
    pub students: i64,
    /// Of these, who have an earlier lesson day of the template too.
    pub continuing: i64,
    /// Of these, who are on leave.
    pub on_leave: i64,
}

/// Who is signed up for the lesson days of templates: by template and day. Holds, offers and
/// waiting lists are not among them.
pub(crate) async fn attendance(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    range: DayRange,
) -> Result<HashMap<(i64, Day), Attendance>> {
    // A student may have signed up for the template more than once: with days between, or after a
    // cancellation.
    let rows: Vec<(i64, Day, i64, i64)> = sql("SELECT p.template_id, p.day, COUNT(*), CAST(SUM(CASE \
             WHEN EXISTS ( \
             SELECT 1 FROM reservation e JOIN place q ON q.template_id = e.template_id \
             AND q.day BETWEEN e.start_day AND e.last_day \
             WHERE e.student_id = r.student_id AND e.template_id = r.template_id \
         AND e.state IN ('BOOKED', 'PLACED', 'ENDED') AND q.day < p.day \
         ) THEN 1 ELSE 0 END) AS {bigint}) \
         FROM place p JOIN reservation r ON r.template_id = p.template_id AND r.start_day <= p.day \
         AND r.last_day >= p.day \
         WHERE p.template_id IN ({ids}) AND p.day BETWEEN ? AND ? \
         AND r.state IN ('BOOKED', 'PLACED', 'ENDED') GROUP BY p.template_id, p.day")
    .ids(template_ids.iter().copied())
    .bind(range.first)
    .bind(range.last)
    .tuples(conn)
    .await?;
    let mut found: HashMap<(i64, Day), Attendance> = rows
        .into_iter()
        .map(|(template_id, day, students, continuing)| {
            ((template_id, day), Attendance { students, continuing, on_leave: 0 })
        })
        .collect();
    let leaves: Vec<(i64, Day, i64)> = sql("SELECT r.template_id, l.day, COUNT(*) FROM reservation r \
         JOIN student_leave l ON l.reservation_id = r.id AND l.day BETWEEN r.start_day AND r.last_day \
         WHERE r.template_id IN ({ids}) AND r.state IN ('BOOKED', 'PLACED', 'ENDED') AND r.start_day <= ? \
         AND r.last_day >= ? \
         AND l.day BETWEEN ? AND ? GROUP BY r.template_id, l.day")
    .ids(template_ids.iter().copied())
    .bind(range.last)
    .bind(range.first)
    .bind(range.first)
    .bind(range.last)
    .tuples(conn)
    .await?;
    for (template_id, day, on_leave) in leaves {
        found.entry((template_id, day)).or_default().on_leave = on_leave;
    }
    Ok(found)
}

/// The places taken on a day by a count of the reservations that cover it, less leave.
pub(crate) async fn place_recount(conn: &impl ConnectionTrait, template_id: i64, day: Day) -> Result<i64> {
    let found: Vec<i64> = sql("SELECT COUNT(*) FROM reservation r WHERE r.template_id = ? \
         AND r.state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED', 'ENDED') AND r.start_day <= ? \
         AND r.last_day >= ? \
         AND NOT EXISTS (SELECT 1 FROM student_leave l WHERE l.reservation_id = r.id AND l.day = ?)")
    .bind(template_id)
    .bind(day)
    .bind(day)
    .bind(day)
    .column(conn)
    .await?;
    Ok(found.into_iter().next().unwrap_or(0))
}
