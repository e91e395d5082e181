//! What nightly upkeep finds and puts right, in set statements: recounted places, missing lesson
//! days, sign-ups, lessons and classes that are over.

use super::Txn;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::state::reservation::Event;
use crate::domain::state::{ClassState, LessonState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A class template as upkeep needs it.
#[derive(Clone, Debug, FromQueryResult)]
pub struct UpkeepTemplate {
    /// Key.
    pub id: i64,
    /// Code.
    pub code: String,
    /// Its subject, whose admins are told.
    pub subject_id: i64,
    /// The last day of its season.
    pub season_end: Day,
}

/// All class templates, in order of keys.
pub(crate) async fn upkeep_template_list(conn: &impl ConnectionTrait) -> Result<Vec<UpkeepTemplate>> {
    sql("SELECT t.id, t.code, t.subject_id, s.end_day AS season_end FROM class_template t JOIN season s \
        ON s.id = t.season_id ORDER BY t.id")
    .all(conn)
    .await
}

/// How many lesson days each template has, and the sum of the starts of their lessons, by which
/// other days are told from the right ones.
pub(crate) async fn place_sums(conn: &impl ConnectionTrait) -> Result<Vec<(i64, i64, i64)>> {
    sql("SELECT template_id, COUNT(*) AS days, CAST(SUM(start_at) AS {bigint}) AS starts FROM place \
        GROUP BY template_id")
    .tuples(conn)
    .await
}

/// A lesson day whose places taken do not agree with the reservations or with the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Difference {
    /// The template.
    pub template_id: i64,
    /// The lesson day.
    pub day: Day,
    /// Places there are.
    pub capacity: i32,
    /// Places taken, as the place says.
    pub taken: i32,
    /// As the reservations say, less leave.
    pub counted: i64,
    /// As the ledger says.
    pub ledger: i64,
}

/// The lesson days of the templates from key `first` to key `last` on which places, reservations
/// and ledger do not agree.
///
/// Every range adds one on its first day and takes it off after its last; the running sum in the
/// order of days is what covers a lesson day. So it costs what there is of reservations, ledger and
/// places together, and not one for each day that each of them covers. Being one statement it sees
/// all three as of one moment, and no writer half-way.
pub async fn place_differences(
    conn: &impl ConnectionTrait,
    first: i64,
    last: i64,
) -> Result<Vec<Difference>> {
    let mut statement =
        sql("SELECT s.template_id, s.day, s.capacity, s.taken, CAST(s.counted AS {bigint}) AS counted, \
         CAST(s.ledger AS {bigint}) AS ledger \
         FROM (SELECT e.template_id, e.day, e.turn, e.capacity, e.taken, \
                 SUM(e.covers) OVER (PARTITION BY e.template_id \
                 ORDER BY e.day, e.turn ROWS UNBOUNDED PRECEDING) AS counted, \
                 SUM(e.notes) OVER (PARTITION BY e.template_id \
             ORDER BY e.day, e.turn ROWS UNBOUNDED PRECEDING) AS ledger \
             FROM (SELECT template_id, day, 1 AS turn, capacity, taken, 0 AS covers, 0 AS notes FROM place \
                 WHERE template_id BETWEEN ? AND ? \
                 UNION ALL SELECT r.template_id, CASE b.turn WHEN 0 THEN r.start_day \
                 ELSE r.last_day END, b.turn, 0, 0, b.way * r.n, 0 \
                 FROM (SELECT template_id, start_day, last_day, COUNT(*) AS n FROM reservation \
                     WHERE state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED', 'ENDED') \
                     AND template_id BETWEEN ? AND ? AND start_day <= last_day \
                     GROUP BY state, template_id, start_day, last_day) r \
                 CROSS JOIN (SELECT 0 AS turn, 1 AS way UNION ALL SELECT 2, -1) b \
                 UNION ALL SELECT r.template_id, l.day, b.turn, 0, 0, -b.way, 0 \
                 FROM student_leave l JOIN reservation r ON r.id = l.reservation_id \
                 AND l.day BETWEEN r.start_day AND r.last_day \
                 CROSS JOIN (SELECT 0 AS turn, 1 AS way UNION ALL SELECT 2, -1) b \
                 WHERE r.state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED', 'ENDED') \
                 AND r.template_id BETWEEN ? AND ? \
                 UNION ALL SELECT c.template_id, CASE b.turn WHEN 0 THEN c.first_day \
                 ELSE c.last_day END, b.turn, 0, 0, 0, b.way * c.delta \
                 FROM place_change c CROSS JOIN (SELECT 0 AS turn, 1 AS way UNION ALL SELECT 2, -1) b \
                 WHERE c.template_id BETWEEN ? AND ? AND c.first_day <= c.last_day) e) s \
         WHERE s.turn = 1 AND (s.counted <> s.taken OR s.ledger <> s.taken) ORDER BY s.template_id, s.day");
    for _ in 0..4 {
        statement = statement.bind(first).bind(last);
    }
    statement.all(conn).await
}

