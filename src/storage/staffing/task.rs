//! Class tasks: reading, locking, and the one statement by which a task gets another state.

use crate::domain::class_task::Counts;
use crate::domain::state::task::Event;
use crate::domain::state::{Cancellation, TaskState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::class_task;
use crate::storage::insert::insert_rows;
use crate::storage::sql::{Cell, sql};
use crate::storage::unique_violation;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;

/// A class task with what its template says.
#[derive(Clone, Debug, FromQueryResult)]
pub struct TaskRow {
    /// The task.
    pub id: i64,
    /// Its template.
    pub template_id: i64,
    /// The lesson day D.
    pub day: Day,
    /// State.
    pub state: TaskState,
    /// s.
    pub start_at: Instant,
    /// G.
    pub gate_at: Instant,
    /// F.
    pub freeze_at: Instant,
    /// F, or s − 30 min when staff reopened the task.
    pub closes_at: Instant,
    /// Staff reopened it after F.
    pub reopened: bool,
    /// Students counted.
    pub students: i32,
    /// New classes needed.
    pub needed: i32,
    /// To be sized again.
    pub dirty: bool,
    /// The early warning was given.
    pub early_warned: bool,
    /// The alarm at G was given.
    pub gate_alarmed: bool,
    /// The largest uncovered number that was told.
    pub told_uncovered: i32,
    /// By whom it was cancelled, if it was, as stored.
    pub cancelled_by: String,
    /// Counts every change.
    pub version: i64,
    /// Code of the template.
    pub code: String,
    /// Its subject.
    pub subject_id: i64,
    /// Name of the subject.
    pub subject_name: String,
    /// Its grade.
    pub grade: i32,
    /// Its season.
    pub season_id: i64,
    /// Times of day of the period, `HH:MM`.
    pub start_time: String,
    /// See `start_time`.
    pub end_time: String,
    /// At most so many classes.
    pub max_classes: i32,
    /// At most so many students in each.
    pub max_students_per_class: i32,
}

impl TaskRow {
    /// The natural key in messages and reports: `template@day`.
    pub fn about(&self) -> String {
        format!("{}@{}", self.code, self.day)
    }

    /// Why it was cancelled, if it was.
    pub(crate) fn cancelled(&self) -> Option<Cancellation> {
        (self.state == TaskState::Cancelled).then(|| Cancellation::of(&self.cancelled_by))
    }

    /// Whether it takes yeses and looks for coaches at `now`.
    pub(crate) fn is_open_at(&self, now: Instant) -> bool {
        self.state.is_open() && now < self.closes_at
    }
}

macro_rules! task_select {
    ($where:literal) => {
        concat!(
            "SELECT t.id, t.template_id, t.day, t.state, t.start_at, t.gate_at, t.freeze_at, t.closes_at, \
             t.reopened, t.students, t.needed, t.dirty, ",
            "t.early_warned, t.gate_alarmed, t.told_uncovered, t.cancelled_by, t.version, ct.code, \
             ct.subject_id, s.name AS subject_name, ct.grade, ct.season_id, ",
            "p.start_time, p.end_time, ct.max_classes, ct.max_students_per_class ",
            "FROM class_task t JOIN class_template ct ON ct.id = t.template_id JOIN subject s \
             ON s.id = ct.subject_id ",
            "JOIN period p ON p.id = ct.period_id WHERE ",
            $where
        )
    };
}

/// In the order in which tasks are worked on: the earliest lesson first, then by template code.
/// Sorted here, because databases sort text differently.
fn in_order(mut tasks: Vec<TaskRow>) -> Vec<TaskRow> {
    tasks.sort_by(|a, b| (a.start_at, &a.code).cmp(&(b.start_at, &b.code)));
    tasks
}

/// One task.
pub(crate) async fn task_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<TaskRow> {
    sql(task_select!("t.id = ?")).bind(id).one(conn).await?.ok_or_else(|| Error::not_found("class task", id))
}

/// The task of a template on a day.
pub(crate) async fn task_by_template(
    conn: &impl ConnectionTrait,
    code: &str,
    day: Day,
) -> Result<Option<TaskRow>> {
    sql(task_select!("ct.code = ? AND t.day = ?")).bind(code).bind(day).one(conn).await
}

/// Tasks by id.
pub async fn task_list_by_ids(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<TaskRow>> {
    Ok(in_order(sql(task_select!("t.id IN ({ids})")).ids(ids).all(conn).await?))
}

/// All open tasks, or those of one day.
pub async fn task_list_open(conn: &impl ConnectionTrait, day: Option<Day>) -> Result<Vec<TaskRow>> {
    let tasks: Vec<TaskRow> = match day {
        Some(day) => {
            sql(task_select!("t.day = ? AND t.state IN ('PENDING', 'INVITING', 'COVERED')"))
                .bind(day)
                .all(conn)
                .await?
        }
        None => sql(task_select!("t.state IN ('PENDING', 'INVITING', 'COVERED')")).all(conn).await?,
    };
    Ok(in_order(tasks))
}

/// How many tasks are open, of all days or of one.
pub(crate) async fn task_count_open(conn: &impl ConnectionTrait, day: Option<Day>) -> Result<u64> {
    let counted = match day {
        Some(day) => sql(
            "SELECT COUNT(*) FROM class_task WHERE day = ? AND state IN ('PENDING', 'INVITING', 'COVERED')",
        )
        .bind(day),
        None => sql("SELECT COUNT(*) FROM class_task WHERE state IN ('PENDING', 'INVITING', 'COVERED')"),
    };
    let found: Vec<i64> = counted.column(conn).await?;
    Ok(found.first().map_or(0, |count| count.unsigned_abs()))
}

/// Tasks with an acceptance whose test deadline has come.
pub(crate) async fn task_ids_lapsing(conn: &impl ConnectionTrait, now: Instant) -> Result<Vec<i64>> {
    sql("SELECT task_id FROM invitation WHERE state = 'ACCEPTED' AND test_deadline <= ?")
        .bind(now)
        .column(conn)
        .await
}

/// Open tasks that are not in line at `now`: to be sized again, past their gate and still PENDING,
/// with a test that is overdue (`lapsing`); those COVERED too when classes form at once.
pub(crate) async fn task_list_unsettled(
    conn: &impl ConnectionTrait,
    lapsing: Vec<i64>,
    form_at_once: bool,
    now: Instant,
) -> Result<Vec<TaskRow>> {
    let found = sql(task_select!(
        "t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at > ? AND (t.dirty = TRUE \
         OR (t.state = 'PENDING' AND t.gate_at <= ?) \
         OR t.state = ? OR t.id IN ({ids}))"
    ));
    let covered = if form_at_once { TaskState::Covered.as_str() } else { "" };
    Ok(in_order(found.bind(now).bind(now).bind(covered).ids(lapsing).all(conn).await?))
}

/// Open tasks that look for coaches by themselves, but those that were looked at in this `world` in
/// vain and for which time has changed nothing since (`task_look`).
pub(crate) async fn task_list_asking(
    conn: &impl ConnectionTrait,
    world: &str,
    now: Instant,
) -> Result<Vec<TaskRow>> {
    let found = sql(task_select!(
        "t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at > ? AND t.reopened = FALSE \
         AND NOT EXISTS \
         (SELECT 1 FROM task_look k WHERE k.task_id = t.id AND k.task_version = t.version AND k.world = ? \
          AND k.looked_at <= ? AND k.again_at > ?)"
    ));
    Ok(in_order(found.bind(now).bind(world).bind(now).bind(now).all(conn).await?))
}

/// Open tasks whose F (or reopened end) has come.
pub async fn task_list_closing(conn: &impl ConnectionTrait, now: Instant) -> Result<Vec<TaskRow>> {
    Ok(in_order(
        sql(task_select!("t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at <= ?"))
            .bind(now)
            .all(conn)
            .await?,
    ))
}

/// The open task of a template on a day.
pub(crate) async fn task_open_of_template(
    conn: &impl ConnectionTrait,
    template_id: i64,
    day: Day,
) -> Result<Option<TaskRow>> {
    let open = sql(task_select!(
        "t.template_id = ? AND t.day = ? AND t.state IN ('PENDING', 'INVITING', 'COVERED')"
    ));
    open.bind(template_id).bind(day).one(conn).await
}

/// Locks a task for the transaction and reads it as it is now. Everything that counts on a task
/// starts here.
pub(crate) async fn task_lock_in_txn(txn: &Txn, id: i64) -> Result<TaskRow> {
    if sql("UPDATE class_task SET version = version + 1 WHERE id = ?").bind(id).execute(txn).await? == 0 {
        return Err(Error::not_found("class task", id));
    }
    task_by_id(txn, id).await
}

/// How tasks stand; those without invitations are there too.
pub async fn task_counts(
    conn: &impl ConnectionTrait,
    tasks: &[TaskRow],
    now: Instant,
) -> Result<HashMap<i64, Counts>> {
    #[derive(FromQueryResult)]
    struct Row {
        task_id: i64,
        accepted: i64,
        ready: i64,
        live: i64,
        reserve: i64,
        changes_at: Option<Instant>,
    }
    let mut counts: HashMap<i64, Counts> = tasks
        .iter()
        .map(|task| (task.id, Counts { needed: i64::from(task.needed), ..Counts::default() }))
        .collect();
    let rows: Vec<Row> = sql("SELECT task_id, \
             COUNT(CASE WHEN state = 'ACCEPTED' AND test_deadline > ? THEN 1 END) AS accepted, \
             COUNT(CASE WHEN state = 'READY' THEN 1 END) AS ready, \
             COUNT(CASE WHEN (state = 'QUEUED' AND valid_until > ?) OR (state = 'SENT' AND expires_at > ?) \
             THEN 1 END) AS live, \
             COUNT(CASE WHEN state = 'RESERVE' THEN 1 END) AS reserve, \
             MIN(CASE WHEN state = 'QUEUED' AND valid_until > ? THEN valid_until WHEN state = 'SENT' \
                 AND expires_at > ? THEN expires_at \
                 WHEN state = 'ACCEPTED' AND test_deadline > ? THEN test_deadline END) AS changes_at \
         FROM invitation WHERE task_id IN ({ids}) GROUP BY task_id")
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(now)
    .ids(tasks.iter().map(|task| task.id))
    .all(conn)
    .await?;
    for row in rows {
        if let Some(counts) = counts.get_mut(&row.task_id) {
            let Row { task_id: _, accepted, ready, live, reserve, changes_at } = row;
            *counts = Counts { accepted, ready, live, reserve, changes_at, ..*counts };
        }
    }
    Ok(counts)
}

/// What happened to locked tasks, which were all read in this state: `to` follows from the table of
/// docs/domain.md §4 (`domain::state::task`).
///
/// # Errors
/// `Internal` when that cannot happen in this state; `Contended` when one is in another state by
/// now.
pub(crate) async fn task_step_in_txn(
    txn: &Txn,
    ids: &[i64],
    from: TaskState,
    event: Event,
) -> Result<TaskState> {
    let to = from.after(event)?;
    if ids.is_empty() {
        return Ok(to);
    }
    let rows = match event {
        Event::Cancelled(reason) => {
            sql("UPDATE class_task SET state = ?, cancelled_by = ?, version = version + 1 WHERE state = ? \
             AND id IN ({ids})")
            .bind(to)
            .bind(reason.as_str())
        }
        Event::WantedAgain => {
            sql("UPDATE class_task SET state = ?, cancelled_by = '', version = version + 1 WHERE state = ? \
             AND id IN ({ids})")
            .bind(to)
        }
        _ => sql("UPDATE class_task SET state = ?, version = version + 1 WHERE state = ? AND id IN ({ids})")
            .bind(to),
    };
    let rows = rows.bind(from).ids(ids.iter().copied()).execute(txn).await?;
    if usize::try_from(rows) == Ok(ids.len()) { Ok(to) } else { Err(Error::Contended("class_task.state")) }
}

/// PARTIAL, FAILED → INVITING by staff, until `closes_at`.
///
/// # Errors
/// As [`task_step_in_txn`].
pub(crate) async fn task_reopen_in_txn(txn: &Txn, task: &TaskRow, closes_at: Instant) -> Result<()> {
    task_step_in_txn(txn, &[task.id], task.state, Event::Reopened).await?;
    sql("UPDATE class_task SET reopened = TRUE, closes_at = ? WHERE id = ?")
        .bind(closes_at)
        .bind(task.id)
        .execute(txn)
        .await
        .map(drop)
}

/// Tasks whose lesson is back look for coaches again.
///
/// # Errors
/// As [`task_step_in_txn`].
pub(crate) async fn task_lesson_back_in_txn(txn: &Txn, ids: &[i64]) -> Result<()> {
    task_step_in_txn(txn, ids, TaskState::Cancelled, Event::WantedAgain).await?;
    sql("UPDATE class_task SET reopened = FALSE, dirty = TRUE WHERE id IN ({ids})")
        .ids(ids.iter().copied())
        .execute(txn)
        .await
        .map(drop)
}

/// Inserts tasks; one that another transaction made first makes this one run again, and find it.
pub(crate) async fn task_insert_in_txn(txn: &Txn, rows: Vec<class_task::ActiveModel>) -> Result<()> {
    match insert_rows(txn, rows).await {
        Err(error) if unique_violation(&error) => Err(Error::Contended("class_task")),
        done => Ok(done?),
    }
}

/// A task that is made, PENDING.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewTask {
    /// Its template.
    pub template_id: i64,
    /// s, G and F.
    pub start_at: Instant,
    /// See `start_at`.
    pub gate_at: Instant,
    /// See `start_at`.
    pub freeze_at: Instant,
    /// Students counted.
    pub students: i64,
    /// New classes needed.
    pub needed: i64,
}

/// Inserts the tasks of a day as a set; as [`task_insert_in_txn`].
pub(crate) async fn task_insert_set_in_txn(
    txn: &Txn,
    day: Day,
    rows: Vec<NewTask>,
    now: Instant,
) -> Result<()> {
    let rows = rows.into_iter().map(|row| -> [Cell; 6] {
        let NewTask { template_id, start_at, gate_at, freeze_at, students, needed } = row;
        [
            template_id.into(),
            start_at.into(),
            gate_at.into(),
            freeze_at.into(),
            students.into(),
            needed.into(),
        ]
    });
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
        Ok(_) => Ok(()),
        Err(Error::AlreadyExists { .. }) => Err(Error::Contended("class_task")),
        Err(error) => Err(error),
    }
}

