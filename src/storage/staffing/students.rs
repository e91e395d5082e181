//! The students of a class task (docs/domain.md §4), and which task counts them.

use crate::domain::city::city;
use crate::domain::state::Cancellation;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::sql::{Sql, sql, update_by_pairs};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeMap, HashMap};

/// "Students of a task" of docs/domain.md §4, as far as it is about the reservation alone: BOOKED,
/// covering the day, made before its cut-off, not on leave that day. The parameters are day, day,
/// cut-off, day; see [`of_day`].
macro_rules! student_of_day {
    ($reservation:literal) => {
        concat!(
            $reservation,
            ".state = 'BOOKED' AND ",
            $reservation,
            ".start_day <= ? AND ",
            $reservation,
            ".last_day >= ? AND ",
            $reservation,
            ".created_at < ? AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = ",
            $reservation,
            ".id AND v.day = ?)"
        )
    };
}

/// The parameters of [`student_of_day`].
fn of_day(sql: Sql, day: Day, cut_off: Instant) -> Sql {
    sql.bind(day).bind(day).bind(cut_off).bind(day)
}

/// The open tasks of these templates on a day count their students: those of the day whom no task
/// counts, or that of a later day. Each gets a new version: whoever is just cancelling or changing
/// a sign-up, and found no task to mark, begins again and finds it.
pub(crate) async fn student_attach_in_txn(
    txn: &Txn,
    template_ids: &[i64],
    day: Day,
    cut_off: Instant,
) -> Result<()> {
    let text = concat!(
        "UPDATE reservation SET version = version + 1, task_id = \
             (SELECT t.id FROM class_task t WHERE t.template_id = reservation.template_id AND t.day = ? \
              AND t.state IN ('PENDING', 'INVITING', 'COVERED')) \
         WHERE template_id IN ({ids}) AND ",
        student_of_day!("reservation"),
        " AND (task_id IS NULL OR task_id IN \
             (SELECT l.id FROM class_task l WHERE l.template_id = reservation.template_id AND l.day > ? \
              AND l.state IN ('PENDING', 'INVITING', 'COVERED')))"
    );
    of_day(sql(text).bind(day).ids(template_ids.iter().copied()), day, cut_off)
        .bind(day)
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// Students whom a task counted and who need it no more: no sign-up any more that covers its day,
/// or on leave. How many.
pub(crate) async fn student_detach_in_txn(txn: &Txn, task_id: i64, day: Day) -> Result<u64> {
    sql("UPDATE reservation SET task_id = NULL WHERE task_id = ? AND (state <> 'BOOKED' OR last_day < ? \
         OR EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = reservation.id AND v.day = ?))")
    .bind(task_id)
    .bind(day)
    .bind(day)
    .execute(txn)
    .await
}

/// A task that is over counts nobody any more.
pub(crate) async fn student_detach_all_in_txn(txn: &Txn, task_id: i64) -> Result<()> {
    sql("UPDATE reservation SET task_id = NULL WHERE task_id = ?").bind(task_id).execute(txn).await.map(drop)
}

/// Whether no task counts a student of the template on this day.
pub(crate) async fn student_is_uncounted(
    conn: &impl ConnectionTrait,
    template_id: i64,
    day: Day,
    cut_off: Instant,
) -> Result<bool> {
    let text = concat!(
        "SELECT r.id FROM reservation r WHERE r.template_id = ? AND r.task_id IS NULL AND ",
        student_of_day!("r"),
        " LIMIT 1"
    );
    let found: Vec<i64> = of_day(sql(text).bind(template_id), day, cut_off).column(conn).await?;
    Ok(!found.is_empty())
}

/// The templates with an open task on the day that does not count one of its students.
pub(crate) async fn template_list_uncounted(
    conn: &impl ConnectionTrait,
    day: Day,
    cut_off: Instant,
) -> Result<Vec<i64>> {
    let text = concat!(
        "SELECT DISTINCT r.template_id FROM reservation r WHERE r.task_id IS NULL AND ",
        student_of_day!("r"),
        " AND EXISTS (SELECT 1 FROM class_task t WHERE t.template_id = r.template_id AND t.day = ? \
          AND t.state IN ('PENDING', 'INVITING', 'COVERED'))"
    );
    of_day(sql(text), day, cut_off).bind(day).column(conn).await
}

/// A template that needs a task on a day and has none.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(crate) struct Demand {
    /// The template.
    pub template_id: i64,
    /// s.
    pub start_at: Instant,
    /// Students whom no task counts, or that of a later day.
    pub students: i64,
    /// Of the template.
    pub max_students_per_class: i32,
    /// Of the template.
    pub max_classes: i32,
}