/// Sets the places taken of lesson days: (day, places).
pub(crate) async fn place_set_taken_in_txn(
    txn: &impl ConnectionTrait,
    template_id: i64,
    taken: &[(Day, i32)],
) -> Result<u64> {
    let on = "place.template_id = p.template_id AND place.day = p.day";
    update_by_rows(txn, "place", "{rows:template_id:i, day:d, taken:i}", on, "taken = p.taken")
        .rows(taken.iter().map(|(day, taken)| -> [Cell; 3] {
            [template_id.into(), (*day).into(), i64::from(*taken).into()]
        }))
        .execute(txn)
        .await
}

/// Sign-ups whose last day is before `today` and that have not ended. One whose last lesson goes on
/// past midnight is not among them yet.
pub(crate) async fn reservation_ids_over(
    conn: &impl ConnectionTrait,
    today: Day,
    now: Instant,
) -> Result<Vec<i64>> {
    sql("SELECT r.id FROM reservation r WHERE r.state IN ('BOOKED', 'PLACED') AND r.last_day < ? \
         AND NOT EXISTS \
         (SELECT 1 FROM place p WHERE p.template_id = r.template_id AND p.day = r.last_day AND p.end_at > ?) \
         ORDER BY r.id")
    .bind(today)
    .bind(now)
    .column(conn)
    .await
}

/// Ends those of these sign-ups whose last day is still before `today`; how many.
pub(crate) async fn reservation_end_in_txn(
    txn: &impl ConnectionTrait,
    ids: &[i64],
    today: Day,
) -> Result<u64> {
    sql("UPDATE reservation SET state = ?, task_id = NULL, version = version + 1 \
         WHERE state IN ('BOOKED', 'PLACED') AND last_day < ? AND id IN ({ids})")
    .bind(ReservationState::Placed.after(Event::Over)?)
    .bind(today)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// A class with lessons ahead and nobody to come to them.
#[derive(Clone, Debug, FromQueryResult)]
pub struct EmptyClass {
    /// Key.
    pub id: i64,
    /// Code of its template.
    pub template_code: String,
    /// User name of its coach.
    pub coach: String,
    /// The day of its next lesson.
    pub next_day: Day,
}

/// Classes that have lessons ahead and nobody on the roster for any of them.
pub(crate) async fn class_list_empty(conn: &impl ConnectionTrait, now: Instant) -> Result<Vec<EmptyClass>> {
    sql("SELECT c.id, t.code AS template_code, h.user_name AS coach, MIN(l.day) AS next_day FROM class c \
         JOIN class_template t ON t.id = c.template_id JOIN coach h ON h.id = c.coach_id \
         JOIN lesson l ON l.class_id = c.id AND l.state = 'SCHEDULED' AND l.start_at > ? \
         WHERE c.state IN ('OPEN', 'RUNNING') AND NOT EXISTS (SELECT 1 FROM reservation r JOIN lesson a \
             ON a.class_id = r.class_id \
             WHERE r.class_id = c.id AND r.state IN ('PLACED', 'HELD', 'OFFERED') AND a.state = 'SCHEDULED' \
             AND a.start_at > ? \
             AND a.day <= r.last_day AND a.day >= COALESCE(r.placed_from, r.start_day) {by_row}) \
         GROUP BY c.id, t.code, h.user_name ORDER BY c.id")
    .bind(now)
    .bind(now)
    .all(conn)
    .await
}

/// A day of a coach's time that is used for nothing.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct NeedlessUse {
    /// The coach.
    pub coach_id: i64,
    /// User name.
    pub coach: String,
    /// What it was taken for.
    pub invitation_id: i64,
    /// The class that came of it.
    pub class_id: Option<i64>,
    /// The day.
    pub day: Day,
}

