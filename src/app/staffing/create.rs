//! `invite create`: the class tasks of a day (docs/domain.md §3, §4).

use super::step::settle;
use super::{sizing, task};
use crate::app::App;
use crate::app::outbox::notice::look_at_seated;
use crate::app::report::Report;
use crate::domain::calendar::{Timeline, cut_off};
use crate::domain::class_task;
use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::sql::{Cell, sql};
use crate::storage::staffing::{self, TaskRow};
use crate::write_txn;
use std::collections::{HashMap, HashSet};

/// Makes the tasks of `day` for sign-ups made before its cut-off, whenever it really runs, and
/// sizes those that are open. Running it again changes nothing.
pub async fn create_class_tasks(app: &App, now: Instant, day: Day) -> Result<Report> {
    write_txn!(&app.db, "class_task.create", |txn| {
        sql("UPDATE mutex SET version = version + 1 WHERE name = ?").bind("create").execute(txn).await?;
        let mut report = Report::default();
        let made = insert_tasks(app, txn, now, day, &mut report).await?;
        let reopened = reopen_wanted(app, txn, now, day).await?;
        let mut tasks = staffing::task_list_open(txn, Some(day)).await?;
        let open = tasks.len();
        tasks.retain(|task| now < task.freeze_at);
        report.examined += tasks.len() as u64;
        if tasks.is_empty() {
            return Ok(report);
        }
        // Only new and reopened tasks are sized here: the others are the business of `invite
        // check`, which tells coaches what follows.
        tasks.retain(|task| made.contains(&task.template_id) || reopened.contains(&task.template_id));
        let others = open - tasks.len();
        if tasks.is_empty() {
            mark_changed(app, txn, day).await?;
            return Ok(report);
        }
        let templates: Vec<i64> = tasks.iter().map(|task| task.template_id).collect();
        sizing::attach_in_txn(app, txn, day, &templates).await?;
        let sizes = sizing::size_in_txn(txn, &tasks, day).await?;
        let size = |task: &TaskRow| sizes.get(&task.id).copied().unwrap_or_default();
        let seated: Vec<i64> =
            tasks.iter().filter(|task| size(task).students == 0).map(|task| task.id).collect();
        if !seated.is_empty() {
            sql("UPDATE class_task SET state = ? WHERE state = ? AND id IN ({ids})")
                .bind(TaskState::Formed)
                .bind(TaskState::Pending)
                .ids(seated)
                .execute(txn)
                .await?;
        }
        for task in tasks.iter().filter(|task| size(task).seated > 0) {
            report.messages += look_at_seated(app, txn, task.template_id, day, now).await?;
        }
        for task in tasks.iter().filter(|task| now >= task.gate_at && size(task).students > 0) {
            settle(app, txn, task.id, now).await?;
        }
        report.changed += tasks.len() as u64;
        for task in &tasks {
            let size = size(task);
            if size.over > 0 {
                report.skip(Reason::PlacesExhausted, size.over as u64);
                report.notes.push(format!(
                    "{}: {} students do not fit into the classes that are left",
                    task.about(),
                    size.over
                ));
            }
        }
        if others > 0 {
            mark_changed(app, txn, day).await?;
        }
        Ok(report)
    })
}

/// Open tasks of the day that a sign-up made before the cut-off is not counted by are sized again
/// by `invite check`.
async fn mark_changed(app: &App, txn: &Txn, day: Day) -> Result<()> {
    let templates: Vec<i64> = sql("SELECT DISTINCT template_id FROM reservation WHERE state = 'BOOKED' \
         AND task_id IS NULL \
         AND start_day <= ? AND last_day >= ? AND created_at < ? AND EXISTS (SELECT 1 FROM class_task t \
             WHERE t.template_id = reservation.template_id AND t.day = ? \
         AND t.state IN ('PENDING', 'INVITING', 'COVERED')) \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = reservation.id \
         AND v.day = ?)")
    .bind(day)
    .bind(day)
    .bind(cut_off(app.time(), day))
    .bind(day)
    .bind(day)
    .column(txn)
    .await?;
    if templates.is_empty() { Ok(()) } else { super::demand::demand_changed(txn, &templates).await }
}

