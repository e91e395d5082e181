//! Who teaches the lessons of a class, and whether somebody is looked for in that coach's place.

use super::sql::{Cell, sql};
use crate::domain::state::LessonState;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A lesson of a class, as substitutions see it.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct ClassLesson {
    /// The day.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
    /// Its end.
    pub end_at: Instant,
    /// Who teaches it.
    pub coach_id: i64,
    /// Its state.
    pub state: LessonState,
    /// The open substitution that is about it, by its key in `vacancy`.
    pub substitution_id: Option<i64>,
    /// The open coach change that is about it, likewise.
    pub change_id: Option<i64>,
}

/// The open vacancy of the class of a lesson `l` that is about it.
macro_rules! open_for_lesson {
    ($which:literal) => {
        concat!(
            "(SELECT MIN(v.id) FROM vacancy v WHERE v.class_id = l.class_id \
             AND v.state IN ('PENDING', 'INVITING', 'COVERED') AND l.coach_id = v.replaces_id \
             AND l.day >= v.day AND ",
            $which,
            ")"
        )
    };
}

/// The lessons of a class, by day.
pub(crate) async fn class_lesson_list(
    conn: &impl ConnectionTrait,
    class_id: i64,
) -> Result<Vec<ClassLesson>> {
    sql(concat!(
        "SELECT l.day, l.start_at, l.end_at, l.coach_id, l.state, ",
        open_for_lesson!(
            "v.kind = 'SUBSTITUTION' AND l.day IN (SELECT d.day FROM vacancy_day d WHERE d.vacancy_id = v.id)"
        ),
        " AS substitution_id, ",
        open_for_lesson!("v.kind = 'CHANGE'"),
        " AS change_id FROM lesson l WHERE l.class_id = ? ORDER BY l.day"
    ))
    .bind(class_id)
    .all(conn)
    .await
}

/// The latest invitation by which a coach has had lessons of a class: of the class itself, or in
/// another's place.
pub(crate) async fn invitation_of_class(
    conn: &impl ConnectionTrait,
    class_id: i64,
    coach_id: i64,
) -> Result<Option<i64>> {
    let found: Vec<i64> = sql("SELECT i.id FROM invitation i WHERE i.class_id = ? AND i.coach_id = ? \
         UNION SELECT i.id FROM invitation i JOIN vacancy v ON v.id = -i.task_id \
         WHERE v.class_id = ? AND i.coach_id = ? AND i.state = 'ASSIGNED'")
    .bind(class_id)
    .bind(coach_id)
    .bind(class_id)
    .bind(coach_id)
    .column(conn)
    .await?;
    Ok(found.into_iter().max())
}

/// The invitation by which a coach has the lessons of a vacancy.
pub(crate) async fn invitation_assigned(
    conn: &impl ConnectionTrait,
    id: i64,
    coach_id: i64,
) -> Result<Option<i64>> {
    sql("SELECT id FROM invitation WHERE task_id = ? AND coach_id = ? AND state = 'ASSIGNED'")
        .bind(id)
        .bind(coach_id)
        .column(conn)
        .await
        .map(|found: Vec<i64>| found.first().copied())
}

/// The open coach change of a class, by its key in `vacancy`.
pub(crate) async fn change_open_of_class(conn: &impl ConnectionTrait, class_id: i64) -> Result<Option<i64>> {
    sql("SELECT id FROM vacancy WHERE class_id = ? AND kind = 'CHANGE' \
         AND state IN ('PENDING', 'INVITING', 'COVERED') ORDER BY id")
    .bind(class_id)
    .column(conn)
    .await
    .map(|found: Vec<i64>| found.first().copied())
}

/// The substitutions by which a coach has, or had, lessons of a class, by their keys in `vacancy`.
pub(crate) async fn substitutions_filled_by(
    conn: &impl ConnectionTrait,
    class_id: i64,
    coach_id: i64,
) -> Result<Vec<i64>> {
    sql("SELECT id FROM vacancy WHERE class_id = ? AND kind = 'SUBSTITUTION' AND state = 'FORMED' \
         AND coach_id = ? ORDER BY id")
    .bind(class_id)
    .bind(coach_id)
    .column(conn)
    .await
}

/// A lesson that a coach teaches.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Taught {
    /// Its class.
    pub class_id: i64,
    /// Code of the class template.
    pub template_code: String,
    /// Its start.
    pub start_at: Instant,
}

/// The lessons that a coach teaches on these days.
pub(crate) async fn lessons_taught(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    days: &[Day],
) -> Result<Vec<Taught>> {
    sql("SELECT l.class_id, t.code AS template_code, l.start_at FROM lesson l \
         JOIN class c ON c.id = l.class_id JOIN class_template t ON t.id = c.template_id \
         WHERE l.coach_id = ? AND l.state <> 'CANCELLED' AND l.day IN (SELECT q.day FROM {rows:day:d} q) \
         ORDER BY l.start_at, l.class_id")
    .bind(coach_id)
    .rows(days.iter().map(|day| -> [Cell; 1] { [(*day).into()] }))
    .all(conn)
    .await
}

/// The classes in which a coach has lessons ahead, each with its own coach.
pub(crate) async fn classes_taught(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    now: Instant,
) -> Result<Vec<(i64, i64)>> {
    sql("SELECT DISTINCT c.id, c.coach_id FROM lesson l JOIN class c ON c.id = l.class_id \
         WHERE l.coach_id = ? AND l.start_at > ? AND l.state = 'SCHEDULED' ORDER BY c.id")
    .bind(coach_id)
    .bind(now)
    .tuples(conn)
    .await
}
