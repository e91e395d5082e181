//! Queries that list classes, their lessons and rosters.

use super::entity::{class, class_template, coach, lesson, reservation};
use super::page::Page;
use super::sql::sql;
use crate::domain::state::{ClassState, LessonState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::sea_query::{Condition, Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use std::collections::{BTreeMap, HashMap};

/// A class with the names of its template and coach.
#[derive(Clone, Debug, FromQueryResult)]
pub struct ClassRow {
    /// The class.
    #[sea_orm(nested)]
    pub class: class::Model,
    /// Code of its template.
    pub template_code: String,
    /// User name of its coach.
    pub coach_user_name: String,
}

/// Which classes to list.
#[derive(Clone, Debug)]
pub(crate) struct ClassFilter {
    /// Of this template.
    pub template_id: Option<i64>,
    /// Of this coach.
    pub coach_id: Option<i64>,
    /// With this student on the roster.
    pub student_id: Option<i64>,
    /// In one of these states by then; none = all.
    pub states: (Vec<ClassState>, Instant),
    /// With a lesson on this day.
    pub day: Option<Day>,
    /// Formed by this class task.
    pub task_id: Option<i64>,
}

fn with_names() -> Select<class::Entity> {
    let to_template = class::Entity::belongs_to(class_template::Entity)
        .from(class::Column::TemplateId)
        .to(class_template::Column::Id);
    let to_coach =
        class::Entity::belongs_to(coach::Entity).from(class::Column::CoachId).to(coach::Column::Id);
    class::Entity::find()
        .column_as(class_template::Column::Code, "template_code")
        .column_as(coach::Column::UserName, "coach_user_name")
        .join(JoinType::InnerJoin, to_template.into())
        .join(JoinType::InnerJoin, to_coach.into())
}

/// One class.
pub(crate) async fn class_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<Option<ClassRow>> {
    Ok(with_names().filter(class::Column::Id.eq(id)).into_model::<ClassRow>().one(conn).await?)
}

/// Classes in order of keys.
pub(crate) async fn class_list(
    conn: &impl ConnectionTrait,
    filter: &ClassFilter,
    page: &Page,
) -> Result<Vec<ClassRow>> {
    use class::Column;
    let mut query = with_names().filter(Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(template_id) = filter.template_id {
        query = query.filter(Column::TemplateId.eq(template_id));
    }
    if let Some(coach_id) = filter.coach_id {
        query = query.filter(Column::CoachId.eq(coach_id));
    }
    if let Some(task_id) = filter.task_id {
        query = query.filter(Column::TaskId.eq(task_id));
    }
    let (states, now) = &filter.states;
    if !states.is_empty() {
        let any = states.iter().fold(Condition::any(), |any, state| any.add(is_in_state(*state, *now)));
        query = query.filter(any);
    }
    if let Some(student_id) = filter.student_id {
        let classes = Query::select()
            .column(reservation::Column::ClassId)
            .from(reservation::Entity)
            .and_where(reservation::Column::StudentId.eq(student_id))
            .and_where(reservation::Column::ClassId.is_not_null())
            .and_where(reservation::Column::State.is_in(ON_ROSTER))
            .to_owned();
        query = query.filter(Column::Id.in_subquery(classes));
    }
    if let Some(day) = filter.day {
        let classes = Query::select()
            .column(lesson::Column::ClassId)
            .from(lesson::Entity)
            .and_where(lesson::Column::Day.eq(day))
            .and_where(lesson::Column::State.ne(LessonState::Cancelled))
            .to_owned();
        query = query.filter(Column::Id.in_subquery(classes));
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).into_model::<ClassRow>().all(conn).await?)
}

/// That a class is in this state at `now`: [`ClassState::at`] as a condition.
fn is_in_state(state: ClassState, now: Instant) -> Condition {
    let lesson = || {
        Query::select()
            .column(lesson::Column::Id)
            .from(lesson::Entity)
            .and_where(
                Expr::col((lesson::Entity, lesson::Column::ClassId))
                    .equals((class::Entity, class::Column::Id)),
            )
            .and_where(lesson::Column::State.ne(LessonState::Cancelled))
            .to_owned()
    };
    let goes_on = Condition::all()
        .add(class::Column::State.ne(ClassState::Closed))
        .add(Expr::exists(lesson().and_where(lesson::Column::EndAt.gt(now)).to_owned()));
    let begun = Expr::exists(lesson().and_where(lesson::Column::StartAt.lte(now)).to_owned());
    match state {
        ClassState::Closed => goes_on.not(),
        ClassState::Running => goes_on.add(begun),
        ClassState::Open => goes_on.add(begun.not()),
    }
}

/// From when to when classes have lessons that are not called off: start of the first and end of
/// the last.
pub(crate) async fn class_spans(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, (Instant, Instant)>> {
    let rows: Vec<(i64, Instant, Instant)> =
        sql("SELECT class_id, MIN(start_at), MAX(end_at) FROM lesson WHERE class_id IN ({ids}) \
             AND state <> 'CANCELLED' GROUP BY class_id")
        .ids(ids)
        .tuples(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, start, end)| (id, (start, end))).collect())
}

/// States of a reservation that is on a roster.
const ON_ROSTER: [ReservationState; 1] = [ReservationState::Placed];

/// Who is in a class `c` by the reservations `r`: who comes to a lesson today or later. A part of a
/// sign-up that was changed is in it no longer when its lessons are past, whether or not a task has
/// ended it. A class that is over is as its last lesson was.
macro_rules! in_class {
    () => {
        "r.state IN ('PLACED', 'ENDED') AND EXISTS (SELECT 1 FROM lesson l WHERE l.class_id = c.id \
         AND l.day BETWEEN COALESCE(r.placed_from, r.start_day) AND r.last_day AND l.state <> 'CANCELLED' \
         AND l.day >= CASE WHEN c.last_day < ? \
         THEN (SELECT MAX(k.day) FROM lesson k WHERE k.class_id = c.id AND k.state <> 'CANCELLED') \
         ELSE ? END)"
    };
}

/// How many students are in classes `today` or later: each once, though a sign-up that was changed
/// is there in parts.
pub(crate) async fn class_sizes(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
    today: Day,
) -> Result<HashMap<i64, i64>> {
    let pairs: Vec<(i64, i64)> = sql(concat!(
        "SELECT c.id, COUNT(DISTINCT r.student_id) FROM class c JOIN reservation r ON r.class_id = c.id \
         WHERE c.id IN ({ids}) AND ",
        in_class!(),
        " GROUP BY c.id"
    ))
    .ids(ids)
    .bind(today)
    .bind(today)
    .tuples(conn)
    .await?;
    Ok(pairs.into_iter().collect())
}

/// (class, template, students of the fullest lesson day from `today` on) of each class of these
/// templates that is not over, in the order in which they were formed.
pub(crate) async fn class_loads(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    today: Day,
) -> Result<Vec<(i64, i64, i64)>> {
    let days: Vec<(i64, i64, Option<Day>, i64)> = sql("SELECT c.id, c.template_id, l.day, COUNT(DISTINCT \
         r.student_id) FROM class c \
         LEFT JOIN lesson l ON l.class_id = c.id AND l.day >= ? AND l.state IN ('SCHEDULED', 'RUNNING') \
         LEFT JOIN reservation r ON r.class_id = c.id AND r.state = 'PLACED' \
             AND COALESCE(r.placed_from, r.start_day) <= l.day \
             AND r.last_day >= l.day \
         WHERE c.template_id IN ({ids}) AND c.state <> 'CLOSED' AND c.last_day >= ? \
         GROUP BY c.id, c.template_id, l.day")
    .bind(today)
    .ids(template_ids.iter().copied())
    .bind(today)
    .tuples(conn)
    .await?;
    let mut loads: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (class, template, _, students) in days {
        let load = loads.entry(class).or_insert((template, 0));
        load.1 = Ord::max(load.1, students);
    }
    Ok(loads.into_iter().map(|(class, (template, students))| (class, template, students)).collect())
}

/// A student on a roster.
#[derive(Clone, Debug, FromQueryResult)]
pub struct RosterRow {
    /// The reservation.
    pub id: i64,
    /// User name of the student.
    pub user_name: String,
    /// First day in the class.
    pub from_day: Day,
    /// Last day in the class.
    pub last_day: Day,
}

/// The roster of a class `today` or later, in the order of the reservations.
pub(crate) async fn class_roster(conn: &impl ConnectionTrait, id: i64, today: Day) -> Result<Vec<RosterRow>> {
    sql(concat!(
        "SELECT r.id, s.user_name, COALESCE(r.placed_from, r.start_day) AS from_day, r.last_day FROM class c \
         JOIN reservation r ON r.class_id = c.id JOIN student s ON s.id = r.student_id WHERE c.id = ? AND ",
        in_class!(),
        " ORDER BY r.id"
    ))
    .bind(id)
    .bind(today)
    .bind(today)
    .all(conn)
    .await
}

/// A lesson with its coach.
#[derive(Clone, Debug, FromQueryResult)]
pub struct LessonRow {
    /// Key.
    pub id: i64,
    /// The day of its start.
    pub day: Day,
    /// When it starts.
    pub start_at: Instant,
    /// When it ends.
    pub end_at: Instant,
    /// User name of the coach.
    pub user_name: String,
    /// State.
    pub state: LessonState,
}

/// The lessons of a class, by day.
pub(crate) async fn class_lessons(conn: &impl ConnectionTrait, id: i64) -> Result<Vec<LessonRow>> {
    sql("SELECT l.id, l.day, l.start_at, l.end_at, c.user_name, l.state FROM lesson l JOIN coach c \
         ON c.id = l.coach_id \
         WHERE l.class_id = ? ORDER BY l.day")
    .bind(id)
    .all(conn)
    .await
}

/// Somebody of a class who may be told something.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct ClassPerson {
    /// User name.
    pub user_name: String,
    /// Phone number.
    pub phone: String,
    /// Wants no messages; only coaches can.
    pub opted_out: bool,
}

