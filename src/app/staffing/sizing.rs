//! Sizing tasks: whom they count, who fills a free seat of a running class, how many new classes
//! are needed (docs/domain.md §4).
//!
//! The number of statements does not depend on the number of students.

use crate::app::App;
use crate::domain::calendar::cut_off;
use crate::domain::city::city;
use crate::domain::class_task::{self, Seats, Seeker};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::pool;
use crate::storage::seat;
use crate::storage::sql::{sql, update_by_pairs, update_by_rows};
use crate::storage::staffing::TaskRow;
use sea_orm::FromQueryResult;
use std::collections::HashMap;

/// How a task came out of sizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Students counted who need a new class.
    pub students: i64,
    /// New classes needed.
    pub needed: i64,
    /// Students that do not fit into them.
    pub over: i64,
    /// Students who got a free seat of a running class just now.
    pub seated: i64,
}

/// Counts the students of open tasks of one day (docs/domain.md §4, "Students of a task"): BOOKED,
/// covering D, not on leave on it, made before the cut-off, in no class, and not counted by an open
/// task of an earlier day.
pub(crate) async fn attach_in_txn(app: &App, txn: &Txn, day: Day, template_ids: &[i64]) -> Result<()> {
    // Those whom a later task counts already come to this one: the earlier day has them.
    sql("UPDATE class_task SET dirty = TRUE WHERE day > ? AND state IN ('PENDING', 'INVITING', 'COVERED') \
        AND template_id IN ({ids})")
    .bind(day)
    .ids(template_ids.iter().copied())
    .execute_in_parts(txn)
    .await?;
    // A new version: who is just cancelling or changing a sign-up and found no task to mark begins
    // again, and finds it.
    sql("UPDATE reservation SET version = version + 1, task_id = \
             (SELECT t.id FROM class_task t WHERE t.template_id = reservation.template_id AND t.day = ? \
              AND t.state IN ('PENDING', 'INVITING', 'COVERED')) \
         WHERE state = 'BOOKED' AND template_id IN ({ids}) AND start_day <= ? AND last_day >= ? \
         AND created_at < ? \
         AND (task_id IS NULL OR task_id IN \
             (SELECT l.id FROM class_task l WHERE l.template_id = reservation.template_id AND l.day > ? \
              AND l.state IN ('PENDING', 'INVITING', 'COVERED'))) \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = reservation.id \
         AND v.day = ?)")
    .bind(day)
    .ids(template_ids.iter().copied())
    .bind(day)
    .bind(day)
    .bind(cut_off(app.time(), day))
    .bind(day)
    .bind(day)
    .execute_in_parts(txn)
    .await?;
    Ok(())
}

/// Fills free seats and computes the size of locked tasks of one day, and stores it.
pub(crate) async fn size_in_txn(txn: &Txn, tasks: &[TaskRow], day: Day) -> Result<HashMap<i64, Size>> {
    let templates: Vec<i64> = tasks.iter().map(|task| task.template_id).collect();
    // Before their rosters are read: who leaves a class changes it under this lock.
    seat::seat_lock_in_txn(txn, &templates, day).await?;
    let mut classes = seat::seat_list(txn, &templates, day).await?;
    // Only those that meet on the day.
    classes.values_mut().for_each(|seats| seats.retain(|seats| seats.rosters.contains_key(&day)));
    let running: HashMap<i64, i64> =
        classes.iter().map(|(template, seats)| (*template, seats.len() as i64)).collect();
    let seated = seat(txn, tasks, &mut classes, day).await?;
    let rest: HashMap<i64, i64> =
        sql("SELECT task_id, COUNT(*) AS n FROM reservation WHERE task_id IN ({ids}) AND state = 'BOOKED' \
            GROUP BY task_id")
        .ids(tasks.iter().map(|task| task.id))
        .tuples_in_parts::<(i64, i64)>(txn)
        .await?
        .into_iter()
        .collect();
    let size = |task: &TaskRow| {
        let students = rest.get(&task.id).copied().unwrap_or(0);
        let classes = running.get(&task.template_id).copied().unwrap_or(0);
        let (needed, over) = class_task::needed(
            students,
            i64::from(task.max_students_per_class),
            i64::from(task.max_classes),
            classes,
        );
        Size { students, needed, over, seated: seated.get(&task.id).copied().unwrap_or(0) }
    };
    let sizes: HashMap<i64, Size> = tasks.iter().map(|task| (task.id, size(task))).collect();
    // A task that is just made has mostly the size with which it was made.
    let is_stale = |task: &&TaskRow| {
        let Size { students, needed, .. } = size(task);
        task.version > 0 || (i64::from(task.students), i64::from(task.needed)) != (students, needed)
    };
    let stale = tasks
        .iter()
        .filter(is_stale)
        .map(|task| [task.id.into(), size(task).students.into(), size(task).needed.into()]);
    let set = "students = p.students, needed = p.needed, dirty = FALSE, version = class_task.version + 1";
    update_by_rows(txn, "class_task", "{rows:id:i, students:i, needed:i}", "class_task.id = p.id", set)
        .rows(stale)
        .execute_in_parts(txn)
        .await?;
    Ok(sizes)
}

