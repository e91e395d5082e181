//! Queries for `clazz check_on_time`: which lessons are about to begin, whether their coaches are
//! there, who waits for them, and how far the ladder has come.

use super::Txn;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::on_time::{FIRST_LEAD, LAST_SPAN, Seen};
use crate::domain::presence;
use crate::domain::state::{Audience, JobStatus, LessonState, MessageKind, MessageState, PresenceState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;

/// A lesson whose coach is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Starting {
    /// Its key.
    pub id: i64,
    /// Its class.
    pub class_id: i64,
    /// The template of the class.
    pub template_id: i64,
    /// Code of the template.
    pub code: String,
    /// Its subject.
    pub subject_id: i64,
    /// Name of the subject.
    pub subject_name: String,
    /// Its grade.
    pub grade: i32,
    /// The lesson day.
    pub day: Day,
    /// Start.
    pub start_at: Instant,
    /// End.
    pub end_at: Instant,
    /// The coach.
    pub coach_id: i64,
    /// User name of the coach.
    pub coach: String,
    /// The coach's phone number.
    pub phone: String,
    /// Whether the coach was dismissed, who then is never there.
    pub is_dismissed: bool,
    /// What is known of the coach.
    pub seen: Seen,
    /// Since when the coach is there, or was last.
    pub since: Option<Instant>,
    /// The stages of the ladder that were taken or came too late; `None` = nothing is stored.
    pub stages: Option<i32>,
    /// Since when the coach is there after all.
    pub came_at: Option<Instant>,
    /// The open standby, by its key in `vacancy`.
    pub standby_id: Option<i64>,
}

