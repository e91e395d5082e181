//! Lessons of all classes by time, with their rosters, and the attendance that is kept of them.

use super::Txn;
use super::sql::{Cell, insert_rows, sql};
use crate::domain::attendance::Attendance;
use crate::domain::state::{AttendanceState, Audience, LessonState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::page::Page;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A lesson with the names of what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct LessonRow {
    /// Key.
    pub id: i64,
    /// The class.
    pub class_id: i64,
    /// Code of its template.
    pub class_template: String,
    /// The subject.
    pub subject_id: i64,
    /// Grade, 1–12.
    pub grade: i32,
    /// The lesson day.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
    /// Its end.
    pub end_at: Instant,
    /// The coach who teaches it.
    pub coach_id: i64,
    /// User name of the coach.
    pub coach: String,
    /// Its state, as it is stored.
    pub state: LessonState,
    /// When it was written down that it is over.
    pub closed_at: Option<Instant>,
}

/// By what lessons are listed in order: their start, then their key.
pub(crate) type LessonKey = (Instant, i64);

/// Which lessons to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LessonFilter {
    /// Those that start from the first instant on, before the second.
    pub starts: (Instant, Instant),
    /// Only those that end later.
    pub end_after: Option<Instant>,
    /// Only of this template.
    pub template_id: Option<i64>,
    /// Only of this class.
    pub class_id: Option<i64>,
    /// Only of this subject.
    pub subject_id: Option<i64>,
    /// Only of this grade.
    pub grade: Option<i32>,
    /// Only those that this coach teaches.
    pub coach_id: Option<i64>,
    /// Of a coach also those that a standby taught in that coach's place.
    pub or_replaced: bool,
    /// Only those on whose roster this student is.
    pub student_id: Option<i64>,
    /// Only those in one of these states by the instant; none = all.
    pub states: (Vec<LessonState>, Instant),
}

/// The columns of a [`LessonRow`], and the tables that they stand in.
macro_rules! lesson_rows {
    () => {
        "SELECT l.id, l.class_id, t.code AS class_template, t.subject_id, t.grade, l.day, l.start_at, \
         l.end_at, l.coach_id, o.user_name AS coach, l.state, l.closed_at \
         FROM lesson l {join} class c ON c.id = l.class_id \
         {join} class_template t ON t.id = c.template_id {join} coach o ON o.id = l.coach_id "
    };
}

/// That a reservation `r` is, or was, on the roster of a lesson `l`.
macro_rules! on_roster {
    () => {
        "r.class_id = l.class_id AND r.state IN ('PLACED', 'ENDED') \
         AND COALESCE(r.placed_from, r.start_day) <= l.day AND r.last_day >= l.day"
    };
}

/// That a standby taught a lesson `l` by a vacancy `v`.
macro_rules! stood_in {
    () => {
        "v.class_id = l.class_id AND v.day = l.day AND v.kind = 'STANDBY' AND v.state = 'FORMED' \
         AND v.replaces_id <> l.coach_id"
    };
}

/// Lessons by start and key.
pub(crate) async fn lesson_list(
    conn: &impl ConnectionTrait,
    filter: &LessonFilter,
    page: &Page<LessonKey>,
) -> Result<Vec<LessonRow>> {
    let LessonFilter {
        starts: (from, to),
        end_after,
        template_id,
        class_id,
        subject_id,
        grade,
        coach_id,
        or_replaced,
        student_id,
        states: (states, now),
    } = filter;
    let (after_start, after_id) = page.after.unwrap_or((Instant::from_unix(0), 0));
    let any = |id: &Option<i64>| id.unwrap_or(0);
    sql(concat!(
        lesson_rows!(),
        "WHERE l.start_at >= ? AND l.start_at < ? AND (l.start_at > ? OR l.id > ?) AND l.end_at > ? \
         AND (? = 0 OR c.template_id = ?) AND (? = 0 OR l.class_id = ?) AND (? = 0 OR t.subject_id = ?) \
         AND (? = 0 OR t.grade = ?) AND (? = 0 OR l.coach_id = ? OR EXISTS (SELECT 1 FROM vacancy v WHERE ",
        stood_in!(),
        " AND v.replaces_id = ?)) \
         AND (? = 0 OR EXISTS (SELECT 1 FROM reservation r WHERE r.student_id = ? AND ",
        on_roster!(),
        ")) AND (? = 0 OR CASE WHEN l.state NOT IN ('SCHEDULED', 'RUNNING') THEN l.state \
         WHEN l.end_at <= ? THEN 'DONE' WHEN l.start_at <= ? THEN 'RUNNING' ELSE 'SCHEDULED' END \
         IN ({texts})) ORDER BY l.start_at, l.id LIMIT ?"
    ))
    // A page begins with what starts with the last of the page before.
    .bind((*from).max(after_start))
    .bind(*to)
    .bind(after_start)
    .bind(after_id)
    .bind(end_after.unwrap_or(Instant::from_unix(0)))
    .bind(any(template_id))
    .bind(any(template_id))
    .bind(any(class_id))
    .bind(any(class_id))
    .bind(any(subject_id))
    .bind(any(subject_id))
    .bind(grade.unwrap_or(0))
    .bind(grade.unwrap_or(0))
    .bind(any(coach_id))
    .bind(any(coach_id))
    // Nobody has the key 0.
    .bind(if *or_replaced { any(coach_id) } else { 0 })
    .bind(any(student_id))
    .bind(any(student_id))
    .bind(i64::from(!states.is_empty()))
    .bind(*now)
    .bind(*now)
    .texts(states.iter().map(|state| state.as_str()))
    .bind(i64::try_from(page.limit()).unwrap_or(i64::MAX))
    .all(conn)
    .await
}