/// Puts students of tasks into free seats; how many of each task.
async fn seat(
    txn: &Txn,
    tasks: &[TaskRow],
    classes: &mut HashMap<i64, Vec<Seats>>,
    day: Day,
) -> Result<HashMap<i64, i64>> {
    let mut seated = HashMap::new();
    let open = |seats: &Seats, max: i64| seats.rosters.get(&day).is_some_and(|roster| *roster < max);
    let hopeful: HashMap<i64, &TaskRow> = tasks
        .iter()
        .filter(|task| {
            let max = i64::from(task.max_students_per_class);
            classes.get(&task.template_id).is_some_and(|classes| classes.iter().any(|seats| open(seats, max)))
        })
        .map(|task| (task.id, task))
        .collect();
    if hopeful.is_empty() {
        return Ok(seated);
    }
    #[derive(FromQueryResult)]
    struct Row {
        id: i64,
        task_id: i64,
        last_day: Day,
        area_code: String,
    }
    let rows: Vec<Row> = sql("SELECT r.id, r.task_id, r.last_day, s.area_code FROM reservation r \
         JOIN student s ON s.id = r.student_id \
         WHERE r.task_id IN ({ids}) AND r.state = 'BOOKED' ORDER BY r.created_at, r.id")
    .ids(hopeful.keys().copied())
    .all(txn)
    .await?;
    let spans = pool::span_list(txn, hopeful.values().map(|task| task.template_id)).await?;
    let mut seekers: HashMap<i64, Vec<Seeker>> = HashMap::new();
    for row in rows {
        let Some(task) = hopeful.get(&row.task_id) else { continue };
        let days = spans.get(&task.template_id).into_iter().flatten().map(|span| span.day);
        let days = days.filter(|lesson| day <= *lesson && *lesson <= row.last_day).collect();
        seekers.entry(row.task_id).or_default().push(Seeker {
            reservation_id: row.id,
            city: city(&row.area_code),
            days,
        });
    }
    let mut filled = Vec::new();
    for (task_id, seekers) in &seekers {
        let Some(task) = hopeful.get(task_id) else { continue };
        let Some(classes) = classes.get_mut(&task.template_id) else { continue };
        let found = class_task::fill_seats(classes, seekers, i64::from(task.max_students_per_class));
        seated.insert(*task_id, found.len() as i64);
        filled.extend(found);
    }
    if !filled.is_empty() {
        place_in_txn(txn, &filled, day).await?;
    }
    Ok(seated)
}

/// BOOKED → PLACED: puts reservations into classes from `day` on.
pub(crate) async fn place_in_txn(txn: &Txn, filled: &[(i64, i64)], day: Day) -> Result<()> {
    let set = "class_id = p.class_id, state = 'PLACED', task_id = NULL, version = version + 1";
    let rows =
        update_by_pairs(txn, "reservation", ["id", "class_id"], set, "reservation.state = 'BOOKED'", filled)
            .execute(txn)
            .await?;
    if rows != filled.len() as u64 {
        // A cancellation came between the look and the change.
        return Err(Error::Contended("reservation.state"));
    }
    sql("UPDATE reservation SET placed_from = ? WHERE id IN ({ids})")
        .bind(day)
        .ids(filled.iter().map(|(reservation, _)| *reservation))
        .execute(txn)
        .await
        .map(drop)
}

/// What happened on a task's day concerns the template's later open tasks, which are sized again:
/// students left over belong to the next one, and classes that were formed have seats and count.
pub(crate) async fn mark_later_in_txn(txn: &Txn, template_id: i64, day: Day) -> Result<()> {
    sql("UPDATE class_task SET dirty = TRUE WHERE template_id = ? AND day > ? \
        AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .bind(template_id)
    .bind(day)
    .execute(txn)
    .await
    .map(drop)
}
