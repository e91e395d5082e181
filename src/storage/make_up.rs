//! Lessons that are owed to students (docs/domain.md §6): which, and what became of them.

use super::Txn;
use super::page::Page;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::actor::Actor;
use crate::domain::state::{LessonState, MakeUpCause, MakeUpState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeSet, HashMap};

/// A lesson and a student to whom it is owed, by their keys.
pub(crate) type Owed = (i64, i64);

/// That the sign-up `r` that a yes made is for a lesson ahead.
macro_rules! accepted {
    () => {
        "r.state IN ('BOOKED', 'PLACED') AND (SELECT MAX(p.end_at) FROM place p \
         WHERE p.template_id = r.template_id AND p.day = r.start_day) > ?"
    };
}

/// That a lesson `x`, which is over, made up for another by the sign-up `r`: it was held, and the
/// student was not on leave.
macro_rules! made_up {
    () => {
        "x.state NOT IN ('CANCELLED', 'COACH_ABSENT') AND r.state IN ('PLACED', 'ENDED') \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = x.day)"
    };
}

/// Who comes to lessons: on the roster of that day, and not on leave. Of a lesson by which others
/// are made up nobody is listed: those are owed as before.
pub(crate) async fn comers(txn: &Txn, lesson_ids: &[i64]) -> Result<Vec<Owed>> {
    sql("SELECT l.id, r.student_id FROM lesson l JOIN reservation r ON r.class_id = l.class_id \
         AND r.state = 'PLACED' AND r.placed_from <= l.day AND r.last_day >= l.day \
         WHERE l.id IN ({ids}) AND NOT EXISTS (SELECT 1 FROM student_leave v \
         WHERE v.reservation_id = r.id AND v.day = l.day) \
         AND NOT EXISTS (SELECT 1 FROM make_up_day u WHERE u.template_id = r.template_id) \
         ORDER BY l.id, r.student_id")
    .ids(lesson_ids.iter().copied())
    .tuples(txn)
    .await
}