/// Templates that need a task on the day and have none; the templates for which one was made. Each
/// has the size that follows from the sign-ups as they are counted here, which is its size unless
/// there are running classes or somebody is just signing up.
async fn insert_tasks(
    app: &App,
    txn: &Txn,
    now: Instant,
    day: Day,
    report: &mut Report,
) -> Result<HashSet<i64>> {
    // The day is said wherever it can be: where it must be taken from `p`, MariaDB reads the tasks
    // of all days.
    let wanted: Vec<(i64, Instant, i64, i32, i32)> =
        sql("SELECT p.template_id, p.start_at, q.n, ct.max_students_per_class, ct.max_classes FROM place p \
             JOIN \
             (SELECT r.template_id, COUNT(*) AS n FROM reservation r WHERE r.state = 'BOOKED' \
              AND r.start_day <= ? AND r.last_day >= ? AND r.created_at < ? \
              AND (r.task_id IS NULL OR r.task_id IN (SELECT l.id FROM class_task l WHERE l.day > ? \
              AND l.state IN ('PENDING', 'INVITING', 'COVERED'))) \
              AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = ?) \
         GROUP BY r.template_id) q ON q.template_id = p.template_id \
         JOIN class_template ct ON ct.id = p.template_id \
         WHERE p.day = ? AND NOT EXISTS (SELECT 1 FROM class_task t WHERE t.template_id = p.template_id \
         AND t.day = ?) \
         ORDER BY p.template_id")
        .bind(day)
        .bind(day)
        .bind(cut_off(app.time(), day))
        .bind(day)
        .bind(day)
        .bind(day)
        .bind(day)
        .tuples(txn)
        .await?;
    // Many templates share few times of day.
    let mut lines: HashMap<Instant, Timeline> = HashMap::new();
    let mut rows: Vec<[Cell; 6]> = Vec::with_capacity(wanted.len());
    let mut made = HashSet::with_capacity(wanted.len());
    for (template_id, start, students, max_students, max_classes) in wanted {
        let line = lines.entry(start).or_insert_with(|| Timeline::of(app.rules(), day, start));
        if now >= line.freeze_at {
            // Nothing could be formed any more: these students wait for the next lesson.
            report.skip(Reason::TooLate, 1);
            continue;
        }
        let (needed, _) = class_task::needed(students, i64::from(max_students), i64::from(max_classes), 0);
        rows.push([
            template_id.into(),
            start.into(),
            line.gate_at.into(),
            line.freeze_at.into(),
            students.into(),
            needed.into(),
        ]);
        made.insert(template_id);
    }
    if made.is_empty() {
        return Ok(made);
    }
    let inserted =
        sql("INSERT INTO class_task (template_id, day, state, start_at, gate_at, freeze_at, closes_at, \
         students, needed, created_at) \
         SELECT q.template_id, ?, ?, q.start_at, q.gate_at, q.freeze_at, q.freeze_at, q.students, \
         q.needed, ? \
         FROM {rows:template_id:i, start_at:i, gate_at:i, freeze_at:i, students:i, needed:i} q")
        .bind(day)
        .bind(TaskState::Pending)
        .bind(now)
        .rows(rows)
        .execute_in_parts(txn)
        .await;
    match inserted {
        Ok(_) => Ok(made),
        Err(Error::AlreadyExists { .. }) => Err(Error::Contended("class_task")),
        Err(error) => Err(error),
    }
}

/// CANCELLED for want of demand → PENDING when there is demand again; an admin's cancellation
/// stays. The templates concerned.
async fn reopen_wanted(app: &App, txn: &Txn, now: Instant, day: Day) -> Result<Vec<i64>> {
    let wanted: Vec<(i64, i64)> = sql("SELECT t.id, t.template_id FROM class_task t \
         WHERE t.day = ? AND t.state = 'CANCELLED' AND t.cancelled_by = '' AND t.freeze_at > ? \
         AND EXISTS (SELECT 1 FROM reservation r WHERE r.state = 'BOOKED' AND r.template_id = t.template_id \
             AND r.start_day <= t.day AND r.last_day >= t.day AND r.created_at < ? AND r.task_id IS NULL \
             AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = t.day))")
    .bind(day)
    .bind(now)
    .bind(cut_off(app.time(), day))
    .tuples(txn)
    .await?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    task::reopen_in_txn(txn, &wanted.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    Ok(wanted.into_iter().map(|(_, template)| template).collect())
}