/// Takes the turn of whoever makes tasks (`create`) or invitations (`invite`).
pub(crate) async fn mutex_lock_in_txn(txn: &Txn, name: &'static str) -> Result<()> {
    sql("UPDATE mutex SET version = version + 1 WHERE name = ?").bind(name).execute(txn).await.map(drop)
}

/// Waits for whoever has that turn, and keeps others from it, but not from this.
pub(crate) async fn mutex_share_in_txn(txn: &Txn, name: &'static str) -> Result<()> {
    sql("SELECT name, version FROM mutex WHERE name = ? {share}").bind(name).fetch(txn).await.map(drop)
}

/// A lesson day of a template, with its task if it has one.
#[derive(Debug, FromQueryResult)]
pub(crate) struct LessonDay {
    /// The day.
    pub day: Day,
    /// s.
    pub start_at: Instant,
    /// The task.
    pub task_id: Option<i64>,
    /// Its state.
    pub state: Option<TaskState>,
    /// Why it was cancelled.
    pub cancelled_by: Option<String>,
}

impl LessonDay {
    /// Whether its task was cancelled for want of demand.
    pub(crate) fn wants_demand(&self) -> bool {
        self.state == Some(TaskState::Cancelled)
            && self.cancelled_by.as_deref().map(Cancellation::of) == Some(Cancellation::NoDemand)
    }
}

/// The lesson days of a template in (after, until].
pub(crate) async fn lesson_day_list(
    conn: &impl ConnectionTrait,
    template_id: i64,
    after: Day,
    until: Day,
) -> Result<Vec<LessonDay>> {
    sql("SELECT p.day, p.start_at, t.id AS task_id, t.state, t.cancelled_by FROM place p \
         LEFT JOIN class_task t ON t.template_id = p.template_id AND t.day = p.day \
         WHERE p.template_id = ? AND p.day > ? AND p.day <= ? ORDER BY p.day")
    .bind(template_id)
    .bind(after)
    .bind(until)
    .all(conn)
    .await
}