impl Starting {
    /// As it is named in reports.
    pub(crate) fn about(&self) -> String {
        format!("{}@{} of class {}", self.code, self.day, self.class_id)
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    class_id: i64,
    template_id: i64,
    code: String,
    subject_id: i64,
    subject_name: String,
    grade: i32,
    day: Day,
    start_at: Instant,
    end_at: Instant,
    coach_id: i64,
    coach: String,
    phone: String,
    job_status: JobStatus,
    last_login_at: Option<Instant>,
    from_at: Option<Instant>,
    to_at: Option<Instant>,
    presence: Option<PresenceState>,
    teaches_until: Option<Instant>,
    stages: Option<i32>,
    came_at: Option<Instant>,
    standby_id: Option<i64>,
}

impl Row {
    fn starting(self, now: Instant, stale: TimeDelta) -> Starting {
        let span = self.from_at.zip(self.to_at).zip(self.presence);
        let span = span.map(|((from, to), state)| presence::Span { from, to, state }.at(now, stale));
        let gone_at = span.and_then(|span| match span.state {
            PresenceState::Open => None,
            PresenceState::Logout => Some(span.to),
            // A client of which nothing but the login was heard may be one that sends nothing else.
            PresenceState::Stale => (span.to > span.from).then_some(span.to),
        });
        let seen = Seen {
            last_login: self.last_login_at,
            is_present: span.is_some_and(|span| span.state == PresenceState::Open),
            last_heard: span.map(|span| span.to),
            gone_at,
            teaches_until: self.teaches_until,
        };
        let is_dismissed = self.job_status == JobStatus::Dismissed;
        Starting {
            id: self.id,
            class_id: self.class_id,
            template_id: self.template_id,
            code: self.code,
            subject_id: self.subject_id,
            subject_name: self.subject_name,
            grade: self.grade,
            day: self.day,
            start_at: self.start_at,
            end_at: self.end_at,
            coach_id: self.coach_id,
            coach: self.coach,
            phone: self.phone,
            is_dismissed,
            seen: if is_dismissed { Seen::default() } else { seen },
            since: span.map(|span| span.from),
            stages: self.stages,
            came_at: self.came_at,
            standby_id: self.standby_id,
        }
    }
}

/// Lessons to which somebody comes, by the condition on their start, with all that is known.
macro_rules! starting {
    ($start:literal) => {
        concat!(
            "SELECT l.id, l.class_id, c.template_id, y.code, y.subject_id, u.name AS subject_name, y.grade, \
             l.day, l.start_at, l.end_at, l.coach_id, o.job_status, \
             o.user_name AS coach, o.phone, o.last_login_at, p.from_at, p.to_at, p.state AS presence, \
             (SELECT MAX(t.end_at) FROM lesson t WHERE t.coach_id = l.coach_id AND t.start_at <= ? \
               AND t.start_at > ? AND t.end_at > ? AND t.id <> l.id \
               AND t.state IN ('SCHEDULED', 'RUNNING', 'SUBSTITUTED', 'COACH_LATE')) AS teaches_until, \
             k.stages, k.came_at, (SELECT MAX(v.id) FROM vacancy v WHERE v.class_id = l.class_id \
               AND v.day = l.day AND v.kind = 'STANDBY' \
               AND v.state IN ('PENDING', 'INVITING', 'COVERED')) AS standby_id \
             FROM lesson l {join} class c ON c.id = l.class_id {join} coach o ON o.id = l.coach_id \
             {join} class_template y ON y.id = c.template_id {join} subject u ON u.id = y.subject_id \
             LEFT JOIN lesson_check k ON k.lesson_id = l.id \
             LEFT JOIN presence_span p ON p.audience = 'COACH' AND p.person_id = l.coach_id AND p.latest = 1 \
             WHERE ",
            $start,
            " AND (SELECT 1 FROM reservation r WHERE r.class_id = l.class_id AND r.state = 'PLACED' \
               AND r.placed_from <= l.day AND r.last_day >= l.day AND NOT EXISTS (SELECT 1 \
                 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = l.day) LIMIT 1) IS NOT NULL \
             ORDER BY l.start_at, l.id"
        )
    };
}

/// The longest lesson.
const LONGEST: TimeDelta = TimeDelta::hours(4);

/// Whether there is any lesson that [`starting_list`] could list: a look-up by index, and a second
/// when that finds none.
pub(crate) async fn starting_is_any(conn: &impl ConnectionTrait, now: Instant) -> Result<bool> {
    let found: Vec<i64> = sql("SELECT CAST(COALESCE((SELECT 1 FROM lesson l WHERE l.start_at >= ? \
         AND l.start_at <= ? AND l.state IN ('SCHEDULED', 'COACH_LATE') LIMIT 1), \
         (SELECT 1 FROM lesson l WHERE l.start_at >= ? AND l.start_at < ? AND l.state = 'COACH_LATE' \
         LIMIT 1), 0) AS {bigint})")
    .bind(now - LAST_SPAN)
    .bind(now + FIRST_LEAD)
    .bind(now - LONGEST)
    .bind(now - LAST_SPAN)
    .column(conn)
    .await?;
    Ok(found.first().is_some_and(|any| *any != 0))
}

/// The lessons to which somebody comes that begin at most 10 minutes from now, or began at most 15
/// minutes ago; and those of which is known that their coach was late, until they are over.
pub(crate) async fn starting_list(
    conn: &impl ConnectionTrait,
    now: Instant,
    stale: TimeDelta,
) -> Result<Vec<Starting>> {
    let (first, last) = (now - LAST_SPAN, now + FIRST_LEAD);
    let mut rows: Vec<Row> =
        sql(starting!("l.start_at >= ? AND l.start_at <= ? AND l.state IN ('SCHEDULED', 'COACH_LATE')"))
            .bind(now)
            .bind(now - LONGEST)
            .bind(now)
            .bind(first)
            .bind(last)
            .all(conn)
            .await?;
    let late: Vec<Row> =
        sql(starting!("l.start_at >= ? AND l.start_at < ? AND l.state = 'COACH_LATE' AND k.came_at IS NULL"))
            .bind(now)
            .bind(now - LONGEST)
            .bind(now)
            .bind(now - LONGEST)
            .bind(first)
            .all(conn)
            .await?;
    rows.extend(late);
    Ok(rows.into_iter().map(|row| row.starting(now, stale)).collect())
}

/// The lesson of a class on a day, if it is still without anybody who teaches it.
pub(crate) async fn starting_of(
    conn: &impl ConnectionTrait,
    (class_id, day): (i64, Day),
    now: Instant,
    stale: TimeDelta,
) -> Result<Option<Starting>> {
    let row: Option<Row> =
        sql(starting!("l.class_id = ? AND l.day = ? AND l.state IN ('SCHEDULED', 'COACH_LATE')"))
            .bind(now)
            .bind(now - LONGEST)
            .bind(now)
            .bind(class_id)
            .bind(day)
            .one(conn)
            .await?;
    Ok(row.map(|row| row.starting(now, stale)))
}

/// How far the ladder of a lesson has come: what it was, and what it is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climbed {
    /// The lesson.
    pub lesson_id: i64,
    /// The stages before; `None` = nothing was stored.
    pub before: Option<i32>,
    /// The stages now.
    pub stages: i32,
    /// Since when the coach is there.
    pub came_at: Option<Instant>,
}

