//! Queries for reminders of lessons: who has a lesson and was not reminded of it.

use super::sql::sql;
use super::staffing::NOT_HELD_SPAN;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A lesson of which somebody was not reminded.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Unreminded {
    /// User name.
    pub person: String,
    /// The class template.
    pub template_id: i64,
    /// The class.
    pub class_id: i64,
    /// The lesson day.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
}

/// Whether the minute's run may find anything: a vacancy whose end has come, a lesson of which
/// students are to be told that it is not held, or one that starts in `[from, to)`. Each is a
/// look-up by index, and all are one statement.
pub(crate) async fn is_anything_due(
    conn: &impl ConnectionTrait,
    now: Instant,
    (from, to): (Instant, Instant),
) -> Result<bool> {
    let found: Vec<i64> = sql("SELECT CAST(COALESCE( \
         (SELECT 1 FROM class_task t WHERE t.state IN ('PENDING', 'INVITING', 'COVERED') \
           AND t.closes_at <= ? LIMIT 1), \
         (SELECT 1 FROM vacancy t WHERE t.state IN ('PENDING', 'INVITING', 'COVERED') \
           AND t.closes_at <= ? LIMIT 1), \
         (SELECT 1 FROM place p WHERE p.not_held_told = FALSE AND p.not_held_at > ? \
           AND p.not_held_at <= ? AND p.start_at > ? LIMIT 1), \
         (SELECT 1 FROM lesson l WHERE l.state = 'SCHEDULED' AND l.start_at >= ? AND l.start_at < ? \
           LIMIT 1), 0) AS {bigint})")
    .bind(now)
    .bind(now)
    .bind(now - NOT_HELD_SPAN)
    .bind(now)
    .bind(now)
    .bind(from)
    .bind(to)
    .column(conn)
    .await?;
    Ok(found.first().is_some_and(|any| *any != 0))
}

// From lessons on, in this order: by the names of people a database would read all of them. The
// conditions that begin with a look-up of one row keep MariaDB from beginning with the sign-ups.

/// No reminder of the lesson of a topic (`class` = 0, or the class) has been written to the person
/// that was not withdrawn.
macro_rules! not_reminded {
    ($audience:literal, $class:literal, $person:literal) => {
        concat!(
            " AND NOT EXISTS (SELECT 1 FROM notice_topic n JOIN message_topic a ON a.topic_id = n.id \
             JOIN message m ON m.id = a.message_id WHERE n.template_id = c.template_id AND n.class_id = ",
            $class,
            " AND n.day = l.day AND n.audience = '",
            $audience,
            "' AND n.person = ",
            $person,
            " AND m.kind = 'LESSON_REMINDER' AND m.state <> 'CANCELLED')"
        )
    };
}

/// Lessons that start in `[from, to)`, of students who come to them and were not
/// reminded, by user name from behind `after` on.
pub(crate) async fn unreminded_student_list(
    conn: &impl ConnectionTrait,
    (from, to): (Instant, Instant),
    after: &str,
    most: usize,
) -> Result<Vec<Unreminded>> {
    let query = sql(concat!(
        "SELECT s.user_name AS person, c.template_id, l.class_id, l.day, l.start_at \
         FROM lesson l \
         {join} class c ON c.id = l.class_id \
         {look_up:reservation r ON r.class_id = l.class_id AND r.state = 'PLACED' AND r.placed_from <= l.day \
           AND r.last_day >= l.day} \
         {join} student s ON s.id = r.student_id \
         WHERE l.start_at >= ? AND l.start_at < ? AND l.state = 'SCHEDULED' \
           AND COALESCE(s.user_name, '') > ? \
           AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = l.day)",
        not_reminded!("STUDENT", "0", "s.user_name"),
        " ORDER BY s.user_name, l.start_at LIMIT ?"
    ));
    query.bind(from).bind(to).bind(after).bind(i64::try_from(most).unwrap_or(i64::MAX)).all(conn).await
}

/// The same of coaches who teach them, if somebody comes; of those who were dismissed none.
pub(crate) async fn unreminded_coach_list(
    conn: &impl ConnectionTrait,
    (from, to): (Instant, Instant),
    after: &str,
    most: usize,
) -> Result<Vec<Unreminded>> {
    let query = sql(concat!(
        "SELECT o.user_name AS person, c.template_id, l.class_id, l.day, l.start_at \
         FROM lesson l \
         {join} class c ON c.id = l.class_id {join} coach o ON o.id = l.coach_id \
         WHERE l.start_at >= ? AND l.start_at < ? AND l.state = 'SCHEDULED' AND o.job_status <> 'dismissed' \
           AND COALESCE(o.user_name, '') > ? \
           AND (SELECT 1 FROM reservation r WHERE r.class_id = l.class_id AND r.state = 'PLACED' \
             AND r.placed_from <= l.day AND r.last_day >= l.day AND NOT EXISTS (SELECT 1 \
               FROM student_leave v WHERE v.reservation_id = r.id AND v.day = l.day) LIMIT 1) IS NOT NULL",
        not_reminded!("COACH", "l.class_id", "o.user_name"),
        // Who was just told of the class, with this as its first lesson, is not reminded beside.
        " AND NOT EXISTS (SELECT 1 FROM class_task t JOIN message g ON g.task_id = t.id \
           WHERE t.id = c.task_id AND g.class_id = c.id AND g.kind = 'ASSIGNED' AND g.person = o.user_name \
             AND g.lesson_at = l.start_at AND g.created_at >= t.freeze_at \
             AND g.state NOT IN ('CANCELLED', 'EXPIRED', 'FAILED', 'SUPPRESSED'))",
        " ORDER BY o.user_name, l.start_at LIMIT ?"
    ));
    query.bind(from).bind(to).bind(after).bind(i64::try_from(most).unwrap_or(i64::MAX)).all(conn).await
}
