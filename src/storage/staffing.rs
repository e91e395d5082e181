//! Queries for class tasks and invitations.

use super::sql::sql;
use crate::domain::city::city;
use crate::domain::class_task::Counts;
use crate::domain::state::{InvitationState, TaskState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::invitation;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};
use std::collections::{BTreeMap, HashMap};

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
            "t.early_warned, t.gate_alarmed, t.told_uncovered, t.version, ct.code, ct.subject_id, s.name AS \
             subject_name, ct.grade, ct.season_id, ",
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

/// One invitation.
pub(crate) async fn invitation_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<invitation::Model> {
    invitation::Entity::find_by_id(id).one(conn).await?.ok_or_else(|| Error::not_found("invitation", id))
}

/// An invitation with the names a message needs.
#[derive(Clone, Debug, FromQueryResult)]
pub struct InvitedCoach {
    /// The invitation.
    pub id: i64,
    /// Its task.
    pub task_id: i64,
    /// Its coach.
    pub coach_id: i64,
    /// Its state.
    pub state: InvitationState,
    /// When the coach was asked.
    pub queued_at: Instant,
    /// When the message was out.
    pub sent_at: Option<Instant>,
    /// When the coach answered.
    pub answered_at: Option<Instant>,
    /// Until when the test must be passed.
    pub test_deadline: Option<Instant>,
    /// The coach's user name.
    pub user_name: String,
    /// The coach's phone.
    pub phone: String,
    /// The coach's last passed test.
    pub test_passed_at: Option<Instant>,
}

macro_rules! invited_select {
    ($where:literal) => {
        concat!(
            "SELECT i.id, i.task_id, i.coach_id, i.state, i.queued_at, i.sent_at, i.answered_at, \
             i.test_deadline, c.user_name, c.phone, c.test_passed_at ",
            "FROM invitation i JOIN coach c ON c.id = i.coach_id WHERE ",
            $where
        )
    };
}

/// The invitations of a task that count: asked, held or in reserve; by user name.
pub(crate) async fn invited_of_task(conn: &impl ConnectionTrait, task_id: i64) -> Result<Vec<InvitedCoach>> {
    let mut rows: Vec<InvitedCoach> = sql(invited_select!(
        "i.task_id = ? AND i.state IN ('QUEUED', 'SENT', 'ACCEPTED', 'READY', 'RESERVE')"
    ))
    .bind(task_id)
    .all(conn)
    .await?;
    rows.sort_by(|a, b| a.user_name.cmp(&b.user_name));
    Ok(rows)
}

/// Acceptances whose test deadline lies in `[from, to]`.
pub(crate) async fn invited_list_deadline_in(
    conn: &impl ConnectionTrait,
    from: Instant,
    to: Instant,
) -> Result<Vec<InvitedCoach>> {
    sql(invited_select!("i.state = 'ACCEPTED' AND i.test_deadline >= ? AND i.test_deadline <= ?"))
        .bind(from)
        .bind(to)
        .all(conn)
        .await
}

/// Acceptances of a coach that wait for the test.
pub(crate) async fn invited_list_accepted_by(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    now: Instant,
) -> Result<Vec<InvitedCoach>> {
    sql(invited_select!("i.coach_id = ? AND i.state = 'ACCEPTED' AND i.test_deadline > ?"))
        .bind(coach_id)
        .bind(now)
        .all(conn)
        .await
}

/// Ends invitations that are in one of the states they may be ended from; how many.
pub(crate) async fn invitation_end_in_txn(
    txn: &Txn,
    ids: &[i64],
    from: InvitationState,
    to: InvitationState,
    reason: &str,
    now: Instant,
) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    // What has run out frees its coach by time alone; everything else is a change of the coach.
    if to != InvitationState::Expired {
        coach_freed_in_txn(txn, ids).await?;
    }
    sql("UPDATE invitation SET state = ?, reason = ?, ended_at = ?, version = version + 1 WHERE state = ? \
        AND id IN ({ids})")
    .bind(to)
    .bind(reason)
    .bind(now)
    .bind(from)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// Counts a change of the coaches of invitations: whatever was found out about them may be
/// otherwise now.
async fn coach_freed_in_txn(txn: &Txn, invitation_ids: &[i64]) -> Result<()> {
    let mut coaches: Vec<i64> = sql("SELECT coach_id FROM invitation WHERE id IN ({ids})")
        .ids(invitation_ids.iter().copied())
        .column(txn)
        .await?;
    coaches.sort_unstable();
    coaches.dedup();
    super::import::coach_bump_set_in_txn(txn, &coaches).await
}

/// Frees the availability that invitations used.
pub(crate) async fn availability_free_in_txn(txn: &Txn, invitation_ids: &[i64]) -> Result<u64> {
    if invitation_ids.is_empty() {
        return Ok(0);
    }
    coach_freed_in_txn(txn, invitation_ids).await?;
    sql("DELETE FROM availability_use WHERE invitation_id IN ({ids})")
        .ids(invitation_ids.iter().copied())
        .execute(txn)
        .await
}

/// Sets the state of a locked task.
///
/// # Errors
/// `Contended` when it is in another state than `from`.
pub(crate) async fn task_state_set_in_txn(txn: &Txn, id: i64, from: TaskState, to: TaskState) -> Result<()> {
    let rows = sql("UPDATE class_task SET state = ?, version = version + 1 WHERE id = ? AND state = ?")
        .bind(to)
        .bind(id)
        .bind(from)
        .execute(txn)
        .await?;
    // The task is locked by this transaction, so nobody can have changed it since it was read.
    if rows == 1 { Ok(()) } else { Err(Error::Contended("class_task.state")) }
}

/// Invitations of tasks that were queued at exactly this instant and are still QUEUED.
pub(crate) async fn invited_queued_at(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
    at: Instant,
) -> Result<Vec<InvitedCoach>> {
    sql(invited_select!("i.task_id IN ({ids}) AND i.queued_at = ? AND i.state = 'QUEUED' ORDER BY i.id"))
        .ids(task_ids)
        .bind(at)
        .all(conn)
        .await
}