/// Stores how far ladders have come.
///
/// # Errors
/// `Contended` when another server has got further at the same moment.
pub(crate) async fn climb_in_txn(txn: &Txn, climbed: &[Climbed]) -> Result<()> {
    let new: Vec<&Climbed> = climbed.iter().filter(|one| one.before.is_none()).collect();
    if !new.is_empty() {
        let inserted = sql("INSERT INTO lesson_check (lesson_id, stages, came_at) \
             SELECT q.lesson_id, q.stages, q.came_at FROM {rows:lesson_id:i, stages:i, came_at:i} q")
        .rows(new.iter().map(|one| -> [Cell; 3] {
            [one.lesson_id.into(), i64::from(one.stages).into(), one.came_at.into()]
        }))
        .execute_in_parts(txn)
        .await;
        match inserted {
            Err(Error::AlreadyExists { .. }) => return Err(Error::Contended("lesson_check")),
            done => done?,
        };
    }
    let old: Vec<(&Climbed, i32)> = climbed.iter().filter_map(|one| Some((one, one.before?))).collect();
    if old.is_empty() {
        return Ok(());
    }
    let rows = "{rows:lesson_id:i, had:i, stages:i, came_at:i}";
    let same = "lesson_check.lesson_id = p.lesson_id AND lesson_check.stages = p.had";
    let set = "stages = p.stages, came_at = p.came_at";
    let done = update_by_rows(txn, "lesson_check", rows, same, set)
        .rows(old.iter().map(|(one, before)| -> [Cell; 4] {
            [
                one.lesson_id.into(),
                i64::from(*before).into(),
                i64::from(one.stages).into(),
                one.came_at.into(),
            ]
        }))
        .execute_in_parts(txn)
        .await?;
    if done == old.len() as u64 { Ok(()) } else { Err(Error::Contended("lesson_check")) }
}

/// Lessons that are to be taught get another state.
///
/// # Errors
/// `Contended` when another has taken one over, or it was called off, since it was read.
pub(crate) async fn lesson_state_set_in_txn(txn: &Txn, ids: &[i64], state: LessonState) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let done =
        sql("UPDATE lesson SET state = ? WHERE state IN ('SCHEDULED', 'COACH_LATE') AND id IN ({ids})")
            .bind(state)
            .ids(ids.iter().copied())
            .execute(txn)
            .await?;
    if done == ids.len() as u64 { Ok(()) } else { Err(Error::Contended("lesson.state")) }
}

/// A student who comes to a lesson.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Waiting {
    /// The lesson.
    pub lesson_id: i64,
    /// User name.
    pub user_name: String,
    /// Phone number.
    pub phone: String,
}