/// The templates that need a task on the day and have none.
pub(crate) async fn demand_list(
    conn: &impl ConnectionTrait,
    day: Day,
    cut_off: Instant,
) -> Result<Vec<Demand>> {
    // The day is said wherever it can be: where it must be taken from `p`, MariaDB reads the tasks
    // of all days.
    let text = concat!(
        "SELECT p.template_id, p.start_at, q.students, ct.max_students_per_class, ct.max_classes \
         FROM place p JOIN (SELECT r.template_id, COUNT(*) AS students FROM reservation r WHERE ",
        student_of_day!("r"),
        " AND (r.task_id IS NULL OR r.task_id IN (SELECT l.id FROM class_task l WHERE l.day > ? \
              AND l.state IN ('PENDING', 'INVITING', 'COVERED'))) \
         GROUP BY r.template_id) q ON q.template_id = p.template_id \
         JOIN class_template ct ON ct.id = p.template_id \
         WHERE p.day = ? AND NOT EXISTS (SELECT 1 FROM class_task t WHERE t.template_id = p.template_id \
         AND t.day = ?) ORDER BY p.template_id"
    );
    of_day(sql(text), day, cut_off).bind(day).bind(day).bind(day).all(conn).await
}

/// Tasks of the day that were cancelled for want of demand and could form classes still, where
/// there is demand again: (task, template).
pub(crate) async fn task_list_wanted_again(
    conn: &impl ConnectionTrait,
    day: Day,
    cut_off: Instant,
    now: Instant,
) -> Result<Vec<(i64, i64)>> {
    let text = concat!(
        "SELECT t.id, t.template_id FROM class_task t WHERE t.day = ? AND t.state = 'CANCELLED' \
         AND t.cancelled_by = ? AND t.freeze_at > ? \
         AND EXISTS (SELECT 1 FROM reservation r WHERE r.template_id = t.template_id AND r.task_id IS NULL \
         AND ",
        student_of_day!("r"),
        ")"
    );
    of_day(sql(text).bind(day).bind(Cancellation::NoDemand.as_str()).bind(now), day, cut_off)
        .tuples(conn)
        .await
}

/// How many students each task counts.
pub(crate) async fn student_counts(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, i64>> {
    let rows: Vec<(i64, i64)> =
        sql("SELECT task_id, COUNT(*) AS n FROM reservation WHERE task_id IN ({ids}) AND state = 'BOOKED' \
            GROUP BY task_id")
        .ids(task_ids)
        .tuples_in_parts(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// A student whom a task counts.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct CountedStudent {
    /// The reservation.
    pub reservation_id: i64,
    /// The task.
    pub task_id: i64,
    /// Last day of the reservation.
    pub last_day: Day,
    /// The student.
    pub student_id: i64,
    /// The student's user name.
    pub user_name: String,
    /// Where the student lives.
    pub area_code: String,
}

/// The students whom tasks count, in the order in which they signed up.
pub(crate) async fn student_list(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<CountedStudent>> {
    sql("SELECT r.id AS reservation_id, r.task_id, r.last_day, r.student_id, s.user_name, s.area_code \
         FROM reservation r JOIN student s ON s.id = r.student_id \
         WHERE r.task_id IN ({ids}) AND r.state = 'BOOKED' \
         ORDER BY r.created_at, r.id")
    .ids(task_ids)
    .all(conn)
    .await
}

/// BOOKED → PLACED: (reservation, class), from `day` on.
///
/// # Errors
/// `Contended` when a cancellation came between the look and the change.
pub(crate) async fn student_place_in_txn(txn: &Txn, placed: &[(i64, i64)], day: Day) -> Result<()> {
    if placed.is_empty() {
        return Ok(());
    }
    let set = "class_id = p.class_id, state = 'PLACED', task_id = NULL, version = version + 1";
    let rows =
        update_by_pairs(txn, "reservation", ["id", "class_id"], set, "reservation.state = 'BOOKED'", placed)
            .execute(txn)
            .await?;
    if rows != placed.len() as u64 {
        return Err(Error::Contended("reservation.state"));
    }
    sql("UPDATE reservation SET placed_from = ? WHERE id IN ({ids})")
        .bind(day)
        .ids(placed.iter().map(|(reservation, _)| *reservation))
        .execute(txn)
        .await
        .map(drop)
}

/// The last day reserved by any student of each task.
pub(crate) async fn task_last_days(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Day>> {
    let rows: Vec<(i64, Day)> =
        sql("SELECT task_id, MAX(last_day) AS last_day FROM reservation WHERE task_id IN ({ids}) \
            AND state = 'BOOKED' GROUP BY task_id")
        .ids(ids)
        .tuples(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// How many students of each task come from each city.
pub(crate) async fn task_cities(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeMap<String, i64>>> {
    let rows: Vec<(i64, String, i64)> = sql("SELECT r.task_id, s.area_code, COUNT(*) AS n \
         FROM reservation r JOIN student s ON s.id = r.student_id WHERE r.task_id IN ({ids}) \
         AND r.state = 'BOOKED' \
         GROUP BY r.task_id, s.area_code")
    .ids(ids)
    .tuples(conn)
    .await?;
    let mut cities: HashMap<i64, BTreeMap<String, i64>> = HashMap::new();
    for (task, area_code, count) in rows {
        *cities.entry(task).or_default().entry(city(&area_code)).or_default() += count;
    }
    Ok(cities)
}
