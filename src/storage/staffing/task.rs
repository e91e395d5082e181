//! Class tasks by template and day, made, reopened and cancelled; what they share with other
//! vacancies is in `vacancy`.

use super::vacancy::{Vacancy, in_order, vacancies, vacancy_step_in_txn};
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

/// The task of a template on a day.
pub(crate) async fn task_by_template(
    conn: &impl ConnectionTrait,
    code: &str,
    day: Day,
) -> Result<Option<Vacancy>> {
    sql(vacancies!(tasks "ct.code = ? AND t.day = ?")).bind(code).bind(day).one(conn).await
}

/// The open task of a template on a day.
pub(crate) async fn task_open_of_template(
    conn: &impl ConnectionTrait,
    template_id: i64,
    day: Day,
) -> Result<Option<Vacancy>> {
    sql(vacancies!(
        tasks "t.template_id = ? AND t.day = ? AND t.state IN ('PENDING', 'INVITING', 'COVERED')"
    ))
    .bind(template_id)
    .bind(day)
    .one(conn)
    .await
}

/// The open tasks of a day, in order of their lessons.
pub(crate) async fn task_list_open(conn: &impl ConnectionTrait, day: Day) -> Result<Vec<Vacancy>> {
    let open = sql(vacancies!(tasks "t.day = ? AND t.state IN ('PENDING', 'INVITING', 'COVERED')"));
    Ok(in_order(open.bind(day).all(conn).await?))
}

/// PARTIAL, FAILED → INVITING by staff, until `closes_at`.
///
/// # Errors
/// As [`vacancy_step_in_txn`].
pub(crate) async fn task_reopen_in_txn(txn: &Txn, task: &Vacancy, closes_at: Instant) -> Result<()> {
    vacancy_step_in_txn(txn, &[task.id], task.state, Event::Reopened).await?;
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
/// As [`vacancy_step_in_txn`].
pub(crate) async fn task_lesson_back_in_txn(txn: &Txn, ids: &[i64]) -> Result<()> {
    vacancy_step_in_txn(txn, ids, TaskState::Cancelled, Event::WantedAgain).await?;
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