/// Lessons are owed to students from now on. One that is known already stays as it is, unless it
/// was held after all and falls away again: then it is owed anew, whatever was offered before.
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
    sql("UPDATE make_up SET state = 'OWED', cause = ?, owed_at = ?, settled_at = NULL, template_id = NULL, \
         answer_until = NULL, answered_at = NULL, reservation_id = NULL, operator = '', remark = '' \
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

/// Lessons are held after all: they are owed to nobody, but to those who have said yes to a
/// make-up. What was owed of them.
pub(crate) async fn make_up_returned_in_txn(
    txn: &Txn,
    lesson_ids: &[i64],
    now: Instant,
) -> Result<Vec<Owed>> {
    // First they are locked: who is saying yes at this moment has said so then, or finds nothing
    // owed.
    sql("SELECT m.id, m.lesson_id FROM make_up m WHERE m.lesson_id IN ({ids}) AND m.state = 'OWED' \
         ORDER BY m.id {lock:m}")
    .ids(lesson_ids.iter().copied())
    .tuples::<(i64, i64)>(txn)
    .await?;
    let owed: Vec<(i64, i64, i64)> = sql(concat!(
        "SELECT m.id, m.lesson_id, m.student_id FROM make_up m \
         LEFT JOIN reservation r ON r.id = m.reservation_id \
         LEFT JOIN lesson x ON x.class_id = r.class_id AND x.day = r.start_day \
         WHERE m.lesson_id IN ({ids}) AND m.state = 'OWED' AND NOT COALESCE((",
        accepted!(),
        ") OR (x.end_at <= ? AND ",
        made_up!(),
        "), FALSE) ORDER BY m.id"
    ))
    .ids(lesson_ids.iter().copied())
    .bind(now)
    .bind(now)
    .tuples(txn)
    .await?;
    if !owed.is_empty() {
        sql("UPDATE make_up SET state = 'RETURNED', settled_at = ? WHERE state = 'OWED' AND id IN ({ids})")
            .bind(now)
            .ids(owed.iter().map(|(id, ..)| *id))
            .execute(txn)
            .await?;
    }
    Ok(owed.into_iter().map(|(_, lesson, student)| (lesson, student)).collect())
}

/// What is owed to a locked student is owed no more.
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

/// Locked students are asked whether to come to a make-up.
pub(crate) async fn make_up_offer_in_txn(
    txn: &Txn,
    ids: &[i64],
    template_id: i64,
    answer_until: Instant,
) -> Result<u64> {
    sql("UPDATE make_up SET template_id = ?, answer_until = ?, answered_at = NULL, reservation_id = NULL, \
         operator = '', remark = '' WHERE state = 'OWED' AND id IN ({ids})")
    .bind(template_id)
    .bind(answer_until)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// The answer of a locked student; of a yes, the sign-up that it made; of staff, who gave it and
/// why.
pub(crate) async fn make_up_answer_in_txn(
    txn: &Txn,
    id: i64,
    reservation_id: Option<i64>,
    (operator, remark): (&str, &str),
    now: Instant,
) -> Result<u64> {
    sql("UPDATE make_up SET answered_at = ?, reservation_id = ?, operator = ?, remark = ? \
         WHERE id = ? AND state = 'OWED'")
    .bind(now)
    .bind(reservation_id)
    .bind(operator)
    .bind(remark)
    .bind(id)
    .execute(txn)
    .await
}

/// Writes down what lessons that are over have made up for, and which lessons are thereby made up.
pub(crate) async fn make_up_settle_in_txn(txn: &Txn, lesson_ids: &[i64], now: Instant) -> Result<()> {
    let found: Vec<(i64, i64, Instant)> = sql(concat!(
        "SELECT m.id, m.lesson_id, x.end_at FROM lesson x JOIN class c ON c.id = x.class_id \
         JOIN make_up_day u ON u.template_id = c.template_id \
         JOIN reservation r ON r.class_id = x.class_id AND r.start_day <= x.day AND r.last_day >= x.day \
         JOIN make_up m ON m.reservation_id = r.id AND m.state = 'OWED' \
         WHERE x.id IN ({ids}) AND x.end_at <= ? AND ",
        made_up!(),
        " ORDER BY m.id"
    ))
    .ids(lesson_ids.iter().copied())
    .bind(now)
    .tuples(txn)
    .await?;
    if !found.is_empty() {
        let on = "make_up.id = p.id AND make_up.state = 'OWED'";
        let set = "state = 'MADE_UP', settled_at = p.settled_at";
        update_by_rows(txn, "make_up", "{rows:id:i, settled_at:i}", on, set)
            .rows(found.iter().map(|(id, _, end)| -> [Cell; 2] { [(*id).into(), (*end).into()] }))
            .execute_in_parts(txn)
            .await?;
    }
    // One that was made up before its own time is so once that has passed.
    let made_up = found.into_iter().map(|(_, lesson, _)| lesson).chain(lesson_ids.iter().copied());
    lesson_made_up_in_txn(txn, &made_up.collect::<Vec<_>>(), now).await
}

/// Lessons that were not held are made up when nothing of them is owed any more, and at least one
/// student had another in their place.
pub(crate) async fn lesson_made_up_in_txn(txn: &Txn, lesson_ids: &[i64], now: Instant) -> Result<()> {
    sql("UPDATE lesson SET state = 'MADE_UP' WHERE state IN ('CANCELLED', 'COACH_ABSENT') AND end_at <= ? \
         AND id IN ({ids}) \
         AND EXISTS (SELECT 1 FROM make_up m WHERE m.lesson_id = lesson.id AND m.state = 'MADE_UP') \
         AND NOT EXISTS (SELECT 1 FROM make_up m WHERE m.lesson_id = lesson.id AND m.state = 'OWED')")
    .bind(now)
    .ids(lesson_ids.iter().copied())
    .execute(txn)
    .await
    .map(drop)
}

/// A lesson that is, or was, owed, with the names of what it belongs to.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct MakeUpRow {
    /// Key.
    pub id: i64,
    /// The student.
    pub student_id: i64,
    /// User name of the student.
    pub student: String,
    /// Phone number of the student.
    pub phone: String,
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
    /// What has become of it.
    pub state: MakeUpState,
    /// Since when it is owed.
    pub owed_at: Instant,
    /// Since when it is owed no more.
    pub settled_at: Option<Instant>,
    /// What was offered last: code of the template by which it would be made up.
    pub offered: Option<String>,
    /// On which day.
    pub offered_day: Option<Day>,
    /// When it would start; none = that lesson has fallen away.
    pub offered_at: Option<Instant>,
    /// Until when to answer.
    pub answer_until: Option<Instant>,
    /// The sign-up that a yes made.
    pub reservation_id: Option<i64>,
    /// Who waived it, or gave the last answer for the student.
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
    /// Only those of which this make-up was offered last.
    pub offered_id: Option<i64>,
    /// Only in one of these states; none = all.
    pub states: Vec<MakeUpState>,
}

/// A SELECT of what is, or was, owed, on one condition by whose index it is found: a database does
/// not find one behind `? = 0 OR`.
macro_rules! make_ups {
    ($of:literal) => {
        concat!(
            "SELECT q.* FROM (SELECT m.id, m.student_id, s.user_name AS student, s.phone, m.lesson_id, \
                 l.class_id, t.code AS class_template, l.day, l.start_at, l.state AS lesson_state, m.cause, \
                 CASE WHEN m.state <> 'OWED' THEN m.state \
                   WHEN x.end_at <= ? AND ",
            made_up!(),
            "  THEN 'MADE_UP' \
                   WHEN ",
            accepted!(),
            " THEN 'ACCEPTED' \
                   WHEN m.answered_at IS NULL AND m.answer_until > ? AND EXISTS (SELECT 1 FROM place p \
                     WHERE p.template_id = m.template_id AND p.day = u.day) THEN 'OFFERED' \
                   ELSE 'OWED' END AS state, \
                 m.owed_at, COALESCE(m.settled_at, CASE WHEN x.end_at <= ? AND ",
            made_up!(),
            " THEN x.end_at END) AS settled_at, o.code AS offered, u.day AS offered_day, \
                 (SELECT MIN(p.start_at) FROM place p WHERE p.template_id = m.template_id \
                   AND p.day = u.day) AS offered_at, m.answer_until, m.reservation_id, m.operator, m.remark \
             FROM make_up m JOIN student s ON s.id = m.student_id JOIN lesson l ON l.id = m.lesson_id \
             JOIN class c ON c.id = l.class_id JOIN class_template t ON t.id = c.template_id \
             LEFT JOIN make_up_day u ON u.template_id = m.template_id \
             LEFT JOIN class_template o ON o.id = m.template_id \
             LEFT JOIN reservation r ON r.id = m.reservation_id \
             LEFT JOIN lesson x ON x.class_id = r.class_id AND x.day = r.start_day \
             WHERE ",
            $of,
            " AND m.id > ? AND (? = 0 OR l.class_id = ?) AND (? = 0 OR c.template_id = ?) \
             AND (? = 0 OR m.student_id = ?)) q \
             WHERE (? = 0 OR q.state IN ({texts})) ORDER BY q.id LIMIT ?"
        )
    };
}

/// Lessons that are, or were, owed, in the order in which that became known, as they stand at
/// `now`: time alone ends an offer, and makes up for a lesson.
pub(crate) async fn make_up_list(
    conn: &impl ConnectionTrait,
    filter: &MakeUpFilter,
    now: Instant,
    page: &Page,
) -> Result<Vec<MakeUpRow>> {
    let MakeUpFilter { id, class_id, template_id, student_id, offered_id, states } = filter;
    let any = |id: &Option<i64>| id.unwrap_or(0);
    // Each is true of what is wanted, and the first of them that is asked for finds the least.
    let (of, key) = match (id, offered_id, student_id, class_id, template_id) {
        (Some(id), ..) => (make_ups!("m.id = ?"), *id),
        (_, Some(id), ..) => (make_ups!("m.template_id = ?"), *id),
        (_, _, Some(id), ..) => (make_ups!("m.student_id = ?"), *id),
        (.., Some(id), _) => (make_ups!("l.class_id = ?"), *id),
        (.., Some(id)) => (make_ups!("c.template_id = ?"), *id),
        _ => (make_ups!("m.id >= ?"), 0),
    };
    sql(of)
        .bind(now)
        .bind(now)
        .bind(now)
        .bind(now)
        .bind(key)
        .bind(page.after.unwrap_or(0))
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

/// Who is asked to make-ups by these templates and has not answered.
pub(crate) async fn make_up_asked_list(
    conn: &impl ConnectionTrait,
    template_ids: impl IntoIterator<Item = i64>,
    now: Instant,
) -> Result<Vec<MakeUpRow>> {
    let (ids, all) = (Vec::from_iter(template_ids), Page { after: None, size: i32::MAX as u64 });
    let mut asked = Vec::new();
    if ids.is_empty() {
        return Ok(asked);
    }
    for id in make_up_template_list(conn, ids).await? {
        // A handful at most; of a set, not every database would find them by their index.
        let states = vec![MakeUpState::Offered];
        let filter = MakeUpFilter { offered_id: Some(id), states, ..MakeUpFilter::default() };
        asked.extend(make_up_list(conn, &filter, now, &all).await?);
    }
    Ok(asked)
}

/// Those of these students who have another lesson at that time, or are held a place in one.
pub(crate) async fn busy_list(
    txn: &Txn,
    student_ids: &[i64],
    (start_at, end_at): (Instant, Instant),
    now: Instant,
) -> Result<Vec<i64>> {
    sql("SELECT DISTINCT r.student_id FROM reservation r JOIN place p ON p.template_id = r.template_id \
         AND p.day BETWEEN r.start_day AND r.last_day WHERE r.student_id IN ({ids}) \
         AND p.start_at < ? AND p.end_at > ? AND (r.state IN ('BOOKED', 'PLACED') \
           OR (r.state IN ('HELD', 'OFFERED') AND r.expires_at > ?)) \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = p.day)")
    .ids(student_ids.iter().copied())
    .bind(end_at)
    .bind(start_at)
    .bind(now)
    .column(txn)
    .await
}

/// A day of a class template by which lessons of a class are made up.
#[derive(Clone, Debug)]
pub(crate) struct NewMakeUpDay {
    /// The template.
    pub template_id: i64,
    /// The class.
    pub class_id: i64,
    /// Its one day.
    pub day: Day,
}

/// Makes it known.
pub(crate) async fn make_up_day_insert_in_txn(
    txn: &Txn,
    new: &NewMakeUpDay,
    (actor, remark): (&Actor, &str),
    now: Instant,
) -> Result<()> {
    sql("INSERT INTO make_up_day (template_id, class_id, day, operator, remark, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)")
    .bind(new.template_id)
    .bind(new.class_id)
    .bind(new.day)
    .bind(actor.name())
    .bind(remark)
    .bind(now)
    .execute(txn)
    .await
    .map(drop)
}

/// The class whose lessons are made up by a template; none if that is for no make-ups.
pub(crate) async fn make_up_day_class(conn: &impl ConnectionTrait, template_id: i64) -> Result<Option<i64>> {
    let found: Vec<i64> =
        sql("SELECT class_id FROM make_up_day WHERE template_id = ?").bind(template_id).column(conn).await?;
    Ok(found.into_iter().next())
}

/// Those of these templates that are for make-ups.
pub(crate) async fn make_up_template_list(
    conn: &impl ConnectionTrait,
    template_ids: impl IntoIterator<Item = i64>,
) -> Result<BTreeSet<i64>> {
    let found: Vec<i64> = sql("SELECT template_id FROM make_up_day WHERE template_id IN ({ids})")
        .ids(template_ids)
        .column(conn)
        .await?;
    Ok(found.into_iter().collect())
}

/// Who is asked before all others to teach make-ups, by template: the coach of the class, and
/// whoever has taught it.
pub(crate) async fn coach_list_first(
    conn: &impl ConnectionTrait,
    template_ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeSet<i64>>> {
    let ids = Vec::from_iter(template_ids);
    let mut first: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    if ids.is_empty() {
        return Ok(first);
    }
    let rows: Vec<(i64, i64)> = sql("SELECT u.template_id, c.coach_id FROM make_up_day u \
         JOIN class c ON c.id = u.class_id WHERE u.template_id IN ({ids}) \
         UNION SELECT u.template_id, l.coach_id FROM make_up_day u JOIN lesson l ON l.class_id = u.class_id \
         WHERE u.template_id IN ({ids}) AND l.state NOT IN ('CANCELLED', 'COACH_ABSENT', 'MADE_UP')")
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .tuples(conn)
    .await?;
    for (template, coach) in rows {
        first.entry(template).or_default().insert(coach);
    }
    Ok(first)
}