/// The students who come to these lessons, by lesson: on the roster, and not on leave.
pub(crate) async fn waiting_list(
    conn: &impl ConnectionTrait,
    lesson_ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Vec<Waiting>>> {
    let lesson_ids: Vec<i64> = lesson_ids.into_iter().collect();
    if lesson_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Waiting> = sql("SELECT l.id AS lesson_id, s.user_name, s.phone FROM lesson l \
         JOIN reservation r ON r.class_id = l.class_id AND r.state = 'PLACED' \
           AND r.placed_from <= l.day AND r.last_day >= l.day \
         JOIN student s ON s.id = r.student_id WHERE l.id IN ({ids}) AND NOT EXISTS (SELECT 1 \
           FROM student_leave v WHERE v.reservation_id = r.id AND v.day = l.day) ORDER BY l.id, s.id")
    .ids(lesson_ids)
    .all(conn)
    .await?;
    let mut waiting: HashMap<i64, Vec<Waiting>> = HashMap::new();
    for row in rows {
        waiting.entry(row.lesson_id).or_default().push(row);
    }
    Ok(waiting)
}

/// Coaches who are present now, of these.
pub(crate) async fn present_of(
    conn: &impl ConnectionTrait,
    coach_ids: impl IntoIterator<Item = i64>,
    now: Instant,
    stale: TimeDelta,
) -> Result<Vec<i64>> {
    let rows: Vec<(i64, Instant, Instant, PresenceState)> =
        sql("SELECT person_id, from_at, to_at, state FROM presence_span WHERE audience = 'COACH' \
             AND latest = 1 AND state = 'OPEN' AND to_at > ? AND person_id IN ({ids})")
        .bind(now - stale)
        .ids(coach_ids)
        .tuples(conn)
        .await?;
    Ok(open_at(&rows, now, stale))
}

/// Coaches on duty of these subjects who are present now.
pub(crate) async fn present_of_subjects(
    conn: &impl ConnectionTrait,
    subject_ids: impl IntoIterator<Item = i64>,
    now: Instant,
    stale: TimeDelta,
) -> Result<Vec<i64>> {
    let rows: Vec<(i64, Instant, Instant, PresenceState)> =
        sql("SELECT p.person_id, p.from_at, p.to_at, p.state FROM presence_span p \
             {join} coach o ON o.id = p.person_id WHERE p.audience = 'COACH' AND p.latest = 1 \
             AND p.state = 'OPEN' AND p.to_at > ? AND o.job_status IN ('regular', 'trial') \
             AND o.subject_id IN ({ids})")
        .bind(now - stale)
        .ids(subject_ids)
        .tuples(conn)
        .await?;
    Ok(open_at(&rows, now, stale))
}

fn open_at(rows: &[(i64, Instant, Instant, PresenceState)], now: Instant, stale: TimeDelta) -> Vec<i64> {
    let is_open = |(_, from, to, state): &&(i64, Instant, Instant, PresenceState)| {
        presence::Span { from: *from, to: *to, state: *state }.is_open(now, stale)
    };
    rows.iter().filter(is_open).map(|(id, ..)| *id).collect()
}

/// A message that told of trouble with a lesson.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Trouble {
    /// Its key.
    pub id: i64,
    /// The class of the lesson.
    pub class_id: i64,
    /// The start of the lesson.
    pub lesson_at: Instant,
    /// Whom it was for.
    pub audience: Audience,
    /// User name.
    pub person: String,
    /// The number or address.
    pub address: String,
    /// Its state.
    pub state: MessageState,
}

/// The messages of these kinds about lessons of classes, by (class, start).
pub(crate) async fn trouble_list(
    txn: &Txn,
    kinds: &[MessageKind],
    lessons: &[(i64, Instant)],
) -> Result<Vec<Trouble>> {
    if lessons.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT m.id, m.class_id, m.lesson_at, m.audience, m.person, m.address, m.state \
         FROM {rows:class_id:i, lesson_at:i} q {join} message m ON m.class_id = q.class_id \
         AND m.lesson_at = q.lesson_at WHERE m.kind IN ({texts}) ORDER BY m.id")
    .rows(lessons.iter().map(|(class, start)| -> [Cell; 2] { [(*class).into(), (*start).into()] }))
    .texts(kinds.iter().map(|kind| kind.as_str()))
    .all_in_parts(txn)
    .await
}
