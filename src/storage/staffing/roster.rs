//! Who sits in a class, and what becomes of its lessons when nobody does.

use crate::domain::state::{ClassState, LessonState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::class;
use crate::storage::sql::sql;
use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};

/// The longest lead is from 21:00 to noon; what is older was told or is over, so that history costs
/// nothing.
pub(crate) const NOT_HELD_SPAN: TimeDelta = TimeDelta::days(1);

/// Whether it is time to tell students of a lesson that it does not take place.
pub(crate) async fn not_held_is_due(conn: &impl ConnectionTrait, now: Instant) -> Result<bool> {
    let due: Vec<i64> = sql("SELECT template_id FROM place WHERE not_held_told = FALSE AND not_held_at > ? \
         AND not_held_at <= ? AND start_at > ? LIMIT 1")
    .bind(now - NOT_HELD_SPAN)
    .bind(now)
    .bind(now)
    .column(conn)
    .await?;
    Ok(!due.is_empty())
}

/// The students who are in no class of a lesson that does not take place, and are not on leave:
/// (user name, template, day, s).
pub(crate) async fn not_held_student_list(
    conn: &impl ConnectionTrait,
    now: Instant,
) -> Result<Vec<(String, i64, Day, Instant)>> {
    sql("SELECT s.user_name, p.template_id, p.day, p.start_at \
         FROM place p JOIN reservation r ON r.template_id = p.template_id \
         JOIN student s ON s.id = r.student_id \
         WHERE p.not_held_told = FALSE AND p.not_held_at > ? AND p.not_held_at <= ? AND p.start_at > ? \
         AND (r.state = 'BOOKED' OR (r.state = 'PLACED' AND r.placed_from > p.day)) \
         AND r.start_day <= p.day AND r.last_day >= p.day \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = p.day) \
         ORDER BY p.template_id, p.day, s.id")
    .bind(now - NOT_HELD_SPAN)
    .bind(now)
    .bind(now)
    .tuples(conn)
    .await
}

/// Students of these lessons are told.
pub(crate) async fn not_held_told_in_txn(txn: &Txn, now: Instant) -> Result<()> {
    sql("UPDATE place SET not_held_told = TRUE WHERE not_held_told = FALSE AND not_held_at > ? \
        AND not_held_at <= ? AND start_at > ?")
    .bind(now - NOT_HELD_SPAN)
    .bind(now)
    .bind(now)
    .execute(txn)
    .await
    .map(drop)
}

/// Locks a class for the transaction and reads it as it is now.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn class_lock_in_txn(txn: &Txn, id: i64) -> Result<class::Model> {
    sql("UPDATE class SET version = version + 1 WHERE id = ?").bind(id).execute(txn).await?;
    class::Entity::find_by_id(id).one(txn).await?.ok_or_else(|| Error::not_found("class", id))
}

/// Locks classes.
pub(crate) async fn class_lock_set_in_txn(txn: &Txn, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sql("UPDATE class SET version = version + 1 WHERE id IN ({ids})")
        .ids(ids.iter().copied())
        .execute(txn)
        .await
        .map(drop)
}

/// The classes of a coach, and those of others in which the coach has lessons ahead.
pub(crate) async fn class_list_of_coach(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    now: Instant,
) -> Result<Vec<i64>> {
    sql("SELECT c.id FROM class c WHERE c.coach_id = ? AND c.state IN ('OPEN', 'RUNNING') \
         UNION SELECT l.class_id FROM lesson l WHERE l.coach_id = ? AND l.start_at > ? \
         AND l.state = 'SCHEDULED'")
    .bind(coach_id)
    .bind(coach_id)
    .bind(now)
    .column(conn)
    .await
}

/// The last day of who stays longest in a class; `None` = nobody stays.
pub(crate) async fn class_last_stay(conn: &impl ConnectionTrait, class_id: i64) -> Result<Option<Day>> {
    let stays: Vec<Option<Day>> =
        sql("SELECT MAX(last_day) AS last_day FROM reservation WHERE class_id = ? \
         AND state IN ('PLACED', 'HELD', 'OFFERED')")
        .bind(class_id)
        .column(conn)
        .await?;
    Ok(stays.into_iter().flatten().next())
}

/// The lessons of a class that are SCHEDULED and ahead, in order: (day, s).
pub(crate) async fn class_lessons_ahead(
    conn: &impl ConnectionTrait,
    class_id: i64,
    now: Instant,
) -> Result<Vec<(Day, Instant)>> {
    sql("SELECT day, start_at FROM lesson WHERE class_id = ? AND state = 'SCHEDULED' AND start_at > ? \
         ORDER BY day")
    .bind(class_id)
    .bind(now)
    .tuples(conn)
    .await
}

/// A coach who teaches lessons of a class that are ahead.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct CoachFrom {
    /// The coach.
    pub id: i64,
    /// User name.
    pub user_name: String,
    /// Phone number.
    pub phone: String,
    /// Day of the first of them.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
}

/// The coaches who teach lessons of a class that are ahead, from a day on.
pub(crate) async fn class_coaches_from(
    conn: &impl ConnectionTrait,
    class_id: i64,
    from: Day,
) -> Result<Vec<CoachFrom>> {
    sql("SELECT p.id, p.user_name, p.phone, MIN(l.day) AS day, MIN(l.start_at) AS start_at \
         FROM lesson l JOIN coach p ON p.id = l.coach_id \
         WHERE l.class_id = ? AND l.day >= ? AND l.state = 'SCHEDULED' \
         GROUP BY p.id, p.user_name, p.phone ORDER BY p.id")
    .bind(class_id)
    .bind(from)
    .all(conn)
    .await
}

/// The lessons of a class from a day on are called off, and its coach's time is free.
pub(crate) async fn class_call_off_in_txn(txn: &Txn, class_id: i64, from: Day) -> Result<()> {
    sql("UPDATE lesson SET state = ? WHERE class_id = ? AND day >= ? AND state = ?")
        .bind(LessonState::Cancelled)
        .bind(class_id)
        .bind(from)
        .bind(LessonState::Scheduled)
        .execute(txn)
        .await?;
    let invitations: Vec<i64> = sql("SELECT id FROM invitation WHERE class_id = ? UNION SELECT i.id \
         FROM invitation i JOIN vacancy v ON v.id = -i.task_id WHERE v.class_id = ? \
         AND i.state = 'ASSIGNED'")
    .bind(class_id)
    .bind(class_id)
    .column(txn)
    .await?;
    sql("DELETE FROM availability_use WHERE day >= ? AND invitation_id IN ({ids})")
        .bind(from)
        .ids(invitations)
        .execute(txn)
        .await?;
    super::marks::vacancy_mark_of_classes_in_txn(txn, &[class_id]).await
}

/// A locked class gets another state and ends no later than `last_day`.
pub(crate) async fn class_shorten_in_txn(
    txn: &Txn,
    class: &class::Model,
    state: ClassState,
    last_day: Day,
) -> Result<()> {
    sql("UPDATE class SET state = ?, last_day = ? WHERE id = ?")
        .bind(state)
        .bind(last_day.min(class.last_day))
        .bind(class.id)
        .execute(txn)
        .await
        .map(drop)
}

/// How many classes a task formed.
pub(crate) async fn class_count_of_task(conn: &impl ConnectionTrait, task_id: i64) -> Result<usize> {
    Ok(class::Entity::find().filter(class::Column::TaskId.eq(task_id)).all(conn).await?.len())
}
