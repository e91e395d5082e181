//! Lessons that are owed to students (docs/domain.md §6): which, and what became of them.

use super::Txn;
use super::page::Page;
use super::sql::{Cell, sql};
use crate::domain::actor::Actor;
use crate::domain::state::{LessonState, MakeUpCause, MakeUpState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A lesson and a student to whom it is owed, by their keys.
pub(crate) type Owed = (i64, i64);

/// Who comes to lessons: on the roster of that day, and not on leave.
pub(crate) async fn comers(txn: &Txn, lesson_ids: &[i64]) -> Result<Vec<Owed>> {
    sql("SELECT l.id, r.student_id FROM lesson l JOIN reservation r ON r.class_id = l.class_id \
         AND r.state = 'PLACED' AND r.placed_from <= l.day AND r.last_day >= l.day \
         WHERE l.id IN ({ids}) AND NOT EXISTS (SELECT 1 FROM student_leave v \
         WHERE v.reservation_id = r.id AND v.day = l.day) ORDER BY l.id, r.student_id")
    .ids(lesson_ids.iter().copied())
    .tuples(txn)
    .await
}

/// Lessons are owed to students from now on. One that is known already stays as it is, unless it
/// was held after all and falls away again.
pub(crate) async fn make_up_owe_in_txn(
    txn: &Txn,
    owed: &[Owed],
    cause: MakeUpCause,
    now: Instant,
) -> Result<()> {
    if owed.is_empty() {
        return Ok(());
    }
    let rows = || owed.iter().map(|(lesson, student)| -> [Cell; 2] { [(*lesson).into(), (*student).into()] });
    sql("UPDATE make_up SET state = 'OWED', cause = ?, owed_at = ?, settled_at = NULL \
         WHERE state = 'RETURNED' AND EXISTS (SELECT 1 FROM {rows:lesson_id:i, student_id:i} q \
         WHERE q.lesson_id = make_up.lesson_id AND q.student_id = make_up.student_id)")
    .bind(cause)
    .bind(now)
    .rows(rows())
    .execute_in_parts(txn)
    .await?;
    sql("INSERT INTO make_up (lesson_id, student_id, cause, state, owed_at) \
         SELECT q.lesson_id, q.student_id, ?, 'OWED', ? FROM {rows:lesson_id:i, student_id:i} q \
         WHERE NOT EXISTS (SELECT 1 FROM make_up m \
         WHERE m.lesson_id = q.lesson_id AND m.student_id = q.student_id)")
    .bind(cause)
    .bind(now)
    .rows(rows())
    .execute_in_parts(txn)
    .await?;
    Ok(())
}

/// Lessons are held after all: they are owed to nobody.
pub(crate) async fn make_up_returned_in_txn(txn: &Txn, lesson_ids: &[i64], now: Instant) -> Result<u64> {
    sql("UPDATE make_up SET state = 'RETURNED', settled_at = ? WHERE state = 'OWED' AND lesson_id IN ({ids})")
        .bind(now)
        .ids(lesson_ids.iter().copied())
        .execute(txn)
        .await
}

/// What is owed is owed no more; nothing if it was settled before.
pub(crate) async fn make_up_waive_in_txn(
    txn: &Txn,
    id: i64,
    (actor, remark): (&Actor, &str),
    now: Instant,
) -> Result<u64> {
    sql("UPDATE make_up SET state = 'WAIVED', settled_at = ?, operator = ?, remark = ? \
         WHERE id = ? AND state = 'OWED'")
    .bind(now)
    .bind(actor.name())
    .bind(remark)
    .bind(id)
    .execute(txn)
    .await
}

/// A lesson that is, or was, owed, with the names of what it belongs to.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct MakeUpRow {
    /// Key.
    pub id: i64,
    /// User name of the student.
    pub student: String,
    /// The lesson that was not held.
    pub lesson_id: i64,
    /// Its class.
    pub class_id: i64,
    /// Code of the class template.
    pub class_template: String,
    /// Its day.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
    /// Its state.
    pub lesson_state: LessonState,
    /// Why it is owed.
    pub cause: MakeUpCause,
    /// What became of it.
    pub state: MakeUpState,
    /// Since when it is owed.
    pub owed_at: Instant,
    /// Since when it is owed no more.
    pub settled_at: Option<Instant>,
    /// Who waived it.
    pub operator: String,
    /// Why.
    pub remark: String,
}

/// Which of them to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct MakeUpFilter {
    /// Only this one.
    pub id: Option<i64>,
    /// Only of this class.
    pub class_id: Option<i64>,
    /// Only of classes of this template.
    pub template_id: Option<i64>,
    /// Only owed to this student.
    pub student_id: Option<i64>,
    /// Only in one of these states; none = all.
    pub states: Vec<MakeUpState>,
}

/// Lessons that are, or were, owed, in the order in which that became known.
pub(crate) async fn make_up_list(
    conn: &impl ConnectionTrait,
    filter: &MakeUpFilter,
    page: &Page,
) -> Result<Vec<MakeUpRow>> {
    let MakeUpFilter { id, class_id, template_id, student_id, states } = filter;
    let any = |id: &Option<i64>| id.unwrap_or(0);
    sql("SELECT m.id, s.user_name AS student, m.lesson_id, l.class_id, t.code AS class_template, l.day, \
             l.start_at, l.state AS lesson_state, m.cause, m.state, m.owed_at, m.settled_at, m.operator, \
             m.remark \
         FROM make_up m JOIN student s ON s.id = m.student_id JOIN lesson l ON l.id = m.lesson_id \
         JOIN class c ON c.id = l.class_id JOIN class_template t ON t.id = c.template_id \
         WHERE m.id > ? AND (? = 0 OR m.id = ?) AND (? = 0 OR l.class_id = ?) \
         AND (? = 0 OR c.template_id = ?) AND (? = 0 OR m.student_id = ?) \
         AND (? = 0 OR m.state IN ({texts})) ORDER BY m.id LIMIT ?")
    .bind(page.after.unwrap_or(0))
    .bind(any(id))
    .bind(any(id))
    .bind(any(class_id))
    .bind(any(class_id))
    .bind(any(template_id))
    .bind(any(template_id))
    .bind(any(student_id))
    .bind(any(student_id))
    .bind(i64::from(!states.is_empty()))
    .texts(states.iter().map(|state| state.as_str()))
    .bind(i64::try_from(page.limit()).unwrap_or(i64::MAX))
    .all(conn)
    .await
}