/// Those of these lessons of which it is not written down that they are over, locked, by key.
pub(crate) async fn lesson_lock_open_in_txn(txn: &Txn, ids: &[i64]) -> Result<Vec<LessonRow>> {
    let open: Vec<i64> =
        sql("SELECT id FROM lesson WHERE id IN ({ids}) AND closed_at IS NULL ORDER BY id {lock}")
            .ids(ids.iter().copied())
            .column(txn)
            .await?;
    sql(concat!(lesson_rows!(), "WHERE l.id IN ({ids}) ORDER BY l.id")).ids(open).all(txn).await
}

/// A coach in whose place a standby taught a lesson.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Replaced {
    /// The lesson.
    pub lesson_id: i64,
    /// The coach.
    pub coach_id: i64,
    /// User name.
    pub coach: String,
}

/// The coaches in whose place standbys taught these lessons.
pub(crate) async fn coach_list_replaced(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Replaced>> {
    sql(concat!(
        "SELECT DISTINCT l.id AS lesson_id, v.replaces_id AS coach_id, o.user_name AS coach \
         FROM lesson l {join} vacancy v ON ",
        stood_in!(),
        " {join} coach o ON o.id = v.replaces_id WHERE l.id IN ({ids})"
    ))
    .ids(ids)
    .all(conn)
    .await
}

/// A student who is, or was, on the roster of a lesson.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct RosterRow {
    /// The lesson.
    pub lesson_id: i64,
    /// The student.
    pub student_id: i64,
    /// User name.
    pub student: String,
    /// 1 = on leave from it.
    pub on_leave: i64,
}

/// The rosters of lessons, by lesson and user name.
pub(crate) async fn lesson_rosters(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<RosterRow>> {
    sql(concat!(
        "SELECT l.id AS lesson_id, r.student_id, s.user_name AS student, \
         CAST(CASE WHEN v.day IS NULL THEN 0 ELSE 1 END AS {bigint}) AS on_leave \
         FROM lesson l {join} reservation r ON ",
        on_roster!(),
        " {join} student s ON s.id = r.student_id \
         LEFT JOIN student_leave v ON v.reservation_id = r.id AND v.day = l.day \
         WHERE l.id IN ({ids}) ORDER BY l.id, s.user_name"
    ))
    .ids(ids)
    .all(conn)
    .await
}

/// The attendance of a person that is kept.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct KeptRow {
    /// The lesson.
    pub lesson_id: i64,
    /// Whether the person is its coach or a student.
    pub audience: Audience,
    /// Key of the person.
    pub person_id: i64,
    /// User name.
    pub user_name: String,
    state: AttendanceState,
    first_at: Option<Instant>,
    last_at: Option<Instant>,
    late_s: i64,
    left_early_s: i64,
}

impl KeptRow {
    /// What is kept.
    pub(crate) fn attendance(&self) -> Attendance {
        let KeptRow { state, first_at, last_at, late_s, left_early_s, .. } = *self;
        Attendance {
            state,
            first: first_at,
            last: last_at,
            late: TimeDelta::seconds(late_s),
            left_early: TimeDelta::seconds(left_early_s),
        }
    }
}

/// The attendance that is kept of lessons: of each its coach first, then whoever was replaced, then
/// students by user name.
pub(crate) async fn attendance_kept(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<KeptRow>> {
    sql("SELECT a.lesson_id, a.audience, a.person_id, COALESCE(o.user_name, s.user_name) AS user_name, \
         a.state, a.first_at, a.last_at, a.late_s, a.left_early_s FROM attendance a \
         JOIN lesson l ON l.id = a.lesson_id \
         LEFT JOIN coach o ON a.audience = 'COACH' AND o.id = a.person_id \
         LEFT JOIN student s ON a.audience = 'STUDENT' AND s.id = a.person_id \
         WHERE a.lesson_id IN ({ids}) AND COALESCE(o.user_name, s.user_name) IS NOT NULL \
         ORDER BY a.lesson_id, a.audience, CASE WHEN a.audience = 'COACH' AND a.person_id = l.coach_id \
           THEN 0 ELSE 1 END, user_name")
    .ids(ids)
    .all(conn)
    .await
}

/// Attendance to be kept: lesson, person, and what is said of both.
pub(crate) type Kept = (i64, Audience, i64, Attendance);

/// Keeps attendance.
pub(crate) async fn attendance_insert_in_txn(txn: &Txn, rows: &[Kept]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = [
        ("lesson_id", 'i'),
        ("audience", 't'),
        ("person_id", 'i'),
        ("state", 't'),
        ("first_at", 'i'),
        ("last_at", 'i'),
        ("late_s", 'i'),
        ("left_early_s", 'i'),
    ];
    let columns = columns.map(|(name, letter)| (name.to_owned(), letter));
    let cells = rows.iter().flat_map(|(lesson, audience, person, attendance)| -> [Cell; 8] {
        let Attendance { state, first, last, late, left_early } = attendance;
        [
            (*lesson).into(),
            audience.as_str().into(),
            (*person).into(),
            state.as_str().into(),
            (*first).into(),
            (*last).into(),
            late.num_seconds().into(),
            left_early.num_seconds().into(),
        ]
    });
    insert_rows("attendance", &columns, cells.collect()).execute_in_parts(txn).await.map(drop)
}