/// Who teaches the lessons of a class that are not over; without any, the coach of the class.
pub(crate) async fn class_coaches_ahead(
    conn: &impl ConnectionTrait,
    class: &class::Model,
    now: Instant,
) -> Result<Vec<ClassPerson>> {
    let teachers: Vec<ClassPerson> =
        sql("SELECT p.user_name, p.phone, p.opted_out FROM coach p WHERE p.id IN \
         (SELECT l.coach_id FROM lesson l WHERE l.class_id = ? AND l.state <> 'CANCELLED' AND l.end_at > ?) \
         ORDER BY p.user_name")
        .bind(class.id)
        .bind(now)
        .all(conn)
        .await?;
    if !teachers.is_empty() {
        return Ok(teachers);
    }
    sql("SELECT user_name, phone, opted_out FROM coach WHERE id = ?").bind(class.coach_id).all(conn).await
}

/// The students of a class who have a lesson in it that is not over, now or later.
pub(crate) async fn class_students_ahead(
    conn: &impl ConnectionTrait,
    class_id: i64,
    now: Instant,
) -> Result<Vec<ClassPerson>> {
    let students: Vec<(String, String)> = sql("SELECT s.user_name, s.phone FROM student s WHERE s.id IN \
         (SELECT r.student_id FROM reservation r JOIN lesson l ON l.class_id = r.class_id \
          AND l.day BETWEEN COALESCE(r.placed_from, r.start_day) AND r.last_day \
          WHERE r.class_id = ? AND r.state = 'PLACED' AND l.state <> 'CANCELLED' AND l.end_at > ?) \
         ORDER BY s.user_name")
    .bind(class_id)
    .bind(now)
    .tuples(conn)
    .await?;
    let person = |(user_name, phone)| ClassPerson { user_name, phone, opted_out: false };
    Ok(students.into_iter().map(person).collect())
}

/// When the next lesson of a class that has not begun starts and ends.
pub(crate) async fn class_next_lesson(
    conn: &impl ConnectionTrait,
    class_id: i64,
    now: Instant,
) -> Result<Option<(Instant, Instant)>> {
    let next: Vec<(Instant, Instant)> = sql("SELECT start_at, end_at FROM lesson WHERE class_id = ? \
         AND state <> 'CANCELLED' AND start_at > ? ORDER BY start_at LIMIT 1")
    .bind(class_id)
    .bind(now)
    .tuples(conn)
    .await?;
    Ok(next.into_iter().next())
}
