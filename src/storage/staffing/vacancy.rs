//! Vacancies: whatever coaches are looked for (docs/domain.md §§4–6). New classes are wanted by a
//! row of `class_task`, somebody in the place of a class's coach by one of `vacancy`. Asking,
//! answering, testing and settling know only the [`Vacancy`].
//!
//! The key of a vacancy is that of its class task, or the negative of the key in `vacancy`.

use crate::domain::class_task::Counts;
use crate::domain::state::task::Event;
use crate::domain::state::{Cancellation, TaskState, VacancyKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::sql::sql;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;

/// What coaches are looked for, with what the class template says.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Vacancy {
    /// Its key: positive of a class task, negative of any other.
    pub id: i64,
    /// What is to be filled.
    pub kind: VacancyKind,
    /// The class whose coach is to be replaced; none of new classes.
    pub class_id: Option<i64>,
    /// The coach who is to be replaced.
    pub replaces_id: Option<i64>,
    /// The class template.
    pub template_id: i64,
    /// The (first) lesson day.
    pub day: Day,
    /// State.
    pub state: TaskState,
    /// Start of the (first) lesson.
    pub start_at: Instant,
    /// G.
    pub gate_at: Instant,
    /// Until when answers count. Of a class task F, or s − 30 min when staff reopened it.
    pub closes_at: Instant,
    /// Until when a question may be answered, where that is not by the table of lives.
    pub asks_until: Option<Instant>,
    /// It asks nobody by itself: staff reopened it after F, or it waits for its time.
    pub waits: bool,
    /// Students counted.
    pub students: i32,
    /// Coaches needed, one for each class.
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

impl Vacancy {
    /// The natural key in messages and reports: `template@day`, and what is to be filled where that
    /// is no new class.
    pub fn about(&self) -> String {
        let lesson = format!("{}@{}", self.code, self.day);
        match self.class_id {
            None => lesson,
            Some(class) => format!("{lesson}/{}-{class}-{}", self.kind, -self.id),
        }
    }

    /// Whether classes are wanted, by a class task.
    pub(crate) fn is_of_task(&self) -> bool {
        matches!(self.kind, VacancyKind::NewClasses | VacancyKind::MakeUp)
    }

    /// The class task, where classes are wanted.
    pub(crate) fn task_id(&self) -> Option<i64> {
        self.is_of_task().then_some(self.id)
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

/// A SELECT of class tasks `t` on a condition, or of other vacancies `t`, or of both.
macro_rules! vacancies {
    (tasks $where:literal) => {
        concat!(
            "SELECT t.id, CASE WHEN EXISTS (SELECT 1 FROM make_up_day u WHERE u.template_id = t.template_id) \
             THEN 'MAKE_UP' ELSE 'NEW_CLASSES' END AS kind, CAST(NULL AS {bigint}) AS class_id, \
             CAST(NULL AS {bigint}) AS replaces_id, CAST(NULL AS {bigint}) AS asks_until, \
             t.reopened AS waits, ",
            vacancies!(),
            "class_task t",
            vacancies!(+),
            $where
        )
    };
    (others $where:literal) => {
        concat!(
            "SELECT -t.id AS id, t.kind, t.class_id, t.replaces_id, t.asks_until, t.waits, ",
            vacancies!(),
            "vacancy t",
            vacancies!(+),
            $where
        )
    };
    (tasks $tasks:literal, others $others:literal) => {
        concat!(vacancies!(tasks $tasks), " UNION ALL ", vacancies!(others $others))
    };
    (both $where:literal) => {
        vacancies!(tasks $where, others $where)
    };
    () => {
        "t.template_id, t.day, t.state, t.start_at, t.gate_at, t.closes_at, t.students, t.needed, t.dirty, \
         t.early_warned, t.gate_alarmed, t.told_uncovered, t.cancelled_by, t.version, ct.code, \
         ct.subject_id, s.name AS subject_name, ct.grade, ct.season_id, p.start_time, p.end_time, \
         ct.max_classes, ct.max_students_per_class FROM "
    };
    (+) => {
        " JOIN class_template ct ON ct.id = t.template_id JOIN subject s ON s.id = ct.subject_id \
         JOIN period p ON p.id = ct.period_id WHERE "
    };
}
pub(super) use vacancies;

/// In the order in which vacancies are worked on: the earliest lesson first, then by template code;
/// of one lesson, new classes first. Sorted here, because databases sort text differently.
pub(super) fn in_order(mut found: Vec<Vacancy>) -> Vec<Vacancy> {
    found.sort_by(|a, b| (a.start_at, &a.code, -a.id).cmp(&(b.start_at, &b.code, -b.id)));
    found
}

/// Keys of class tasks, and keys in `vacancy` of the others.
pub(super) fn apart(ids: impl IntoIterator<Item = i64>) -> (Vec<i64>, Vec<i64>) {
    let (tasks, others): (Vec<i64>, Vec<i64>) = ids.into_iter().partition(|id| *id > 0);
    (tasks, others.into_iter().map(|id| -id).collect())
}

/// One vacancy.
pub(crate) async fn vacancy_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<Vacancy> {
    let found = vacancy_list_by_ids(conn, [id]).await?.pop();
    found.ok_or_else(|| match id {
        1.. => Error::not_found("class task", id),
        _ => Error::not_found("substitution, coach change or continuation", -id),
    })
}

/// Vacancies by their keys.
pub async fn vacancy_list_by_ids(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Vacancy>> {
    let (tasks, others) = apart(ids);
    let found = match (tasks.is_empty(), others.is_empty()) {
        (true, true) => return Ok(Vec::new()),
        (false, true) => sql(vacancies!(tasks "t.id IN ({ids})")).ids(tasks),
        (true, false) => sql(vacancies!(others "t.id IN ({ids})")).ids(others),
        (false, false) => sql(vacancies!(both "t.id IN ({ids})")).ids(tasks).ids(others),
    };
    Ok(in_order(found.all(conn).await?))
}

/// All that are open, or those of one day.
pub async fn vacancy_list_open(conn: &impl ConnectionTrait, day: Option<Day>) -> Result<Vec<Vacancy>> {
    let open = match day {
        Some(day) => sql(vacancies!(both "t.day = ? AND t.state IN ('PENDING', 'INVITING', 'COVERED')"))
            .bind(day)
            .bind(day),
        None => sql(vacancies!(both "t.state IN ('PENDING', 'INVITING', 'COVERED')")),
    };
    Ok(in_order(open.all(conn).await?))
}

/// How many are open, of all days or of one.
pub(crate) async fn vacancy_count_open(conn: &impl ConnectionTrait, day: Option<Day>) -> Result<u64> {
    let counted = match day {
        Some(day) => sql("SELECT (SELECT COUNT(*) FROM class_task WHERE day = ? \
                   AND state IN ('PENDING', 'INVITING', 'COVERED')) \
                 + (SELECT COUNT(*) FROM vacancy WHERE day = ? \
                   AND state IN ('PENDING', 'INVITING', 'COVERED'))")
        .bind(day)
        .bind(day),
        None => {
            sql("SELECT (SELECT COUNT(*) FROM class_task WHERE state IN ('PENDING', 'INVITING', 'COVERED')) \
             + (SELECT COUNT(*) FROM vacancy WHERE state IN ('PENDING', 'INVITING', 'COVERED'))")
        }
    };
    let found: Vec<i64> = counted.column(conn).await?;
    Ok(found.first().map_or(0, |count| count.unsigned_abs()))
}

/// Those with an acceptance whose test deadline has come.
pub(crate) async fn vacancy_ids_lapsing(conn: &impl ConnectionTrait, now: Instant) -> Result<Vec<i64>> {
    sql("SELECT task_id FROM invitation WHERE state = 'ACCEPTED' AND test_deadline <= ?")
        .bind(now)
        .column(conn)
        .await
}

/// Open ones that are not in line at `now`: to be sized again, past their gate and still PENDING,
/// with a test that is overdue (`lapsing`); those COVERED too when classes form at once.
pub(crate) async fn vacancy_list_unsettled(
    conn: &impl ConnectionTrait,
    lapsing: Vec<i64>,
    form_at_once: bool,
    now: Instant,
) -> Result<Vec<Vacancy>> {
    let unsettled = sql(vacancies!(
        both "t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at > ? AND (t.dirty = TRUE \
         OR (t.state = 'PENDING' AND t.gate_at <= ?) \
         OR t.state = ? OR t.id IN ({ids}))"
    ));
    let covered = if form_at_once { TaskState::Covered.as_str() } else { "" };
    let (tasks, others) = apart(lapsing);
    let unsettled = unsettled.bind(now).bind(now).bind(covered).ids(tasks);
    Ok(in_order(unsettled.bind(now).bind(now).bind("").ids(others).all(conn).await?))
}

/// Open ones that look for coaches by themselves, but those that were looked at in this `world` in
/// vain and for which time has changed nothing since (`task_look`).
pub(crate) async fn vacancy_list_asking(
    conn: &impl ConnectionTrait,
    world: &str,
    now: Instant,
) -> Result<Vec<Vacancy>> {
    let asking = sql(vacancies!(
        tasks "t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at > ? AND t.reopened = FALSE \
         AND NOT EXISTS \
         (SELECT 1 FROM task_look k WHERE k.task_id = t.id AND k.task_version = t.version AND k.world = ? \
          AND k.looked_at <= ? AND k.again_at > ?)",
        others "t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at > ? AND t.waits = FALSE \
         AND NOT EXISTS \
         (SELECT 1 FROM task_look k WHERE k.task_id = -t.id AND k.task_version = t.version AND k.world = ? \
          AND k.looked_at <= ? AND k.again_at > ?)"
    ));
    let asking = asking.bind(now).bind(world).bind(now).bind(now);
    Ok(in_order(asking.bind(now).bind(world).bind(now).bind(now).all(conn).await?))
}

/// Open ones whose end has come: F of a class task.
pub async fn vacancy_list_closing(conn: &impl ConnectionTrait, now: Instant) -> Result<Vec<Vacancy>> {
    let closing = sql(vacancies!(both "t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.closes_at <= ?"));
    Ok(in_order(closing.bind(now).bind(now).all(conn).await?))
}

/// Locks one for the transaction and reads it as it is now. Everything that counts on a vacancy
/// starts here.
pub(crate) async fn vacancy_lock_in_txn(txn: &Txn, id: i64) -> Result<Vacancy> {
    let lock = match id {
        1.. => sql("UPDATE class_task SET version = version + 1 WHERE id = ?").bind(id),
        _ => {
            // Its class before it: whoever changes the class marks its vacancies.
            sql("UPDATE class SET version = version + 1 \
                 WHERE id = (SELECT v.class_id FROM vacancy v WHERE v.id = ?)")
            .bind(-id)
            .execute(txn)
            .await?;
            sql("UPDATE vacancy SET version = version + 1 WHERE id = ?").bind(-id)
        }
    };
    // Of none at all, the look says so.
    lock.execute(txn).await?;
    vacancy_by_id(txn, id).await
}

/// How vacancies stand; those without invitations are there too.
pub async fn vacancy_counts(
    conn: &impl ConnectionTrait,
    vacancies: &[Vacancy],
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
    let mut counts: HashMap<i64, Counts> = vacancies
        .iter()
        .map(|vacancy| (vacancy.id, Counts { needed: i64::from(vacancy.needed), ..Counts::default() }))
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
    .ids(vacancies.iter().map(|vacancy| vacancy.id))
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

/// The UPDATE of a state as a pair, of class tasks and of other vacancies.
macro_rules! steps {
    ($set:literal) => {
        (
            concat!(
                "UPDATE class_task SET state = ?, ",
                $set,
                "version = version + 1 WHERE state = ? AND id IN ({ids})"
            ),
            concat!(
                "UPDATE vacancy SET state = ?, ",
                $set,
                "version = version + 1 WHERE state = ? AND id IN ({ids})"
            ),
        )
    };
}

/// What happened to locked vacancies, which were all read in this state: `to` follows from the
/// table of docs/domain.md §4 (`domain::state::task`).
///
/// # Errors
/// `Internal` when that cannot happen in this state; `Contended` when one is in another state by
/// now.
pub(crate) async fn vacancy_step_in_txn(
    txn: &Txn,
    ids: &[i64],
    from: TaskState,
    event: Event,
) -> Result<TaskState> {
    let to = from.after(event)?;
    let (texts, why) = match event {
        Event::Cancelled(why) => (steps!("cancelled_by = ?, "), Some(why.as_str())),
        Event::WantedAgain => (steps!("cancelled_by = ?, "), Some("")),
        Event::GivenBack => (steps!("cancelled_by = ?, "), Some(Cancellation::Admin.as_str())),
        _ => (steps!(""), None),
    };
    let (tasks, others) = apart(ids.iter().copied());
    for (text, ids) in [(texts.0, tasks), (texts.1, others)] {
        if ids.is_empty() {
            continue;
        }
        let wanted = ids.len();
        let step = sql(text).bind(to);
        let step = if let Some(why) = why { step.bind(why) } else { step };
        let rows = step.bind(from).ids(ids).execute(txn).await?;
        if usize::try_from(rows) != Ok(wanted) {
            return Err(Error::Contended("vacancy.state"));
        }
    }
    Ok(to)
}