/// Days from `today` on that are used though no lesson of the coach and no place that the coach
/// holds needs them, of these coaches or of all. Time is needed by who accepted or is ready, and by
/// the coach of a lesson that is not cancelled.
pub(crate) async fn availability_needless_list(
    conn: &impl ConnectionTrait,
    today: Day,
    coach_ids: Option<&[i64]>,
) -> Result<Vec<NeedlessUse>> {
    macro_rules! needless {
        ($of:literal) => {
            sql(concat!(
                "SELECT p.id AS coach_id, p.user_name AS coach, u.invitation_id, i.class_id, u.day \
                 FROM availability_use u JOIN coach_availability a ON a.id = u.availability_id \
                 JOIN coach p ON p.id = a.coach_id JOIN invitation i ON i.id = u.invitation_id \
                 WHERE u.day >= ? AND i.state NOT IN ('ACCEPTED', 'READY') \
                 AND NOT (i.state = 'ASSIGNED' AND EXISTS (SELECT 1 FROM lesson l \
                   WHERE l.coach_id = a.coach_id AND l.day = u.day AND l.state <> 'CANCELLED' \
                     AND (i.class_id IS NULL OR l.class_id = i.class_id))) ",
                $of,
                " ORDER BY p.user_name, u.day"
            ))
            .bind(today)
        };
    }
    match coach_ids {
        None => needless!("").all(conn).await,
        Some(ids) => needless!("AND a.coach_id IN ({ids})").ids(ids.iter().copied()).all(conn).await,
    }
}

/// Lessons that were over by `now`, began before `before`, and are not written down as such; the
/// oldest first.
pub(crate) async fn lesson_list_ended(
    conn: &impl ConnectionTrait,
    (before, now): (Instant, Instant),
    most: usize,
) -> Result<Vec<i64>> {
    sql("SELECT id FROM lesson WHERE closed_at IS NULL AND start_at < ? AND end_at <= ? \
         ORDER BY start_at, id LIMIT ?")
    .bind(before)
    .bind(now)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .column(conn)
    .await
}

/// Writes down that lessons are over; how many. One of which something else was said keeps that.
pub(crate) async fn lesson_close_in_txn(txn: &Txn, ids: &[i64], now: Instant) -> Result<u64> {
    sql("UPDATE lesson SET state = CASE WHEN state IN ('SCHEDULED', 'RUNNING') THEN ? ELSE state END, \
         closed_at = ? WHERE closed_at IS NULL AND end_at <= ? AND id IN ({ids})")
    .bind(LessonState::Done)
    .bind(now)
    .bind(now)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// That a class `class` is over: its last day is past, and no lesson of that night goes on.
macro_rules! is_over {
    () => {
        "state IN ('OPEN', 'RUNNING') AND last_day < ? AND NOT EXISTS (SELECT 1 FROM lesson l \
         WHERE l.class_id = class.id AND l.state <> 'CANCELLED' AND l.end_at > ?)"
    };
}

/// Classes that are over and not CLOSED.
pub(crate) async fn class_list_ended(
    conn: &impl ConnectionTrait,
    (today, now): (Day, Instant),
    most: usize,
) -> Result<Vec<i64>> {
    sql(concat!("SELECT id FROM class WHERE ", is_over!(), " ORDER BY last_day, id LIMIT ?"))
        .bind(today)
        .bind(now)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .column(conn)
        .await
}

/// Writes down that classes are over; how many. An edit of the catalogue may have given one another
/// day meanwhile.
pub(crate) async fn class_close_in_txn(txn: &Txn, ids: &[i64], today: Day, now: Instant) -> Result<u64> {
    sql(concat!("UPDATE class SET state = ? WHERE ", is_over!(), " AND id IN ({ids})"))
        .bind(ClassState::Closed)
        .bind(today)
        .bind(now)
        .ids(ids.iter().copied())
        .execute(txn)
        .await
}
