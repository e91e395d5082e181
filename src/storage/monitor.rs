//! Who is missing from the lessons that go on now. Lessons are found by their start, people by the
//! keys of their latest span of presence.

use super::sql::sql;
use crate::domain::calendar::MAX_PERIOD;
use crate::domain::on_time::LOGIN_LEAD;
use crate::domain::presence::{EMPTY_AFTER, MISSED_AFTER, Span};
use crate::domain::state::PresenceState;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A lesson that goes on, and who teaches it.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct GoingOn {
    /// The class.
    pub class_id: i64,
    /// Code of its template.
    pub template: String,
    /// Its subject.
    pub subject_id: i64,
    /// The name of the subject.
    pub subject: String,
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
    /// The coach's phone number.
    pub phone: String,
}

/// That the student of a reservation `r` is to come to a lesson `l`.
macro_rules! comes {
    () => {
        "r.class_id = l.class_id AND r.state = 'PLACED' AND r.placed_from <= l.day \
         AND r.last_day >= l.day AND NOT EXISTS (SELECT 1 FROM student_leave v \
         WHERE v.reservation_id = r.id AND v.day = l.day)"
    };
}

/// The lessons `l` that go on, with some columns more, to which somebody comes. Parameters: after
/// which start, until which start, now.
macro_rules! going_on {
    ($more:expr, $joined:literal) => {
        concat!(
            "SELECT l.class_id, t.code AS template, t.subject_id, u.name AS subject, t.grade, l.day, \
             l.start_at, l.end_at, l.coach_id, o.user_name AS coach, o.phone, ",
            $more,
            " FROM lesson l {join} class c ON c.id = l.class_id \
             {join} class_template t ON t.id = c.template_id {join} subject u ON u.id = t.subject_id \
             {join} coach o ON o.id = l.coach_id ",
            $joined,
            " WHERE l.start_at > ? AND l.start_at <= ? AND l.end_at > ? \
             AND l.state NOT IN ('CANCELLED', 'COACH_ABSENT', 'MADE_UP') \
             AND (SELECT 1 FROM reservation r WHERE ",
            comes!(),
            " LIMIT 1) IS NOT NULL"
        )
    };
}

/// A coach who was present in a lesson that goes on, and has left it or come to it anew.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct LeftOrBack {
    /// The lesson.
    #[sea_orm(nested)]
    pub lesson: GoingOn,
    /// When the coach's latest span of presence began.
    pub from_at: Instant,
    /// The last that was heard in it.
    pub to_at: Instant,
    /// Whether it has ended, as far as that is written down.
    pub state: PresenceState,
}

impl LeftOrBack {
    /// The latest span.
    pub(crate) fn span(&self) -> Span {
        Span { from: self.from_at, to: self.to_at, state: self.state }
    }
}

/// Coaches of lessons that go on who were heard of since the start, but not in the last minutes; or
/// whose latest span began after the start.
pub(crate) async fn coaches_left_or_back(
    conn: &impl ConnectionTrait,
    now: Instant,
) -> Result<Vec<LeftOrBack>> {
    sql(concat!(
        going_on!(
            "s.from_at, s.to_at, s.state",
            "{join} presence_span s ON s.audience = 'COACH' AND s.person_id = l.coach_id AND s.latest = 1"
        ),
        " AND s.to_at >= l.start_at AND (s.to_at < ? OR s.from_at > l.start_at) ORDER BY l.start_at, l.id"
    ))
    .bind(now - MAX_PERIOD)
    .bind(now)
    .bind(now)
    .bind(now - MISSED_AFTER)
    .all(conn)
    .await
}

/// A lesson that goes on without any student.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct WithoutStudents {
    /// The lesson.
    #[sea_orm(nested)]
    pub lesson: GoingOn,
    /// How many should be there: those on the roster who are not on leave.
    pub students: i64,
}

/// Lessons that have gone on for some minutes, to which the coach has come as the ladder sees it
/// (heard of since the start, or logged in before it by a client that says nothing else), and of
/// whose students who should be there none is present.
pub(crate) async fn lessons_without_students(
    conn: &impl ConnectionTrait,
    now: Instant,
    stale: TimeDelta,
) -> Result<Vec<WithoutStudents>> {
    sql(concat!(
        going_on!(concat!("(SELECT COUNT(*) FROM reservation r WHERE ", comes!(), ") AS students"), ""),
        " AND (SELECT 1 FROM presence_span h WHERE h.audience = 'COACH' AND h.person_id = l.coach_id \
         AND h.latest = 1 AND (h.to_at >= l.start_at OR (h.state <> 'LOGOUT' AND h.to_at = h.from_at \
         AND h.from_at >= l.start_at - ?)) LIMIT 1) IS NOT NULL AND o.job_status <> 'dismissed' \
         AND (SELECT 1 FROM reservation r {join} presence_span s ON s.audience = 'STUDENT' \
         AND s.person_id = r.student_id AND s.latest = 1 WHERE ",
        comes!(),
        " AND s.state = 'OPEN' AND s.to_at > ? AND s.to_at <= ? LIMIT 1) IS NULL ORDER BY l.start_at, l.id"
    ))
    .bind(now - MAX_PERIOD)
    .bind(now - EMPTY_AFTER)
    .bind(now)
    .bind(LOGIN_LEAD.num_seconds())
    .bind(now - stale)
    .bind(now + stale)
    .all(conn)
    .await
}
