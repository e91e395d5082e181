//! Queries for the lessons of students.

use super::sql::sql;
use crate::domain::state::{LessonState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A lesson of a student.
#[derive(Clone, Debug, FromQueryResult)]
pub struct ScheduleRow {
    /// The reservation.
    pub reservation_id: i64,
    /// Its state.
    pub state: ReservationState,
    /// Until when it is held or offered.
    pub expires_at: Option<Instant>,
    /// Whether the hold was renewed.
    pub renewed: bool,
    /// Code of the class template.
    pub class_template: String,
    /// Code of the season.
    pub season: String,
    /// The day of its start.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
    /// Its end.
    pub end_at: Instant,
    /// The class, where there is one.
    pub class_id: Option<i64>,
    /// User name of the coach who teaches it.
    pub coach: Option<String>,
    /// Its state in the class.
    pub lesson_state: Option<LessonState>,
    /// Without a class: the task that counts the student, or the open one of the day, which would.
    pub counting_task_id: Option<i64>,
}

/// The lessons of a student from `from` to `to`: of sign-ups, and of holds and offers that last; by
/// start.
pub(crate) async fn schedule_list(
    conn: &impl ConnectionTrait,
    student_id: i64,
    from: Day,
    to: Day,
    now: Instant,
) -> Result<Vec<ScheduleRow>> {
    sql("SELECT r.id AS reservation_id, r.state, r.expires_at, r.renewed, t.code AS class_template, se.code \
             AS season, p.day, p.start_at, \
             p.end_at, l.class_id, c.user_name AS coach, l.state AS lesson_state, \
             COALESCE(r.task_id, (SELECT k.id FROM class_task k WHERE k.template_id = r.template_id \
                 AND k.day = p.day \
                 AND k.state IN ('PENDING', 'INVITING', 'COVERED'))) AS counting_task_id \
         FROM reservation r JOIN class_template t ON t.id = r.template_id JOIN season se \
         ON se.id = t.season_id \
         JOIN place p ON p.template_id = r.template_id AND p.day BETWEEN r.start_day AND r.last_day \
         LEFT JOIN lesson l ON l.class_id = r.class_id AND l.day = p.day AND r.placed_from <= p.day \
         LEFT JOIN coach c ON c.id = l.coach_id \
         WHERE r.student_id = ? AND p.day BETWEEN ? AND ? \
         AND (r.state IN ('BOOKED', 'PLACED', 'ENDED') OR (r.state IN ('HELD', 'OFFERED') \
         AND r.expires_at > ?)) ORDER BY p.start_at, r.id")
    .bind(student_id)
    .bind(from)
    .bind(to)
    .bind(now)
    .all(conn)
    .await
}

/// Lessons from which a student has taken leave, by the code of the season.
pub(crate) async fn leave_by_season(
    conn: &impl ConnectionTrait,
    student_id: i64,
) -> Result<Vec<(String, i64)>> {
    sql("SELECT se.code, COUNT(*) FROM reservation r JOIN student_leave v ON v.reservation_id = r.id \
         JOIN class_template t ON t.id = r.template_id JOIN season se ON se.id = t.season_id \
         WHERE r.student_id = ? GROUP BY se.code")
    .bind(student_id)
    .tuples(conn)
    .await
}
